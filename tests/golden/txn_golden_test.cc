// The logs and the snapshot stream of real ensembles: same bytes again, same tree digests.
#include <map>

#include "golden/captures.h"
#include "znode/op.h"
#include "znode/session_password.h"
#include "znode/snapshot.h"
#include "znode/txn.h"

namespace quorate::golden {
namespace {

using znode::DataTree;
using znode::Outcome;
using znode::ReplayMode;
using znode::Txn;

/// crc, length, entry, end mark: the entry alone.
Bytes log_entry(const Json& line) {
  const Bytes record = from_hex(line["hex"].get<std::string>());
  REQUIRE(record.size() > 13);
  return Bytes(record.begin() + 12, record.end() - 1);
}

void check_bytes(const Bytes& entry) {
  Result<Txn> txn = znode::decode_txn(entry);
  REQUIRE(txn.has_value());
  CHECK(znode::encode_txn(*txn) == entry);
  for (std::size_t size = 0; size < entry.size(); ++size) {
    Result<Txn> cut = znode::decode_txn(ByteView(entry).first(size));
    // Without its trailer a txn is whole as well; a closeSession cut at 12 bytes looks like one
    // that lists nothing but has a trailer.
    if (cut && cut->header.type != OpCode::CloseSession) CHECK_FALSE(cut->digest.has_value());
  }
}

/// Applies all log records of one server to an empty tree; how many digests agreed.
int replay_server(const std::string& file, const std::string& server) {
  DataTree tree;
  int agreed = 0;
  each_line(file, [&](const Json& line) {
    if (line["link"] != server || line["name"] != "txn") return;
    const Bytes entry = log_entry(line);
    check_bytes(entry);
    Result<Outcome> outcome = znode::apply(tree, entry, ReplayMode::Exact);
    REQUIRE(outcome.has_value());
    CHECK_FALSE(outcome->digest_mismatch);
    const Result<Txn> txn = znode::decode_txn(entry);
    if (!txn->digest) return;
    CHECK(txn->digest->tree_digest == tree.digest());
    ++agreed;
  });
  return agreed;
}

}  // namespace

TEST_CASE("txn log: every record encodes again to its bytes and reproduces the tree digest") {
  if (!available()) return;
  CHECK(DataTree().digest() == 0x51c6d660);
  CHECK(replay_server("captures-quorum/disk-main.jsonl", "server 1") == 36);
  CHECK(replay_server("captures-quorum/disk-main.jsonl", "server 3") == 36);
  CHECK(replay_server("captures-quorum/disk-reconfig.jsonl", "server 2") == 10);
}

TEST_CASE("txn log: a second replay over the result by the fuzzy rules changes no digest") {
  if (!available()) return;
  // What a snapshot taken while these records were applied may meet: all of them again, in order.
  DataTree tree;
  std::vector<Bytes> entries;
  each_line("captures-quorum/disk-main.jsonl", [&](const Json& line) {
    if (line["link"] == "server 1" && line["name"] == "txn") entries.push_back(log_entry(line));
  });
  for (const Bytes& entry : entries) {
    REQUIRE(znode::apply(tree, entry, ReplayMode::Exact).has_value());
  }
  const std::uint64_t digest = tree.digest();
  znode::CheckpointBatch batch = znode::encode_checkpoint(tree, Zxid{});
  DataTree again;
  znode::CheckpointLoader loader(again);
  for (const auto& entry : batch.entries) {
    if (entry.value) REQUIRE(!loader.add(entry.key, *entry.value));
  }
  REQUIRE(!loader.finish());
  // The loader's zxid would forbid older txns; a fuzzy snapshot is named by its beginning.
  REQUIRE(!again.finish_load(Zxid{}));
  for (const Bytes& entry : entries) {
    REQUIRE(znode::apply(again, entry, ReplayMode::Fuzzy).has_value());
  }
  CHECK(again.digest() == digest);
}

TEST_CASE("SNAP stream: parsed in pieces of any size, the tree continues with the proposals") {
  if (!available()) return;
  Bytes stream;
  std::vector<Bytes> proposals;
  each_line("captures-quorum/follower-join-snap.jsonl", [&](const Json& line) {
    if (line["link"] != "quorum#19 2->3") return;
    const Bytes bytes = from_hex(line["hex"].get<std::string>());
    if (line["name"] == "SNAPSTREAM") stream = bytes;
    // A packet: type, zxid, length and data, authinfo (null).
    if (line["name"] == "PROPOSAL") proposals.emplace_back(bytes.begin() + 16, bytes.end() - 4);
  });
  REQUIRE(!stream.empty());
  REQUIRE(proposals.size() == 3);
  for (std::size_t piece : {std::size_t{1}, std::size_t{7}, stream.size() + 4}) {
    CAPTURE(piece);
    Bytes bytes = stream;
    const Bytes behind(4, std::byte{0x2a});  // The next packet is not part of the stream.
    append(bytes, behind);
    znode::SnapStreamReader reader;
    ByteView input(bytes);
    while (!reader.done()) {
      REQUIRE(!input.empty());
      ByteView part = input.first(std::min(piece, input.size()));
      const std::size_t before = part.size();
      REQUIRE(!reader.feed(part));
      input = input.subspan(before - part.size());
    }
    CHECK(input.size() == 4);
    Result<DataTree> tree = reader.take(Zxid{0x10000001c});
    REQUIRE(tree.has_value());
    for (const Bytes& proposal : proposals) {
      Result<Outcome> outcome = znode::apply(*tree, proposal, ReplayMode::Exact);
      REQUIRE(outcome.has_value());
      CHECK_FALSE(outcome->digest_mismatch);
      CHECK(znode::decode_txn(proposal)->digest->tree_digest == tree->digest());
    }
  }
}

TEST_CASE("SNAP stream: cut anywhere it is unfinished, and what we write reads as the same tree") {
  if (!available()) return;
  Bytes stream;
  each_line("captures-quorum/follower-join-snap.jsonl", [&](const Json& line) {
    if (line["name"] == "SNAPSTREAM") stream = from_hex(line["hex"].get<std::string>());
  });
  for (std::size_t size = 0; size < stream.size(); ++size) {
    znode::SnapStreamReader reader;
    ByteView input = ByteView(stream).first(size);
    CHECK(!reader.feed(input));
    CHECK_FALSE(reader.done());
  }
  znode::SnapStreamReader reader;
  ByteView input(stream);
  REQUIRE(!reader.feed(input));
  DataTree tree = std::move(*reader.take(Zxid{1}));
  znode::SnapStreamWriter writer;
  const znode::CheckpointBatch batch = znode::encode_checkpoint(tree, Zxid{});
  for (char kind : {'s', 'a', 'n'}) {
    for (const auto& entry : batch.entries) {
      if (static_cast<char>(entry.key.front()) == kind) {
        REQUIRE(!writer.add(entry.key, *entry.value));
      }
    }
  }
  writer.finish();
  const Bytes ours = writer.take();
  // The order of siblings is free; everything else is given, so the length is the same.
  CHECK(ours.size() == stream.size());
  znode::SnapStreamReader second;
  input = ByteView(ours);
  REQUIRE(!second.feed(input));
  REQUIRE(second.done());
  CHECK(second.take(Zxid{1})->digest() == tree.digest());
}

TEST_CASE("session password: the recorded one") {
  const Bytes expected = from_hex("80ac5af50da42bc15e53f59e9e3ba50b");
  CHECK(znode::session_password(SessionId{0x1000014791e0000}) == as_text(expected));
}

}  // namespace quorate::golden
