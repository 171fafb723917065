// Role Looking: notifications, rounds, settling (zab-protocol sections 3.2 and 4). A server without
// a vote only finds out whom to follow.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "consensus/core.h"
#include "consensus/messages.h"
#include "consensus/vote.h"

namespace quorate::consensus {

class Election {
 public:
  /// Sends nothing before `not_before` and before all own writes are durable (R17): a vote speaks
  /// of the log, and what is not on disk is not in it.
  Election(Core& core, std::int64_t not_before) : core_(&core), not_before_(not_before) {}

  void on_tick();
  void on_notification(ServerId from, const Notification& notification);
  /// Core::unreachable has changed.
  void on_links_changed();
  void on_progress() { start_if_ready(); }

  /// Whom to follow, or this server itself to lead.
  const std::optional<Vote>& decision() const { return decision_; }

 private:
  struct Heard {
    Vote vote;
    PeerState state = PeerState::Looking;
  };
  using Votes = std::map<ServerId, Heard>;

  void start_if_ready();
  void restart();
  void send_all();
  void handle(ServerId from, const Notification& n);
  void on_looking(ServerId from, const Vote& theirs);
  void on_established(ServerId from, const Notification& n);
  bool may_join(const Votes& votes, const Vote& theirs) const;
  void adopt(const Vote& vote);
  void count();
  bool all_agree() const;
  /// Whether this server's own vote means anything: a voter with data.
  bool counts() const { return !core_->blank && core_->votes(); }
  void adopt_newer_config(const Notification& n);
  /// A server with data tells whom it prefers although it knows no config in which it votes: those
  /// who ask may know one (a reconfig that has reached only them).
  bool supports() const {
    return counts() ||
           (core_->options.reconfig_enabled && !core_->blank && core_->without_vote.empty());
  }
  bool wins(const Vote& a, const Vote& b) const;
  void note_fresh(ServerId from, const Notification& n);
  Vote initial_vote() const;
  void decide(const Vote& vote);

  Core* core_;
  std::int64_t not_before_;
  bool active_ = false;
  Vote vote_;
  Votes received_;                         ///< This round.
  Votes out_of_election_;                  ///< From servers that follow or lead.
  std::map<ServerId, Notification> held_;  ///< The newest of each voter while we cannot vote yet.
  std::map<ServerId, std::pair<bool, std::int64_t>> strangers_;  ///< Non-voters: told, and when.
  std::set<ServerId> deaf_;   ///< Have answered a vote by whom they follow: they did not count it.
  std::set<ServerId> fresh_;  ///< Voters that have never been part of anything.
  std::int64_t resend_at_ = 0;
  std::int64_t backoff_ms_ = 0;
  std::optional<std::int64_t> settle_until_;
  std::optional<Vote> decision_;
};

}  // namespace quorate::consensus
