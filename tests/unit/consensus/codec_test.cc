#include "consensus/codec.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace quorate::consensus {
namespace {

Bytes from_hex(std::string_view text) {
  Bytes out;
  unsigned value = 0;
  int digits = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits == 2) {
      out.push_back(static_cast<std::byte>(value));
      value = 0;
      digits = 0;
    }
  }
  return out;
}

constexpr std::size_t kMaxField = 1 << 20;

QuorumPacket packet_of(std::string_view hex_text) {
  const Bytes bytes = from_hex(hex_text);
  ByteView view(bytes);
  auto taken = take_packet(view, kMaxField);
  REQUIRE(taken.has_value());
  REQUIRE(taken->has_value());
  CHECK(view.empty());
  return **taken;
}

Bytes bytes_of(const QuorumPacket& packet) {
  Bytes out;
  encode(out, packet);
  return out;
}

SharedBytes shared(std::string_view hex_text) {
  return SharedBytes(from_hex(hex_text));
}

Notification first_vote_of_3() {
  Notification vote;
  vote.leader = {3};
  vote.round = 1;
  vote.config =
      "server.1=127.77.0.1:2888:3888:participant\n"
      "server.2=127.77.0.2:2888:3888:participant\n"
      "server.3=127.77.0.3:2888:3888:participant\nversion=0";
  return vote;
}

struct Golden {
  const char* name;
  const char* hex;
  QuorumPacket packet;
};

std::vector<Golden> golden_packets() {
  Request create_session;
  create_session.session = {0x01000014791e0000};
  create_session.op = -10;
  create_session.body = shared("00009c40");
  const Zxid epoch_one = Zxid::make(1, 0);
  return {
      {"FOLLOWERINFO of server 2",
       "0000000b 0000000000000000 00000014 0000000000000002 00010000 0000000000000000 ffffffff",
       {PacketType::FollowerInfo, Zxid{0}, encode_learner_info({.sid = {2}}), std::nullopt}},
      {"LEADERINFO of epoch 1",
       "00000011 0000000100000000 00000004 00010000 ffffffff",
       {PacketType::LeaderInfo, epoch_one, encode_int(0x10000), std::nullopt}},
      {"ACKEPOCH with an empty log",
       "00000012 0000000000000000 00000004 00000000 ffffffff",
       {PacketType::AckEpoch, Zxid{0}, encode_int(0), std::nullopt}},
      {"ACK of NEWLEADER",
       "00000003 0000000100000000 ffffffff ffffffff",
       {PacketType::Ack, epoch_one, std::nullopt, std::nullopt}},
      {"UPTODATE",
       "0000000c ffffffffffffffff ffffffff ffffffff",
       {PacketType::UpToDate, kBlankZxid, std::nullopt, std::nullopt}},
      {"PING of the leader",
       "00000005 0000000100000000 ffffffff ffffffff",
       {PacketType::Ping, epoch_one, std::nullopt, std::nullopt}},
      {"PING reply without sessions",
       "00000005 0000000100000000 00000000 ffffffff",
       {PacketType::Ping, epoch_one, encode_touches({}), std::nullopt}},
      {"SYNC reply",
       "00000007 0000000000000000 ffffffff ffffffff",
       {PacketType::Sync, Zxid{0}, std::nullopt, std::nullopt}},
      {"REVALIDATE question",
       "00000006 ffffffffffffffff 0000000c 01000014791e0000 00009c40 ffffffff",
       encode_question({{0x01000014791e0000}, 40000})},
      {"COMMITANDACTIVATE for leader 3",
       "00000009 0000000100000002 00000008 0000000000000003 ffffffff",
       {PacketType::CommitAndActivate, Zxid::make(1, 2), shared("0000000000000003"), std::nullopt}},
      {"REQUEST createSession",
       "00000001 ffffffffffffffff 00000014 01000014791e0000 00000000 fffffff6 00009c40 ffffffff",
       encode_request(create_session)},
      {"PROPOSAL createSession",
       "00000002 0000000100000001 00000030 01000014791e0000 00000000 0000000100000001 "
       "000001a1fbc50631 fffffff6 00009c40 00000002 0000000051c6d660 ffffffff",
       {PacketType::Proposal, Zxid::make(1, 1),
        shared("01000014791e0000 00000000 0000000100000001 000001a1fbc50631 fffffff6 00009c40 "
               "00000002 0000000051c6d660"),
        std::nullopt}},
  };
}

}  // namespace

TEST_CASE("packets have exactly ZooKeeper's bytes (zab-protocol section 5)") {
  for (const Golden& row : golden_packets()) {
    CAPTURE(row.name);
    CHECK(bytes_of(row.packet) == from_hex(row.hex));
    CHECK(packet_of(row.hex) == row.packet);
  }
}

TEST_CASE("a packet cut at any byte asks for more and consumes nothing") {
  for (const Golden& row : golden_packets()) {
    CAPTURE(row.name);
    const Bytes whole = from_hex(row.hex);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      ByteView view(whole.data(), size);
      const auto taken = take_packet(view, kMaxField);
      REQUIRE(taken.has_value());
      CHECK_FALSE(taken->has_value());
      CHECK(view.size() == size);
    }
  }
}

TEST_CASE("packets follow one another without a frame") {
  Bytes stream = from_hex("00000003 0000000100000000 ffffffff ffffffff");
  append(stream, from_hex("0000000c ffffffffffffffff ffffffff ffffffff 00"));
  ByteView view(stream);
  CHECK((**take_packet(view, kMaxField)).type == PacketType::Ack);
  CHECK((**take_packet(view, kMaxField)).type == PacketType::UpToDate);
  CHECK(view.size() == 1);
}

TEST_CASE("null and empty data stay different") {
  CHECK_FALSE(packet_of("00000005 0000000100000000 ffffffff ffffffff").data.has_value());
  CHECK(packet_of("00000005 0000000100000000 00000000 ffffffff").data.has_value());
}

TEST_CASE("identities of a request survive the wire") {
  QuorumPacket packet{PacketType::Request, kBlankZxid, shared("00"),
                      std::vector<WireId>{{"ip", "127.0.0.1"}, {"digest", ""}}};
  const Bytes bytes = bytes_of(packet);
  ByteView view(bytes);
  CHECK(**take_packet(view, kMaxField) == packet);
}

TEST_CASE("impossible lengths are refused before anything is read") {
  for (const char* text : {
           "00000003 0000000100000000 fffffffe",           // data length -2
           "00000003 0000000100000000 00100001",           // data longer than the limit
           "00000003 0000000100000000 ffffffff fffffffe",  // vector count -2
           "00000003 0000000100000000 ffffffff 7fffffff",  // vector count beyond any packet
           "00000003 0000000100000000 ffffffff 00000001 80000000",  // string length
           // Two strings that are together longer than a field may be.
       }) {
    CAPTURE(text);
    const Bytes bytes = from_hex(text);
    ByteView view(bytes);
    CHECK((take_packet(view, kMaxField).error() == make_error_code(CodecError::Malformed)));
  }
}

TEST_CASE("identities may not add up beyond the limit of a field") {
  QuorumPacket packet{PacketType::Request, kBlankZxid, std::nullopt,
                      std::vector<WireId>{{std::string(60, 'a'), std::string(60, 'b')}}};
  const Bytes bytes = bytes_of(packet);
  ByteView view(bytes);
  CHECK(take_packet(view, 100).has_error());
  CHECK(take_packet(view, 120).has_value());
}

TEST_CASE("an unknown packet type is a packet: it can be skipped") {
  CHECK(static_cast<int>(packet_of("00000063 0000000100000000 ffffffff ffffffff").type) == 99);
}

TEST_CASE("learner info: 8, 12 and 20 bytes are known, the mark stands behind") {
  CHECK(decode_learner_info(from_hex("0000000000000002"))->sid == ServerId{2});
  CHECK(decode_learner_info(from_hex("0000000000000002 00010000"))->protocol_version == 0x10000);
  const Bytes full = from_hex("0000000000000002 00010000 0000000000000005");
  CHECK(decode_learner_info(full)->config_version == 5);
  CHECK_FALSE(decode_learner_info(full)->quorate);
  for (const bool blank : {false, true}) {
    const SharedBytes marked = encode_learner_info({{2}, 0x10000, 5, true, blank});
    CHECK(Bytes(marked.view().begin(), marked.view().begin() + 20) == full);
    const auto info = decode_learner_info(marked.view());
    CHECK(info->quorate);
    CHECK(info->blank == blank);
    CHECK(info->config_version == 5);
    for (std::size_t cut = 0; cut < marked.size(); ++cut) {
      CAPTURE(cut);
      const auto part = decode_learner_info(marked.view().first(cut));
      CHECK(part.has_error() == (cut < 8));
      if (part.has_value()) CHECK_FALSE(part->quorate);
    }
  }
}

TEST_CASE("leader info: ZooKeeper's four bytes, then the mark") {
  CHECK_FALSE(decode_leader_info(from_hex("00010000"))->quorate);
  CHECK(decode_leader_info(encode_leader_info().view())->quorate);
  CHECK(decode_leader_info(encode_leader_info().view().first(4))->protocol_version == 0x10000);
  CHECK(decode_leader_info(from_hex("000100")).has_error());
}

TEST_CASE("requests, revalidations and touches: both ways, and never from cut bytes") {
  Request request;
  request.session = {7};
  request.cxid = 3;
  request.op = 1;
  request.body = shared("0102");
  request.authinfo = std::vector<WireId>{{"world", "anyone"}};
  const QuorumPacket packet = encode_request(request);
  CHECK(*decode_request(packet) == request);
  for (std::size_t cut = 0; cut < 16; ++cut) {
    QuorumPacket part = packet;
    part.data = SharedBytes(
        Bytes(packet.data->view().begin(), packet.data->view().begin() + static_cast<long>(cut)));
    CHECK(decode_request(part).has_error());
  }
  CHECK(decode_request({PacketType::Request, kBlankZxid, std::nullopt, std::nullopt}).has_error());

  CHECK(decode_question(encode_question({{9}, 4000}))->timeout_ms == 4000);
  CHECK(decode_answer(encode_answer({{9}, true}))->valid);
  CHECK_FALSE(decode_answer(encode_answer({{9}, false}))->valid);
  CHECK(decode_answer(encode_question({{9}, 4000})).has_error());
  CHECK(decode_question(encode_answer({{9}, true})).has_error());

  const SharedBytes touches = encode_touches({{{1}, 10}, {{2}, 20}});
  CHECK(decode_touches(touches.view())->at(1).session == SessionId{2});
  CHECK(decode_touches(touches.view().first(23)).has_error());
  CHECK(decode_touches({})->empty());
  CHECK(decode_int(encode_int(-1).view()).value() == -1);
  CHECK(decode_int(from_hex("ffffff")).has_error());
}

TEST_CASE("the first vote of a server has exactly ZooKeeper's bytes (zab-protocol section 3)") {
  const Bytes body = encode(first_vote_of_3());
  CHECK(body.size() == 0xb3);
  const Bytes head = from_hex(
      "00000000 0000000000000003 0000000000000000 0000000000000001 0000000000000000 00000002 "
      "00000087");
  CHECK(Bytes(body.begin(), body.begin() + static_cast<long>(head.size())) == head);
  CHECK(*decode_notification(body) == first_vote_of_3());
}

TEST_CASE("old notifications of 28, 40 and 44 bytes are understood") {
  const std::string votes = "00000002 0000000000000003 0000000500000007 0000000000000009";
  const auto oldest = decode_notification(from_hex(votes));
  CHECK(oldest->state == PeerState::Leading);
  CHECK(oldest->peer_epoch == 5);  // Taken from the zxid.
  CHECK(oldest->version == 0);
  const auto old = decode_notification(from_hex(votes + "0000000000000006 00000000"));
  CHECK(old->peer_epoch == 6);
  CHECK(old->version == 0);
  const auto one = decode_notification(from_hex(votes + "0000000000000006 00000001 00000000"));
  CHECK(one->version == 1);
  for (const Notification& notification : {*old, *one}) {
    if (notification.version == 1)
      CHECK(*decode_notification(encode(notification)) == notification);
  }
}

TEST_CASE("malformed notifications cost the message only") {
  const Bytes body = encode(first_vote_of_3());
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    // 28 and 40 bytes are the older forms.
    CHECK(decode_notification(ByteView(body).first(size)).has_value() ==
          (size == 28 || size == 40));
  }
  Bytes bad_state = body;
  bad_state[3] = std::byte{4};
  CHECK(decode_notification(bad_state).has_error());
  Bytes negative = body;
  negative[40] = std::byte{0xff};
  CHECK(decode_notification(negative).has_error());
}

TEST_CASE("initial message: V1 out; V1, V2 and a bare sid in") {
  const Bytes v1 =
      from_hex("ffffffffffff0000 0000000000000003 0000000f 3132372e37372e302e333a33383838");
  CHECK(encode(InitialMessage{{3}, "127.77.0.3:3888"}) == v1);
  for (std::size_t size = 0; size < v1.size(); ++size) {
    CAPTURE(size);
    ByteView view = ByteView(v1).first(size);
    const auto taken = take_initial_message(view);
    REQUIRE(taken.has_value());
    CHECK_FALSE(taken->has_value());
    CHECK(view.size() == size);
  }
  Bytes v2 = v1;
  v2[7] = std::byte{1};
  v2.push_back(std::byte{7});
  ByteView view(v2);
  const auto taken = take_initial_message(view);
  CHECK((*taken)->sid == ServerId{3});
  CHECK((*taken)->address == "127.77.0.3:3888");
  CHECK(view.size() == 1);

  const Bytes oldest = from_hex("0000000000000002");
  view = oldest;
  CHECK((**take_initial_message(view)).sid == ServerId{2});
  CHECK(view.empty());
}

TEST_CASE("initial message: other versions and impossible address lengths are refused") {
  for (const char* text :
       {"ffffffffffff0002", "ffffffffffffffff", "ffffffffffff0000 0000000000000003 00000000",
        "ffffffffffff0000 0000000000000003 ffffffff",
        "ffffffffffff0000 0000000000000003 00000801"}) {
    CAPTURE(text);
    const Bytes bytes = from_hex(text);
    ByteView view(bytes);
    CHECK(take_initial_message(view).has_error());
  }
}

}  // namespace quorate::consensus
