// The client's side of a session as a pure state machine: bytes and ticks in, bytes and events out.
//
// No socket, no clock, no thread, no Asio. Whoever drives it (connection.cc on Asio, the simulator
// on its virtual network) follows this loop after *every* call that may change something:
//
//     for (CoreEvent& event : core.take_events()) handle(event);   // in order, see below
//     Bytes out = core.take_output();                              // write to the current link
//
// Times are milliseconds of any monotonic clock, handed in with each call; they must not go back.
// Call tick() no later than next_deadline_ms(); calling it more often does no harm.
//
// Life of a link: the core asks with ConnectTo{host}; the driver answers link_up() or link_down().
// While a link is up, the driver feeds bytes() and ends it with link_down() when the peer closed.
// After Disconnect (asked for by the core) the driver drops the link *without* calling link_down()
// and discards what still arrives on it. At most one link exists at any time.
//
// Promises:
//  - requests are sent, and completed, in the order of submit(); each id completes exactly once;
//  - an event that the server sent before a reply is reported before that reply is;
//  - a request given to a link that then broke completes with ConnectionLoss (it may or may not
//    have been carried out); one that waited for a link is sent on the next one of the session;
//  - the state is Suspended two thirds of the session timeout after the sending of the latest
//    request, ping or handshake that has been answered, at the latest: from then on a server may
//    count the session as expired without our knowing. An answer that was long on its way proves no
//    more than that. The link stays as long as bytes come; the next answer in time ends the doubt
//    (Reconnected);
//  - after SessionChanged to a final state everything has completed and nothing more comes.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "client-lib/src/sasl_login.h"
#include "client-lib/src/watches.h"
#include "quorate/types.h"
#include "znode/proto/frame.h"
#include "znode/proto/op_code.h"
#include "znode/proto/records.h"

namespace quorate::client {

using RequestId = std::uint64_t;

struct CoreOptions {
  std::size_t hosts = 1;  ///< Hosts are numbered 0..hosts-1; order is shuffled.
  std::int32_t session_timeout_ms = 30'000;
  std::size_t pending_max = 100'000;
  std::size_t pending_bytes_max = 64u << 20;
  std::int32_t request_bytes_max = kDefaultMaxBuffer;
  std::int32_t reply_bytes_max = 64 << 20;
  std::size_t set_watches_bytes_max = 128u << 10;  ///< Per SetWatches2 request (spec: pitfall 36).
  std::int64_t backoff_first_ms = 50;  ///< Pause after all hosts failed once; doubles, jittered.
  std::int64_t backoff_max_ms = 1'000;
  bool read_only = false;             ///< A server without a quorum will do.
  std::int64_t probe_first_ms = 100;  ///< Until a writable server is looked for; doubles.
  std::int64_t probe_max_ms = 10'000;
  std::size_t identities_max = 256;  ///< Auth packets kept.
  SaslOptions sasl;                  ///< Whom to log in, on each link.
  std::int64_t farewell_ms = 3'000;  ///< How long close() waits for a word from the server.
};

/// Wish to be told of what happens to a path. Takes effect when the reply says so.
struct WatchRequest {
  WatchId id = 0;
  std::string path;        ///< As on the wire, with chroot.
  bool recursive = false;  ///< addWatch only.
};

/// Wish not to be told any more. Takes effect when the server has agreed, or anyway if `local`.
struct WatchRemoval {
  WatchType type = WatchType::Any;
  std::string path;  ///< As on the wire, with chroot.
  WatchId only = 0;  ///< Whose watches; 0 means everybody's.
  bool local = false;
};

using WatchWork = std::variant<std::monostate, WatchRequest, WatchRemoval>;

/// One operation: its code and its encoded record, without header. An Auth packet is kept, and sent
/// again on each new link before anything else.
struct CoreRequest {
  OpCode op = OpCode::Notification;
  Bytes body;
  /// WatchRequest: exists, getData, getChildren, getChildren2, addWatch. WatchRemoval:
  /// removeWatches (sent as checkWatches when others keep the server's watch).
  WatchWork watch;
  std::int64_t timeout_ms = 0;  ///< From submit() to reply; 0 means none.
};

struct ConnectTo {
  std::size_t host = 0;
};
struct Disconnect {
  ErrorCode why;
};
/// The answer to one submit(). `body` is the response record; empty with an error.
struct Completed {
  RequestId id = 0;
  ErrorCode error;
  Zxid zxid;
  Bytes body;
};
/// One event from the server for these takers; one-shot watches are spent now.
struct WatchFired {
  WatcherEvent event;
  Zxid zxid;
  std::vector<WatchId> watches;
};
/// Watches that were taken back.
struct WatchesRemoved {
  std::string path;
  std::vector<RemovedWatch> watches;
};
/// The link is to a server without a quorum: ask this host whether it is writable ("isro" answers
/// "rw"); the answer goes to probed().
struct ProbeWritable {
  std::size_t host = 0;
};
struct SessionChanged {
  SessionState state = SessionState::Connecting;
};
using CoreEvent = std::variant<ConnectTo, Disconnect, Completed, WatchFired, WatchesRemoved,
                               ProbeWritable, SessionChanged>;

class SessionCore {
 public:
  SessionCore(CoreOptions options, std::uint64_t seed);

  /// Begins to look for a server. Once.
  void start(std::int64_t now_ms);

  /// Takes one request, in any state. The answer is a Completed event, also for refusals:
  /// QueueFull, RequestTooLarge, Closed, SessionExpired.
  RequestId submit(std::int64_t now_ms, CoreRequest request);

  /// Completes the request with operation_canceled. What was sent is not taken back.
  void cancel(RequestId id);

  /// Ends the session: what was submitted before is still sent, then closeSession. With no link up,
  /// ends at once and leaves the session to expire on the server; so it does when a server has said
  /// nothing for CoreOptions::farewell_ms. SessionChanged{Closed} follows.
  void close(std::int64_t now_ms);

  /// As close() without saying farewell to the server: the session is left to expire there.
  void abandon(ErrorCode why);

  /// Other hosts from now on: `order` holds their numbers in the order to try. With `leave`, the
  /// link is given up for one of them; else they count from its end on. `spares` are tried, in
  /// their order, when a round of all the others was in vain.
  void set_hosts(std::int64_t now_ms, std::vector<std::size_t> order, bool leave,
                 std::vector<std::size_t> spares = {});

  /// The answer to ProbeWritable.
  void probed(std::int64_t now_ms, std::size_t host, bool writable);

  void link_up(std::int64_t now_ms);
  void link_down(std::int64_t now_ms);
  void bytes(std::int64_t now_ms, ByteView input);
  void tick(std::int64_t now_ms);

  /// When tick() is due; kNever when nothing is.
  std::int64_t next_deadline_ms() const;
  static constexpr std::int64_t kNever = INT64_MAX;

  std::vector<CoreEvent> take_events();
  bool has_output() const { return !output_.empty(); }
  Bytes take_output();

  SessionState state() const { return state_; }
  /// Connected, but not let in yet.
  bool in_handshake() const { return link_ == Link::Handshake; }
  /// There is a link, and the session goes over it.
  bool linked() const { return link_ == Link::Up; }
  SessionId session_id() const { return session_id_; }
  std::int32_t negotiated_timeout_ms() const { return timeout_ms_; }
  Zxid last_zxid_seen() const { return last_zxid_; }
  std::size_t pending() const { return queued_.size() + in_flight_.size() + auth_waits_.size(); }
  std::size_t watches() const { return watches_.size(); }
  /// Whether this taker still holds a watch.
  bool watched_by(WatchId id) const { return watches_.refers(id); }

 private:
  /// Waiting: between links. Opening: ConnectTo asked. Handshake: ConnectRequest sent, or a login
  /// under way. Up: serving.
  enum class Link { Idle, Waiting, Opening, Handshake, Up };

  struct Entry {
    RequestId id = 0;
    OpCode op = OpCode::Notification;
    Bytes body;            ///< Released once sent.
    std::size_t cost = 0;  ///< What it counts against pending_bytes_max.
    WatchWork watch;
    std::int32_t xid = 0;  ///< Given when sent.
    std::int64_t sent_ms = 0;
    std::int64_t deadline_ms = kNever;
    bool answered = false;  ///< Timed out or cancelled: its place in the order is kept, no more.
  };

  /// Somebody who waits to hear that an identity was accepted.
  struct AuthWait {
    RequestId id = 0;
    std::size_t identity = 0;
    std::int64_t deadline_ms = kNever;
  };

  ErrorCode refusal(const CoreRequest& request) const;
  void submit_auth(std::int64_t now_ms, RequestId id, CoreRequest request);
  void send_auth(std::size_t identity);
  void end_auth_waits(std::optional<std::size_t> identity, ErrorCode error);
  bool answer_auth(RequestId id, ErrorCode error);
  void connect_next(std::int64_t now_ms);
  void drop_link(std::int64_t now_ms, ErrorCode why);
  void lose_link(std::int64_t now_ms);
  void retry(std::int64_t now_ms, bool lived);
  bool on_spare() const { return failures_in_round_ >= order_.size(); }
  void finish(SessionState state, ErrorCode why);

  void on_frame(std::int64_t now_ms, ByteView frame);
  void on_handshake(std::int64_t now_ms, ByteView frame);
  void send_token(std::string token);
  void on_login(std::int64_t now_ms, ByteView frame);
  void go_up(std::int64_t now_ms);
  void on_reply(std::int64_t now_ms, const ReplyHeader& header, ByteView body);
  void on_event(std::int64_t now_ms, const ReplyHeader& header, ByteView body);
  void on_auth(std::int64_t now_ms, const ReplyHeader& header);
  void take_watch(const Entry& entry, Code err);
  void take_back(const WatchRemoval& removal);
  void probe(std::int64_t now_ms);

  void send_handshake();
  void send_ping();
  void restore_watches();
  void enter(SessionState state);
  void send(Entry entry);
  void flush_queue();
  void complete(Entry& entry, ErrorCode error, Zxid zxid = {}, ByteView body = {});
  void expire_operations(std::int64_t now_ms);
  void prove(std::int64_t sent_ms);
  void doubt(std::int64_t now_ms);
  bool sure() const { return link_ == Link::Up && !doubted_ && !closing_; }
  Entry* find(RequestId id);
  void see(Zxid zxid);
  std::int64_t farewell_deadline_ms() const;

  CoreOptions options_;
  Random random_;
  std::vector<std::size_t> order_;  ///< Shuffled host numbers.
  std::vector<std::size_t> spares_;
  std::size_t next_host_ = 0;          ///< Index into order_.
  std::size_t failures_in_round_ = 0;  ///< Of order_; from its size on, of spares_.
  std::int64_t backoff_ms_ = 0;

  SessionState state_ = SessionState::Connecting;
  Link link_ = Link::Idle;
  bool closing_ = false;
  std::int64_t closing_since_ms_ = 0;
  SessionId session_id_;
  std::string password_;
  std::int32_t timeout_ms_;  ///< Wanted before, negotiated after the first handshake.
  Zxid last_zxid_;
  std::size_t restoring_ = 0;  ///< SetWatches2 requests whose reply is still out.

  std::int64_t now_ms_ = 0;  ///< Of the latest call; only to stamp what is sent.
  std::int64_t retry_at_ms_ = kNever;
  std::int64_t link_deadline_ms_ = kNever;  ///< Connect and handshake must be done by then.
  std::int64_t last_sent_ms_ = 0;
  std::int64_t last_heard_ms_ = 0;
  std::int64_t up_since_ms_ = 0;
  std::int64_t proven_ms_ = 0;         ///< When what has been answered was sent, at the latest.
  std::deque<std::int64_t> pings_;     ///< When those were sent whose answer is out.
  bool doubted_ = false;               ///< Suspended although the link is up.
  bool read_only_ = false;             ///< The link is to a server without a quorum.
  bool was_connected_ = false;         ///< And has been told so.
  std::optional<SaslExchange> login_;  ///< Under way on this link.
  std::int32_t login_xid_ = 0;         ///< Of its last request.

  bool moving_ = false;         ///< The next link is to order_[next_host_] itself.
  bool seen_writable_ = false;  ///< The session is one of the ensemble, not of a read-only server.
  std::size_t probe_next_ = 0;  ///< Index into order_.
  std::int64_t probe_at_ms_ = kNever;
  std::int64_t probe_pause_ms_ = 0;

  FrameReader frames_;
  Bytes output_;
  std::vector<CoreEvent> events_;
  WatchBook watches_;

  RequestId next_id_ = 1;
  std::int32_t next_xid_ = 1;
  std::size_t pending_bytes_ = 0;
  std::deque<Entry> queued_;  ///< Ids ascend in both; all of in_flight_ before all of queued_.
  std::deque<Entry> in_flight_;
  std::set<std::pair<std::int64_t, RequestId>> deadlines_;

  std::vector<Bytes> identities_;         ///< Auth packets; an empty one was refused.
  std::deque<std::size_t> auth_unacked_;  ///< Identities sent on this link, in order.
  std::vector<AuthWait> auth_waits_;
};

}  // namespace quorate::client
