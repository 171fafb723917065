// Inside of Peer: the role variant and what reaches it.
#pragma once

#include <map>
#include <optional>
#include <variant>

#include "consensus/core.h"
#include "consensus/election.h"
#include "consensus/leader.h"
#include "consensus/learner.h"
#include "consensus/peer.h"

namespace quorate::consensus {

using RoleState = std::variant<Election, Learner, Leader>;  // Looking, Following, Leading.

struct Peer::Impl {
  Impl(PeerOptions options, DurableState state, Random seeded);

  void step(Input input);
  void settle();
  void enter_looking();
  void enter_elected(const Vote& vote);
  void become(RoleState next) { role = std::move(next); }

  void on(const Tick& tick);
  void on(const ElectionMessage& message);
  void on(const ElectionLink& link);
  void on(QuorumMessage& message);
  void on(const LinkUp& up);
  void on(const LinkDown& down);
  void on(Submit& submit);
  void on(Propose& propose);
  void on(const LogSynced& synced);
  void on(const TransferDone& done);
  void on(const SnapshotInstalled& installed);
  void on(const TreeReplacing& replacing);
  void on(const TreeReplaced& replaced);
  void on(const TreeDiverged& diverged);
  void on(const AskRevalidate& ask);
  void on(const AnswerRevalidate& answer);

  template <class RoleType>
  RoleType* as() {
    return std::get_if<RoleType>(&role);
  }

  Core core;
  Random random;
  RoleState role;
  /// Accepted while Looking: a learner may decide sooner than its leader. At most one packet each.
  std::map<LinkId, std::optional<QuorumPacket>> waiting;
};

}  // namespace quorate::consensus
