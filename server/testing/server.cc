#include "quorate/testing/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "server/app/app.h"
#include "server/config/parse.h"
#include "server/log/log.h"
#include "server/testing/reserved_port.h"

namespace quorate::testing {
namespace {

/// Small, because it is filled with zeros before use.
constexpr const char* kSegmentKib = "4096";

/// Where lines go is for the whole process, and settled by its first server.
struct LogPlace {
  std::mutex mutex;  // Servers may be made on several threads at once.
  bool settled = false;
  std::string file;
};

LogPlace& log_place() {
  static LogPlace place;
  return place;
}

void settle_log() {
  LogPlace& place = log_place();
  const std::lock_guard lock(place.mutex);
  if (std::exchange(place.settled, true)) return;
  if (place.file.empty()) {
    server::log::discard();
  } else {
    server::log::open(place.file == "-" ? "" : place.file, /*debug=*/false);
  }
}

/// The threads of a server take no signal that is meant for the program around it; and a client
/// that went away costs a write error.
void leave_signals_to_others() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF}) {
    ::sigdelset(&signals, fault);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::string make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "quorate-server-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw ServerError("no temporary folder can be made as " + pattern + "; set TMPDIR");
  }
  return pattern;
}

/// Through the parser of zoo.cfg: a value that a real server would refuse is refused here, too.
server::Config config_of(const ServerOptions& options, const std::string& folder,
                         std::uint16_t port) {
  std::map<std::string, std::string> lines = {
      {"dataDir", folder},
      {"clientPort", std::to_string(port)},
      {"clientPortAddress", "127.0.0.1"},
      {"tickTime", std::to_string(options.tick_time.count())},
      {"minSessionTimeout", std::to_string(2 * options.tick_time.count())},
      {"maxSessionTimeout",
       std::to_string(std::max<std::int64_t>(60'000, 20 * options.tick_time.count()))},
      {"jute.maxbuffer", std::to_string(options.request_bytes_max)},
      {"forceSync", options.sync_to_disk ? "yes" : "no"},
      {"preAllocSize", kSegmentKib},
      {"maxClientCnxns", "0"},
      {"extendedTypesEnabled", "true"},
      {"admin.enableServer", "false"},
      {"4lw.commands.whitelist", "*"},
  };
  for (const auto& [key, value] : options.settings) lines[key] = value;
  std::string text;
  for (const auto& [key, value] : lines) text += key + '=' + value + '\n';
  // No path: it must not be taken for a file's.
  const std::string name = "ServerOptions";
  const server::ReadFile read = [&](const std::string& path) -> std::optional<std::string> {
    if (path == name) return text;
    return std::nullopt;
  };
  server::ConfigResult config = server::load_config(name, read);
  if (!config) throw ServerError(config.error().text());
  if (!config->ensemble.standalone) throw ServerError("server.N lines: it can only stand alone");
  return std::move(*config);
}

}  // namespace

struct Server::Impl {
  void run(server::Config config);
  void serve(server::Config config);
  /// Does `step` with the server, if it runs and nobody else has begun to end it; false otherwise.
  bool ask(const std::function<void(server::App&)>& step);
  void end(void (server::App::*how)());

  ServerOptions options;
  std::string folder;
  bool own_folder = false;
  ReservedPort port;

  // One start or end at a time.
  std::mutex changing;
  std::thread thread;
  // Guards what follows: the server's thread tells there how it stands.
  std::mutex mutex;
  std::condition_variable changed;
  server::App* app = nullptr;  ///< While it runs.
  bool serving = false, ended = false;
  std::string failure;
};

void Server::Impl::run(server::Config config) {
  ::pthread_setname_np(::pthread_self(), "quorate-server");
  leave_signals_to_others();
  try {
    serve(std::move(config));
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex);
    failure = error.what();
  }
  const std::lock_guard lock(mutex);
  ended = true;
  serving = false;
  changed.notify_all();
}

void Server::Impl::serve(server::Config config) {
  server::Surroundings surroundings;
  surroundings.own_process = false;
  surroundings.on_serving = [this] {
    const std::lock_guard lock(mutex);
    serving = true;
    changed.notify_all();
  };
  server::App own(std::move(config), std::move(surroundings));
  {
    const std::lock_guard lock(mutex);
    app = &own;
  }
  auto forget = [this](server::App*) {
    const std::lock_guard lock(mutex);
    app = nullptr;
  };
  const std::unique_ptr<server::App, decltype(forget)> guard(&own, forget);
  if (own.run() != server::kExitOk) {
    const std::lock_guard lock(mutex);
    failure = own.failure();
  }
}

bool Server::Impl::ask(const std::function<void(server::App&)>& step) {
  const std::lock_guard lock(mutex);
  if (app == nullptr || !serving) return false;
  step(*app);
  return true;
}

void Server::Impl::end(void (server::App::*how)()) {
  const std::lock_guard one(changing);
  if (!thread.joinable()) return;
  ask([how](server::App& running) { (running.*how)(); });
  thread.join();
}

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>()) {
  settle_log();
  impl_->options = std::move(options);
  impl_->folder = impl_->options.data_dir;
  if (impl_->folder.empty()) {
    impl_->folder = make_folder();
    impl_->own_folder = true;
  }
  try {
    if (const ErrorCode error = impl_->port.take(impl_->options.port)) {
      throw ServerError("127.0.0.1:" + std::to_string(impl_->options.port) + ": " +
                        error.message() + "; port 0 takes one that is free");
    }
    start();
  } catch (...) {
    std::error_code ignored;
    if (impl_->own_folder) std::filesystem::remove_all(impl_->folder, ignored);
    throw;
  }
}

Server::~Server() {
  stop();
  std::error_code ignored;
  if (impl_->own_folder) std::filesystem::remove_all(impl_->folder, ignored);
}

std::string Server::connect_string() const {
  return "127.0.0.1:" + std::to_string(port());
}
std::uint16_t Server::port() const {
  return impl_->port.port();
}
const std::string& Server::data_dir() const {
  return impl_->folder;
}
bool Server::running() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->serving;
}

void Server::stop() {
  impl_->end(&server::App::stop_soon);
}
void Server::kill() {
  impl_->end(&server::App::abandon);
}

void Server::start() {
  const std::lock_guard one(impl_->changing);
  if (impl_->thread.joinable()) return;
  server::Config config = config_of(impl_->options, impl_->folder, port());
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->serving = impl_->ended = false;
    impl_->failure.clear();
  }
  impl_->thread =
      std::thread([impl = impl_.get(), config = std::move(config)] { impl->run(config); });
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [this] { return impl_->serving || impl_->ended; });
  if (impl_->serving) return;
  lock.unlock();
  impl_->thread.join();
  throw ServerError(impl_->failure);
}

void Server::restart() {
  stop();
  start();
}

bool Server::expire_session(SessionId session) {
  // Kept by the question: when the server ends before it has answered, nobody sets it.
  auto answer = std::make_shared<std::promise<bool>>();
  std::future<bool> found = answer->get_future();
  const bool asked = impl_->ask([&](server::App& app) {
    app.expire_session(session, [kept = std::move(answer)](bool there) { kept->set_value(there); });
  });
  if (!asked) return false;
  try {
    return found.get();
  } catch (const std::future_error&) {
    return false;
  }
}

void Server::log_to(const std::string& file) {
  LogPlace& place = log_place();
  const std::lock_guard lock(place.mutex);
  if (place.settled) throw std::logic_error("Server::log_to: a server has been made already");
  place.file = file;
}

}  // namespace quorate::testing
