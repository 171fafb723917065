// The only place that knows all parts: builds them in order, runs the event loop, stops them in
// reverse order.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consensus/member_text.h"
#include "server/admin/four_letter.h"
#include "server/admin/http_server.h"
#include "server/app/event_log.h"
#include "server/app/mailbox.h"
#include "server/app/member_files.h"
#include "server/config/config.h"
#include "server/net/clients.h"
#include "server/net/inbox.h"
#include "server/net/links.h"
#include "server/net/peer_tls.h"
#include "server/replica/replica.h"
#include "server/storage/real/data_lock.h"
#include "server/storage/real/disk_thread.h"
#include "server/storage/real/posix_files.h"

namespace quorate::server {

/// Exit codes of the program (configuration.md section 1).
inline constexpr int kExitOk = 0;
inline constexpr int kExitUnexpected = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitDataDir = 3;
inline constexpr int kExitQuorumPort = 14;

/// What there is around a server.
struct Surroundings {
  Surroundings() {}

  /// The process is the server's own: signals steer it, free memory goes back to the system, and an
  /// end that takes too long is cut short. False: nothing of the process is touched, and
  /// stop_soon() ends the server.
  bool own_process = true;
  /// Called once on the event loop, when clients are served.
  std::function<void()> on_serving;
};

/// One server from start to stop. Owned by the thread that runs it, which becomes the event loop:
/// in the program the main thread. A process may have several.
class App : private Inbox, private AdminSource, private Clock {
 public:
  explicit App(Config config, Surroundings surroundings = {});
  ~App() override;

  /// Until SIGTERM, SIGINT or stop_soon(), or a part cannot start. Returns the exit code of the
  /// program; what went wrong is in the log.
  int run();
  /// Why run() returned another code than kExitOk.
  const std::string& failure() const { return failure_; }

  // ---- Any thread, while run() has not returned
  // --------------------------------------------------
  void stop_soon();
  /// As if the process were killed: connections break, nobody gets an answer any more, what is
  /// queued for the disk is not written.
  void abandon();
  /// Ends a session as if its time were up. `done` is called on the event loop when it is gone:
  /// false when there was none.
  void expire_session(SessionId session, std::function<void(bool found)> done);

 private:
  // ---- Start and stop --------------------------------------------------------------------------
  bool lock_data();
  bool bind_ports();
  bool open_sasl();
  bool open_quorum_sasl();
  bool bind_server_ports();
  bool load_quorum_tls();
  bool recover();
  void on_members(const consensus::Membership& members);
  void keep_members();
  void move_client_port(const std::string& host, std::uint16_t port);
  void start();
  void start_http();
  void run_loop();
  void write_held_group();
  void await_signal();
  void arm_tick();
  void tell_on();
  void await_hangup();
  void begin_stop(int signal);
  void await_answers(std::int64_t until_ms);
  void stop();
  int fail(int exit_code, const std::string& text);
  void tell_serving();
  void expire_now(SessionId session, bool found, std::function<void(bool found)> done);
  void audit(const char* operation, const char* result);

  // ---- Inbox -----------------------------------------------------------------------------------
  std::optional<std::string> on_four_letter_word(std::string_view word) override;
  void on_client_open(ConnectionId connection, ClientOrigin origin) override;
  bool on_client_frame(ConnectionId connection, ByteView frame) override;
  void on_client_closed(ConnectionId connection) override;
  void on_notification(ServerId from, consensus::Notification notification) override;
  void on_election_link(ServerId peer, bool reachable) override;
  void on_link_up(LinkId link, std::optional<ServerId> opened_to) override;
  void on_link_bytes(LinkId link, ByteView bytes) override;
  void on_link_down(LinkId link) override;
  void pump() override;
  void note(char severity, const std::string& text) override;

  // ---- AdminSource -----------------------------------------------------------------------------
  AdminFacts facts(unsigned wants) override;
  void reset_statistics() override;
  void reset_connection_statistics() override;
  void set_trace_mask(std::int64_t mask) override { trace_mask_ = mask; }
  Admission admit(const AdminCaller& caller) override;
  bool copy_tree(std::shared_ptr<TreeSink> sink) override;
  void restore(TreeToRestore given) override;
  CommandCounts& command_counts() override { return command_counts_; }

  // ---- Clock -----------------------------------------------------------------------------------
  std::int64_t now_ms() const override;
  std::int64_t wall_ms() const override;

  Config config_;
  Surroundings surroundings_;
  int exit_code_ = kExitOk;
  std::string failure_;
  bool abandoned_ = false;
  std::deque<DataLock> data_locks_;
  EventLog events_;
  PosixFiles files_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  boost::asio::signal_set hangup_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer stopping_;  ///< Between the signal and the end.
  std::int64_t next_sweep_ms_ = 0;
  std::int64_t trace_mask_ = kDefaultTraceMask;
  StartupTimes startup_;
  CommandCounts command_counts_;
  std::uint64_t rejected_before_ = 0, handshakes_before_ = 0;  ///< srst.
  std::optional<consensus::HostPort> client_port_;  ///< Where a reconfig has moved it to.
  std::string client_line_;                         ///< What the config said of it last.
  bool telling_ = false;  ///< A turn for Replica::pump_more() is on its way.
  Mailbox mailbox_;
  // In the order of building; destroyed in reverse. The replica's ports outlive it.
  std::unique_ptr<SocketClients> clients_;
  std::unique_ptr<PeerTls> peer_tls_;              ///< Only when servers speak TLS.
  std::unique_ptr<SaslLogin> servers_login_;       ///< Only when servers may log in by SASL.
  std::unique_ptr<SaslLogin> servers_account_;     ///< Only when this one logs in to others.
  std::unique_ptr<PeerLinks> peer_links_;          ///< Not when standalone.
  std::unique_ptr<ElectionLinks> election_links_;  ///< Not when standalone.
  std::unique_ptr<MemberFiles> member_files_;      ///< Not when standalone.
  std::unique_ptr<Links> links_;
  std::unique_ptr<SaslLogin> sasl_;  ///< Only when clients may log in by SASL.
  std::unique_ptr<DiskThread> disk_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace quorate::server
