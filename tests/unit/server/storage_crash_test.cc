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

TEST_CASE("storage: any operation on log or checkpoint may fail: refused or done later, not lost") {
  FatalThrows fatal_throws;
  const std::uint64_t operations = operations_of_a_life();
  std::size_t ended = 0, went_on = 0;
  for (std::uint64_t at = 1; at <= operations; ++at) {
    for (int code : {ENOSPC, EIO}) {
      CAPTURE(at);
      CAPTURE(code);
      CrashDisk disk(at);
      Life life(disk);
      REQUIRE(life.start());
      disk.wait_idle();
      disk.disk.fail_at(at, {code, boost::system::system_category()});
      Promises promises;
      try {
        live(life, promises, /*tolerant=*/true);
        ++went_on;
      } catch (const Fatal& fatal) {
        ++ended;
        CHECK(fatal.what.find("action=") != std::string::npos);
      }
      life.stop();
      disk.crash(at % 2 == 0 ? Loss::None : Loss::Seeded);
      REQUIRE_MESSAGE(life.start(), life.opening.fault.what);
      CHECK(holds_all(life.opening.recovered, promises));
      lives_on(life);
    }
  }
  CHECK(ended > 20);
  CHECK(went_on > 20);
}

TEST_CASE("storage: a start with an operation that fails refuses with the place, or is whole") {
  FatalThrows fatal_throws;
  std::size_t refused = 0;
  for (std::uint64_t at = 1; at <= 60; ++at) {
    CAPTURE(at);
    CrashDisk disk(at);
    Life life(disk);
    REQUIRE(life.start());
    Promises promises;
    live(life, promises, /*tolerant=*/false);
    life.stop();
    disk.crash(Loss::Seeded);
    disk.disk.fail_at(at, {ENOSPC, boost::system::system_category()});
    if (life.start()) {
      CHECK(holds_all(life.opening.recovered, promises));
      if (disk.disk.failures() == 0) break;
    } else {
      ++refused;
      CHECK(life.opening.fault.exit_code == kStorageExitCode);
      CHECK(life.opening.fault.what.find("/data") != std::string::npos);
    }
    life.stop();
    disk.crash(Loss::None);
    REQUIRE_MESSAGE(life.start(), life.opening.fault.what);
    CHECK(holds_all(life.opening.recovered, promises));
  }
  CHECK(refused > 3);
}

namespace {

using Contents = std::map<std::string, Bytes>;

Contents contents_of(const SimFiles& files) {
  Contents contents;
  for (const char* folder : {"/data", "/datalog"}) {
    for (const auto& path : files.files_below(folder)) contents[path] = files.contents(path);
  }
  return contents;
}

void put(SimFiles& files, const Contents& contents) {
  for (const auto& [path, bytes] : contents) {
    REQUIRE(!files.make_directories(path.substr(0, path.rfind('/'))));
    REQUIRE(files.open(path, OpenMode::Create).has_value());
    files.set_contents(path, bytes);
  }
}

/// After a life and a stop, a kill or a power cut.
Contents contents_of_a_life(Promises& promises, Loss loss, bool second_start) {
  CrashDisk disk(9);
  Life life(disk);
  REQUIRE(life.start());
  live(life, promises, /*tolerant=*/false);
  life.stop();
  disk.crash(loss);
  if (second_start) {  // What was in LevelDB's log is in a table then.
    REQUIRE(life.start());
    life.stop();
    disk.crash(Loss::None);
  }
  return contents_of(disk.disk);
}

}  // namespace

TEST_CASE(
    "storage: a bit changed anywhere in log, checkpoint or the files beside: refused or whole") {
  std::size_t refused = 0, whole = 0;
  for (bool second_start : {false, true}) {
    Promises promises;
    const Contents contents = contents_of_a_life(promises, Loss::None, second_start);
    for (const auto& [path, bytes] : contents) {
      const std::size_t stride = 1 + bytes.size() / 250;
      for (std::size_t at = 0; at < bytes.size(); at += stride) {
        CAPTURE(path);
        CAPTURE(at);
        CrashDisk disk(1);
        put(disk.disk, contents);
        disk.disk.flip(path, at, static_cast<std::uint8_t>(1u << at % 8));
        Life life(disk);
        if (life.start()) {
          ++whole;
          CHECK(holds_all(life.opening.recovered, promises));
        } else {
          ++refused;
          CHECK(life.opening.fault.exit_code == kStorageExitCode);
          CHECK(life.opening.fault.what.find("/data") != std::string::npos);
        }
        life.stop();
      }
    }
  }
  CHECK(refused > 500);
  CHECK(whole > 500);
}
