// Order per connection: replies leave in the order of the requests, a read waits for its own
// connection's earlier writes and for nobody else's. Limits on what is not answered yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "znode/op.h"

namespace quorate::server {

/// How a request passes through the server.
enum class Passage {
  Write,          ///< Through the log; answered when its txn is applied here.
  Sync,           ///< Through the leader; answered in the order in which syncs were sent.
  Read,           ///< Answered in its turn from this server's tree, or of the connection itself.
  Unimplemented,  ///< An operation of ZooKeeper that is not built: -6, the connection stays.
  Unknown,        ///< Not an operation of clients: -6 with zxid -1, then the connection is closed.
};
Passage passage_of(OpCode op);

/// A request that has arrived and is not answered yet.
struct OpenRequest {
  std::int32_t cxid = 0;
  OpCode op = OpCode::Error;
  Passage passage = Passage::Read;
  bool submitted = false;        ///< Handed to consensus (writes and syncs).
  bool answered = false;         ///< Syncs: the leader's answer is here.
  bool exceeds_local = false;    ///< Asks for what a local session may not have.
  std::uint32_t identities = 0;  ///< How many the connection had proved when it came.
  std::uint64_t round = 0;       ///< Linearizable reads: what it waits for, see ReadRounds.
  std::int64_t received_ms = 0;
  std::uint32_t bytes = 0;  ///< Of the whole packet; for the limit on large ones.
  Bytes body;               ///< Empty once a write has been submitted.
};

/// The requests of one connection, oldest first. Takes no memory while empty.
class RequestQueue {
 public:
  bool empty() const { return head_ == requests_.size(); }
  std::size_t size() const { return requests_.size() - head_; }
  OpenRequest& front() { return requests_[head_]; }
  OpenRequest& at(std::size_t index) { return requests_[head_ + index]; }

 private:
  friend class RequestGate;
  void push(OpenRequest request) { requests_.push_back(std::move(request)); }
  OpenRequest pop();

  std::vector<OpenRequest> requests_;
  std::size_t head_ = 0;
  std::size_t next_ = 0;        ///< All before it are with consensus, or need not go there.
  std::size_t open_syncs_ = 0;  ///< Submitted and not popped; 0 or 1.
};

struct GateLimits {
  std::size_t outstanding_max = 1000;
  std::size_t per_connection_max = 1000;
  std::size_t large_threshold = SIZE_MAX;    ///< Longer requests are large.
  std::size_t large_bytes_max = 100u << 20;  ///< Of all large requests in work.
};

/// Counts what is open on all connections, knows whose turn it is, matches txns and answers of
/// syncs with the requests that wait for them. Sends and executes nothing.
class RequestGate {
 public:
  explicit RequestGate(GateLimits limits) : limits_(limits) {}

  /// Takes a request into its connection's order.
  OpenRequest& push(RequestQueue& queue, OpenRequest request);
  /// The oldest one has been answered.
  OpenRequest pop(RequestQueue& queue);

  /// The next request to hand to consensus, or nullptr. Nothing passes an unanswered sync, or a
  /// read that waits for its round: a write behind it could otherwise be applied before the read.
  /// The caller submits it and calls submitted().
  OpenRequest* next_to_submit(RequestQueue& queue);
  void submitted(RequestQueue& queue, ConnectionId connection);
  /// A sync of the server itself, for the reads that wait; syncs_done() names it by kReadRound.
  void submitted_round() { syncs_.push_back(kReadRound); }
  static constexpr ConnectionId kReadRound{-1};
  /// Whether a request pushed now would be the next to submit.
  static bool open_for_submit(const RequestQueue& queue) {
    return queue.open_syncs_ == 0 && queue.next_ == queue.requests_.size();
  }

  /// So many syncs are complete, oldest first; returns the connections whose turn may have come, in
  /// that order. `queue_of` gives a connection's queue, or nullptr when it has ended.
  template <class QueueOf>
  std::vector<ConnectionId> syncs_done(std::size_t count, QueueOf&& queue_of);

  /// Whether `txn` answers the oldest request of the connection. `attached_after`: the last zxid
  /// that was logged here when the session came to the connection; older txns answer requests that
  /// the session made elsewhere with the same cxid.
  static bool answers(RequestQueue& queue, Zxid attached_after, const TxnHeader& txn);

  /// The connection ends: its requests are forgotten, but writes under way keep their place, so
  /// that their txns are not taken for answers to a later connection of the session.
  void abandon(RequestQueue& queue, SessionId session, Zxid attached_after);
  /// True when `txn` answers a write of a connection that has ended.
  bool answers_abandoned(const TxnHeader& txn);
  void session_ended(SessionId session);

  /// Service is lost: nothing under way will be answered.
  void clear();

  std::size_t pending_syncs() const { return syncs_.size(); }
  std::size_t outstanding() const { return outstanding_; }
  /// False: a packet of so many bytes would be a large one too many; its connection is to be
  /// closed.
  bool admits_size(std::size_t bytes) const {
    return bytes <= limits_.large_threshold || large_bytes_ + bytes <= limits_.large_bytes_max;
  }
  /// The connection must not be read for now. The answer follows from its own queue and the total.
  bool above_limit(const RequestQueue& queue) const;
  /// The connection may be read again. Lower than above_limit(), so that the two do not alternate
  /// with every request.
  bool below_limit(const RequestQueue& queue) const;

 private:
  struct Abandoned {
    std::int32_t cxid;
    OpCode op;
    Zxid attached_after;
  };
  OpenRequest take_first(RequestQueue& queue);
  OpenRequest* first_open_sync(RequestQueue& queue);

  GateLimits limits_;
  std::size_t outstanding_ = 0;
  std::size_t large_bytes_ = 0;     ///< Of all large requests that are queued.
  std::deque<ConnectionId> syncs_;  ///< Submitted and not complete, in the order of Submit.
  std::unordered_map<SessionId, std::deque<Abandoned>> abandoned_;
};

template <class QueueOf>
std::vector<ConnectionId> RequestGate::syncs_done(std::size_t count, QueueOf&& queue_of) {
  std::vector<ConnectionId> ready;
  for (; count > 0 && !syncs_.empty(); --count) {
    ConnectionId connection = syncs_.front();
    syncs_.pop_front();
    if (connection == kReadRound) {
      ready.push_back(connection);
      continue;
    }
    RequestQueue* queue = queue_of(connection);
    if (queue == nullptr) continue;
    OpenRequest* sync = first_open_sync(*queue);
    if (sync == nullptr) continue;
    sync->answered = true;
    ready.push_back(connection);
  }
  return ready;
}

}  // namespace quorate::server
