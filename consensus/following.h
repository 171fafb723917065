// An elected server whose quorum has not come yet: do the others still mean to follow it?
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "consensus/core.h"
#include "consensus/messages.h"

namespace quorate::consensus {

/// An election may leave a server leading alone: those who chose it have chosen again, or what they
/// said was about its life before a restart. Without this it would find out by the end of initLimit
/// only. To give up is always safe, nobody has been promised anything; but who is merely slow to
/// come must find its leader. So silence proves nothing, what voters say themselves does.
class Following {
 public:
  explicit Following(const Core& core);

  /// What a voter says that is not connected here.
  void note(ServerId from, const Notification& n);
  /// It has come.
  void forget(ServerId sid) { elsewhere_.erase(sid); }
  /// Whether those who have not come are to be asked now: by a vote, which is answered in all
  /// roles.
  bool time_to_ask();
  /// Why to give up, or nullptr. `here`: this server and all voters that are connected.
  const char* lost(const std::vector<ServerId>& here) const;

 private:
  struct Said {
    Vote vote;
    PeerState state = PeerState::Looking;
    std::int64_t at = 0;
  };

  bool follows_another(const Said& said) const;
  bool another_leads() const;
  bool may_still_come(ServerId sid) const;

  const Core* core_;
  std::map<ServerId, Said> elsewhere_;  ///< The newest of each voter.
  std::int64_t patient_until_;
  std::int64_t ask_at_;
  std::int64_t pause_ms_;
};

}  // namespace quorate::consensus
