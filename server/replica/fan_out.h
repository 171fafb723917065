// Events for many connections at once: queued as one frame each, told in bounded slices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "znode/op.h"

namespace quorate::server {

struct FanOutLimits {
  std::size_t at_once = 16;  ///< An event for at most so many is told in the pump of its txn.
  std::size_t slice = 128;   ///< Connections told per turn of the loop otherwise.
};

/// What FanOut knows of a connection. `told`: the number of the newest broadcast that this
/// connection has had, or is known not to be meant by.
struct Listener {
  ConnectionId id;
  const znode::Identities& identities;
  std::uint64_t& told;
};

/// Ten thousand notifications take tens of milliseconds; nobody else shall wait for them. So such
/// an event is kept once, with the list of those it is for, and they are told a slice at a time.
/// The promise that an event precedes any reply which could show what caused it (R64) holds because
/// whoever is about to be answered is told first: catch_up().
///
/// Holds at most kBroadcastsMax events, each with at most one id per connection of this server; the
/// caller finishes the oldest when it is full().
class FanOut {
 public:
  static constexpr std::size_t kBroadcastsMax = 64;

  bool empty() const { return queue_.empty(); }
  bool full() const { return queue_.size() >= kBroadcastsMax; }
  std::uint64_t newest() const { return newest_; }

  /// `frame`: the whole packet. Whoever has no READ by `acl` is not told; nullptr: everybody may
  /// know. Rights are those of now; identities those at the time of telling.
  void add(Bytes frame, std::shared_ptr<const AclList> acl, std::vector<ConnectionId> to);

  /// Calls `tell(ByteView frame)` for all that waits for this connection, oldest first.
  template <class Tell>
  void catch_up(Listener listener, Tell&& tell);

  /// Goes on with the next `count` connections of the oldest event. `find(ConnectionId)` returns a
  /// connection or nullptr, `listener_of(connection)` its Listener.
  template <class Find, class ListenerOf, class Tell>
  void advance(std::size_t count, Find&& find, ListenerOf&& listener_of, Tell&& tell);
  /// How many connections the oldest event still has to go through.
  std::size_t left_of_oldest() const { return queue_.front().to.size() - queue_.front().next; }

 private:
  struct Broadcast {
    std::uint64_t number;
    Bytes frame;
    std::shared_ptr<const AclList> acl;
    std::vector<ConnectionId> to;  ///< Ascending.
    std::size_t next = 0;
    // Most connections have like identities: the last answer serves for the next one.
    znode::Identities asked;
    bool may_see = false;
  };

  static bool may_see(Broadcast& broadcast, const znode::Identities& identities);
  static bool is_for(const Broadcast& broadcast, ConnectionId id);

  std::deque<Broadcast> queue_;
  std::uint64_t newest_ = 0;
};

template <class Tell>
void FanOut::catch_up(Listener listener, Tell&& tell) {
  if (listener.told == newest_) return;
  for (Broadcast& broadcast : queue_) {
    if (broadcast.number <= listener.told || !is_for(broadcast, listener.id)) continue;
    if (may_see(broadcast, listener.identities)) tell(ByteView(broadcast.frame));
  }
  listener.told = newest_;
}

template <class Find, class ListenerOf, class Tell>
void FanOut::advance(std::size_t count, Find&& find, ListenerOf&& listener_of, Tell&& tell) {
  while (count > 0 && !queue_.empty()) {
    Broadcast& oldest = queue_.front();
    for (; count > 0 && oldest.next < oldest.to.size(); --count) {
      auto* connection = find(oldest.to[oldest.next++]);
      if (connection == nullptr) continue;
      Listener listener = listener_of(*connection);
      if (listener.told >= oldest.number) continue;
      listener.told = oldest.number;
      if (may_see(oldest, listener.identities)) tell(*connection, ByteView(oldest.frame));
    }
    if (oldest.next == oldest.to.size()) queue_.pop_front();
  }
}

}  // namespace quorate::server
