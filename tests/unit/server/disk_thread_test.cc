#include "server/storage/real/disk_thread.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

#include "server/storage/real/leveldb_tree_store.h"
#include "server/storage/real/posix_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/server/storage_fixture.h"

using namespace quorate;
using namespace quorate::server;
using namespace quorate::test;
using consensus::AppendRecord;
using consensus::LogRecord;
using consensus::LogWrite;
using consensus::StoreAcceptedEpoch;

namespace {

/// Collects answers; wait_for() gives up after ten seconds, which no working disk needs.
class Answers : public DiskAnswers {
 public:
  void on_synced(std::uint64_t write) override {
    note([&] {
      CHECK(write > synced);
      synced = write;
      ++sync_answers;
    });
  }
  void on_checkpointed(Zxid zxid) override {
    note([&] { checkpointed.push_back(zxid); });
  }
  void on_checkpoint_lost() override {
    note([&] { ++lost; });
  }
  void on_snapshot_piece(LinkId, Zxid zxid, SharedBytes piece, bool last, bool ok) override {
    note([&] {
      CHECK(ok);
      snapshot_zxid = zxid;
      append(snapshot, piece.view());
      snapshot_ended = last;
      ++pieces;
    });
  }
  void on_installed(LinkId, Zxid zxid, bool ok) override {
    note([&] {
      CHECK(ok);
      installed = zxid;
    });
  }

  template <class Condition>
  bool wait_for(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), condition);
  }

  std::uint64_t synced = 0, sync_answers = 0, pieces = 0;
  std::vector<Zxid> checkpointed;
  int lost = 0;
  Zxid installed, snapshot_zxid;
  Bytes snapshot;
  bool snapshot_ended = false;

 private:
  template <class Change>
  void note(Change change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Hands answers to an `Answers` that the test owns.
class Forward : public DiskAnswers {
 public:
  explicit Forward(Answers& to) : to_(to) {}
  void on_synced(std::uint64_t write) override { to_.on_synced(write); }
  void on_checkpointed(Zxid zxid) override { to_.on_checkpointed(zxid); }
  void on_checkpoint_lost() override { to_.on_checkpoint_lost(); }
  void on_snapshot_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok) override {
    to_.on_snapshot_piece(link, zxid, std::move(piece), last, ok);
  }
  void on_installed(LinkId link, Zxid zxid, bool ok) override { to_.on_installed(link, zxid, ok); }

 private:
  Answers& to_;
};

struct RealDisk {
  TemporaryFolder folder;
  PosixFiles files;
  Answers answers;
  Recovered recovered;
  StorageFault fault;
  std::unique_ptr<DiskThread> disk;

  void open(DiskThreadOptions thread_options = {}) {
    StorageOptions options;
    options.data_dir = folder.path();
    options.data_log_dir = folder.path();
    options.segment_bytes = 64 << 10;
    options.initialize = true;
    options.window_records = 5;
    auto worker = DiskWorker::open(files, open_leveldb_tree_store(), options, recovered, fault);
    REQUIRE_MESSAGE(worker, fault.what);
    disk = std::make_unique<DiskThread>(std::move(worker), std::make_unique<Forward>(answers),
                                        thread_options);
  }
  void reopen() {
    disk.reset();
    open();
  }
};

LogWrite append_of(std::int64_t zxid) {
  return AppendRecord{record(Zxid{zxid}, 100)};
}

}  // namespace

TEST_CASE("disk thread: everything written before stop() is durable and was answered, in order") {
  RealDisk real;
  real.open();
  for (std::int64_t z = 1; z <= 2000; ++z) {
    real.disk->write(static_cast<std::uint64_t>(z), {append_of(z)});
  }
  real.disk->write(2001, {StoreAcceptedEpoch{3}, append_of(2001)});
  real.disk->stop();
  CHECK(real.answers.synced == 2002);
  SyncTimes times = real.disk->sync_times();
  CHECK(times.count == real.answers.sync_answers);
  CHECK(times.min_ms <= times.avg_ms);
  CHECK(times.avg_ms <= times.max_ms);
  CHECK(real.disk->queued_bytes() == 0);
  real.reopen();
  CHECK(real.recovered.durable.records.size() == 2001);
  CHECK(real.recovered.durable.records.back() == record(Zxid{2001}, 100));
  CHECK(real.recovered.durable.accepted_epoch == 3);
}

TEST_CASE("disk thread: what waits is written as one group") {
  RealDisk real;
  real.open();
  // The first group keeps the disk busy at least as long as it takes to queue the rest.
  std::vector<LogWrite> many;
  for (std::int64_t z = 1; z <= 20000; ++z) many.push_back(append_of(z));
  real.disk->write(1, std::move(many));
  for (std::int64_t z = 20001; z <= 20050; ++z) {
    real.disk->write(static_cast<std::uint64_t>(z), {append_of(z)});
  }
  CHECK(real.answers.wait_for([&] { return real.answers.synced == 20050; }));
  real.disk->stop();
  CHECK(real.answers.sync_answers < 51);
}

TEST_CASE("disk thread: a full queue makes write() wait, and loses nothing") {
  RealDisk real;
  DiskThreadOptions options;
  options.queue_bytes_max = 1000;
  real.open(options);
  for (std::int64_t z = 1; z <= 300; ++z) {
    real.disk->write(static_cast<std::uint64_t>(z), {append_of(z)});
    CHECK(real.disk->queued_bytes() < 1000 + 400);
  }
  real.disk->stop();
  CHECK(real.answers.synced == 300);
}

TEST_CASE("disk thread: checkpoints are written and the log before them is purged") {
  RealDisk real;
  real.open();
  for (std::int64_t z = 1; z <= 3000; ++z) {
    real.disk->write(static_cast<std::uint64_t>(z), {append_of(z)});
  }
  CHECK(real.answers.wait_for([&] { return real.answers.synced == 3000; }));
  real.disk->checkpoint(tree_as_of(Zxid{2900}));
  CHECK(real.answers.wait_for([&] { return !real.answers.checkpointed.empty(); }));
  real.disk->stop();
  auto segments = real.files.list(real.folder.path() + "/quorate-1/gen-1/log");
  REQUIRE(segments.has_value());
  // One of them may be the next, made ahead.
  CHECK(segments->size() <= 4);
  real.reopen();
  CHECK(real.recovered.durable.checkpoint == Zxid{2900});
  CHECK(holds_tree_as_of(real.recovered.tree, Zxid{2900}));
  CHECK(real.recovered.durable.records.back().zxid == Zxid{3000});
}

TEST_CASE("disk thread: a checkpoint asked for before an install never reaches the new store") {
  for (int round = 0; round < 5; ++round) {
    RealDisk real;
    real.open();
    real.disk->write(1, {append_of(1), append_of(2)});
    real.disk->checkpoint(tree_as_of(Zxid{2}, /*nodes=*/9));
    real.disk->install(LinkId{7}, tree_as_of(Zxid{50}, /*nodes=*/3));
    real.disk->write(3, {append_of(51)});
    real.disk->checkpoint(tree_as_of(Zxid{51}, /*nodes=*/4));
    real.disk->stop();
    CHECK(real.answers.installed == Zxid{50});
    CHECK(real.answers.synced == 3);
    CHECK(real.answers.checkpointed.back() == Zxid{51});
    real.reopen();
    CHECK(real.recovered.durable.checkpoint == Zxid{51});
    CHECK(holds_tree_as_of(real.recovered.tree, Zxid{51}, 4));
    CHECK(real.recovered.durable.log_base == Zxid{50});
  }
}

TEST_CASE("disk thread: a SNAP stream comes piece by piece, beside writes and checkpoints") {
  RealDisk real;
  real.open();
  real.disk->install(LinkId{1}, tree_as_of(Zxid{30}, 400, 3000));
  CHECK(real.answers.wait_for([&] { return real.answers.installed == Zxid{30}; }));
  std::int64_t z = 31;
  for (std::uint64_t asked = 1; !real.answers.snapshot_ended; ++asked) {
    real.disk->read_snapshot(LinkId{2});
    REQUIRE(real.answers.wait_for([&] { return real.answers.pieces == asked; }));
    real.disk->write(static_cast<std::uint64_t>(z), {append_of(z)});
    real.disk->checkpoint(tree_as_of(Zxid{z}, 400, 10));
    ++z;
  }
  real.disk->stop();
  CHECK(real.answers.pieces >= 4);
  CHECK(real.answers.snapshot_zxid == Zxid{30});
  znode::SnapStreamReader reader;
  ByteView view(real.answers.snapshot);
  REQUIRE(!reader.feed(view));
  REQUIRE(reader.done());
  auto tree = reader.take(Zxid{30});
  REQUIRE(tree.has_value());
  CHECK(holds_tree_as_of(*tree, Zxid{30}, 400, 3000));
}

TEST_CASE("disk thread: an idle log is stamped") {
  RealDisk real;
  DiskThreadOptions options;
  options.idle_before_stamp = std::chrono::milliseconds(1);
  real.open(options);
  real.disk->write(1, {append_of(1)});
  CHECK(real.answers.wait_for([&] { return real.answers.synced == 1; }));
  std::string path = real.folder.path() + "/quorate-1/gen-1/log/log-0000000001";
  auto file = real.files.open(path, OpenMode::Read);
  REQUIRE(file.has_value());
  // Group header 40, record header 24, 100 bytes, padded to 8: the stamp stands behind.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  Bytes magic(4);
  do {
    REQUIRE((*file)->pread(512 + 168, magic).has_value());
  } while (load_be<std::uint32_t>(magic.data()) != 0x51475250 &&
           std::chrono::steady_clock::now() < deadline);
  CHECK(load_be<std::uint32_t>(magic.data()) == 0x51475250);
}

TEST_CASE(
    "disk thread: a held group is written on the caller's thread, and answered by its return") {
  RealDisk real;
  DiskThreadOptions options;
  options.hold_groups = true;
  options.idle_before_stamp = std::chrono::hours(1);  // So that the log's thread stays out of it.
  options.inline_sync_max = std::chrono::hours(1);    // However slow this disk is.
  real.open(options);
  for (std::uint64_t n = 1; n <= 40; ++n) {
    real.disk->write(2 * n - 1, {append_of(static_cast<std::int64_t>(2 * n - 1))});
    REQUIRE(real.disk->holds_group());
    real.disk->write(2 * n, {append_of(static_cast<std::int64_t>(2 * n))});  // Joins the group.
    CHECK(real.disk->write_held() == 2 * n);
    CHECK_FALSE(real.disk->holds_group());
  }
  CHECK(real.disk->sync_times().count == 40);
  CHECK(real.answers.sync_answers == 0);
  real.disk->write(81, {append_of(81)});
  real.disk->hand_over();
  CHECK(real.answers.wait_for([&] { return real.answers.synced == 81; }));
  real.disk->write(82, {append_of(82)});
  real.disk->stop();  // What is held is not lost.
  CHECK(real.answers.synced == 82);
  real.reopen();
  CHECK(real.recovered.durable.records.size() == 82);
}

TEST_CASE("disk thread: what the loop wrote is stamped when it is idle, once") {
  RealDisk real;
  DiskThreadOptions options;
  options.hold_groups = true;
  options.inline_sync_max = std::chrono::hours(1);
  options.idle_before_stamp = std::chrono::milliseconds(1);
  real.open(options);
  real.disk->write(1, {append_of(1)});
  REQUIRE(real.disk->holds_group());
  REQUIRE(real.disk->write_held() == 1);
  std::string path = real.folder.path() + "/quorate-1/gen-1/log/log-0000000001";
  auto file = real.files.open(path, OpenMode::Read);
  REQUIRE(file.has_value());
  auto group_at = [&](std::uint64_t offset) {
    Bytes magic(4);
    REQUIRE((*file)->pread(offset, magic).has_value());
    return load_be<std::uint32_t>(magic.data()) == 0x51475250;
  };
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!group_at(512 + 168) && std::chrono::steady_clock::now() < deadline) {
  }
  CHECK(group_at(512 + 168));
  real.disk->stop();  // Nothing has been written since: no second stamp.
  CHECK_FALSE(group_at(512 + 168 + 40));
}

TEST_CASE("disk thread: full segments are followed by ones made in the background") {
  RealDisk real;
  real.open();
  std::uint64_t number = 0;
  for (std::int64_t z = 1; z <= 4000; ++z) {
    real.disk->write(++number, {append_of(z)});
    if (z % 100 == 0) {
      REQUIRE(real.answers.wait_for([&] { return real.answers.synced == number; }));
    }
  }
  real.disk->stop();
  real.reopen();
  CHECK(real.recovered.durable.records.size() == 4000);
  CHECK(real.recovered.durable.records.back() == record(Zxid{4000}, 100));
}

TEST_CASE("disk thread: a log that is quiet for long gives back what it does not need") {
  RealDisk real;
  DiskThreadOptions options;
  options.idle_before_stamp = std::chrono::milliseconds(1);
  options.idle_before_rest = std::chrono::milliseconds(1);
  real.open(options);
  std::uint64_t number = 0;
  for (std::int64_t z = 1; z <= 4000; ++z) real.disk->write(++number, {append_of(z)});
  REQUIRE(real.answers.wait_for([&] { return real.answers.synced == number; }));
  real.disk->checkpoint(tree_as_of(Zxid{3990}));
  const std::string log = real.folder.path() + "/quorate-1/gen-1/log";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::size_t files = 0;
  do {
    const auto names = real.files.list(log);
    REQUIRE(names.has_value());
    files = names->size();
  } while (files != 1 && std::chrono::steady_clock::now() < deadline);
  CHECK(files == 1);
  real.disk->write(++number, {append_of(4001)});
  real.disk->stop();
  real.reopen();
  CHECK(real.recovered.durable.log_base == Zxid{3985});
  CHECK(real.recovered.durable.records.size() == 16);
  CHECK(real.recovered.durable.records.back() == record(Zxid{4001}, 100));
}

TEST_CASE("disk thread: a dropped tree holds up no checkpoint") {
  RealDisk real;
  real.open();
  real.disk->write(1, {append_of(1)});
  znode::CheckpointBatch early;
  early.zxid = Zxid{70};
  early.from_scratch = true;
  early.ends = false;
  early.pack.add('n', "/early", as_bytes("of no use"));
  early.bytes = early.pack.bytes();
  real.disk->install(LinkId{3}, early);
  real.disk->drop_install(LinkId{3});
  real.disk->checkpoint(tree_as_of(Zxid{1}));
  CHECK(real.answers.wait_for([&] { return !real.answers.checkpointed.empty(); }));
  CHECK(real.disk->checkpoint_backlog() == 0);
  real.disk->install(LinkId{4}, tree_as_of(Zxid{80}));
  CHECK(real.answers.wait_for([&] { return real.answers.installed == Zxid{80}; }));
  real.disk->stop();
  real.reopen();
  CHECK(holds_tree_as_of(real.recovered.tree, Zxid{80}));
}

TEST_CASE("disk thread: above its limit it has no room, and again when it has caught up") {
  RealDisk real;
  DiskThreadOptions options;
  options.queue_bytes_high = 1000;
  options.hold_groups = true;
  real.open(options);
  CHECK(real.disk->has_room());
  std::vector<LogWrite> many;
  for (std::int64_t z = 1; z <= 20000; ++z) many.push_back(append_of(z));
  real.disk->write(1, std::move(many));
  // Queued or being written: 4 MB take longer than this look.
  bool had_room = real.disk->has_room();
  CHECK((!had_room || real.disk->queued_bytes() == 0));
  CHECK(real.answers.wait_for([&] { return real.answers.synced == 20000; }));
  CHECK(real.disk->has_room());
}

TEST_CASE("disk thread: a group above the threshold is counted as slow, others are not") {
  for (std::int64_t threshold_ms : {0, 60000}) {
    RealDisk real;
    DiskThreadOptions options;
    options.slow_sync = std::chrono::milliseconds(threshold_ms);
    real.open(options);
    real.disk->write(1, {append_of(1)});
    real.disk->stop();
    CHECK(real.disk->sync_times().slow == (threshold_ms == 0 ? 1 : 0));
    real.disk->reset_sync_times();
    CHECK(real.disk->sync_times().slow == (threshold_ms == 0 ? 1 : 0));
  }
}
