// --doctor: what a start of this configuration would meet, one line each, with the remedy.
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "consensus/member_text.h"
#include "server/app/data_tools.h"
#include "server/app/part_options.h"
#include "server/sasl/digest_login.h"
#include "server/sasl/kerberos_login.h"
#include "server/storage/real/data_lock.h"
#include "server/storage/real/posix_files.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kUsageExit = 2;
constexpr milliseconds kConnectTime{2000};
constexpr int kSyncs = 50;
constexpr std::size_t kSyncBytes = 4096;
constexpr double kSlowSyncMs = 20;
constexpr std::uint64_t kLittleSpace = 1ull << 30;
constexpr rlim_t kFewDescriptors = 4096;

/// Runs what is pending on `io` until `done` or the time is over.
template <class Done>
void run_until(asio::io_context& io, milliseconds limit, Done&& done) {
  const auto end = steady_clock::now() + limit;
  io.restart();
  while (!done() && steady_clock::now() < end) {
    if (io.run_one_until(end) == 0 && io.stopped()) break;
  }
}

class Doctor {
 public:
  explicit Doctor(const Config& config) : config_(config) {}

  int examine() {
    ok("config",
       config_.file + " mode=" + (config_.ensemble.standalone ? "standalone" : "ensemble"));
    for (const ConfigNotice& notice : config_.notices) warn("config", notice.text, "");
    folders();
    if (in_use_) {
      ok("ports", "not tried: the server runs");
    } else {
      own_ports();
    }
    if (!config_.ensemble.standalone) members();
    sasl();
    clock();
    limits();
    std::printf("%s\n", failed_   ? "doctor: a start would fail"
                        : warned_ ? "doctor: a start would work; see the warnings"
                                  : "doctor: all well");
    return failed_ ? kUsageExit : 0;
  }

 private:
  void say(const char* verdict, const std::string& what, const std::string& text,
           const std::string& remedy) {
    std::printf("%-5s %-8s %s%s%s\n", verdict, what.c_str(), text.c_str(),
                remedy.empty() ? "" : " -> ", remedy.c_str());
  }
  void ok(const std::string& what, const std::string& text) { say("ok", what, text, ""); }
  void warn(const std::string& what, const std::string& text, const std::string& remedy) {
    warned_ = true;
    say("WARN", what, text, remedy);
  }
  void fail(const std::string& what, const std::string& text, const std::string& remedy) {
    failed_ = true;
    say("FAIL", what, text, remedy);
  }

  // ---- Folders ---------------------------------------------------------------------------------
  void folders() {
    folder("dataDir", config_.storage.data_dir);
    if (config_.storage.data_log_dir != config_.storage.data_dir) {
      folder("dataLogDir", config_.storage.data_log_dir);
    }
    const fs::path data = config_.storage.data_dir;
    if (!config_.ensemble.standalone) ok("myid", "server " + to_string(config_.ensemble.self));
    if (fs::exists(data / "version-2") && !fs::exists(data / "quorate-1")) {
      fail("dataDir", (data / "version-2").string() + " holds ZooKeeper's data and there is no own",
           "quorate-server --import " + data.string() + " --config " + config_.file);
    }
  }

  void folder(const char* key, const std::string& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      const fs::path above = fs::absolute(path, error).parent_path();
      if (::access(above.c_str(), W_OK) == 0) return ok(key, path + " will be made");
      return fail(key, path + " is not there and cannot be made", "make it for the server's user");
    }
    if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
      return fail(key, path + " cannot be written", "give it to the server's user");
    }
    ok(key, path);
    if (DataLock lock; lock.take(path)) {
      in_use_ = true;
      ok(key, "in use: this server runs already");
    }
    space(key, path);
    sync_time(key, path);
  }

  void space(const char* key, const std::string& path) {
    struct statvfs room {};
    if (::statvfs(path.c_str(), &room) != 0) return;
    const std::uint64_t bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
    const std::string text = std::to_string(bytes >> 20) + " MiB free";
    if (bytes >= kLittleSpace) return ok(key, text);
    warn(key, text, "a full disk stops the server; free space there");
  }

  /// As the log writes: append and fdatasync.
  void sync_time(const char* key, const std::string& path) {
    PosixFiles files;
    const std::string name = path + "/quorate-doctor.tmp";
    auto file = files.open(name, OpenMode::Create);
    if (!file)
      return fail(key, name + ": " + file.error().message(), "let the server's user write there");
    const Bytes block(kSyncBytes, std::byte{0x51});
    std::vector<double> times;
    ErrorCode error;
    for (int i = 0; i < kSyncs && !error; ++i) {
      const auto begin = steady_clock::now();
      error = (*file)->pwrite(static_cast<std::uint64_t>(i) * kSyncBytes, block);
      if (!error) error = (*file)->sync();
      times.push_back(
          std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count());
    }
    file->reset();
    (void)files.remove(name);
    if (error) return fail(key, "a test file: " + error.message(), "look at the disk");
    std::sort(times.begin(), times.end());
    char text[96];
    std::snprintf(text, sizeof text, "sync of 4 KiB: median %.2f ms, slowest %.2f ms",
                  times[times.size() / 2], times.back());
    if (times[times.size() / 2] <= kSlowSyncMs) return ok(key, text);
    warn(key, text, "every write waits for it; put dataLogDir on a faster disk");
  }

  // ---- Ports -----------------------------------------------------------------------------------
  void own_ports() {
    if (config_.client.port > 0) port("clientPort", config_.client.address, config_.client.port);
    if (config_.ensemble.standalone) return;
    for (const consensus::Member& member : config_.ensemble.members) {
      if (member.id != config_.ensemble.self) continue;
      const std::string host = config_.ensemble.listen_on_all_ips ? "" : member.host;
      port("quorum", host, member.quorum_port);
      port("election", host, member.election_port);
    }
  }

  void port(const char* what, const std::string& host, std::int64_t number) {
    const std::string where = (host.empty() ? "*" : host) + ":" + std::to_string(number);
    ErrorCode error;
    const tcp::endpoint endpoint = first_endpoint(host, number, error);
    if (error)
      return fail(what, where + ": " + error.message(), "the address must be this machine's");
    tcp::acceptor acceptor(io_);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(1, error);
    if (!error) return ok(what, where + " is free");
    const bool taken = error == asio::error::address_in_use;
    fail(what, where + ": " + error.message(),
         taken ? "end what listens there, or choose another port"
               : "the address must be this machine's");
  }

  tcp::endpoint first_endpoint(const std::string& host, std::int64_t number, ErrorCode& error) {
    const auto port_number = static_cast<std::uint16_t>(number);
    if (host.empty()) return {tcp::v4(), port_number};
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(host, std::to_string(port_number), error);
    return error ? tcp::endpoint() : found.begin()->endpoint();
  }

  // ---- Members ---------------------------------------------------------------------------------
  void members() {
    const auto voters =
        std::count_if(config_.ensemble.members.begin(), config_.ensemble.members.end(),
                      [](const consensus::Member& m) { return !m.observer; });
    long reachable = 0;
    for (const consensus::Member& member : config_.ensemble.members) {
      const std::string name = "server." + to_string(member.id);
      ErrorCode error;
      const tcp::endpoint quorum = first_endpoint(member.host, member.quorum_port, error);
      if (error) {
        fail(name, member.host + ": " + error.message(), "correct the name, or the resolver");
        continue;
      }
      if (member.id == config_.ensemble.self) continue;
      reachable += member_answers(name, member, quorum) && !member.observer ? 1 : 0;
    }
    const long needed = voters / 2 + 1;
    if (reachable + 1 >= needed)
      return ok("quorum", std::to_string(reachable + 1) + " of " + std::to_string(voters) +
                              " voters with this one");
    warn("quorum",
         std::to_string(reachable + 1) + " of " + std::to_string(voters) + " voters with this one",
         "nothing is served before " + std::to_string(needed) + " run");
  }

  /// The election port is open on every running server, the quorum port on the leader alone.
  bool member_answers(const std::string& name, const consensus::Member& member,
                      const tcp::endpoint& quorum) {
    tcp::socket socket(io_);
    const ErrorCode error = connect(socket, tcp::endpoint(quorum.address(), member.election_port));
    const std::string where = member.host + ":" + std::to_string(member.election_port);
    if (error) {
      warn(name, where + ": " + error.message(),
           error == asio::error::connection_refused ? "is it running?"
                                                    : "look at network and firewall");
      return false;
    }
    ok(name, where + " answers" + version_of(member));
    return true;
  }

  ErrorCode connect(tcp::socket& socket, const tcp::endpoint& to) {
    std::optional<ErrorCode> outcome;
    socket.async_connect(to, [&](const ErrorCode& error) { outcome = error; });
    run_until(io_, kConnectTime, [&] { return outcome.has_value(); });
    if (outcome) return *outcome;
    ErrorCode ignored;
    socket.close(ignored);
    run_until(io_, kConnectTime, [&] { return outcome.has_value(); });
    return asio::error::timed_out;
  }

  /// By the word srvr on its port for clients, where the member line names one.
  std::string version_of(const consensus::Member& member) {
    if (member.client_address.empty()) return ", version unknown (its line names no client port)";
    const auto client = consensus::parse_host_port(member.client_address);
    if (!client) return "";
    const std::string host = client->host == "0.0.0.0" ? member.host : client->host;
    ErrorCode error;
    const tcp::endpoint to = first_endpoint(host, client->port, error);
    tcp::socket socket(io_);
    if (!error) error = connect(socket, to);
    if (!error) asio::write(socket, asio::buffer("srvr", 4), error);
    std::string answer;
    std::optional<ErrorCode> ended;
    if (!error) {
      asio::async_read(socket, asio::dynamic_buffer(answer, 4096),
                       [&](const ErrorCode& code, std::size_t) { ended = code; });
      run_until(io_, kConnectTime, [&] { return ended.has_value(); });
      ErrorCode ignored;
      socket.close(ignored);
      run_until(io_, kConnectTime, [&] { return ended.has_value(); });
    }
    const std::string head = "Zookeeper version: ";
    if (!answer.starts_with(head)) return ", version unknown";
    return ", version " + answer.substr(head.size(), answer.find(',') - head.size());
  }

  /// The file itself has been read with the configuration.
  void sasl() {
    const auto& users = config_.auth.sasl.users;
    if (users) try_login("sasl", *users, kClientsLogin);
    if (config_.auth.sasl.kerberos) {
      const KerberosService service = kerberos_service(config_);
      std::string fault;
      if (open_kerberos_login(service, fault) != nullptr) {
        ok("sasl", "Kerberos, " + service.principal);
      } else {
        fail("sasl", fault, "");
      }
    }
    const QuorumAuthConfig& servers = config_.quorum_auth;
    if (!servers.users.empty()) try_login("quorum.auth", servers.users, kServersLogin);
  }

  void try_login(const char* what, const SaslPasswords& users, const DigestPlace& place) {
    std::string fault;
    const std::string count = std::to_string(users.size()) + " users";
    if (open_digest_login(users, place, fault) != nullptr) return ok(what, count);
    fail(what, fault, "");
  }

  // ---- The machine -----------------------------------------------------------------------------
  void clock() {
    timex state{};
    const int answer = ::ntp_adjtime(&state);
    if (answer < 0) return;
    if (answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0)
      return ok("clock", "synchronised");
    warn("clock", "the kernel does not call it synchronised",
         "run chrony or another NTP client; times of nodes and TTLs come from it");
  }

  void limits() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const std::string text = std::to_string(limit.rlim_cur) + " file descriptors";
    if (limit.rlim_cur >= kFewDescriptors) return ok("limits", text);
    warn("limits", text,
         "each client needs one; raise it: ulimit -n, or LimitNOFILE= of the service");
  }

  const Config& config_;
  asio::io_context io_{1};
  bool failed_ = false, warned_ = false, in_use_ = false;
};

}  // namespace

int run_doctor(const Config& config) {
  return Doctor(config).examine();
}

}  // namespace quorate::server
