// Which vote wins.
#pragma once

#include <cstdint>
#include <tuple>

#include "base/ids.h"
#include "consensus/messages.h"

namespace quorate::consensus {

struct Vote {
  ServerId leader{-1};
  Zxid zxid;
  std::int64_t epoch = 0;  ///< "peerEpoch": the candidate's currentEpoch.
  std::int64_t round = 0;
  friend bool operator==(const Vote&, const Vote&) = default;
};

/// Stands in all three places of a vote of a server that does not vote.
inline constexpr ServerId kNobody{INT64_MIN};

inline Vote vote_of(const Notification& n) {
  return {n.leader, n.zxid, n.peer_epoch, n.round};
}

/// Greater currentEpoch, then greater (signed) zxid, then greater id (zab-protocol section 4.2).
inline bool beats(const Vote& a, const Vote& b) {
  return std::tie(a.epoch, a.zxid, a.leader) > std::tie(b.epoch, b.zxid, b.leader);
}

}  // namespace quorate::consensus
