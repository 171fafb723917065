// How a new leader learns the epoch to use: who reported, who promised.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.h"
#include "consensus/membership.h"

namespace quorate::consensus {

/// No server may push the epoch further at once (R42): an epoch of 2^31 would turn zxids negative.
inline constexpr std::uint32_t kEpochJumpMax = 1u << 20;
inline constexpr std::uint32_t kEpochEnd = 0x7fffffff;

bool epoch_plausible(std::uint32_t epoch, std::uint32_t own_accepted);

class Discovery {
 public:
  struct Self {
    ServerId id;
    std::uint32_t accepted = 0;
    std::uint32_t current = 0;
    Zxid last;
  };
  Discovery(const Membership& membership, Self self)
      : membership_(&membership), self_(self), highest_(self.accepted), reported_{self.id} {}

  /// FOLLOWERINFO. A server without data raises no quorum (`counts` false).
  void report(ServerId from, std::uint32_t accepted, bool counts);
  /// No reports are needed: this leader's epoch ends, and the next one follows it.
  void fix(std::uint32_t epoch) { epoch_ = epoch; }
  /// The new epoch, once a quorum has reported; fixed from then on.
  std::optional<std::uint32_t> epoch() const { return epoch_; }

  enum class Promise { Counted, NotCounted, MoreRecent };
  /// ACKEPOCH. MoreRecent: this learner knows more than we do; we must not cut it.
  Promise promise(ServerId from, std::int32_t current, Zxid last);
  void promise_self();  ///< Own acceptedEpoch is durable.
  /// A quorum, this server included, will accept nothing of an older epoch any more.
  bool promised() const { return promised_; }
  /// Whether those who have not said that they cannot, and are not `gone`, make up such a quorum.
  bool possible(const std::set<ServerId>& gone) const;

 private:
  const Membership* membership_;
  Self self_;
  std::uint32_t highest_;
  std::vector<ServerId> reported_;
  std::optional<std::uint32_t> epoch_;
  std::vector<ServerId> promises_;
  std::set<ServerId> spent_;  ///< Had promised this epoch before.
  bool promised_ = false;
};

}  // namespace quorate::consensus
