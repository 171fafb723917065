// Log and LevelDB on one virtual disk: the power fails, or an operation fails, at each operation of
// a short life, and each byte of what is left is changed. Recovery gives all that was acknowledged
// or says why not.
#include <doctest/doctest.h>

#include <boost/system/errc.hpp>
#include <cerrno>
#include <map>

#include "tests/unit/server/crash_env.h"
#include "tests/unit/server/storage_fixture.h"

using namespace quorate;
using namespace quorate::server;
using namespace quorate::test;
using consensus::AppendRecord;
using consensus::LogWrite;

namespace {

/// Enough for LevelDB to write tables: above the size at which a batch is moved out of its log.
constexpr std::size_t kNodes = 90;
constexpr std::size_t kDataBytes = 3000;

StorageOptions options_of_life(bool standalone) {
  StorageOptions options = ensemble_options();
  options.standalone = standalone;
  options.window_records = 2;
  return options;
}

struct Life {
  explicit Life(CrashDisk& on, bool standalone = true)
      : disk(on), options(options_of_life(standalone)) {}

  bool start() {
    opening = Opening{};
    opening.worker = DiskWorker::open(disk.files, disk.open_tree_store(), options,
                                      opening.recovered, opening.fault);
    return opening.worker != nullptr;
  }
  void stop() {
    opening.worker.reset();
    disk.wait_idle();
  }

  CrashDisk& disk;
  StorageOptions options;
  Opening opening;
};

/// What has been acknowledged, and what was being done.
struct Promises {
  std::int64_t records = 0;
  Zxid checkpoint, next_checkpoint;
};

void append(DiskWorker& worker, Promises& promises, int count) {
  std::vector<LogWrite> group;
  for (int i = 1; i <= count; ++i) {
    group.push_back(AppendRecord{record(Zxid{promises.records + i}, 150)});
  }
  worker.write(group);
  promises.records += count;
}

/// In portions, as the replica hands them over. Error: of the last one.
ErrorCode checkpoint(DiskWorker& worker, Promises& promises, Zxid zxid, bool from_scratch) {
  promises.next_checkpoint = zxid;
  znode::CheckpointBatch whole = tree_as_of(zxid, kNodes, kDataBytes);
  znode::CheckpointBatch half;
  half.zxid = zxid;
  half.from_scratch = whole.from_scratch = from_scratch;
  half.begins = true;
  half.ends = whole.begins = false;
  whole.ends = true;
  const auto middle = whole.entries.begin() + static_cast<std::ptrdiff_t>(whole.entries.size() / 2);
  half.entries.assign(whole.entries.begin(), middle);
  whole.entries.erase(whole.entries.begin(), middle);
  if (ErrorCode error = worker.checkpoint(half)) return error;
  ErrorCode error = worker.checkpoint(whole);
  if (!error) promises.checkpoint = zxid;
  return error;
}

ErrorCode archive(DiskWorker& worker) {
  if (ErrorCode error = worker.begin_scrub(/*archive=*/true)) return error;
  DiskWorker::ScrubStep step;
  while (!step.done) step = worker.scrub(64u << 10);
  return step.damage ? step.damage : step.archive;
}

/// Log and checkpoint work of every kind. Throws SimCrash or Fatal where the log is hit;
/// `tolerant`: goes on where a checkpoint is refused, as a server does.
void live(Life& life, Promises& promises, bool tolerant) {
  DiskWorker& worker = *life.opening.worker;
  const auto go_on = [&](ErrorCode error) {
    life.disk.wait_idle();
    if (life.disk.dead()) throw SimCrash{};
    ENSURE(tolerant || !error);
    return !error;
  };
  append(worker, promises, 4);
  append(worker, promises, 6);
  if (go_on(checkpoint(worker, promises, Zxid{8}, false))) worker.purge(Zxid{8});
  append(worker, promises, 9);
  (void)go_on(archive(worker));
  append(worker, promises, 5);
  if (!go_on(checkpoint(worker, promises, Zxid{20}, false))) {
    // Tried again, when the disk works.
    if (go_on(worker.commit_checkpoint())) promises.checkpoint = Zxid{20};
  }
  if (promises.checkpoint == Zxid{20}) worker.purge(Zxid{20});
  append(worker, promises, 3);
  (void)go_on(checkpoint(worker, promises, Zxid{26}, /*from_scratch=*/true));
  append(worker, promises, 2);
  worker.stamp_durable_point();
}

bool holds_all(const Recovered& recovered, const Promises& promises) {
  const auto& durable = recovered.durable;
  const Zxid found = durable.checkpoint;
  bool known = found == promises.checkpoint || found == promises.next_checkpoint;
  // What has been made anew from the archive, or taken from an older batch, has the log behind it.
  known = known || found == Zxid{8} || found == Zxid{20} || found == Zxid{};
  if (!known || durable.log_base > found || durable.blank) return false;
  if (!holds_tree_as_of(recovered.tree, found, found == Zxid{} ? 0 : kNodes, kDataBytes)) {
    return false;
  }
  std::int64_t next = durable.log_base.value + 1;
  for (const auto& one : durable.records) {
    if (!(one == record(Zxid{next}, 150))) return false;
    ++next;
  }
  return next > promises.records;
}

/// Goes on living: writes and a checkpoint, and all of it is there again.
void lives_on(Life& life) {
  Promises promises;
  const auto& records = life.opening.recovered.durable.records;
  const Zxid base = life.opening.recovered.durable.log_base;
  promises.records = records.empty() ? base.value : records.back().zxid.value;
  append(*life.opening.worker, promises, 3);
  REQUIRE(!checkpoint(*life.opening.worker, promises, Zxid{promises.records}, false));
  append(*life.opening.worker, promises, 1);
  life.stop();
  REQUIRE_MESSAGE(life.start(), life.opening.fault.what);
  CHECK(holds_all(life.opening.recovered, promises));
  life.stop();
}

std::uint64_t operations_of_a_life() {
  CrashDisk disk(1);
  Life life(disk);
  REQUIRE(life.start());
  disk.wait_idle();
  const std::uint64_t before = disk.disk.operations();
  Promises promises;
  live(life, promises, /*tolerant=*/false);
  disk.wait_idle();
  return disk.disk.operations() - before;
}

}  // namespace

TEST_CASE("storage: the power may fail at any operation on log or checkpoint: nothing is lost") {
  const std::uint64_t operations = operations_of_a_life();
  CHECK(operations > 100);
  std::size_t refused = 0, crashed = 0;
  for (std::uint64_t at = 1; at <= operations + 1; ++at) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      CAPTURE(at);
      CAPTURE(seed);
      CrashDisk disk(seed * 1000 + at);
      Life life(disk);
      REQUIRE(life.start());
      disk.wait_idle();
      disk.disk.crash_at(at);
      Promises promises;
      try {
        live(life, promises, /*tolerant=*/true);
      } catch (const SimCrash&) {
        ++crashed;
      }
      life.stop();
      disk.crash();
      if (seed == 3) {  // And once more while it recovers.
        disk.disk.crash_at(1 + at % 40);
        try {
          (void)life.start();
        } catch (const SimCrash&) {
        }
        life.stop();
        disk.crash();
      }
      if (!life.start()) {
        ++refused;
        MESSAGE(life.opening.fault.what);
        CHECK(life.opening.fault.exit_code == kStorageExitCode);
        continue;
      }
      CHECK(holds_all(life.opening.recovered, promises));
      lives_on(life);
    }
  }
  CHECK(crashed > 2 * operations);
  CHECK(refused == 0);
}
