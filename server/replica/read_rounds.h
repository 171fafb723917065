// Linearizable reads: each waits for a round, a sync that the leader answers after a quorum has
// confirmed it, that begins after the read has come. One round at a time; it is for all reads that
// waited when it began.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace quorate::server {

class ReadRounds {
 public:
  /// The round that a read which comes now has to wait for: never one that is under way.
  std::uint64_t join() {
    wanted_ = begun_ + 1;
    return wanted_;
  }
  /// Whether the next round should begin; the caller sends its sync and says begun().
  bool due() const { return wanted_ > begun_ && begun_ == done_; }
  void begun() { ++begun_; }
  void finished() { done_ = begun_; }
  /// 0 stands for "no round".
  bool covers(std::uint64_t round) const { return round <= done_; }

  /// Connections with reads that wait, each once.
  void wait(ConnectionId connection) { waiting_.push_back(connection); }
  std::vector<ConnectionId> take_waiting() { return std::exchange(waiting_, {}); }

  /// Service is lost: no round under way will be answered, nobody waits.
  void clear() {
    done_ = begun_ = wanted_;
    waiting_.clear();
  }

 private:
  std::uint64_t wanted_ = 0, begun_ = 0, done_ = 0;
  std::vector<ConnectionId> waiting_;
};

}  // namespace quorate::server
