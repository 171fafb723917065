// What a reconfig would lead to: the rules of ZooKeeper's requests, and those of this ensemble.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "consensus/ensemble.h"
#include "consensus/peer.h"
#include "znode/op.h"

namespace quorate::server {

/// The members after `request`, which is based on `now`. Error: BadArguments, and `why` says what
/// is wrong. `voters_min`: that many must be left.
Result<consensus::Ensemble> plan_members(const consensus::Ensemble& now,
                                         const znode::ReconfigRequest& request,
                                         std::int64_t version, std::size_t voters_min,
                                         std::string& why);

/// Of the replica's own peer; asked while it leads only.
class PeerReconfigPlanner : public znode::ReconfigPlanner {
 public:
  PeerReconfigPlanner(const consensus::Peer& peer, bool standalone, std::size_t voters_min)
      : peer_(peer), standalone_(standalone), voters_min_(voters_min) {}

  Result<std::string> plan(const znode::ReconfigRequest& request, Zxid zxid) const override;
  /// Why the last one was refused, for the log, once.
  bool refused() const { return !refusal_.empty(); }
  std::string take_refusal() const { return std::exchange(refusal_, {}); }

 private:
  Code refuse(Code code, std::string why) const;

  const consensus::Peer& peer_;
  const bool standalone_;
  const std::size_t voters_min_;
  mutable std::string refusal_;
};

}  // namespace quorate::server
