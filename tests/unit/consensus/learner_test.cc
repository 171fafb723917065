#include "consensus/learner.h"

#include <doctest/doctest.h>

#include "tests/unit/consensus/one_peer.h"

namespace quorate::consensus {
namespace {

using Sent = std::vector<std::string>;

Zxid z(std::uint32_t epoch, std::uint32_t counter) {
  return Zxid::make(epoch, counter);
}

/// Log 1.1 1.2 (1.3 not applied).
DurableState with_tail() {
  DurableState state;
  state.accepted_epoch = state.current_epoch = 1;
  state.records = {
      {z(1, 1), bytes_of_text("a")}, {z(1, 2), bytes_of_text("b")}, {z(1, 3), bytes_of_text("c")}};
  state.checkpoint = z(1, 2);
  return state;
}

struct Following : OnePeer {
  Following() : OnePeer(with_tail()) { follow(2); }
};

}  // namespace

TEST_CASE("epochs are spoken of only when durable; a promise given before is not given again") {
  OnePeer one(with_tail());
  one.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 2);
  one.vote({3}, PeerState::Leading, {3}, Zxid{0}, 1, 2);
  one.step(LinkUp{kLink, ServerId{3}});
  CHECK(one.sent() == Sent{"FOLLOWERINFO 0x100000000"});
  one.packet(PacketType::LeaderInfo, z(2, 0), encode_leader_info());
  CHECK(one.sent().empty());
  one.sync();
  REQUIRE(one.sends.size() == 1);
  CHECK(decode_int(one.sends[0].packet.data->view()).value() == 1);
  CHECK(one.sent() == Sent{"ACKEPOCH 0x100000003"});
  CHECK(one.peer.accepted_epoch() == 2);

  OnePeer again(with_tail());
  again.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 1);
  again.vote({3}, PeerState::Leading, {3}, Zxid{0}, 1, 1);
  again.step(LinkUp{kLink, ServerId{3}});
  again.packet(PacketType::LeaderInfo, z(1, 0), encode_leader_info());
  REQUIRE(again.sends.size() == 2);
  CHECK(decode_int(again.sends[1].packet.data->view()).value() == -1);
}

TEST_CASE("a leader's mark tells whether its syncs are proved") {
  for (const bool ours : {true, false}) {
    CAPTURE(ours);
    OnePeer one(with_tail());
    CHECK_FALSE(one.peer.proves_syncs());
    one.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 2);
    one.vote({3}, PeerState::Leading, {3}, Zxid{0}, 1, 2);
    one.step(LinkUp{kLink, ServerId{3}});
    one.packet(PacketType::LeaderInfo, z(2, 0), ours ? encode_leader_info() : encode_int(0x10000));
    CHECK(one.peer.proves_syncs() == ours);
  }
}

TEST_CASE("an epoch older than promised, or impossibly far ahead, is refused (R42)") {
  for (const std::uint32_t epoch : {0u, 2u + (1u << 20), 0x7fffffffu}) {
    CAPTURE(epoch);
    OnePeer one(with_tail());
    one.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 2);
    one.vote({3}, PeerState::Leading, {3}, Zxid{0}, 1, 2);
    one.step(LinkUp{kLink, ServerId{3}});
    one.packet(PacketType::LeaderInfo, z(epoch, 0), encode_leader_info());
    CHECK(one.peer.role() == Role::Looking);
    CHECK(one.writes.empty());
  }
}

TEST_CASE("3911, 4643: NEWLEADER's ACK waits for the plan's records, then the epoch, on disk") {
  Following one;
  one.packet(PacketType::Diff, z(1, 4));
  one.writes.clear();
  one.proposal(z(1, 4));
  one.packet(PacketType::Commit, z(1, 4));
  const std::uint64_t record = one.written;
  one.packet(PacketType::NewLeader, z(2, 0));
  REQUIRE(one.writes.size() == 2);
  CHECK(std::holds_alternative<AppendRecord>(one.writes[0]));
  CHECK(std::holds_alternative<StoreCurrentEpoch>(one.writes[1]));
  one.step(LogSynced{record});
  CHECK(one.sent().empty());
  one.sync();
  CHECK(one.sent() == Sent{"ACK 0x200000000"});
  CHECK(one.commits.empty());  // Effective with UPTODATE: the leader may not be established yet.
  one.packet(PacketType::UpToDate, kBlankZxid);
  CHECK(one.sent() == Sent{"ACK 0x200000000"});
  CHECK(one.commits.size() == 2);  // The tail that the leader did not cut, and the plan.
  CHECK(one.peer.serving());
}

TEST_CASE("4394: proposals between NEWLEADER and UPTODATE are kept, with their commits") {
  Following one;
  one.packet(PacketType::Diff, z(1, 3));
  one.packet(PacketType::NewLeader, z(2, 0));
  one.proposal(z(2, 1));
  one.packet(PacketType::Commit, z(2, 1));
  CHECK(one.sent().empty());
  one.sync();
  // 4685: the ACK of NEWLEADER goes first.
  CHECK(one.sent() == Sent{"ACK 0x200000000", "ACK 0x200000001"});
  one.packet(PacketType::UpToDate, kBlankZxid);
  CHECK(one.commits.back().zxid == z(2, 1));
  CHECK(one.peer.serving());
}

TEST_CASE("outstanding proposals of the plan are acknowledged behind NEWLEADER's ACK") {
  Following one;
  one.packet(PacketType::Diff, z(1, 3));
  one.proposal(z(2, 1));
  one.packet(PacketType::NewLeader, z(2, 0));
  one.sync();
  CHECK(one.sent() == Sent{"ACK 0x200000000", "ACK 0x200000001"});
}

TEST_CASE("commits are applied only when durable here, and SYNC waits for them") {
  Following one;
  one.packet(PacketType::Diff, z(1, 3));
  one.packet(PacketType::NewLeader, z(2, 0));
  one.sync();
  one.packet(PacketType::UpToDate, kBlankZxid);
  one.commits.clear();
  Request sync;
  sync.op = kSyncOp;
  one.step(Submit{sync});
  one.proposal(z(2, 1));
  one.packet(PacketType::Commit, z(2, 1));
  one.packet(PacketType::Sync, Zxid{0});
  CHECK(one.commits.empty());
  CHECK(one.syncs_done == 0);
  one.sync();
  CHECK(one.commits.size() == 1);
  CHECK(one.syncs_done == 1);
}

TEST_CASE("4925: a hole, a foreign packet or a plan that ends early ends the link") {
  struct Row {
    const char* name;
    std::vector<std::pair<PacketType, Zxid>> packets;
  };
  for (const Row& row : {
           Row{"hole in the plan", {{PacketType::Diff, z(1, 5)}, {PacketType::Proposal, z(1, 5)}}},
           Row{"hole at the next epoch",
               {{PacketType::Diff, z(2, 2)}, {PacketType::Proposal, z(2, 2)}}},
           Row{"same zxid, other bytes",
               {{PacketType::Diff, z(1, 3)}, {PacketType::Proposal, z(1, 3)}}},
           Row{"commit of nothing", {{PacketType::Diff, z(1, 3)}, {PacketType::Commit, z(1, 4)}}},
           Row{"commit out of order",
               {{PacketType::Diff, z(1, 5)},
                {PacketType::Proposal, z(1, 4)},
                {PacketType::Proposal, z(1, 5)},
                {PacketType::Commit, z(1, 5)}}},
           Row{"plan ends early", {{PacketType::Diff, z(1, 5)}, {PacketType::NewLeader, z(2, 0)}}},
           Row{"NEWLEADER of another epoch",
               {{PacketType::Diff, z(1, 3)}, {PacketType::NewLeader, z(3, 0)}}},
           Row{"UPTODATE before the ACK",
               {{PacketType::Diff, z(1, 3)},
                {PacketType::NewLeader, z(2, 0)},
                {PacketType::UpToDate, kBlankZxid}}},
           Row{"proposal before a plan", {{PacketType::Proposal, z(1, 4)}}},
           Row{"INFORM to a follower",
               {{PacketType::Diff, z(1, 3)}, {PacketType::Inform, z(1, 4)}}},
           Row{"COMMITANDACTIVATE",
               {{PacketType::Diff, z(1, 3)}, {PacketType::CommitAndActivate, z(1, 4)}}},
           Row{"SYNC not asked for", {{PacketType::Diff, z(1, 3)}, {PacketType::Sync, Zxid{0}}}},
       }) {
    CAPTURE(row.name);
    Following one;
    for (const auto& [type, zxid] : row.packets) {
      one.packet(type, zxid,
                 type == PacketType::Proposal ? std::optional(bytes_of_text("x")) : std::nullopt);
    }
    CHECK(one.happened(EventKind::PeerMisbehaved));
    CHECK(one.peer.role() == Role::Looking);
    REQUIRE_FALSE(one.links.empty());
    CHECK(std::holds_alternative<CloseLink>(one.links.back()));
  }
}

TEST_CASE("after misbehaviour it does not come back at once") {
  Following one;
  one.votes.clear();
  one.proposal(z(9, 9));
  one.sync();
  one.tick(150);
  CHECK(one.votes.empty());
  one.tick(200);
  CHECK_FALSE(one.votes.empty());
}

TEST_CASE("an exact repeat of a proposal is harmless (R15); unknown packet types are skipped") {
  Following one;
  one.packet(PacketType::Diff, z(1, 3));
  one.writes.clear();
  one.proposal(z(1, 3), "c");
  one.packet(static_cast<PacketType>(77), Zxid{0});
  CHECK(one.writes.empty());
  CHECK(one.peer.role() == Role::Following);
}

TEST_CASE(
    "TRUNC cuts the unapplied tail; a cut that cannot end there asks for a whole tree (R20)") {
  Following cut;
  cut.packet(PacketType::Trunc, z(1, 2));
  CHECK(cut.happened(EventKind::Truncated));
  CHECK(std::get<TruncateLog>(cut.writes.back()).after == z(1, 2));
  CHECK(cut.peer.last_logged() == z(1, 2));

  for (const Zxid to : {z(1, 1), z(1, 9), Zxid{0}}) {  // Below applied, beyond the log, unknown.
    Following one;
    one.packet(PacketType::Trunc, to);
    CHECK(one.happened(EventKind::SnapshotNeeded));
    CHECK(one.peer.last_logged() == z(1, 3));
    // Next time it reports no history, so that SNAP comes.
    one.tick(2000);
    one.vote({2}, PeerState::Following, {3}, Zxid{0}, 9, 2);
    one.vote({3}, PeerState::Leading, {3}, Zxid{0}, 9, 2);
    one.step(LinkUp{{8}, ServerId{3}});
    one.sends.clear();
    one.packet(PacketType::LeaderInfo, z(2, 0), encode_leader_info(), LinkId{8});
    CHECK(one.sent() == Sent{"ACKEPOCH 0xffffffffffffffff"});
  }
}

TEST_CASE(
    "SNAP from ZooKeeper: repeats up to its zxid are skipped, the rest is fuzzy until UPTODATE") {
  OnePeer one(with_tail());
  one.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 2);
  one.vote({3}, PeerState::Leading, {3}, Zxid{0}, 1, 2);
  one.step(LinkUp{kLink, ServerId{3}});
  one.packet(PacketType::LeaderInfo, z(2, 0), encode_int(0x10000));
  one.sync();
  one.packet(PacketType::Snap, z(2, 5));
  one.proposal(z(2, 4));  // Held until the tree is installed.
  one.packet(PacketType::Commit, z(2, 4));
  one.writes.clear();
  one.step(SnapshotInstalled{kLink, z(2, 5), true});
  CHECK(one.writes.empty());
  CHECK(one.peer.applied() == z(2, 5));
  one.proposal(z(2, 5));
  one.proposal(z(2, 6));
  one.packet(PacketType::Commit, z(2, 5));
  one.packet(PacketType::Commit, z(2, 6));
  one.packet(PacketType::NewLeader, z(2, 0));
  one.sync();
  one.packet(PacketType::UpToDate, kBlankZxid);
  CHECK(one.peer.fuzzy_until() == z(2, 6));
  CHECK(one.commits.size() == 1);
  CHECK(one.peer.serving());
}

TEST_CASE("3642: no vote while it is unknown which tree the disk holds") {
  Following one;
  one.packet(PacketType::Snap, z(2, 5));
  one.step(LinkDown{kLink});
  CHECK(one.peer.role() == Role::Looking);
  one.votes.clear();
  one.tick(10000);
  CHECK(one.votes.empty());
  one.step(SnapshotInstalled{kLink, z(2, 5), true});
  REQUIRE_FALSE(one.votes.empty());
  CHECK(one.votes[0].notification.zxid == z(2, 5));
}

TEST_CASE("a blank server refuses DIFF and is blank until its epoch is durable") {
  DurableState none;
  none.blank = true;
  OnePeer one(none);
  one.follow(4);
  one.packet(PacketType::Diff, Zxid{0});
  CHECK(one.happened(EventKind::PeerMisbehaved));

  OnePeer joins(none);
  joins.follow(4);
  CHECK(joins.writes.empty());
  joins.packet(PacketType::Snap, z(4, 2));
  joins.step(SnapshotInstalled{kLink, z(4, 2), true});
  joins.packet(PacketType::NewLeader, z(4, 0));
  CHECK(joins.writes.size() == 2);
  CHECK(joins.sent().empty());
  joins.sync();
  CHECK(joins.sent() == Sent{"ACK 0x400000000"});
  CHECK(joins.peer.current_epoch() == 4);
}

TEST_CASE("R17: after leaving a role nobody is voted for before own writes are durable") {
  Following one;
  one.packet(PacketType::Diff, z(1, 3));
  one.packet(PacketType::NewLeader, z(2, 0));
  one.sync();
  one.packet(PacketType::UpToDate, kBlankZxid);
  one.proposal(z(2, 1));
  one.votes.clear();
  one.step(LinkDown{kLink});
  CHECK(one.happened(EventKind::ServiceLost));
  one.tick(1000);
  CHECK(one.votes.empty());
  one.sync();
  REQUIRE_FALSE(one.votes.empty());
  CHECK(one.votes[0].notification.zxid == z(2, 1));
}

TEST_CASE(
    "a silent leader is left after syncLimit ticks; PING is answered with empty, never null") {
  Following one;
  one.packet(PacketType::Diff, z(1, 3));
  one.packet(PacketType::NewLeader, z(2, 0));
  one.packet(PacketType::Ping, z(2, 0));
  CHECK(one.sent().empty());
  one.sync();
  one.packet(PacketType::UpToDate, kBlankZxid);
  one.sends.clear();
  one.packet(PacketType::Ping, z(2, 0));
  REQUIRE(one.sends.size() == 1);
  REQUIRE(one.sends[0].packet.data.has_value());
  CHECK(one.sends[0].packet.data->empty());
  one.tick(10000);
  CHECK(one.peer.serving());
  one.tick(1);
  CHECK(one.peer.role() == Role::Looking);
}

}  // namespace quorate::consensus
