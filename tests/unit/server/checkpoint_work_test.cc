// DiskWorker's work on the checkpoint: portions, rewriting, scrub and archive, full disks, damage.
#include <doctest/doctest.h>

#include <boost/system/errc.hpp>
#include <cerrno>

#include "server/storage/real/leveldb_tree_store.h"
#include "server/storage/real/posix_files.h"
#include "server/storage/real/tree_loading.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/server/storage_fixture.h"

using namespace quorate;
using namespace quorate::server;
using namespace quorate::test;
using consensus::AppendRecord;
namespace errc = boost::system::errc;

namespace {

constexpr std::size_t kNodes = 40;

/// `whole`, cut into portions of `entries` entries each.
std::vector<znode::CheckpointBatch> portions(znode::CheckpointBatch whole, std::size_t entries) {
  std::vector<znode::CheckpointBatch> parts;
  for (std::size_t at = 0; at < whole.entries.size(); at += entries) {
    znode::CheckpointBatch part;
    part.zxid = whole.zxid;
    part.from_scratch = whole.from_scratch;
    part.begins = at == 0;
    part.ends = at + entries >= whole.entries.size();
    for (std::size_t i = at; i < std::min(at + entries, whole.entries.size()); ++i) {
      part.entries.push_back(whole.entries[i]);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

znode::CheckpointBatch from_scratch(Zxid zxid) {
  znode::CheckpointBatch whole = tree_as_of(zxid, kNodes);
  whole.from_scratch = true;
  return whole;
}

void write_log(DiskWorker& worker, std::int64_t from, std::int64_t to) {
  for (std::int64_t z = from; z <= to; ++z) worker.write({AppendRecord{record(Zxid{z}, 50)}});
}

StorageOptions standalone() {
  StorageOptions options = ensemble_options();
  options.standalone = true;
  return options;
}

void archive_now(DiskWorker& worker) {
  REQUIRE(!worker.begin_scrub(/*archive=*/true));
  DiskWorker::ScrubStep step;
  while (!step.done) step = worker.scrub(200);
  CHECK_FALSE(step.damage);
  CHECK_FALSE(step.archive);
}

}  // namespace

TEST_CASE("checkpoint: portions are nothing until the last, wherever the power fails") {
  for (bool scratch : {false, true}) {
    for (std::uint64_t at = 1; at < 60; ++at) {
      CAPTURE(scratch);
      CAPTURE(at);
      SimFiles files(at);
      Opening opening = open(files, standalone());
      REQUIRE(opening.worker);
      write_log(*opening.worker, 1, 10);
      REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{5}, kNodes)));
      files.crash_at(at);
      bool crashed = false;
      try {
        auto whole = scratch ? from_scratch(Zxid{8}) : tree_as_of(Zxid{8}, kNodes);
        for (const auto& part : portions(whole, 7)) {
          // Outside of the assertion, which would swallow the crash.
          const ErrorCode error = opening.worker->checkpoint(part);
          REQUIRE(!error);
        }
      } catch (const SimCrash&) {
        crashed = true;
      }
      opening.worker.reset();
      files.crash();
      Opening again = open(files, standalone());
      REQUIRE_MESSAGE(again.worker, again.fault.what);
      Zxid found = again.recovered.durable.checkpoint;
      CHECK((found == Zxid{8} || (crashed && found == Zxid{5})));
      CHECK(holds_tree_as_of(again.recovered.tree, found, kNodes));
      CHECK(again.recovered.durable.records.back().zxid == Zxid{10});
      if (!crashed) break;
    }
  }
}

TEST_CASE("checkpoint: refused by a full disk it is kept, and written once there is room") {
  SimFiles files(1);
  Opening opening = open(files, standalone());
  write_log(*opening.worker, 1, 10);
  files.fail_at(1, {ENOSPC, boost::system::system_category()});
  CHECK(opening.worker->checkpoint(tree_as_of(Zxid{5}, kNodes)) == errc::no_space_on_device);
  write_log(*opening.worker, 11, 12);
  CHECK(!opening.worker->commit_checkpoint());
  opening.worker.reset();
  Opening again = open(files, standalone());
  REQUIRE_MESSAGE(again.worker, again.fault.what);
  CHECK(again.recovered.durable.checkpoint == Zxid{5});
  CHECK(holds_tree_as_of(again.recovered.tree, Zxid{5}, kNodes));
  CHECK(again.recovered.durable.records.back().zxid == Zxid{12});
}

TEST_CASE("checkpoint: an install that fails leaves everything as it was") {
  SimFiles files(1);
  Opening opening = open(files, standalone());
  write_log(*opening.worker, 1, 10);
  REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{5}, kNodes)));
  auto parts = portions(from_scratch(Zxid{70}), 10);
  files.fail_at(2, {ENOSPC, boost::system::system_category()});
  ErrorCode first;
  for (const auto& part : parts) {
    ErrorCode error = opening.worker->install(part);
    if (error && !first) first = error;
  }
  CHECK(first == errc::no_space_on_device);
  write_log(*opening.worker, 11, 12);
  opening.worker.reset();
  Opening again = open(files, standalone());
  CHECK(again.recovered.durable.checkpoint == Zxid{5});
  CHECK(again.recovered.durable.records.back().zxid == Zxid{12});
}

TEST_CASE("archive: with the log since it makes up for a damaged checkpoint, and is kept") {
  for (bool ensemble : {false, true}) {
    CAPTURE(ensemble);
    SimFiles files(1);
    StorageOptions options = ensemble ? ensemble_options() : standalone();
    options.window_records = 0;
    Opening opening = open(files, options);
    write_log(*opening.worker, 1, 10);
    REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{5}, kNodes)));
    archive_now(*opening.worker);
    write_log(*opening.worker, 11, 200);
    REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{190}, kNodes)));
    opening.worker->purge(Zxid{190});
    opening.worker.reset();
    auto* map = files.store_contents("/data/quorate-1/gen-1/checkpoint");
    REQUIRE(map != nullptr);
    map->erase(std::prev(map->end()));
    for (int start = 0; start < 2; ++start) {
      Opening again = open(files, options);
      REQUIRE_MESSAGE(again.worker, again.fault.what);
      CHECK(again.recovered.durable.checkpoint == Zxid{5});
      CHECK(holds_tree_as_of(again.recovered.tree, Zxid{5}, kNodes));
      CHECK(again.recovered.durable.records.front().zxid <= Zxid{6});
      CHECK(again.recovered.durable.records.back().zxid == Zxid{200});
      CHECK_FALSE(again.recovered.durable.blank);
      bool said = again.fault.what.find("made anew from the archive") != std::string::npos;
      CHECK(said == (start == 0));
    }
  }
}

TEST_CASE("scrub: it reads the checkpoint to its end and changes nothing") {
  SimFiles files(1);
  Opening opening = open(files, standalone());
  write_log(*opening.worker, 1, 10);
  REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{5}, kNodes)));
  REQUIRE(!opening.worker->begin_scrub(/*archive=*/false));
  int steps = 0;
  DiskWorker::ScrubStep step;
  for (; !step.done; ++steps) step = opening.worker->scrub(500);
  CHECK(steps > 3);
  CHECK_FALSE(step.damage);
  CHECK(files.files_below("/data/quorate-1/gen-1").empty());
}

TEST_CASE("checkpoint: a byte changed anywhere in LevelDB's files is never a different tree") {
  TemporaryFolder folder;
  PosixFiles files;
  StorageOptions options = standalone();
  options.data_dir = options.data_log_dir = folder.path();
  options.load_tree = [](TreeStore& store, znode::CheckpointLoader& loader) {
    return load_tree(store, loader, /*readers=*/2);
  };
  auto start = [&](Opening& into) {
    into.worker =
        DiskWorker::open(files, open_leveldb_tree_store(), options, into.recovered, into.fault);
  };
  {
    Opening opening;
    start(opening);
    REQUIRE(opening.worker);
    write_log(*opening.worker, 1, 10);
    REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{5}, 400, 200)));
    REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{8}, 400, 200)));
  }
  std::string store = folder.path() + "/quorate-1/gen-1/checkpoint";
  std::map<std::string, Bytes> saved;
  auto copy_out = [&](std::map<std::string, Bytes>& into) {
    for (const auto& name : *files.list(store)) {
      auto file = files.open(store + "/" + name, OpenMode::Read);
      REQUIRE(file.has_value());
      Bytes bytes(*(*file)->size());
      REQUIRE((*file)->pread(0, bytes).has_value());
      into[name] = std::move(bytes);
    }
  };
  copy_out(saved);
  Random random(11);
  int refused = 0, whole = 0;
  for (int round = 0; round < 150; ++round) {
    auto at = std::next(saved.begin(), static_cast<std::ptrdiff_t>(random.below(saved.size())));
    const std::string& name = at->first;
    if (at->second.empty() || name.starts_with("LO")) continue;
    std::size_t offset = random.below(at->second.size());
    CAPTURE(name);
    CAPTURE(offset);
    REQUIRE(!files.remove_tree(store));
    REQUIRE(!files.make_directories(store));
    for (const auto& [file_name, content] : saved) {
      Bytes bytes = content;
      if (file_name == name)
        bytes[offset] ^= std::byte{static_cast<unsigned char>(1 + random.below(255))};
      auto file = files.open(store + "/" + file_name, OpenMode::Create);
      REQUIRE(file.has_value());
      REQUIRE(!(*file)->pwrite(0, bytes));
    }
    Opening again;
    start(again);
    if (!again.worker) {
      ++refused;
      CHECK(again.fault.what.find(store) != std::string::npos);
      continue;
    }
    ++whole;
    Zxid found = again.recovered.durable.checkpoint;
    // As of an older checkpoint the log has to bring it up to date.
    bool reaches = again.recovered.durable.log_base <= found &&
                   again.recovered.durable.records.back().zxid == Zxid{10};
    CHECK(reaches);
    CHECK(holds_tree_as_of(again.recovered.tree, found, found == Zxid{} ? 3 : 400, 200));
  }
  CHECK(refused > 10);
  CHECK(refused + whole > 60);
}
