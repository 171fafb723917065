// Who has acknowledged what; what is committed, strictly in order.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "consensus/membership.h"

namespace quorate::consensus {

/// Answers Ensemble::is_quorum() for sets given as bits, without a search: bit i stands for
/// servers[i].
class QuorumBits {
 public:
  QuorumBits(const Ensemble& ensemble, const std::vector<ServerId>& servers);
  bool holds(std::uint64_t set) const;

 private:
  struct Group {
    std::uint64_t members = 0;
    std::int64_t total = 0;
    std::vector<std::int64_t> weights;  ///< By bit; empty: 1 each.
  };
  static bool majority(const Group& group, std::uint64_t set);
  std::vector<Group> groups_;  ///< One for majority quorums.
};

class ProposalTracker {
 public:
  explicit ProposalTracker(const Membership& membership);

  void add(Zxid zxid);
  /// Counts for exactly this zxid. Unknown and committed ones, and those of non-voters, are ignored
  /// (R5, R56).
  void ack(Zxid zxid, ServerId from);
  /// What it has acknowledged of what is open does not count any more: it is about to be cut off
  /// its log, and sent again.
  void forget(ServerId from);
  /// The head, once it has a quorum of every config that was known when it was added: its
  /// predecessors are committed by then.
  std::optional<Zxid> take_committed();

  /// A reconfig has been proposed: what is added from here on needs a quorum of each config of
  /// `membership`, and acknowledgements of its voters count.
  void membership_changed(const Membership& membership);
  /// A reconfig is committed: what is open needs the new config only, too. Whoever leads next has
  /// that reconfig, since a quorum of both has logged it, and so needs a quorum of the new config.
  /// The old one may not be there any more: its servers have left, or become observers.
  void membership_activated(const Membership& membership);
  /// Who has acknowledged the most of what is open, among `candidates`; the first of them if none.
  ServerId most_advanced(const std::vector<ServerId>& candidates) const;

  std::size_t size() const { return open_.size(); }
  bool empty() const { return open_.empty(); }

 private:
  struct Open {
    Zxid zxid;
    std::uint64_t acks = 0;
    std::uint32_t rule = 0;  ///< Position in rules_, counted from the first ever.
  };
  using Rule = std::vector<QuorumBits>;  ///< A quorum of each is needed.

  std::optional<std::size_t> bit(ServerId id) const;
  std::vector<ServerId> servers_;  ///< By bit; only ever grows while proposals are open.
  std::deque<Rule> rules_;
  std::uint32_t first_rule_ = 0;
  std::deque<Open> open_;  ///< Consecutive zxids of one epoch.
};

}  // namespace quorate::consensus
