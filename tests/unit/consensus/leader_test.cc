#include "consensus/leader.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/unit/consensus/one_peer.h"
#include "tests/unit/consensus/passed.h"

namespace quorate::consensus {
namespace {

using Sent = std::vector<std::string>;
constexpr LinkId kOther{8};

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

/// Server 3 of three, elected by all.
struct Elected : OnePeer {
  Elected() : OnePeer(with_tail(), 3, {3}) {
    vote({1}, PeerState::Looking, {3}, z(1, 3), 1, 1);
    vote({2}, PeerState::Looking, {3}, z(1, 3), 1, 1);
    REQUIRE(peer.role() == Role::Leading);
  }
  void report(LinkId link, std::int64_t sid, std::uint32_t accepted, bool blank = false) {
    step(LinkUp{link, std::nullopt});
    LearnerInfo info;
    info.sid = {sid};
    info.quorate = blank;
    info.blank = blank;
    packet(PacketType::FollowerInfo, z(accepted, 0), encode_learner_info(info), link);
  }
  void promise(LinkId link, Zxid last, std::int32_t current) {
    packet(PacketType::AckEpoch, last, encode_int(current), link);
  }
};

struct Established : Elected {
  Established() {
    report(kLink, 1, 1);
    sync();
    promise(kLink, z(1, 3), 1);
    sync();
    packet(PacketType::Ack, z(2, 0));
    REQUIRE(peer.serving());
    sends.clear();
    commits.clear();
    writes.clear();
  }
  Zxid propose() {
    const Zxid zxid = peer.next_zxid();
    step(Propose{{zxid, bytes_of_text("p")}});
    return zxid;
  }
};

}  // namespace

TEST_CASE("the way to a new epoch: each word waits for its quorum and for the disk (section 7.1)") {
  Elected one;
  one.report(kLink, 1, 4);
  REQUIRE(one.writes.size() == 1);
  CHECK(std::get<StoreAcceptedEpoch>(one.writes[0]).epoch == 5);
  CHECK(one.sent().empty());
  one.sync();
  CHECK(one.sent() == Sent{"LEADERINFO 0x500000000"});
  one.promise(kLink, z(1, 2), 1);
  CHECK(std::get<StoreCurrentEpoch>(one.writes[1]).epoch == 5);
  CHECK(one.sent().empty());
  one.sync();
  CHECK(one.sent() == Sent{"DIFF 0x100000003", "PROPOSAL 0x100000003", "COMMIT 0x100000003",
                           "NEWLEADER 0x500000000"});
  CHECK_FALSE(one.peer.serving());
  CHECK(one.commits.empty());
  one.packet(PacketType::Ack, z(4, 0));  // Of another epoch: not counted (4685).
  CHECK_FALSE(one.peer.serving());
  one.packet(PacketType::Ack, z(5, 0));
  CHECK(one.sent() == Sent{"UPTODATE 0xffffffffffffffff"});
  CHECK(one.peer.serving());
  CHECK(one.commits.size() == 1);  // Own tail is committed with the quorum.
  CHECK(one.peer.next_zxid() == z(5, 1));
}

TEST_CASE("a packet of an unknown type ends a link that has not said who it is, and no other") {
  Established one;
  one.packet(static_cast<PacketType>(99), z(2, 0));
  CHECK(one.peer.learner_counts().synced_followers == 1);
  one.step(LinkUp{kOther, std::nullopt});
  one.packet(static_cast<PacketType>(99), z(2, 0), {}, kOther);
  CHECK(one.happened(EventKind::PeerMisbehaved));
}

TEST_CASE("a learner that knows more than a leader without quorum is refused") {
  Elected one;
  one.report(kLink, 1, 1);
  one.sync();
  one.promise(kLink, z(1, 4), 1);
  CHECK(one.peer.learner_counts().connected == 0);
  CHECK(one.happened(EventKind::LearnerLost));
}

TEST_CASE("blank servers raise no epoch and promise nothing, but are given a tree") {
  Elected one;
  one.report(kLink, 1, 0, /*blank=*/true);
  CHECK(one.writes.empty());
  one.report(kOther, 2, 1);
  one.sync();
  one.promise(kLink, kBlankZxid, -1);
  CHECK(one.writes.size() == 1);
  one.promise(kOther, z(1, 3), 1);
  one.sync();
  REQUIRE(one.transfers.size() == 1);
  CHECK(one.transfers[0].learner == ServerId{1});
  one.sends.clear();
  one.step(TransferDone{kLink, z(1, 2), true});
  CHECK(one.sent() == Sent{"PROPOSAL 0x100000003", "COMMIT 0x100000003", "NEWLEADER 0x200000000"});
  one.packet(PacketType::Ack, z(2, 0));  // Synced: from now on it counts.
  CHECK(one.peer.serving());
}

TEST_CASE("strangers, itself, impossible epochs: the link is closed") {
  struct Row {
    const char* name;
    PacketType type;
    std::int64_t sid;
    std::uint32_t accepted;
  };
  for (const Row& row : {Row{"stranger as an observer", PacketType::ObserverInfo, 9, 1},
                         Row{"stranger", PacketType::FollowerInfo, 9, 1},
                         Row{"itself", PacketType::FollowerInfo, 3, 1},
                         Row{"epoch too far", PacketType::FollowerInfo, 2, 2 + (1u << 20)},
                         Row{"ACK first", PacketType::Ack, 2, 1}}) {
    CAPTURE(row.name);
    Elected one;
    one.step(LinkUp{kLink, std::nullopt});
    LearnerInfo info;
    info.sid = {row.sid};
    one.packet(row.type, z(row.accepted, 0), encode_learner_info(info));
    CHECK(one.happened(EventKind::PeerMisbehaved));
    REQUIRE(one.links.size() == 1);
    CHECK(std::get<CloseLink>(one.links[0]).link == kLink);
    CHECK(one.peer.learner_counts().connected == 0);
  }
}

TEST_CASE("a newer link of the same server replaces the older one (R44)") {
  Established one;
  one.tick(2001);  // Nothing was heard on the older for more than a tick.
  one.sends.clear();
  one.report(kOther, 1, 2);
  CHECK(one.peer.learner_counts().connected == 1);
  CHECK(std::get<CloseLink>(one.links.back()).link == kLink);
  CHECK(one.sent() == Sent{"LEADERINFO 0x200000000"});
  one.packet(PacketType::Ack, z(2, 0));  // Of the closed link: nothing.
  CHECK(one.sent().empty());
}

TEST_CASE(
    "while a learner is heard nobody else is let in under its id, whatever epoch it has promised") {
  for (const std::uint32_t accepted : {1u, 2u, 1000u}) {
    Established one;
    one.tick(1000);
    one.packet(PacketType::Ping, z(2, 0), SharedBytes());
    one.tick(1999);
    one.sends.clear();
    one.report(kOther, 1, accepted);
    CHECK(one.peer.role() == Role::Leading);
    CHECK(one.peer.serving());
    CHECK(std::get<CloseLink>(one.links.back()).link == kOther);
    CHECK(one.happened(EventKind::LearnerLost));
    CHECK(one.sent().empty());
    const Zxid zxid = one.propose();
    one.sync();
    one.sends.clear();
    one.packet(PacketType::Ack, zxid);
    CHECK(one.peer.committed() == zxid);
  }
}

TEST_CASE("a learner of another version of the protocol is refused") {
  for (const std::int32_t version : {0, 0xffff, 0x20000, -1}) {
    Established one;
    one.step(LinkUp{kOther, std::nullopt});
    LearnerInfo info;
    info.sid = {2};
    info.protocol_version = version;
    one.packet(PacketType::FollowerInfo, z(1, 0), encode_learner_info(info), kOther);
    CHECK(one.peer.learner_counts().connected == 1);
    CHECK(std::get<CloseLink>(one.links.back()).link == kOther);
    CHECK(one.happened(EventKind::PeerMisbehaved));
  }
}

TEST_CASE("COMMIT goes out with a quorum, in order; own apply waits for the own disk") {
  Established one;
  const Zxid first = one.propose();
  const Zxid second = one.propose();
  CHECK(one.sent() == Sent{"PROPOSAL 0x200000001", "PROPOSAL 0x200000002"});
  one.packet(PacketType::Ack, second);
  one.packet(PacketType::Ack, first);
  CHECK(one.sent().empty());  // Two of three have it only when our own write is durable.
  one.sync();
  CHECK(one.sent() == Sent{"COMMIT 0x200000001", "COMMIT 0x200000002"});
  CHECK(one.commits.size() == 2);

  one.report(kOther, 2, 2);
  one.promise(kOther, z(2, 2), -1);
  one.packet(PacketType::Ack, z(2, 0), std::nullopt, kOther);
  one.sends.clear();
  const Zxid third = one.propose();
  one.packet(PacketType::Ack, third);
  one.packet(PacketType::Ack, third, std::nullopt, kOther);
  CHECK(one.peer.committed() == third);
  CHECK(one.peer.applied() == second);
  one.sync();
  CHECK(one.peer.applied() == third);
}

TEST_CASE("ACKs before the NEWLEADER ACK are kept and count only from then on (R5)") {
  const Passed passed;
  Established one;
  const Zxid open = one.propose();
  one.report(kOther, 2, 2);
  one.sends.clear();
  one.promise(kOther, z(1, 3), -1);
  CHECK(one.sent() == Sent{"DIFF 0x100000003", "PROPOSAL 0x200000001", "NEWLEADER 0x200000000"});
  one.sync();
  one.packet(PacketType::Ack, open, std::nullopt, kOther);
  CHECK(one.peer.committed() == z(1, 3));
  one.packet(PacketType::Ack, z(2, 0), std::nullopt, kOther);
  CHECK(one.peer.committed() == open);
  CHECK(passed.missing({"ack before the NEWLEADER ack"}) == "");
}

TEST_CASE("writes during a transfer reach the learner behind the tree, none twice (R9, R14)") {
  Established one;
  one.report(kOther, 2, 2);
  one.promise(kOther, kBlankZxid, -1);
  REQUIRE(one.transfers.size() == 1);
  const Zxid first = one.propose();
  one.sync();
  one.packet(PacketType::Ack, first);
  one.propose();
  one.sends.clear();
  one.step(TransferDone{kOther, z(1, 3), true});
  CHECK(one.sent() == Sent{"PROPOSAL 0x200000001", "COMMIT 0x200000001", "PROPOSAL 0x200000002",
                           "NEWLEADER 0x200000000"});
}

TEST_CASE("requests keep their order, wait at the limit, and syncs stand between them") {
  Established one;
  Request write;
  write.op = 1;
  Request sync;
  sync.op = kSyncOp;
  one.peer.step(Submit{write});  // Both arrive before the driver looks.
  one.packet(PacketType::Request, kBlankZxid, encode_request(sync).data);
  REQUIRE(one.requests.size() == 1);
  CHECK(one.sent().empty());  // The write before it is still being prepared.
  const Zxid zxid = one.propose();
  one.sends.clear();
  one.sync();
  one.packet(PacketType::Ack, zxid);
  CHECK(one.sent() == Sent{"COMMIT 0x200000001"});
  one.packet(PacketType::Ping, zxid, SharedBytes());  // It still follows: now the leader knows.
  CHECK(one.sent() == Sent{"SYNC 0x0"});
  one.step(Submit{sync});
  CHECK(one.syncs_done == 0);
  one.packet(PacketType::Ping, zxid, SharedBytes());
  CHECK(one.syncs_done == 1);
}

TEST_CASE("a sync is answered after a quorum has confirmed the leader, asked after it came") {
  Established one;
  Request sync;
  sync.op = kSyncOp;
  one.tick(1000);  // The heartbeat's PING.
  one.sends.clear();
  one.step(Submit{sync});
  CHECK(one.sent() == Sent{"PING 0x100000003"});
  one.step(Submit{sync});  // Too late for that round.
  CHECK(one.sent().empty());
  one.packet(PacketType::Ping, z(2, 0), SharedBytes());  // Of the heartbeat.
  CHECK(one.syncs_done == 0);
  one.packet(PacketType::Ping, z(2, 0), SharedBytes());
  CHECK(one.syncs_done == 1);
  CHECK(one.sent() == Sent{"PING 0x100000003"});
  one.packet(PacketType::Ping, z(2, 0), SharedBytes());
  CHECK(one.syncs_done == 2);
}

TEST_CASE("a request before UPTODATE or malformed traffic costs the learner its link") {
  Established one;
  one.packet(PacketType::Ping, z(2, 0), bytes_of_text("odd"));
  CHECK(one.peer.learner_counts().connected == 0);
  Elected early;
  early.report(kLink, 1, 1);
  early.packet(PacketType::Request, kBlankZxid, encode_request({}).data);
  CHECK(early.peer.learner_counts().connected == 0);
}

TEST_CASE("a learner that asks for more than may wait is let go (R52)") {
  const Passed passed;
  Established one;
  const QuorumPacket request = encode_request({});
  // Handed to the driver, and as many again behind them; it takes none.
  for (int i = 0; i < 2 * 10000; ++i) one.peer.step(QuorumMessage{kLink, request});
  CHECK(one.peer.learner_counts().connected == 1);
  one.peer.step(QuorumMessage{kLink, request});
  CHECK(one.peer.learner_counts().connected == 0);
  CHECK(passed.missing({"request queue overflows"}) == "");
}

TEST_CASE("REVALIDATE is asked of the driver and answered on the learner's link") {
  Established one;
  one.step(QuorumMessage{kLink, encode_question({{77}, 4000})});
  REQUIRE(one.revalidations.size() == 1);
  CHECK(one.revalidations[0].question.session == SessionId{77});
  one.step(AnswerRevalidate{kLink, {77}, false});
  REQUIRE(one.sends.size() == 1);
  CHECK_FALSE(decode_answer(one.sends[0].packet)->valid);
}

TEST_CASE(
    "what waits when its session is asked for anew on its link is of an ended connection (R59)") {
  const Passed passed;
  Established one;
  auto request = [](SessionId session, std::int32_t cxid) {
    Request made;
    made.session = session;
    made.cxid = cxid;
    made.op = 5;
    return encode_request(made);
  };
  // In one Ready: some are on their way to the driver, the others behind a sync.
  one.peer.step(QuorumMessage{kLink, request({77}, 1)});
  one.peer.step(QuorumMessage{kLink, request({78}, 2)});
  Request sync;
  sync.session = {78};
  sync.op = kSyncOp;
  one.peer.step(QuorumMessage{kLink, encode_request(sync)});
  one.peer.step(QuorumMessage{kLink, request({77}, 3)});
  one.peer.step(QuorumMessage{kLink, encode_question({{77}, 4000})});
  one.step(QuorumMessage{kLink, request({77}, 4)});
  one.propose();
  one.propose();
  std::map<std::int32_t, bool> superseded;
  for (const Request& waited : one.requests) superseded[waited.cxid] = waited.superseded;
  CHECK(superseded == std::map<std::int32_t, bool>{{1, true}, {2, false}, {3, true}, {4, false}});
  CHECK(passed.missing({"request of a connection that its session has left and come back to"}) ==
        "");
}

TEST_CASE("what TRUNC takes from a learner, it has not acknowledged any more") {
  constexpr LinkId kAgain{9};
  Established one;
  one.report(kOther, 2, 2);  // Without it the quorum would be lost with the link below.
  one.promise(kOther, z(2, 0), 2);
  one.packet(PacketType::Ack, z(2, 0), {}, kOther);
  const Zxid zxid = one.propose();
  one.packet(PacketType::Ack,
             zxid);  // Logged by server 1, and not by the leader: its disk is slow.
  CHECK(one.commits.empty());
  one.step(LinkDown{kLink});
  one.sends.clear();
  one.report(kAgain, 1, 2);
  one.promise(kAgain, zxid, 2);
  REQUIRE(one.sends.size() >= 3);
  CHECK(one.sends[1].packet.type == PacketType::Trunc);
  CHECK(one.sends[1].packet.zxid == one.peer.committed());
  CHECK(one.sends[2].packet.type == PacketType::Proposal);
  one.sync();
  CHECK(one.commits.empty());
  one.packet(PacketType::Ack, z(2, 0), {}, kAgain);
  CHECK(one.commits.empty());
  one.packet(PacketType::Ack, zxid, {}, kAgain);
  REQUIRE(one.commits.size() == 1);
  CHECK(one.commits[0].zxid == zxid);
}

TEST_CASE("silence, missing ACKs and a lost quorum end within syncLimit ticks (R49)") {
  Established silent;
  silent.tick(10001);
  CHECK(silent.peer.role() == Role::Looking);
  CHECK(silent.happened(EventKind::ServiceLost));

  Established slow;
  slow.propose();
  for (int i = 0; i < 11; ++i) {  // It still answers PINGs.
    slow.tick(1000);
    slow.packet(PacketType::Ping, z(2, 1), SharedBytes());
  }
  CHECK(slow.peer.learner_counts().connected == 0);

  Established gone;
  gone.step(LinkDown{kLink});
  gone.tick(2000);
  CHECK(gone.peer.role() == Role::Looking);

  Elected alone;
  alone.tick(20001);
  CHECK(alone.peer.role() == Role::Looking);
}

TEST_CASE("a voter that has promised a newer epoch starts a new one") {
  const Passed passed;
  Established one;
  one.report(kOther, 2, 3);
  CHECK(one.peer.role() == Role::Looking);
  CHECK(passed.missing({"voter has promised a newer epoch"}) == "");
}

TEST_CASE("standalone: leads at once, zxids run on, the counter's end begins a new epoch (R50)") {
  const Passed passed;
  PeerOptions options;
  options.self = {1};
  options.standalone = true;
  DurableState state;
  state.accepted_epoch = state.current_epoch = 1;
  state.log_base = state.checkpoint = z(1, 0xfffffffc);
  state.records = {{z(1, 0xfffffffd), bytes_of_text("a")}};
  Peer peer(options, state, Random(1));
  Ready ready = peer.take_ready();
  CHECK(ready.commits.size() == 1);
  CHECK(peer.serving());
  CHECK(peer.next_zxid() == z(1, 0xfffffffe));
  peer.step(Propose{{peer.next_zxid(), bytes_of_text("b")}});
  CHECK_FALSE(peer.may_propose());
  ready = peer.take_ready();
  CHECK(ready.commits.empty());
  peer.step(LogSynced{ready.first_write});
  ready = peer.take_ready();
  CHECK(ready.commits.size() == 1);
  REQUIRE(ready.writes.size() == 2);
  CHECK_FALSE(peer.may_propose());
  peer.step(LogSynced{ready.first_write + 1});
  CHECK(peer.next_zxid() == z(2, 1));
  peer.step(Propose{{peer.next_zxid(), bytes_of_text("c")}});
  peer.check_invariants();
  CHECK(passed.missing({"counter ends"}) == "");
}

TEST_CASE("standalone: behind a tree that takes the place of log and tree zxids run on from it") {
  PeerOptions options;
  options.self = {1};
  options.standalone = true;
  options.outstanding_max = 1;
  DurableState state;
  state.accepted_epoch = state.current_epoch = 1;
  state.log_base = state.checkpoint = z(1, 7);
  Peer peer(options, state, Random(1));
  (void)peer.take_ready();
  peer.step(Propose{{z(1, 8), bytes_of_text("a")}});
  peer.step(Submit{});  // Waits for room.
  Ready ready = peer.take_ready();
  CHECK(ready.requests.empty());
  peer.step(LogSynced{ready.first_write});
  (void)peer.take_ready();
  peer.step(Submit{});

  SUBCASE("epochs are durable before it, and what waited is forgotten") {
    peer.step(TreeReplacing{z(5, 9)});
    ready = peer.take_ready();
    CHECK(ready.requests.empty());
    REQUIRE(ready.writes.size() == 2);
    CHECK(std::get<StoreAcceptedEpoch>(ready.writes[0]).epoch == 5);
    CHECK(std::get<StoreCurrentEpoch>(ready.writes[1]).epoch == 5);
    peer.step(LogSynced{ready.first_write + 1});
    peer.step(TreeReplaced{z(5, 9), true});
    CHECK(peer.serving());
    CHECK(peer.applied() == z(5, 9));
    CHECK(peer.last_logged() == z(5, 9));
    CHECK(peer.next_zxid() == z(5, 10));
    peer.step(Propose{{z(5, 10), bytes_of_text("b")}});
    ready = peer.take_ready();
    peer.step(LogSynced{ready.first_write});
    CHECK(peer.take_ready().commits.size() == 1);
  }
  SUBCASE("in the same epoch nothing need be written") {
    peer.step(TreeReplacing{z(1, 9)});
    CHECK(peer.take_ready().writes.empty());
    peer.step(TreeReplaced{z(1, 9), true});
    CHECK(peer.next_zxid() == z(1, 10));
  }
  SUBCASE("when it fails everything stays") {
    peer.step(TreeReplacing{z(1, 9)});
    peer.step(TreeReplaced{z(1, 9), false});
    CHECK(peer.applied() == z(1, 8));
    CHECK(peer.next_zxid() == z(1, 9));
    peer.step(Propose{{z(1, 9), bytes_of_text("b")}});
  }
  peer.check_invariants();
}

}  // namespace quorate::consensus
