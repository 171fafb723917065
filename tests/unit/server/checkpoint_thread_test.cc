// What the checkpoint's thread does by itself: it tries again, looks for damage, keeps a copy.
#include "server/storage/real/checkpoint_thread.h"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/system/errc.hpp>
#include <condition_variable>
#include <map>
#include <thread>

#include "server/storage/real/disk_thread.h"
#include "server/storage/real/posix_files.h"
#include "server/storage/scrub.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/server/crash_env.h"
#include "tests/unit/server/storage_fixture.h"

using namespace quorate;
using namespace quorate::server;
using namespace quorate::test;
using consensus::AppendRecord;
namespace errc = boost::system::errc;

namespace {

constexpr std::size_t kNodes = 300, kDataBytes = 3000;

class Answers : public DiskAnswers {
 public:
  struct Heard {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<Zxid> checkpointed;
    int lost = 0;

    template <class Condition>
    bool wait_for(Condition condition) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, std::chrono::seconds(20), condition);
    }
  };
  explicit Answers(Heard& heard) : heard_(heard) {}
  void on_synced(std::uint64_t) override {}
  void on_checkpointed(Zxid zxid) override {
    std::lock_guard lock(heard_.mutex);
    heard_.checkpointed.push_back(zxid);
    heard_.changed.notify_all();
  }
  void on_checkpoint_lost() override {
    std::lock_guard lock(heard_.mutex);
    ++heard_.lost;
    heard_.changed.notify_all();
  }
  void on_snapshot_piece(LinkId, Zxid, SharedBytes, bool, bool) override {}
  void on_installed(LinkId, Zxid, bool) override {}

 private:
  Heard& heard_;
};

/// Refuses so many commits, as a full disk does.
class FullForAWhile : public TreeStore {
 public:
  FullForAWhile(std::unique_ptr<TreeStore> store, std::atomic<int>& refusals)
      : store_(std::move(store)), refusals_(refusals) {}
  ErrorCode write(const std::vector<znode::CheckpointEntry>& entries) override {
    return store_->write(entries);
  }
  void stage(const std::vector<znode::CheckpointEntry>& entries) override {
    store_->stage(entries);
  }
  ErrorCode commit() override {
    if (refusals_ <= 0) return store_->commit();
    --refusals_;
    return make_error_code(errc::no_space_on_device);
  }
  void discard() override { store_->discard(); }
  ErrorCode fill(const std::vector<znode::CheckpointEntry>& entries,
                 const znode::EntryPack& pack) override {
    return store_->fill(entries, pack);
  }
  ErrorCode settle() override { return store_->settle(); }
  std::unique_ptr<TreeStoreView> view() override { return store_->view(); }

 private:
  std::unique_ptr<TreeStore> store_;
  std::atomic<int>& refusals_;
};

struct RealDisk {
  void open(CheckpointOptions checkpoint) {
    StorageOptions options;
    options.data_dir = options.data_log_dir = folder.path();
    options.segment_bytes = 64 << 10;
    options.standalone = true;
    options.window_records = 5;
    const OpenTreeStore real = open_leveldb_tree_store();
    const OpenTreeStore refusing =
        [this, real](const std::string& path) -> Result<std::unique_ptr<TreeStore>> {
      auto store = real(path);
      if (!store) return store.error();
      return std::unique_ptr<TreeStore>(
          std::make_unique<FullForAWhile>(std::move(*store), refusals));
    };
    recovered = Recovered{};
    auto worker = DiskWorker::open(files, refusing, options, recovered, fault);
    REQUIRE_MESSAGE(worker, fault.what);
    DiskThreadOptions thread_options;
    thread_options.checkpoint = checkpoint;
    disk = std::make_unique<DiskThread>(std::move(worker), std::make_unique<Answers>(heard),
                                        thread_options);
  }
  void write(std::int64_t from, std::int64_t to) {
    for (std::int64_t z = from; z <= to; ++z) {
      disk->write(static_cast<std::uint64_t>(z), {AppendRecord{record(Zxid{z}, 1000)}});
    }
  }
  bool checkpointed(Zxid zxid) {
    return heard.wait_for(
        [&] { return !heard.checkpointed.empty() && heard.checkpointed.back() == zxid; });
  }
  std::vector<std::string> names(const std::string& below) {
    auto found = files.list(folder.path() + "/quorate-1/gen-1" + below);
    REQUIRE(found.has_value());
    return *found;
  }
  bool has_archive() {
    const auto found = names("");
    return std::find(found.begin(), found.end(), "ARCHIVE") != found.end();
  }

  TemporaryFolder folder;
  PosixFiles files;
  Answers::Heard heard;
  std::atomic<int> refusals{0};
  Recovered recovered;
  StorageFault fault;
  std::unique_ptr<DiskThread> disk;
};

/// Changes a byte in the middle of the greatest table.
void damage_a_table(RealDisk& real) {
  const std::string store = real.folder.path() + "/quorate-1/gen-1/checkpoint";
  std::string table;
  std::uint64_t largest = 0;
  for (const auto& name : real.names("/checkpoint")) {
    if (!name.ends_with(".ldb")) continue;
    auto file = real.files.open(store + "/" + name, OpenMode::Read);
    if (!file || *(*file)->size() < largest) continue;
    largest = *(*file)->size();
    table = store + "/" + name;
  }
  REQUIRE_FALSE(table.empty());
  auto file = real.files.open(table, OpenMode::ReadWrite);
  REQUIRE(file.has_value());
  Bytes one(1);
  REQUIRE((*file)->pread(largest / 3, one).has_value());
  one[0] ^= std::byte{1};
  REQUIRE(!(*file)->pwrite(largest / 3, one));
}

}  // namespace

TEST_CASE(
    "checkpoint thread: refused by a full disk it is written when there is room, the log stays") {
  RealDisk real;
  CheckpointOptions options;
  options.retry = std::chrono::milliseconds(3);
  real.refusals = 3;
  real.open(options);
  real.write(1, 400);
  real.disk->checkpoint(tree_as_of(Zxid{300}, kNodes, kDataBytes));
  REQUIRE(real.checkpointed(Zxid{300}));
  CHECK(real.refusals == 0);
  CHECK(real.heard.checkpointed.size() == 1);
  CHECK(real.heard.lost == 0);
  real.disk.reset();
  real.open({});
  CHECK(real.recovered.durable.checkpoint == Zxid{300});
  CHECK(holds_tree_as_of(real.recovered.tree, Zxid{300}, kNodes, kDataBytes));
  CHECK(real.recovered.durable.records.back().zxid == Zxid{400});
}

TEST_CASE("checkpoint thread: while a full disk refuses it nothing of the log is forgotten") {
  RealDisk real;
  real.refusals = 1'000'000'000;
  real.open({});
  real.write(1, 400);
  real.disk->checkpoint(tree_as_of(Zxid{300}, kNodes, kDataBytes));
  real.disk.reset();  // Carries out what is queued.
  CHECK(real.heard.checkpointed.empty());
  CHECK(real.refusals < 1'000'000'000);
  real.refusals = 0;
  real.open({});
  CHECK(real.recovered.durable.checkpoint == Zxid{0});
  CHECK(real.recovered.durable.log_base == Zxid{0});
  REQUIRE(real.recovered.durable.records.size() == 400);
  CHECK(real.recovered.durable.records.back() == record(Zxid{400}, 1000));
}

TEST_CASE("checkpoint thread: checkpoint.scrubInterval: damage is found, and a new one asked for") {
  for (bool scrubbed : {true, false}) {
    CAPTURE(scrubbed);
    RealDisk real;
    CheckpointOptions options;
    options.scrub_interval = std::chrono::seconds(0);
    real.open(options);
    real.write(1, 400);
    real.disk->checkpoint(tree_as_of(Zxid{300}, kNodes, kDataBytes));
    REQUIRE(real.checkpointed(Zxid{300}));
    real.disk.reset();
    options.scrub_interval = std::chrono::seconds(scrubbed ? 1 : 0);
    options.scrub_bytes_per_second = 1u << 30;
    real.open(options);  // The tree is in memory; then the disk changes.
    damage_a_table(real);
    if (scrubbed) {
      REQUIRE(real.heard.wait_for([&] { return real.heard.lost > 0; }));
      // Nothing is built on it any more: the next one is from scratch, and makes up for it.
      znode::CheckpointBatch whole = tree_as_of(Zxid{350}, kNodes, kDataBytes);
      whole.from_scratch = true;
      real.disk->checkpoint(std::move(whole));
      REQUIRE(real.checkpointed(Zxid{350}));
      real.disk.reset();
      real.open({});
      CHECK(holds_tree_as_of(real.recovered.tree, Zxid{350}, kNodes, kDataBytes));
      CHECK(real.recovered.durable.records.back().zxid == Zxid{400});
    } else {
      real.disk.reset();
      CHECK(real.heard.lost == 0);
    }
  }
}

TEST_CASE("checkpoint thread: autopurge.purgeInterval: a second generation, where one is wanted") {
  for (bool wanted : {true, false}) {  // autopurge.snapRetainCount above 1.
    CAPTURE(wanted);
    RealDisk real;
    CheckpointOptions options;
    options.scrub_interval = std::chrono::seconds(wanted ? 0 : 1);
    options.archive_interval = std::chrono::seconds(wanted ? 1 : 0);
    options.scrub_bytes_per_second = 1u << 30;
    real.open(options);
    real.write(1, 400);
    real.disk->checkpoint(tree_as_of(Zxid{300}, kNodes, kDataBytes));
    REQUIRE(real.checkpointed(Zxid{300}));
    if (wanted) {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (!real.has_archive() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
      }
    }
    real.disk.reset();
    CHECK(real.has_archive() == wanted);
  }
}

// ---- Scrub --------------------------------------------------------------------------------------

TEST_CASE("scrub: a byte changed anywhere in a table is damage, however small the slices are") {
  CrashDisk disk(1);
  REQUIRE(!disk.disk.make_directories("/store"));
  {
    auto store = disk.open_tree_store()("/store");
    REQUIRE(store.has_value());
    REQUIRE(!(*store)->write(tree_as_of(Zxid{300}, kNodes, kDataBytes).entries));
  }
  { REQUIRE(disk.open_tree_store()("/store").has_value()); }  // Its log becomes a table.
  std::map<std::string, Bytes> contents;
  std::string table;
  for (const auto& path : disk.disk.files_below("/store")) {
    contents[path] = disk.disk.contents(path);
    if (path.ends_with(".ldb")) table = path;
  }
  REQUIRE_FALSE(table.empty());
  std::size_t reported = 0, refused = 0, harmless = 0;
  for (std::size_t slice : {std::size_t{5000}, std::size_t{100000}}) {
    for (std::size_t at = 0; at < contents[table].size(); at += 1 + contents[table].size() / 300) {
      CAPTURE(at);
      CrashDisk again(1);
      REQUIRE(!again.disk.make_directories("/store"));
      for (const auto& [path, bytes] : contents) {
        REQUIRE(again.disk.open(path, OpenMode::Create).has_value());
        again.disk.set_contents(path, bytes);
      }
      again.disk.flip(table, at, 16);
      auto opened = again.open_tree_store()("/store");
      if (!opened) {
        ++refused;
        continue;
      }
      std::shared_ptr<TreeStore> store = std::move(*opened);
      Scrub scrub(store, store->view(), Zxid{300}, nullptr);
      Scrub::Step step;
      while (!step.done && !step.damage) step = scrub.step(slice);
      reported += step.damage == errc::illegal_byte_sequence;
      harmless += !step.damage;
      if (step.damage) continue;
      // What does not matter to what is read: the tree is all there.
      znode::DataTree tree;
      znode::CheckpointLoader loader(tree);
      REQUIRE(!load_in_order(*store, loader));
      REQUIRE(!loader.finish());
      CHECK(holds_tree_as_of(tree, Zxid{300}, kNodes, kDataBytes));
    }
  }
  CHECK(reported > 300);
  CHECK(harmless < 60);
  CHECK(refused + reported + harmless > 500);
}
