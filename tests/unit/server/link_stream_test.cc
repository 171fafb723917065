#include "server/replica/link_stream.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "consensus/codec.h"
#include "znode/snapshot.h"

namespace quorate::server {
namespace {

using consensus::PacketType;
using consensus::QuorumPacket;

constexpr std::size_t kMaxField = 4096;

QuorumPacket packet(PacketType type, std::int64_t zxid) {
  QuorumPacket made;
  made.type = type;
  made.zxid = Zxid{zxid};
  return made;
}

void add(Bytes& out, const QuorumPacket& what) {
  consensus::encode(out, what);
}

/// The stream of a fresh tree: what a leader sends behind SNAP.
Bytes fresh_tree() {
  znode::DataTree tree;
  tree.mark_all_dirty();
  znode::CheckpointBatch batch = znode::encode_checkpoint(tree, Zxid{0});
  std::map<std::string, std::string> entries;
  for (const auto& entry : batch.entries) {
    if (entry.value) entries[std::string(as_text(entry.key))] = as_text(*entry.value);
  }
  znode::SnapStreamWriter writer;
  for (char kind : {'s', 'a', 'n'}) {
    for (const auto& [key, value] : entries) {
      if (key[0] == kind) REQUIRE_FALSE(writer.add(as_bytes(key), as_bytes(value)));
    }
  }
  writer.finish();
  return writer.take();
}

struct StreamFixture {
  LinkStream stream{kMaxField};
  std::vector<QuorumPacket> packets;

  ErrorCode feed(ByteView bytes) {
    return stream.feed(bytes, [this](QuorumPacket got) { packets.push_back(std::move(got)); });
  }
};

TEST_CASE("packets come out whole, wherever the bytes are cut") {
  Bytes bytes;
  add(bytes, packet(PacketType::Ack, 1));
  QuorumPacket proposal = packet(PacketType::Proposal, 2);
  proposal.data = SharedBytes(Bytes(300, std::byte{7}));
  add(bytes, proposal);
  add(bytes, packet(PacketType::Commit, 2));
  for (std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{20}, bytes.size()}) {
    CAPTURE(piece);
    StreamFixture fixture;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      REQUIRE_FALSE(fixture.feed(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at))));
    }
    REQUIRE(fixture.packets.size() == 3);
    CHECK(fixture.packets[1] == proposal);
    CHECK(fixture.packets[2].type == PacketType::Commit);
    CHECK(fixture.stream.buffered() == 0);
  }
}

TEST_CASE("behind SNAP comes a tree without a length, then packets again; cut at every byte") {
  Bytes bytes;
  add(bytes, packet(PacketType::Snap, 40));
  append(bytes, fresh_tree());
  add(bytes, packet(PacketType::NewLeader, 41));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    StreamFixture fixture;
    REQUIRE_FALSE(fixture.feed(ByteView(bytes).first(cut)));
    REQUIRE_FALSE(fixture.feed(ByteView(bytes).subspan(cut)));
    REQUIRE(fixture.packets.size() == 2);
    CHECK(fixture.packets[0].type == PacketType::Snap);
    CHECK(fixture.packets[1].type == PacketType::NewLeader);
    CHECK(fixture.stream.awaited_tree() == std::optional(Zxid{40}));
    auto received = fixture.stream.take_tree();
    REQUIRE(received.has_value());
    CHECK(received->zxid == Zxid{40});
    CHECK(received->tree.last_applied() == Zxid{40});
    CHECK(received->tree.digest() == znode::DataTree().digest());
    CHECK_FALSE(fixture.stream.take_tree().has_value());
    CHECK_FALSE(fixture.stream.awaited_tree().has_value());
  }
}

TEST_CASE("a tree that has begun and not ended is awaited") {
  Bytes bytes;
  add(bytes, packet(PacketType::Snap, 40));
  StreamFixture fixture;
  REQUIRE_FALSE(fixture.feed(bytes));
  CHECK(fixture.stream.awaited_tree() == std::optional(Zxid{40}));
  CHECK_FALSE(fixture.stream.take_tree().has_value());
}

TEST_CASE("bytes that cannot be a packet, or a tree, are a fault") {
  StreamFixture fixture;
  Bytes negative(20, std::byte{0xfe});
  CHECK(fixture.feed(negative));

  StreamFixture behind_snap;
  Bytes bytes;
  add(bytes, packet(PacketType::Snap, 40));
  append(bytes, Bytes(64, std::byte{0xff}));
  CHECK(behind_snap.feed(bytes));
}

TEST_CASE("a field above the limit is refused before it has arrived") {
  QuorumPacket large = packet(PacketType::Proposal, 1);
  large.data = SharedBytes(Bytes(kMaxField + 1));
  Bytes bytes;
  add(bytes, large);
  StreamFixture fixture;
  CHECK(fixture.feed(ByteView(bytes).first(100)));
}

}  // namespace
}  // namespace quorate::server
