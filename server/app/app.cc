#include "server/app/app.h"

#include <malloc.h>

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <thread>
#include <utility>

#include "consensus/input.h"
#include "consensus/member_text.h"
#include "server/admin/version.h"
#include "server/app/part_options.h"
#include "server/app/received_snapshot.h"
#include "server/app/snapshot_file.h"
#include "server/log/log.h"
#include "server/replica/audit.h"
#include "server/sasl/digest_login.h"
#include "server/sasl/kerberos_login.h"
#include "server/storage/real/leveldb_tree_store.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::int64_t kSweepMs = 1000;
/// For requests under way when the server is told to stop.
constexpr std::int64_t kAnswersLimitMs = 2000;
constexpr std::int64_t kAnswersStepMs = 5;
/// After so long an orderly stop is given up: recovery is made for that.
constexpr unsigned kStopLimitSeconds = 30;
/// Handlers that may run while a group of log records waits for the loop to be idle.
constexpr int kTurnsBeforeHandOver = 8;

/// A standalone server speaks to nobody.
class NoLinks : public Links {
  void set_members(const consensus::Membership&) override {}
  void vote(ServerId, const consensus::Notification&) override {}
  void open(ServerId) override {}
  void cancel(ServerId) override {}
  void close(LinkId) override {}
  void send(LinkId, const consensus::QuorumPacket&) override {}
  void send_raw(LinkId, SharedBytes) override {}
  std::size_t queued_bytes(LinkId) const override { return 0; }
  void flush() override {}
};

std::uint64_t fresh_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::string address_of(const std::string& host, std::int64_t port) {
  return (host.empty() ? "*" : host) + ':' + std::to_string(port);
}

std::string bind_failed(const char* port, const std::string& address, const ErrorCode& error) {
  return std::string("bind-failed port=") + port + " address=" + address + " error=\"" +
         error.message() +
         "\" remedy=\"end what listens there, or name a port that is free and an address of this "
         "machine\"";
}

}  // namespace

App::App(Config config, Surroundings surroundings)
    : config_(std::move(config)),
      surroundings_(std::move(surroundings)),
      signals_(io_),
      hangup_(io_),
      tick_(io_),
      stopping_(io_),
      mailbox_(io_, [this](std::vector<Mailbox::Letter> letters) {
        if (!replica_) return;
        for (const Mailbox::Letter& letter : letters) letter(*replica_);
        pump();
      }) {}

App::~App() = default;

int App::fail(int exit_code, const std::string& text) {
  log::error(text);
  audit("serverStart", "failure");
  exit_code_ = exit_code;
  failure_ = text;
  return exit_code;
}

void App::audit(const char* operation, const char* result) {
  if (!config_.audit) return;
  log::audit(audit::server_line(user_of_this_process(), operation, result));
}

int App::run() {
  // A client that went away must cost a write error, not the process.
  if (surroundings_.own_process) std::signal(SIGPIPE, SIG_IGN);
  log::info("starting version=" + std::string(kVersion) + " config=" + config_.file +
            " id=" + to_string(config_.ensemble.self) +
            " mode=" + (config_.ensemble.standalone ? "standalone" : "ensemble") +
            " dataDir=" + config_.storage.data_dir + " dataLogDir=" + config_.storage.data_log_dir);
  for (const ConfigNotice& notice : config_.notices) {
    log::write(notice.severity, "config " + notice.text);
  }
  if (!lock_data() || !open_sasl() || !open_quorum_sasl() || !bind_ports() || !recover()) {
    log::flush();
    return exit_code_;
  }
  start();
  run_loop();
  if (abandoned_) disk_->abandon();
  log::info(abandoned_ ? "abandoned" : "stopped");
  log::flush();
  return exit_code_;
}

// ---- Start
// ---------------------------------------------------------------------------------------

/// The library stays out of a server that nobody logs in to.
bool App::open_sasl() {
  const SaslConfig& sasl = config_.auth.sasl;
  if (!sasl.has_login()) return true;
  std::string fault;
  sasl_ = sasl.kerberos ? open_kerberos_login(kerberos_service(config_), fault)
                        : open_digest_login(*sasl.users, kClientsLogin, fault);
  if (sasl_ != nullptr) return true;
  fail(kExitUsage, "config " + config_.file + ": java.security.auth.login.config: " + fault);
  return false;
}

bool App::open_quorum_sasl() {
  const QuorumAuthConfig& auth = config_.quorum_auth;
  if (!auth.enabled || config_.ensemble.standalone) return true;
  std::string fault;
  servers_login_ = open_digest_login(auth.users, kServersLogin, fault);
  if (servers_login_ != nullptr && auth.learner_requires) {
    servers_account_ = open_digest_account(auth.user, auth.password, kServersLogin, fault);
  }
  if (fault.empty()) return true;
  fail(kExitUsage, "config " + config_.file + ": quorum.auth.enableSasl: " + fault);
  return false;
}

/// Before recovery, which may take long: a port that is taken shows at once.
bool App::bind_ports() {
  Inbox& inbox = *this;
  clients_ =
      std::make_unique<SocketClients>(io_, config_.client, config_.tls, config_.limits, inbox);
  std::string tls_fault;
  if (!clients_->load_tls(tls_fault)) {
    fail(kExitUsage, "config " + config_.file + ": " + tls_fault);
    return false;
  }
  if (const ErrorCode error = clients_->listen()) {
    fail(kExitUnexpected,
         bind_failed("client", address_of(config_.client.address, config_.client.port), error));
    return false;
  }
  if (const ErrorCode error = clients_->listen_secure()) {
    fail(kExitUnexpected,
         bind_failed("secureClient",
                     address_of(config_.client.secure_address, config_.client.secure_port), error));
    return false;
  }
  if (config_.ensemble.standalone) {
    links_ = std::make_unique<NoLinks>();
    return true;
  }
  return bind_server_ports();
}

bool App::load_quorum_tls() {
  if (!config_.ensemble.uses_tls()) return true;
  peer_tls_ = std::make_unique<PeerTls>(
      peer_tls_options(config_),
      [this](char severity, const std::string& text) { note(severity, text); });
  std::string fault;
  if (peer_tls_->load(fault)) return true;
  fail(kExitUsage, "config " + config_.file + ": " + fault);
  return false;
}

bool App::bind_server_ports() {
  if (!load_quorum_tls()) return false;
  PeerLinkOptions quorum = peer_link_options(config_);
  ElectionLinkOptions election = election_link_options(config_);
  const std::string quorum_address = address_of(quorum.listen_address, quorum.listen_port);
  const std::string election_address = address_of(election.listen_address, election.listen_port);
  quorum.tls = election.tls = peer_tls_.get();
  quorum.sasl = election.sasl = {servers_account_.get(), servers_login_.get(),
                                 config_.quorum_auth.server_requires};
  Inbox& inbox = *this;
  peer_links_ = std::make_unique<PeerLinks>(io_, std::move(quorum), inbox);
  election_links_ =
      std::make_unique<ElectionLinks>(io_, std::move(election), Random(fresh_seed()), inbox);
  bool quorum_bound = false;
  for (std::int64_t tries = 1;; ++tries) {
    ErrorCode error = quorum_bound ? ErrorCode() : peer_links_->listen();
    quorum_bound = !error;
    if (quorum_bound) error = election_links_->listen();
    if (!error) break;
    const std::string text = bind_failed(quorum_bound ? "election" : "quorum",
                                         quorum_bound ? election_address : quorum_address, error);
    const std::int64_t limit = config_.ensemble.election_port_bind_retry;
    if (limit > 0 && tries >= limit) {
      fail(kExitQuorumPort, text);
      return false;
    }
    // A name may not resolve yet (hazard R22). Nothing runs here that this could hold up.
    log::warn(text + " retry=1s");
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  member_files_ = std::make_unique<MemberFiles>(
      files_, member_files_options(config_),
      [this](char severity, const std::string& text) { note(severity, text); });
  links_ = std::make_unique<SocketLinks>(
      *peer_links_, *election_links_,
      [this](const consensus::Membership& members) { on_members(members); });
  return true;
}

void App::on_members(const consensus::Membership& members) {
  if (peer_tls_) peer_tls_->set_ensemble(consensus::Ensemble(known_members(members)));
  keep_members();
}

/// A config that has been heard of in an election only steers whom to ask (hazard R40): files and
/// the port for clients go by it once this server serves under it.
void App::keep_members() {
  if (!member_files_ || !replica_->peer().serving()) return;
  const consensus::Membership& members = replica_->peer().membership();
  member_files_->show(members);
  const consensus::Member* self = members.current().find(config_.ensemble.self);
  if (self == nullptr || self->client_address == client_line_) return;
  client_line_ = self->client_address;
  const auto address = consensus::parse_host_port(self->client_address);
  if (!address || !config_.ensemble.reconfig_enabled) return;
  move_client_port(address->host, address->port);
}

/// Clients that are connected stay.
void App::move_client_port(const std::string& host, std::uint16_t port) {
  // The configuration itself stays as it was read: other threads look at it.
  const std::string& address = client_port_ ? client_port_->host : config_.client.address;
  const std::int64_t number = client_port_ ? client_port_->port : config_.client.port;
  const bool same_host = address == host || (address.empty() && host == "0.0.0.0");
  if (number == port && same_host) return;
  const std::string where = address_of(host, port);
  if (const ErrorCode error = clients_->move_to(host, port)) {
    return note('E', "client-port-not-moved address=" + where + " error=\"" + error.message() +
                         "\" remedy=\"make the address free, then restart this server\"");
  }
  client_port_ = consensus::HostPort{host, port};
  note('I', "client-port-moved address=" + where);
}

bool App::lock_data() {
  const StorageConfig& storage = config_.storage;
  for (const std::string& folder : {storage.data_dir, storage.data_log_dir}) {
    std::error_code ignored;
    if (storage.create_folders || std::filesystem::is_directory(folder, ignored)) continue;
    fail(kExitDataDir, "data-folder-missing folder=" + folder +
                           " remedy=\"mount the disk or make the folder; datadir.autocreate=true "
                           "makes it\"");
    return false;
  }
  if (const auto why = lock_folders(data_locks_, storage.data_dir, storage.data_log_dir)) {
    fail(kExitDataDir, "data-locked " + *why);
    return false;
  }
  return true;
}

bool App::recover() {
  Recovered recovered;
  StorageFault fault;
  StorageOptions options = storage_options(config_);
  options.nonce_seed = fresh_seed();
  const std::int64_t begin_ms = now_ms();
  auto worker = DiskWorker::open(files_, open_leveldb_tree_store(), options, recovered, fault);
  if (!worker) {
    fail(fault.exit_code, "storage " + fault.what);
    return false;
  }
  if (!fault.what.empty()) log::warn("storage " + fault.what);
  // The marker has done its duty: a later start without data must not take it for permission.
  for (const std::string& marker : config_.storage.initialize_markers) files_.remove(marker);
  // What reading the checkpoint took beside the tree goes back to the system.
  if (surroundings_.own_process) ::malloc_trim(0);
  log::info("recovered zxid=" + to_string(recovered.durable.checkpoint) +
            " log-records=" + std::to_string(recovered.durable.records.size()) +
            " nodes=" + std::to_string(recovered.tree.node_count()) +
            " epoch=" + std::to_string(recovered.durable.current_epoch) +
            " blank=" + (recovered.durable.blank ? "true" : "false") +
            " ms=" + std::to_string(now_ms() - begin_ms));
  startup_.ms.add(now_ms() - begin_ms);
  startup_.txns.add(static_cast<std::int64_t>(recovered.durable.records.size()));
  disk_ = std::make_unique<DiskThread>(
      std::move(worker), [this](Mailbox::Letter letter) { mailbox_.put(std::move(letter)); },
      disk_thread_options(config_));
  const Ports ports{*disk_, *links_, *clients_, *this, events_, sasl_.get()};
  replica_ = std::make_unique<Replica>(replica_options(config_), std::move(recovered), ports,
                                       Random(fresh_seed()));
  return true;
}

void App::start() {
  if (surroundings_.own_process) {
    await_signal();
    await_hangup();
  }
  if (peer_links_) peer_links_->start();
  if (election_links_) election_links_->start();
  clients_->start();
  tick_.expires_after(milliseconds(0));
  arm_tick();
  std::string ports = "listening client=" + address_of(config_.client.address, clients_->port());
  if (peer_links_) {
    ports += " quorum=" + std::to_string(peer_links_->port()) +
             " election=" + std::to_string(election_links_->port()) +
             (!peer_tls_                          ? ""
              : config_.ensemble.port_unification ? " tls=accepted"
                                                  : " tls=only");
  }
  log::info(ports + " id=" + to_string(config_.ensemble.self) +
            " dataDir=" + config_.storage.data_dir);
  start_http();
  audit("serverStart", "success");
}

void App::start_http() {
  http_ = std::make_unique<HttpServer>(
      config_,
      [this](std::function<void(AdminSource&)> job) {
        asio::post(io_, [this, job = std::move(job)] { job(*this); });
      },
      [this](bool keep) { return open_snapshot_file(files_, config_.storage.data_dir, keep); },
      [this] {
        return open_received_snapshot(files_, config_.storage.data_dir,
                                      replica_options(config_).peer.max_field);
      });
  http_->start();
}

void App::run_loop() {
  while (io_.run_one() != 0 && !abandoned_) {
    if (disk_->holds_group()) write_held_group();
  }
}

/// A group that one turn of the loop has made is written by the loop itself once nothing else is
/// ready: whoever waits, waits for this group, and two hops between threads are saved. What becomes
/// ready meanwhile joins it; a loop that stays busy leaves it to the disk's thread.
void App::write_held_group() {
  for (int turns = 0; disk_->holds_group(); ++turns) {
    if (turns == kTurnsBeforeHandOver) return disk_->hand_over();
    if (io_.poll_one() != 0 || !mailbox_.empty()) continue;
    if (const auto written = disk_->write_held()) {
      replica_->on_synced(*written);
      pump();
      turns = 0;
    }
  }
}

void App::arm_tick() {
  tick_.async_wait([this](const ErrorCode& error) {
    if (error || !replica_) return;
    const std::int64_t now = now_ms();
    if (now >= next_sweep_ms_) {
      next_sweep_ms_ = now + kSweepMs;
      clients_->sweep(now);
      if (peer_tls_) peer_tls_->sweep();
      if (peer_links_) peer_links_->sweep(now);
      if (election_links_) election_links_->sweep(now);
      keep_members();
    }
    replica_->on_tick();
    pump();
    tell_serving();
    // From the last expiry, not from now: the rate does not drift. After a long pause the missed
    // ticks are not made up for.
    const milliseconds period(consensus::kTickPeriodMs);
    const auto next = tick_.expiry() + period;
    const auto here = std::chrono::steady_clock::now();
    tick_.expires_at(next > here ? next : here + period);
    arm_tick();
  });
}

void App::tell_serving() {
  if (!surroundings_.on_serving || !replica_->peer().serving()) return;
  std::exchange(surroundings_.on_serving, nullptr)();
}

// ---- Sessions
// ------------------------------------------------------------------------------------

void App::expire_session(SessionId session, std::function<void(bool found)> done) {
  asio::post(io_, [this, session, done = std::move(done)]() mutable {
    expire_now(session, /*found=*/false, std::move(done));
  });
}

/// Looks again until the session is gone: its closing is a txn like any other.
void App::expire_now(SessionId session, bool found, std::function<void(bool found)> done) {
  if (!replica_->tree().sessions().find(session)) return done(found);
  replica_->expire_session(session);
  pump();
  auto again = std::make_shared<asio::steady_timer>(io_, milliseconds(1));
  again->async_wait([this, again, session, done = std::move(done)](const ErrorCode&) mutable {
    expire_now(session, /*found=*/true, std::move(done));
  });
}

// ---- Stop
// ----------------------------------------------------------------------------------------

void App::stop_soon() {
  asio::post(io_, [this] { begin_stop(0); });
}

void App::abandon() {
  asio::post(io_, [this] {
    abandoned_ = true;
    io_.stop();
  });
}

void App::await_signal() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this](const ErrorCode& error, int signal) {
    if (!error) begin_stop(signal);
  });
}

/// SIGHUP: keys and certificates again.
void App::await_hangup() {
  hangup_.add(SIGHUP);
  hangup_.async_wait([this](const ErrorCode& error, int) {
    if (error) return;
    log::info("reloading signal=SIGHUP");
    clients_->reload_tls();
    if (peer_tls_) peer_tls_->reload();
    await_hangup();
  });
}

/// Takes no more requests, and gives those under way a moment to be answered.
void App::begin_stop(int signal) {
  log::info("stopping signal=" + std::to_string(signal));
  audit("serverStop", "invoked");
  if (surroundings_.own_process) {
    // A second signal, or the alarm, ends the process at once.
    signals_.clear();
    ::alarm(kStopLimitSeconds);
  }
  clients_->stop_accepting();
  clients_->stop_reading();
  await_answers(now_ms() + kAnswersLimitMs);
}

void App::await_answers(std::int64_t until_ms) {
  if (replica_->status().outstanding == 0 || now_ms() >= until_ms) return stop();
  stopping_.expires_after(milliseconds(kAnswersStepMs));
  stopping_.async_wait([this, until_ms](const ErrorCode&) { await_answers(until_ms); });
}

void App::stop() {
  if (http_) http_->stop();
  tick_.cancel();
  replica_->stop();
  clients_->close_all();
  clients_->finish();
  if (election_links_) election_links_->stop();
  if (peer_links_) peer_links_->stop();
  // Writes all that is queued, the last checkpoint included.
  disk_->stop();
  io_.stop();
}

// ---- Inbox: on to the replica
// --------------------------------------------------------------------

std::optional<std::string> App::on_four_letter_word(std::string_view word) {
  return answer_four_letter_word(word, config_, *this);
}

void App::on_client_open(ConnectionId connection, ClientOrigin origin) {
  replica_->on_client_open(connection, std::move(origin));
}
bool App::on_client_frame(ConnectionId connection, ByteView frame) {
  return replica_->on_client_frame(connection, frame);
}
void App::on_client_closed(ConnectionId connection) {
  replica_->on_client_closed(connection);
}
void App::on_notification(ServerId from, consensus::Notification notification) {
  replica_->on_notification(from, std::move(notification));
}
void App::on_election_link(ServerId peer, bool reachable) {
  replica_->on_election_link(peer, reachable);
}
void App::on_link_up(LinkId link, std::optional<ServerId> opened_to) {
  replica_->on_link_up(link, opened_to);
}
void App::on_link_bytes(LinkId link, ByteView bytes) {
  replica_->on_link_bytes(link, bytes);
}
void App::on_link_down(LinkId link) {
  replica_->on_link_down(link);
}
void App::pump() {
  replica_->pump();
  tell_on();
}

/// Slices take turns with whatever else is ready.
void App::tell_on() {
  if (telling_ || !replica_->has_more()) return;
  telling_ = true;
  asio::post(io_, [this] {
    telling_ = false;
    if (!replica_) return;
    replica_->pump_more();
    tell_on();
  });
}
void App::note(char severity, const std::string& text) {
  events_.note(severity, text);
}

// ---- AdminSource and Clock
// -----------------------------------------------------------------------

AdminFacts App::facts(unsigned wants) {
  AdminFacts out;
  out.status = replica_->status();
  out.status.slow_syncs = disk_->sync_times().slow;
  out.client_port = client_port_;
  if (!config_.ensemble.standalone) out.ensemble = replica_->peer().membership().current();
  out.connection_count = clients_->count();
  out.trace_mask = trace_mask_;
  if ((wants & kMetrics) != 0) {
    auto metrics = std::make_shared<ServerMetrics>();
    metrics->replica = replica_->metrics();
    metrics->startup = startup_;
    metrics->connections_rejected = clients_->rejected() - rejected_before_;
    metrics->failed_handshakes = clients_->failed_handshakes() - handshakes_before_;
    metrics->fsync_us = disk_->sync_summary();
    metrics->commands = command_counts_;
    out.metrics = std::move(metrics);
    out.quotas = znode::quota_usage(replica_->tree());
    out.quota_refusals = replica_->quota_refusals();
  }
  if ((wants & kConnections) != 0) out.connections = replica_->connection_list();
  if ((wants & kSessions) != 0) {
    out.sessions = replica_->session_list();
    out.ephemerals = replica_->ephemerals();
  }
  if ((wants & kWatchSummary) != 0) out.watch_summary = replica_->watch_summary();
  if ((wants & kWatches) != 0) out.watches = replica_->watches_by_session();
  if ((wants & kDigests) != 0) out.digests = replica_->digests();
  return out;
}
void App::reset_statistics() {
  replica_->reset_statistics();
  disk_->reset_sync_times();
  startup_ = {};
  command_counts_ = {};
  rejected_before_ = clients_->rejected();
  handshakes_before_ = clients_->failed_handshakes();
}
void App::reset_connection_statistics() {
  replica_->reset_connection_statistics();
}

Admission App::admit(const AdminCaller& caller) {
  return admission_of(caller, replica_options(config_).auth, config_.skip_acl, replica_->tree());
}
bool App::copy_tree(std::shared_ptr<TreeSink> sink) {
  const bool begun = replica_->copy_tree(std::move(sink));
  if (begun) pump();
  return begun;
}

void App::restore(TreeToRestore given) {
  replica_->restore(std::move(given));
  pump();
}

std::int64_t App::now_ms() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

std::int64_t App::wall_ms() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

}  // namespace quorate::server
