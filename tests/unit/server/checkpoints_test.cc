#include "server/replica/checkpoints.h"

#include <doctest/doctest.h>

#include "tests/support/fake_ports.h"
#include "tests/support/standalone_replica.h"

namespace quorate::server {
namespace {

constexpr LinkId kLink{5};
constexpr std::int64_t kStallMs = 1000;

struct CheckpointFixture {
  FakePorts fake;
  znode::DataTree tree;

  Checkpoints make(Zxid current, CheckpointLimits limits = {}) {
    return Checkpoints(limits, current, kStallMs, fake.disk, fake.links);
  }
  struct Sink : TreeSink {
    void add(SharedBytes piece) override { size += piece.size(); }
    void end(const TreeCopied& copied) override { ended.push_back(copied); }
    bool has_room() const override { return room; }
    bool abandoned() const override { return left; }
    std::size_t size = 0;
    std::vector<TreeCopied> ended;
    bool room = true, left = false;
  };
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();

  static SharedBytes bytes(std::size_t count) { return SharedBytes(Bytes(count)); }
};

TEST_CASE_FIXTURE(CheckpointFixture, "a checkpoint is due after so many records or bytes of log") {
  Checkpoints by_records = make(Zxid{1}, {1u << 30, 1u << 30, /*records=*/3});
  for (int i = 0; i < 2; ++i) by_records.applied(10);
  by_records.renew_if_due(tree, Zxid{0}, 0);
  CHECK(fake.disk.checkpoints.empty());
  by_records.applied(10);
  by_records.renew_if_due(tree, Zxid{0}, 0);
  CHECK(fake.disk.checkpoints.size() == 1);

  Checkpoints by_bytes = make(Zxid{1}, {1u << 30, /*log_bytes=*/100, 1000});
  by_bytes.applied(100);
  by_bytes.renew_if_due(tree, Zxid{0}, 0);
  CHECK(fake.disk.checkpoints.size() == 2);
}

TEST_CASE_FIXTURE(CheckpointFixture, "a checkpoint is due when all is quiet and log waits for it") {
  CheckpointLimits limits{1u << 30, 1u << 30, 1 << 30};
  limits.quiet_ms = 1000;
  limits.quiet_log_bytes = 100;
  Checkpoints checkpoints = make(Zxid{1}, limits);
  checkpoints.applied(99);
  checkpoints.renew_if_due(tree, Zxid{0}, 100);
  checkpoints.renew_if_due(tree, Zxid{0}, 5000);
  CHECK(fake.disk.checkpoints.empty());  // Too little.
  checkpoints.applied(1);
  checkpoints.renew_if_due(tree, Zxid{0}, 5500);
  checkpoints.applied(1);
  checkpoints.renew_if_due(tree, Zxid{0}, 6000);
  checkpoints.renew_if_due(tree, Zxid{0}, 6999);
  CHECK(fake.disk.checkpoints.empty());  // Too soon.
  checkpoints.renew_if_due(tree, Zxid{0}, 7000);
  CHECK(fake.disk.checkpoints.size() == 1);
  CHECK(checkpoints.on_checkpointed(tree.last_applied()));
  checkpoints.renew_if_due(tree, Zxid{0}, 60000);
  CHECK(fake.disk.checkpoints.size() == 1);
}

TEST_CASE_FIXTURE(CheckpointFixture, "one batch at a time is on its way to the disk") {
  Checkpoints checkpoints = make(Zxid{1}, {1u << 30, 1u << 30, /*records=*/1});
  checkpoints.applied(1);
  checkpoints.renew_if_due(tree, Zxid{0}, 0);
  checkpoints.applied(1);
  checkpoints.renew_if_due(tree, Zxid{0}, 0);
  CHECK(fake.disk.checkpoints.size() == 1);
  CHECK(checkpoints.on_checkpointed(tree.last_applied()));
  checkpoints.renew_if_due(tree, Zxid{0}, 0);
  CHECK(fake.disk.checkpoints.size() == 2);
}

TEST_CASE_FIXTURE(CheckpointFixture,
                  "a received tree overtakes a checkpoint under way: the next one is not held up") {
  Checkpoints checkpoints = make(Zxid{1}, {1u << 30, 1u << 30, /*records=*/1});
  REQUIRE_FALSE(tree.finish_load(Zxid{9}));
  checkpoints.applied(1);
  checkpoints.renew_if_due(tree, Zxid{0}, 0);
  REQUIRE(fake.disk.checkpoints.size() == 1);
  checkpoints.replaced(Zxid{20});
  REQUIRE_FALSE(tree.finish_load(Zxid{21}));
  checkpoints.applied(1);
  checkpoints.renew_if_due(tree, Zxid{0}, 0);
  CHECK(fake.disk.checkpoints.size() == 2);
  // The disk may have finished the old batch just before, and say so late.
  CHECK_FALSE(checkpoints.on_checkpointed(Zxid{9}));
  CHECK(checkpoints.on_checkpointed(Zxid{21}));
}

TEST_CASE_FIXTURE(CheckpointFixture,
                  "transfer: SNAP with the checkpoint's zxid, the pieces, done") {
  Checkpoints checkpoints = make(Zxid{7});
  checkpoints.begin(kLink, Zxid{7}, 0);
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  REQUIRE(fake.disk.reads.size() == 1);
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  CHECK(fake.disk.reads.size() == 1);
  checkpoints.on_piece(kLink, Zxid{7}, bytes(10), /*last=*/false, /*ok=*/true);
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  REQUIRE(fake.links.sent.size() == 1);
  CHECK(fake.links.sent[0].packet.type == consensus::PacketType::Snap);
  CHECK(fake.links.sent[0].packet.zxid == Zxid{7});
  CHECK(fake.links.raw[kLink].size() == 10);
  checkpoints.on_piece(kLink, Zxid{7}, bytes(5), /*last=*/true, /*ok=*/true);
  auto done = checkpoints.advance(0, Zxid{});
  REQUIRE(done.size() == 1);
  CHECK(done[0].ok);
  CHECK(done[0].zxid == Zxid{7});
  CHECK(fake.links.sent.size() == 1);
  CHECK(fake.links.raw[kLink].size() == 15);
  CHECK(fake.disk.reads.size() == 2);
}

TEST_CASE_FIXTURE(CheckpointFixture,
                  "transfer: an older checkpoint than asked for is renewed first") {
  Checkpoints checkpoints = make(Zxid{3});
  REQUIRE_FALSE(tree.finish_load(Zxid{8}));
  checkpoints.begin(kLink, Zxid{7}, 0);
  CHECK(checkpoints.advance(kStallMs * 9, Zxid{}).empty());
  CHECK(fake.disk.reads.empty());
  checkpoints.renew_if_due(tree, Zxid{0}, 0);
  CHECK(fake.disk.checkpoints.size() == 1);
  checkpoints.on_checkpointed(Zxid{8});
  CHECK(checkpoints.advance(kStallMs * 9, Zxid{}).empty());
  CHECK(fake.disk.reads.size() == 1);
}

TEST_CASE_FIXTURE(CheckpointFixture, "transfer: a slow link holds the reading back") {
  Checkpoints checkpoints = make(Zxid{7});
  checkpoints.begin(kLink, Zxid{7}, 0);
  checkpoints.advance(0, Zxid{});
  checkpoints.on_piece(kLink, Zxid{7}, bytes(10), false, true);
  fake.links.queued = 2u << 20;
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  CHECK(fake.disk.reads.size() == 1);
  fake.links.queued = 0;
  CHECK(checkpoints.advance(10, Zxid{}).empty());
  CHECK(fake.disk.reads.size() == 2);
}

TEST_CASE_FIXTURE(CheckpointFixture, "transfer: unreadable or stalled is given up") {
  Checkpoints checkpoints = make(Zxid{7});
  checkpoints.begin(kLink, Zxid{7}, 0);
  checkpoints.advance(0, Zxid{});
  checkpoints.on_piece(kLink, Zxid{7}, {}, false, /*ok=*/false);
  auto unreadable = checkpoints.advance(0, Zxid{});
  REQUIRE(unreadable.size() == 1);
  CHECK_FALSE(unreadable[0].ok);

  checkpoints.begin(LinkId{6}, Zxid{7}, 0);
  checkpoints.advance(0, Zxid{});
  CHECK(checkpoints.advance(kStallMs, Zxid{}).empty());
  auto stalled = checkpoints.advance(kStallMs + 1, Zxid{});
  REQUIRE(stalled.size() == 1);
  CHECK_FALSE(stalled[0].ok);
  CHECK(fake.disk.dropped == std::vector<LinkId>{kLink, LinkId{6}});
}

TEST_CASE_FIXTURE(CheckpointFixture, "transfer: a link that has ended costs nothing more") {
  Checkpoints checkpoints = make(Zxid{7});
  checkpoints.begin(kLink, Zxid{7}, 0);
  checkpoints.advance(0, Zxid{});
  checkpoints.drop(kLink);
  checkpoints.on_piece(kLink, Zxid{7}, bytes(10), true, true);
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  CHECK(fake.links.sent.empty());
  CHECK(fake.disk.dropped == std::vector<LinkId>{kLink});
}

TEST_CASE_FIXTURE(
    CheckpointFixture,
    "copy: of the renewed checkpoint, with its digest, and no transfer of consensus") {
  Checkpoints checkpoints = make(Zxid{3});
  REQUIRE_FALSE(tree.finish_load(Zxid{8}));
  checkpoints.copy(sink, Zxid{8}, 0);
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  CHECK(fake.disk.reads.empty());
  checkpoints.renew_if_due(tree, Zxid{0}, 0);
  checkpoints.on_checkpointed(Zxid{8});
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  REQUIRE(fake.disk.reads.size() == 1);
  const LinkId name = fake.disk.reads[0];
  CHECK(name < LinkId{0});
  checkpoints.on_piece(name, Zxid{8}, bytes(10), /*last=*/false, /*ok=*/true);
  sink->room = false;
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  CHECK(fake.disk.reads.size() == 1);
  sink->room = true;
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  checkpoints.on_piece(name, Zxid{8}, bytes(5), /*last=*/true, /*ok=*/true);
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  CHECK(sink->size == 15);
  REQUIRE(sink->ended.size() == 1);
  CHECK(sink->ended[0].ok);
  CHECK(sink->ended[0].zxid == Zxid{8});
  CHECK(sink->ended[0].digest == tree.digest());
  CHECK(fake.links.sent.empty());
  CHECK(fake.links.raw.empty());
}

TEST_CASE_FIXTURE(CheckpointFixture,
                  "copy: ends when nobody waits, nothing can be read, or the tree is replaced") {
  Checkpoints checkpoints = make(Zxid{7});
  checkpoints.copy(sink, Zxid{7}, 0);
  checkpoints.advance(0, Zxid{});
  sink->left = true;
  CHECK(checkpoints.advance(0, Zxid{}).empty());
  CHECK(fake.disk.dropped == fake.disk.reads);
  sink->left = false;

  checkpoints.copy(sink, Zxid{7}, 0);
  checkpoints.advance(0, Zxid{});
  checkpoints.on_piece(fake.disk.reads.back(), Zxid{7}, {}, false, /*ok=*/false);
  CHECK(checkpoints.advance(0, Zxid{}).empty());

  checkpoints.copy(sink, Zxid{9}, 0);
  checkpoints.replaced(Zxid{8});
  CHECK(checkpoints.advance(kStallMs * 9, Zxid{}).empty());
  REQUIRE(sink->ended.size() == 3);
  for (const TreeCopied& copied : sink->ended) CHECK_FALSE(copied.ok);
  CHECK(fake.disk.reads.size() == 2);
}

TEST_CASE("a replica renews its checkpoint after snap_count records, beside its work") {
  ReplicaOptions options;
  options.snap_count = 5;
  StandaloneReplica server(std::move(options));
  server.client(ConnectionId{1});
  for (std::int32_t i = 0; i < 4; ++i) {
    server.put_create(ConnectionId{1}, i + 1, "/n" + std::to_string(i));
    server.settle();
  }
  REQUIRE(server.fake.disk.checkpoints.size() == 1);
  CHECK(server.fake.disk.checkpoints[0].zxid == Zxid{5});
  server.replica->on_checkpointed(server.fake.disk.checkpoints[0].zxid);
  server.put_create(ConnectionId{1}, 9, "/later");
  server.settle();
  CHECK(server.fake.disk.checkpoints.size() == 1);
}

}  // namespace
}  // namespace quorate::server
