// Driver of one SessionCore: one strand, one link, one timer. Never blocks.
#pragma once

#include <atomic>
#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client-lib/src/balance.h"
#include "client-lib/src/host_list.h"
#include "client-lib/src/runtime.h"
#include "client-lib/src/session_core.h"
#include "quorate/client.h"
#include "quorate/options.h"

namespace quorate::client {

class EnsembleFollower;

/// Somebody to be told something, in two steps, both on the strand: answer() keeps what came while
/// the bytes are there, deliver() calls the user when the state machine is at rest.
class PendingCall {
 public:
  virtual ~PendingCall() = default;
  virtual void answer(ErrorCode error, ByteView body, const std::string& chroot) = 0;
  /// Runs the handler on its executor, `home` being the strand. Once, after answer().
  virtual void deliver(const asio::any_completion_executor& home) = 0;

  WatchId watch = 0;  ///< Whose watch the request asks for.
};

/// One request on its way into the core.
struct Submission {
  CoreRequest request;
  std::shared_ptr<WatchSink> sink;  ///< Of the watch in `request`.
  std::unique_ptr<PendingCall> call;
  ErrorCode fault;                    ///< What is wrong with it already: not sent then.
  std::shared_ptr<RequestId> ticket;  ///< Receives the id by which cancel() finds the request.
};

/// Owned by its strand; the public functions may be called from any thread and post to it. Keeps
/// itself alive while its socket, timer or resolver has work.
class Connection : public LinkListener, public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::any_io_executor executor, ConnectOptions options);
  ~Connection() override;

  const asio::strand<asio::any_io_executor>& strand() const { return strand_; }
  SessionState state() const { return state_.load(); }
  SessionId session_id() const { return {session_id_.load()}; }
  const std::string& chroot() const { return servers_.chroot; }
  /// The connect string in use.
  std::string servers() const;

  void connect(Client::ConnectHandler handler);
  void close(Client::DoneHandler handler);
  /// The client is gone.
  void abandon();
  /// Ends without farewell.
  void abandon_session();
  void update_servers(std::string connect_string, Client::DoneHandler handler);
  /// Gives up, if the first connection does not stand yet.
  void abandon_connect();

  void submit(Submission submission);
  void cancel(std::shared_ptr<RequestId> ticket);

  void add_listener(std::uint64_t id, std::function<void(const SessionEvent&)> listener);
  void remove_listener(std::uint64_t id);
  /// Tells `told` once on the strand, when close() begins, before the farewell leaves: from then on
  /// the servers may end the session at any moment. Goes with the listener `id`.
  void when_closing(std::uint64_t id, std::function<void()> told);
  std::uint64_t next_listener_id() { return next_listener_id_++; }

  const ConnectOptions& options() const { return options_; }
  const std::shared_ptr<Runtime>& runtime() const { return runtime_; }

  // ---- For EnsembleFollower, on the strand
  Random& random() { return random_; }
  const std::vector<Host>& hosts() const { return servers_.hosts; }
  const std::vector<Host>& named_hosts() const { return named_hosts_; }
  /// Where the session is; by its name in `known` when that has one.
  std::optional<Host> present_host(const std::vector<Host>& known) const;
  std::shared_ptr<Link> make_link(const Host& host);
  /// Other hosts from now on, before those that the user named.
  void use_hosts(std::vector<Host> hosts, Move move);

 private:
  class Probe;

  /// The sink of one or more watches, and the requests on their way that ask for more.
  struct Taker {
    std::shared_ptr<WatchSink> sink;
    std::size_t asking = 0;
  };

  std::int64_t now_ms() const;
  void admit(Submission& submission);
  void take_inbox();
  void schedule_turn();
  void turn();
  void pump();
  void deliver_ready();
  WatchId taker_id(const std::shared_ptr<WatchSink>& sink);
  void drop_taker(WatchId id);
  void tell(WatchId id, const WatchEvent& event);
  void handle(ConnectTo& wish);
  void handle(Disconnect& wish);
  void handle(Completed& reply);
  void handle(WatchFired& fired);
  void handle(WatchesRemoved& removed);
  void handle(ProbeWritable& wish);
  void handle(SessionChanged& change);

  void on_open(Link& link, ErrorCode error) override;
  void on_bytes(Link& link, ErrorCode error, ByteView bytes) override;
  void on_written(Link& link, ErrorCode error) override;
  void probe_ended(const Link& link, std::size_t host, std::optional<bool> writable);
  const Host& host_at(std::size_t index) const;
  void publish_servers();
  void link_failed(Link& link, ErrorCode reason);
  ErrorCode reason_of(Link& link, const ErrorCode& error) const;
  void write_some();
  void arm_timer();
  void note_failure(const Host& host, ErrorCode reason);
  bool failed_before(const Host& host) const;
  void finish_connect(ErrorCode error);
  void end_all_watches(SessionState state);

  asio::strand<asio::any_io_executor> strand_;
  ConnectOptions options_;
  const std::shared_ptr<Runtime> runtime_;
  Random random_;
  ConnectString servers_;
  std::vector<Host> named_hosts_;  ///< By the user.
  std::vector<Host> spare_hosts_;  ///< Those of them that servers_ has not; numbered behind.
  TlsContext tls_;
  ErrorCode bad_options_;

  // Read from any thread; written on the strand. Single words, so no order needs arguing.
  std::atomic<SessionState> state_{SessionState::Connecting};
  std::atomic<std::int64_t> session_id_{0};
  std::atomic<std::uint64_t> next_listener_id_{1};

  mutable std::mutex servers_mutex_;  ///< Any thread may ask; changes are rare.
  std::string servers_text_;

  std::optional<SessionCore> core_;
  std::shared_ptr<EnsembleFollower> follower_;  ///< While the session lives, when it was asked for.
  bool started_ = false;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Link> probe_;  ///< Looks for a writable server.
  const std::unique_ptr<Timer> timer_;
  std::int64_t timer_at_ms_ = SessionCore::kNever;
  const std::unique_ptr<Timer> connect_timer_;
  Client::ConnectHandler connect_handler_;
  std::vector<Client::DoneHandler> close_handlers_;
  std::vector<ConnectReport::Failure> failures_;  ///< In order of first trial.

  /// Requests in the core by id, the first being first_call_; ids ascend and mostly end in order.
  std::deque<std::unique_ptr<PendingCall>> calls_;
  RequestId first_call_ = 1;
  std::vector<std::unique_ptr<PendingCall>> ready_;  ///< To be delivered, in this order.
  bool in_turn_ = false;
  bool turn_posted_ = false;
  asio::any_completion_executor home_;  ///< The strand, wrapped once instead of per call.

  /// From threads other than the strand's. A mutex and not a post per request: posts cost more than
  /// requests when many come at once.
  std::mutex inbox_mutex_;
  std::vector<Submission> inbox_;
  bool inbox_posted_ = false;
  std::vector<Submission> taking_;

  WatchId next_watch_id_ = 1;
  std::unordered_map<WatchId, Taker> takers_;
  std::unordered_map<const WatchSink*, WatchId> taker_ids_;
  std::vector<WatchId> idle_takers_;  ///< May have nothing left to hear; looked at after a batch.
  std::map<std::uint64_t, std::function<void(const SessionEvent&)>> listeners_;
  std::map<std::uint64_t, std::function<void()>> when_closing_;
  bool closing_ = false;
};

}  // namespace quorate::client
