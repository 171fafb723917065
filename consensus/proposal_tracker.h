// Who has acknowledged what; what is committed, strictly in order.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "consensus/ensemble.h"

namespace quorate::consensus {

class ProposalTracker {
 public:
  explicit ProposalTracker(const Ensemble& ensemble) : voters_(ensemble.voters()) {}

  void add(Zxid zxid);
  /// Counts for exactly this zxid. Unknown and committed ones, and those of non-voters, are ignored
  /// (R5, R56).
  void ack(Zxid zxid, ServerId from);
  /// The head, once a quorum has it: its predecessors are committed by then.
  std::optional<Zxid> take_committed();

  std::size_t size() const { return open_.size(); }
  bool empty() const { return open_.empty(); }

 private:
  struct Open {
    Zxid zxid;
    std::vector<bool> acked;  ///< By position in voters_.
    std::size_t count = 0;
  };
  std::vector<ServerId> voters_;
  std::deque<Open> open_;  ///< Consecutive zxids of one epoch.
};

}  // namespace quorate::consensus
