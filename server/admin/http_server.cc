#include "server/admin/http_server.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "server/admin/http_routes.h"
#include "server/admin/prometheus.h"
#include "server/admin/tree_spool.h"
#include "server/admin/version.h"
#include "server/log/log.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr std::size_t kConnectionsMax = 64;
constexpr std::uint32_t kHeaderBytesMax = 8 * 1024;
constexpr std::size_t kConfigTextMax = 256 * 1024;
/// After so long without an answer of the event loop the server counts as hanging.
constexpr std::chrono::seconds kLoopPatience{2};
/// For a copy of the tree; on a disk that is full the wait for one may have no end.
constexpr std::chrono::minutes kCopyPatience{10};
constexpr std::size_t kSentAtOnce = 256u << 10;
constexpr std::chrono::seconds kLinger{2};
/// Out of descriptors or memory: a pause instead of a spin.
constexpr std::chrono::milliseconds kAcceptPause{500};

std::string read_config_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  text.resize(std::min(text.size(), kConfigTextMax));
  return text;
}

class HttpSession;

/// One open port.
struct Port {
  explicit Port(asio::io_context& io) : acceptor(io), pause(io) {}
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  bool metrics_only = false;
};

}  // namespace

/// What sessions share. Held by each of them, because a job on the event loop may be the last to
/// let go of one.
struct HttpServer::Core : std::enable_shared_from_this<HttpServer::Core> {
  Core(const Config& given, AskLoop ask_loop, OpenSnapshotFile open_file,
       OpenReceivedSnapshot open_received)
      : config(given),
        ask(std::move(ask_loop)),
        open_snapshot_file(std::move(open_file)),
        open_received_snapshot(std::move(open_received)),
        config_text(read_config_text(given.file)) {}

  std::unique_ptr<Port> open(const std::string& address, std::int64_t number,
                             const std::string& keys);
  void accept(Port& port);
  void admit(tcp::socket socket, bool metrics_only);
  void end_all();
  /// Until end_all(); no page is worth the process.
  void run();

  const Config& config;
  const AskLoop ask;
  const OpenSnapshotFile open_snapshot_file;
  const OpenReceivedSnapshot open_received_snapshot;
  const std::string config_text;
  bool copying = false;    ///< One copy of the tree at a time.
  bool restoring = false;  ///< Likewise.
  std::optional<std::chrono::steady_clock::time_point> last_copy, last_restore;
  asio::io_context io{1};
  std::unique_ptr<Port> admin, metrics;
  std::set<std::shared_ptr<HttpSession>> sessions;  ///< The admin thread's.
};

namespace {

/// One connection: read a header, ask the loop, answer, again.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<HttpServer::Core> core, tcp::socket socket, bool metrics_only)
      : core_(std::move(core)),
        stream_(std::move(socket)),
        patience_(core_->io),
        metrics_only_(metrics_only) {}

  void read();
  void close();
  /// The longer a request is on its way, the sooner its connection makes room for another.
  std::chrono::steady_clock::time_point reading_since() const {
    return upload_ ? upload_->moved() : reading_since_;
  }

 private:
  using Response = http::response<http::string_body>;

  void on_header();
  void ask(unsigned wants);
  void on_facts(std::uint64_t question, AdminFacts facts);
  void wait(std::chrono::seconds limit);
  void on_silence();
  bool is_head() const;
  void answer(http::status status, const char* type, std::string body);
  void answer_command(const CommandRow& row, const AdminFacts& facts);
  void write();
  void linger();
  void discard();
  void count(void (*what)(CommandCounts& counts));

  // ---- The command snapshot --------------------------------------------------------------------
  void ask_admission();
  void on_admission(std::uint64_t question, bool serving, Admission admission);
  bool too_soon() const;
  void copy_tree();
  void on_copied(ErrorCode fault);
  void end_copy();
  void answer_snapshot();
  void send_snapshot();
  void refuse(http::status status, std::string_view error);

  // ---- The command restore ---------------------------------------------------------------------
  void receive_tree();
  void on_restored(http::status status, const std::string& error, Zxid zxid);

  std::shared_ptr<HttpServer::Core> core_;
  beast::tcp_stream stream_;
  asio::steady_timer patience_;
  const bool metrics_only_;
  beast::flat_buffer buffer_{kHeaderBytesMax};
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::chrono::steady_clock::time_point reading_since_;
  Route route_;
  std::optional<Response> response_;
  std::shared_ptr<TreeSpool> copy_;  ///< Until its file has been sent.
  bool sends_file_ = false;          ///< Else only what is known of it.
  bool copied_ = false;              ///< And nothing more is written to it.
  std::optional<http::response_serializer<http::empty_body>> header_;
  std::optional<http::response<http::empty_body>> head_;
  std::vector<std::byte> piece_;
  std::uint64_t sent_ = 0;
  std::uint64_t question_ = 0;  ///< An answer to an older one comes too late.
  std::shared_ptr<RestoreUpload> upload_;
  bool keep_alive_ = false;
  bool has_body_ = false;  ///< Of which nothing need have been read.
};

/// As Java reads a flag: anything else is false.
bool is_true(std::string_view text) {
  return beast::iequals(text, "true");
}

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kJson = "application/json";

void HttpSession::read() {
  response_.reset();
  parser_.emplace();
  parser_->header_limit(kHeaderBytesMax);
  // Bodies are not taken, but the one of restore: a request that has one is answered and its
  // connection closed.
  parser_->body_limit(boost::none);
  reading_since_ = std::chrono::steady_clock::now();
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](beast::error_code error, std::size_t) {
        if (!error) return self->on_header();
        if (error == http::error::header_limit || error == http::error::buffer_overflow) {
          self->keep_alive_ = false;
          return self->answer(http::status::request_header_fields_too_large, kText,
                              "the header is too large\n");
        }
        self->close();
      });
}

void HttpSession::close() {
  beast::error_code ignored;
  end_copy();
  if (upload_) {
    core_->restoring = false;
    std::exchange(upload_, nullptr)->abandon();
  }
  patience_.cancel();
  stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream_.close();
  core_->sessions.erase(shared_from_this());
}

void HttpSession::on_header() {
  stream_.expires_never();
  const auto& request = parser_->get();
  has_body_ = request.has_content_length() || request.chunked();
  keep_alive_ = request.keep_alive() && !has_body_;
  route_ = route_of(request.method_string(), request.target(), core_->config.admin, metrics_only_);
  switch (route_.page) {
    case Page::CommandList:
      return answer(http::status::ok, "text/html; charset=utf-8",
                    command_list_html(core_->config.admin));
    case Page::UnknownCommand:
      return answer(http::status::ok, kJson,
                    command_error_json(route_.name, "Unknown command: " + route_.name));
    case Page::NotFound:
      return answer(http::status::not_found, kText, "no such page\n");
    case Page::Forbidden:
      return answer(http::status::forbidden, kText, "forbidden\n");
    case Page::Refused:
      // ZooKeeper's status for a command by the wrong method.
      return answer(route_.command != nullptr ? http::status::internal_server_error
                                              : http::status::method_not_allowed,
                    kText, "not by this method\n");
    case Page::Metrics:
      return ask(kMetrics);
    case Page::Health:
    case Page::Ready:
      return ask(kNothingMore);
    case Page::Command:
      break;
  }
  if (route_.command->page != CommandPage::Json) return ask_admission();
  if (route_.command->fault != nullptr) {
    const std::string_view fault = route_.command->fault(route_.parameters);
    if (!fault.empty()) {
      return answer(http::status::ok, kJson, command_error_json(route_.command->name, fault));
    }
  }
  ask(route_.command->wants);
}

/// The loop copies what is wanted; everything else happens on this thread.
void HttpSession::ask(unsigned wants) {
  const std::uint64_t question = ++question_;
  wait(kLoopPatience);
  const CommandRow* act = route_.page == Page::Command ? route_.command : nullptr;
  core_->ask([self = shared_from_this(), wants, act, question,
              parameters = route_.parameters](AdminSource& source) {
    if (act != nullptr && act->act != nullptr) act->act(source, parameters);
    asio::post(self->core_->io, [self, question, facts = source.facts(wants)]() mutable {
      self->on_facts(question, std::move(facts));
    });
  });
}

void HttpSession::wait(std::chrono::seconds limit) {
  patience_.expires_after(limit);
  patience_.async_wait([self = shared_from_this(), question = question_](beast::error_code error) {
    if (!error && question == self->question_) self->on_silence();
  });
}

void HttpSession::on_silence() {
  ++question_;
  if (copy_) {
    end_copy();
    return refuse(http::status::service_unavailable,
                  "the checkpoint could not be renewed in time; the log says why");
  }
  answer(http::status::service_unavailable, kText, "the event loop does not answer\n");
}

void HttpSession::on_facts(std::uint64_t question, AdminFacts facts) {
  if (question != question_ || !stream_.socket().is_open()) return;
  ++question_;
  patience_.cancel();
  const bool alone = core_->config.ensemble.standalone;
  switch (route_.page) {
    case Page::Health:
      return answer(http::status::ok, kText, "ok\n");
    case Page::Ready:
      return facts.status.serving
                 ? answer(http::status::ok, kText, "serving mode=" + facts.status.mode + '\n')
                 : answer(http::status::service_unavailable, kText, "not serving\n");
    case Page::Metrics:
      return answer(http::status::ok, "text/plain; version=0.0.4; charset=utf-8",
                    prometheus_text(facts, alone));
    default:
      return answer_command(*route_.command, facts);
  }
}

void HttpSession::answer_command(const CommandRow& row, const AdminFacts& facts) {
  const CommandContext context{core_->config, facts, core_->config_text};
  answer(http::status::ok, kJson, command_json(row, context));
}

bool HttpSession::is_head() const {
  return parser_ && parser_->is_header_done() && parser_->get().method() == http::verb::head;
}

void HttpSession::answer(http::status status, const char* type, std::string body) {
  const bool head = is_head();
  const std::size_t size = body.size();
  response_.emplace(status, 11);
  response_->set(http::field::content_type, type);
  response_->set(http::field::cache_control, "no-store");
  response_->keep_alive(keep_alive_);
  if (!head) response_->body() = std::move(body);
  response_->content_length(size);
  write();
}

void HttpSession::write() {
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  http::async_write(stream_, *response_,
                    [self = shared_from_this()](beast::error_code error, std::size_t) {
                      if (error || (!self->keep_alive_ && !self->has_body_)) return self->close();
                      self->keep_alive_ ? self->read() : self->linger();
                    });
}

/// Whoever still sends a body would lose the answer if the connection were closed on it.
void HttpSession::linger() {
  beast::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kLinger);
  piece_.resize(kSentAtOnce);
  discard();
}

void HttpSession::discard() {
  stream_.async_read_some(asio::buffer(piece_),
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                            if (error) return self->close();
                            self->discard();
                          });
}

// ---- The command snapshot ---------------------------------------------------------------------

void HttpSession::refuse(http::status status, std::string_view error) {
  answer(status, kJson, command_error_json(route_.command->name, error));
}

/// What a request may do is known on the loop, where the tree is.
void HttpSession::ask_admission() {
  const auto& request = parser_->get();
  const auto header = request.find(http::field::authorization);
  const bool missing = header == request.end();
  AdminCaller caller;
  if (!missing) caller.authorization = std::string(header->value());
  beast::error_code ignored;
  caller.address = stream_.socket().remote_endpoint(ignored).address().to_string();
  const std::uint64_t question = ++question_;
  wait(kLoopPatience);
  core_->ask([self = shared_from_this(), question, missing,
              caller = std::move(caller)](AdminSource& source) {
    const bool serving = source.facts(kNothingMore).status.serving;
    const Admission admission = missing   ? Admission::Missing
                                : serving ? source.admit(caller)
                                          : Admission::NotAuthenticated;
    asio::post(self->core_->io, [self, question, serving, admission] {
      self->on_admission(question, serving, admission);
    });
  });
}

/// The order of the answers is ZooKeeper's.
void HttpSession::on_admission(std::uint64_t question, bool serving, Admission admission) {
  if (question != question_ || !stream_.socket().is_open()) return;
  ++question_;
  patience_.cancel();
  if (!serving) return refuse(http::status::ok, kNotServing);
  switch (admission) {
    case Admission::Missing:
      return refuse(http::status::unauthorized, "Auth info is missing for the command");
    case Admission::NotAuthenticated:
      return refuse(http::status::unauthorized, "Not authenticated");
    case Admission::NotAuthorized:
      return refuse(http::status::forbidden, "Not authorized");
    case Admission::Allowed:
      break;
  }
  if (route_.command->page == CommandPage::Restore) return receive_tree();
  if (!core_->config.admin.snapshot_enabled) {
    return refuse(http::status::service_unavailable, "admin.snapshot.enabled is false");
  }
  if (too_soon() || core_->copying) {
    count([](CommandCounts& counts) { ++counts.snapshots_limited; });
    return refuse(http::status::too_many_requests, "");
  }
  core_->last_copy = std::chrono::steady_clock::now();
  copy_tree();
}

/// ZooKeeper 3.9 counts this interval in microseconds for this command, whatever its name says.
bool HttpSession::too_soon() const {
  const std::chrono::microseconds interval(core_->config.admin.rate_limit_ms);
  return core_->last_copy && std::chrono::steady_clock::now() - *core_->last_copy < interval;
}

void HttpSession::copy_tree() {
  const auto streaming = route_.parameters.find("streaming");
  const bool keep = streaming == route_.parameters.end() || is_true(streaming->second);
  auto file = core_->open_snapshot_file(keep);
  if (!file) return on_copied(file.error());
  copy_ = std::make_shared<TreeSpool>(
      core_->io, std::move(*file),
      [self = shared_from_this()](ErrorCode fault) { self->on_copied(fault); });
  sends_file_ = keep;
  copied_ = false;
  core_->copying = true;
  wait(kCopyPatience);
  core_->ask([self = shared_from_this(), copy = copy_](AdminSource& source) {
    if (source.copy_tree(copy)) return;
    asio::post(self->core_->io, [self, copy] {
      const auto not_now = beast::errc::resource_unavailable_try_again;
      if (self->copy_ == copy) self->on_copied(beast::errc::make_error_code(not_now));
    });
  });
}

void HttpSession::on_copied(ErrorCode fault) {
  ++question_;
  patience_.cancel();
  if (!fault) {
    core_->copying = false;
    copied_ = true;
    return answer_snapshot();
  }
  end_copy();
  count([](CommandCounts& counts) { ++counts.snapshot_errors; });
  log::warn("snapshot-command-failed error=\"" + fault.message() + '"');
  refuse(http::status::internal_server_error, "the snapshot could not be made: " + fault.message());
}

void HttpSession::end_copy() {
  if (!copy_) return;
  if (!copied_) core_->copying = false;
  std::exchange(copy_, nullptr)->abandon();
}

void HttpSession::count(void (*what)(CommandCounts& counts)) {
  core_->ask([what](AdminSource& source) { what(source.command_counts()); });
}

void HttpSession::answer_snapshot() {
  const std::uint64_t size = copy_->file().size();
  const std::string zxid = to_string(copy_->zxid());
  head_.emplace(http::status::ok, 11);
  head_->set("last_zxid", zxid);
  head_->set("snapshot_size", std::to_string(size));
  head_->set(http::field::content_type, sends_file_ ? "application/octet-stream" : kJson);
  head_->set(http::field::cache_control, "no-store");
  head_->keep_alive(keep_alive_);
  std::string text;
  if (!sends_file_) text = command_error_json(route_.command->name, "");
  head_->content_length(sends_file_ ? size : text.size());
  log::info("snapshot-command zxid=" + zxid + " bytes=" + std::to_string(size));
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  piece_.assign(begin, begin + text.size());
  sent_ = 0;
  header_.emplace(*head_);
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  http::async_write_header(stream_, *header_,
                           [self = shared_from_this()](beast::error_code error, std::size_t) {
                             if (error) return self->close();
                             self->send_snapshot();
                           });
}

/// Piece by piece, at the pace of whoever reads; the time limit is for each.
void HttpSession::send_snapshot() {
  reading_since_ = std::chrono::steady_clock::now();
  if (copy_ && sends_file_ && !is_head()) {
    piece_.resize(kSentAtOnce);
    const auto read = copy_->file().read(sent_, piece_);
    // The length has been promised: only the end of the connection can tell now.
    if (!read) return close();
    piece_.resize(*read);
    sent_ += *read;
  }
  if (piece_.empty() || is_head()) {
    end_copy();
    return keep_alive_ ? this->read() : close();
  }
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  asio::async_write(stream_, asio::buffer(piece_),
                    [self = shared_from_this()](beast::error_code error, std::size_t) {
                      if (error) return self->close();
                      self->piece_.clear();
                      self->send_snapshot();
                    });
}

// ---- The command restore ----------------------------------------------------------------------

void HttpSession::receive_tree() {
  const AdminConfig& admin = core_->config.admin;
  if (!admin.restore_enabled) {
    return refuse(http::status::service_unavailable, "admin.restore.enabled is false");
  }
  if (!core_->config.ensemble.standalone) {
    return refuse(http::status::service_unavailable,
                  "a member of an ensemble does not replace its tree alone, the others would keep "
                  "theirs; stop all servers, give each an empty dataDir and the same snapshot by "
                  "quorate-server --import, and start them");
  }
  const std::chrono::milliseconds interval(admin.rate_limit_ms);
  const auto now = std::chrono::steady_clock::now();
  if (core_->restoring || (core_->last_restore && now - *core_->last_restore < interval)) {
    count([](CommandCounts& counts) { ++counts.restores_limited; });
    return refuse(http::status::too_many_requests, "");
  }
  core_->last_restore = now;
  auto into = core_->open_received_snapshot();
  if (!into) return on_restored(http::status::internal_server_error, into.error().message(), {});
  core_->restoring = true;
  RestoreUpload::Ends ends{core_->io, stream_, buffer_, core_->ask};
  // Until it is let go of below or in close(): a read under way needs stream and buffer to its end.
  upload_ = std::make_shared<RestoreUpload>(
      shared_from_this(), std::move(ends), std::move(*into),
      std::chrono::milliseconds(admin.idle_timeout_ms),
      [self = shared_from_this()](http::status status, const std::string& error, Zxid zxid) {
        self->core_->restoring = false;
        self->upload_ = nullptr;
        self->on_restored(status, error, zxid);
      });
  const auto upload = upload_;  // It may end at once.
  upload->start(std::move(*parser_));
}

void HttpSession::on_restored(http::status status, const std::string& error, Zxid zxid) {
  parser_.reset();
  stream_.expires_never();
  if (status == http::status::ok) {
    has_body_ = false;  // All of it has been read.
    return answer(status, kJson, restored_json(route_.command->name, zxid));
  }
  count([](CommandCounts& counts) { ++counts.restore_errors; });
  log::warn("restore-command-failed error=\"" + error + '"');
  refuse(status, error);
}

std::uint16_t port_of(const std::unique_ptr<Port>& port) {
  beast::error_code ignored;
  if (!port) return 0;
  return port->acceptor.local_endpoint(ignored).port();
}

}  // namespace

// ---- Ports ------------------------------------------------------------------------------------

/// Nothing, with a warning that names the keys, when it cannot be opened.
std::unique_ptr<Port> HttpServer::Core::open(const std::string& address, std::int64_t number,
                                             const std::string& keys) {
  auto port = std::make_unique<Port>(io);
  beast::error_code error;
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(address, std::to_string(number),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  const tcp::endpoint endpoint = error ? tcp::endpoint() : found.begin()->endpoint();
  if (!error) port->acceptor.open(endpoint.protocol(), error);
  if (!error) port->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) port->acceptor.bind(endpoint, error);
  if (!error) port->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return port;
  log::warn("http-port-not-open address=" + address + ':' + std::to_string(number) + " error=\"" +
            error.message() + "\" remedy=\"these pages are missing; choose another " + keys + "\"");
  return nullptr;
}

void HttpServer::Core::accept(Port& port) {
  port.acceptor.async_accept(
      [self = shared_from_this(), &port](beast::error_code error, tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
          self->admit(std::move(socket), port.metrics_only);
          return self->accept(port);
        }
        port.pause.expires_after(kAcceptPause);
        port.pause.async_wait([self, &port](beast::error_code stopped) {
          if (!stopped) self->accept(port);
        });
      });
}

/// Full: whoever has been sending a request for the longest time gives way.
void HttpServer::Core::admit(tcp::socket socket, bool metrics_only) {
  if (sessions.size() >= kConnectionsMax) {
    const auto slowest =
        std::min_element(sessions.begin(), sessions.end(), [](const auto& left, const auto& right) {
          return left->reading_since() < right->reading_since();
        });
    const std::shared_ptr<HttpSession> leaves = *slowest;
    leaves->close();
  }
  auto session = std::make_shared<HttpSession>(shared_from_this(), std::move(socket), metrics_only);
  sessions.insert(session);
  session->read();
}

void HttpServer::Core::run() {
  while (true) {
    try {
      io.run();
      return;
    } catch (const std::exception& error) {
      log::error(std::string("admin-page-failed error=\"") + error.what() + '"');
    }
  }
}

void HttpServer::Core::end_all() {
  for (const auto& port : {admin.get(), metrics.get()}) {
    if (port == nullptr) continue;
    beast::error_code ignored;
    port->acceptor.close(ignored);
    port->pause.cancel();
  }
  for (const auto& session : std::set(sessions)) session->close();
}

// ---- The face ---------------------------------------------------------------------------------

HttpServer::HttpServer(const Config& config, AskLoop ask, OpenSnapshotFile open_file,
                       OpenReceivedSnapshot open_received)
    : core_(std::make_shared<Core>(config, std::move(ask), std::move(open_file),
                                   std::move(open_received))) {}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::start() {
  const AdminConfig& admin = core_->config.admin;
  const MetricsConfig& metrics = core_->config.metrics;
  if (admin.enable_server) {
    core_->admin =
        core_->open(admin.address, admin.port, "admin.serverPort or admin.serverAddress");
  }
  if (metrics.prometheus()) {
    core_->metrics = core_->open(metrics.address, metrics.port,
                                 "metricsProvider.httpPort or metricsProvider.httpHost");
  }
  if (!core_->admin && !core_->metrics) return;
  if (core_->admin) core_->accept(*core_->admin);
  if (core_->metrics) {
    core_->metrics->metrics_only = true;
    core_->accept(*core_->metrics);
  }
  log::info("listening admin=" + std::to_string(admin_port()) +
            " metrics=" + std::to_string(metrics_port()));
  thread_ = std::thread([core = core_] {
    ::pthread_setname_np(::pthread_self(), "quorate-admin");
    core->run();
  });
}

void HttpServer::stop() {
  if (!thread_.joinable()) return;
  asio::post(core_->io, [core = core_] { core->end_all(); });
  thread_.join();
}

std::uint16_t HttpServer::admin_port() const {
  return port_of(core_->admin);
}
std::uint16_t HttpServer::metrics_port() const {
  return port_of(core_->metrics);
}

}  // namespace quorate::server
