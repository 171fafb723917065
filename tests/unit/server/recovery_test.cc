#include <doctest/doctest.h>
#include <xxhash.h>

#include <algorithm>

#include "server/storage/disk_worker.h"
#include "server/storage/format.h"
#include "tests/support/sim_files.h"
#include "tests/unit/server/storage_fixture.h"

using namespace quorate;
using namespace quorate::server;
using namespace quorate::test;
using consensus::AppendRecord;
using consensus::LogRecord;
using consensus::LogWrite;
using consensus::StoreAcceptedEpoch;
using consensus::StoreCurrentEpoch;

namespace {

LogWrite append(Zxid zxid) {
  return AppendRecord{record(zxid, 50)};
}

StorageOptions with(bool standalone, bool initialize) {
  StorageOptions options = ensemble_options();
  options.standalone = standalone;
  options.initialize = initialize;
  return options;
}

/// A member with records 1..8 of epoch 1 and a checkpoint as of 5.
void live_a_little(SimFiles& files, const StorageOptions& options) {
  Opening opening = open(files, options);
  REQUIRE(opening.worker);
  std::vector<LogWrite> writes = {StoreAcceptedEpoch{1}, StoreCurrentEpoch{1}};
  for (std::uint32_t i = 1; i <= 8; ++i) writes.push_back(append(Zxid::make(1, i)));
  opening.worker->write(writes);
  opening.worker->checkpoint(tree_as_of(Zxid::make(1, 5)));
  opening.worker->stamp_durable_point();
}

std::string segment_of(SimFiles& files) {
  for (const auto& path : files.files_below("/datalog")) {
    if (path.find("/log/log-") != std::string::npos) return path;
  }
  FAIL("no segment");
  return {};
}

void damage_log(SimFiles& files) {
  files.flip(segment_of(files), format::kDataStart + 70, 1);
}

}  // namespace

TEST_CASE("recovery: a new server of an ensemble is blank, until a leader has synced it") {
  SimFiles files(1);
  StorageOptions options = with(/*standalone=*/false, /*initialize=*/false);
  {
    Opening first = open(files, options);
    REQUIRE(first.worker);
    CHECK(first.recovered.durable.blank);
    CHECK(first.recovered.tree.digest() == znode::DataTree().digest());
  }
  {
    Opening second = open(files, options);  // A restart alone does not make it a voter.
    CHECK(second.recovered.durable.blank);
    second.worker->write({StoreAcceptedEpoch{4}});
  }
  {
    Opening third = open(files, options);
    CHECK(third.recovered.durable.blank);
    CHECK(third.recovered.durable.accepted_epoch == 4);
    third.worker->install(tree_as_of(Zxid::make(3, 9)));
    third.worker->write({append(Zxid::make(3, 10)), StoreCurrentEpoch{4}});
  }
  Opening fourth = open(files, options);
  CHECK_FALSE(fourth.recovered.durable.blank);
  CHECK(fourth.recovered.durable.checkpoint == Zxid::make(3, 9));
  CHECK(fourth.recovered.durable.records.size() == 1);
}

TEST_CASE("recovery: a blank server that was synced in part begins again from nothing") {
  SimFiles files(1);
  StorageOptions options = with(false, false);
  {
    Opening opening = open(files, options);
    opening.worker->write({StoreAcceptedEpoch{4}, append(Zxid::make(3, 1))});
  }
  Opening again = open(files, options);
  REQUIRE(again.worker);
  CHECK(again.recovered.durable.blank);
  CHECK(again.recovered.durable.records.empty());
  CHECK(again.recovered.durable.accepted_epoch == 4);
  CHECK(again.fault.exit_code == 0);
  CHECK(again.fault.what.find("half_synced") != std::string::npos);
}

TEST_CASE("recovery: with the initialize marker, and standalone, an empty server is not blank") {
  for (auto options : {with(false, true), with(true, false)}) {
    SimFiles files(1);
    CHECK_FALSE(open(files, options).recovered.durable.blank);
    CHECK_FALSE(open(files, with(false, false)).recovered.durable.blank);
  }
  SimFiles files(1);
  CHECK(open(files, with(false, false)).recovered.durable.blank);
  CHECK_FALSE(open(files, with(false, true)).recovered.durable.blank);
  CHECK_FALSE(open(files, with(false, false)).recovered.durable.blank);
}

TEST_CASE("recovery: tree as of the checkpoint, the log with a window before it") {
  for (std::size_t window : {0, 2, 500}) {
    CAPTURE(window);
    SimFiles files(1);
    StorageOptions options = ensemble_options();
    live_a_little(files, options);
    options.window_records = window;
    Opening again = open(files, options);
    REQUIRE(again.worker);
    const auto& durable = again.recovered.durable;
    CHECK(durable.checkpoint == Zxid::make(1, 5));
    CHECK(holds_tree_as_of(again.recovered.tree, Zxid::make(1, 5)));
    std::uint32_t first = window >= 5 ? 1 : 6 - static_cast<std::uint32_t>(window);
    CHECK(durable.records.size() == 9 - first);
    CHECK(durable.records.front().zxid == Zxid::make(1, first));
    CHECK(durable.records.back() == record(Zxid::make(1, 8), 50));
    CHECK(durable.log_base == (first == 1 ? Zxid{0} : Zxid::make(1, first - 1)));
    CHECK(durable.current_epoch == 1);
    CHECK(again.fault.what.empty());
  }
}

TEST_CASE("recovery: a log of a newer epoch than currentEpoch is kept as it is") {
  SimFiles files(1);
  StorageOptions options = ensemble_options();
  {
    Opening opening = open(files, options);
    opening.worker->write({StoreAcceptedEpoch{2}, append(Zxid::make(2, 1))});
  }
  Opening again = open(files, options);
  REQUIRE(again.worker);
  CHECK(again.recovered.durable.current_epoch == 0);
  CHECK(again.recovered.durable.accepted_epoch == 2);
  CHECK(again.recovered.durable.records.back().zxid == Zxid::make(2, 1));
}

TEST_CASE("recovery: fuzzy_until is kept with the checkpoint") {
  SimFiles files(1);
  StorageOptions options = ensemble_options();
  {
    Opening opening = open(files, options);
    znode::DataTree tree = make_tree(Zxid{9});
    tree.mark_all_dirty();
    opening.worker->install(znode::encode_checkpoint(tree, Zxid{15}));
  }
  CHECK(open(files, options).recovered.fuzzy_until == Zxid{15});
}

TEST_CASE("recovery: damage before the durable point refuses standalone, and names the place") {
  SimFiles files(1);
  live_a_little(files, with(true, false));
  damage_log(files);
  Opening again = open(files, with(true, false));
  CHECK_FALSE(again.worker);
  CHECK(again.fault.exit_code == 10);
  CHECK(again.fault.what.find(segment_of(files)) != std::string::npos);
  CHECK(again.fault.what.find("offset 512") != std::string::npos);
  CHECK(again.fault.what.find("Restore") != std::string::npos);
  // Refusing has changed nothing: it refuses again.
  CHECK_FALSE(open(files, with(true, false)).worker);
}

TEST_CASE("recovery: damage in an ensemble drops tree and log, keeps the epochs, takes the vote") {
  for (bool checkpoint : {false, true}) {
    CAPTURE(checkpoint);
    SimFiles files(1);
    StorageOptions options = with(false, true);
    live_a_little(files, options);
    if (checkpoint) {
      auto* map = files.store_contents("/data/quorate-1/gen-1/checkpoint");
      REQUIRE(map != nullptr);
      map->erase(std::prev(map->end()));
    } else {
      damage_log(files);
    }
    for (int start = 1; start <= 2; ++start) {
      Opening again = open(files, with(false, false));
      REQUIRE(again.worker);
      CHECK(again.recovered.durable.blank);
      CHECK(again.recovered.durable.accepted_epoch == 1);
      CHECK(again.recovered.durable.current_epoch == 1);
      CHECK(again.recovered.durable.checkpoint == Zxid{0});
      CHECK(again.recovered.durable.records.empty());
      CHECK(again.recovered.tree.digest() == znode::DataTree().digest());
      CHECK(again.fault.what.empty() == (start == 2));
    }
  }
}

TEST_CASE(
    "recovery: the initialize marker does not give a vote to a server that has just forgotten") {
  SimFiles files(1);
  live_a_little(files, with(false, true));
  damage_log(files);
  Opening again = open(files, with(false, true));
  REQUIRE(again.worker);
  CHECK(again.recovered.durable.blank);
}

TEST_CASE("recovery: a torn tail is cut with a note, and the server starts") {
  SimFiles files(1);
  StorageOptions options = with(true, false);
  live_a_little(files, options);
  std::string path = segment_of(files);
  Bytes bytes = files.contents(path);
  std::size_t used = bytes.size();
  while (bytes[used - 1] == std::byte{0}) --used;
  bytes[(used + 8) / 8 * 8 + 3] = std::byte{9};  // Behind the stamp: a piece of a lost group.
  files.set_contents(path, bytes);
  Opening again = open(files, options);
  REQUIRE(again.worker);
  CHECK(again.recovered.durable.records.size() == 8);
  CHECK(again.fault.what.find("torn_tail") != std::string::npos);
}

TEST_CASE("recovery: ZooKeeper's data and none of our own is refused with exit code 2") {
  for (const char* folder : {"/data", "/datalog"}) {
    SimFiles files(1);
    REQUIRE(!files.make_directories(std::string(folder) + "/version-2"));
    CHECK(open(files, ensemble_options()).worker);  // An empty folder holds nothing to lose.
  }
  for (const char* folder : {"/data", "/datalog"}) {
    SimFiles files(1);
    std::string version2 = std::string(folder) + "/version-2";
    REQUIRE(!files.make_directories(version2));
    REQUIRE(files.open(version2 + "/snapshot.0", OpenMode::Create).has_value());
    Opening opening = open(files, ensemble_options());
    CHECK_FALSE(opening.worker);
    CHECK(opening.fault.exit_code == 2);
    CHECK(opening.fault.what.find(version2) != std::string::npos);
    CHECK(opening.fault.what.find("--import") != std::string::npos);
  }
}

TEST_CASE(
    "recovery: data of another format is named with what this program knows, and left alone") {
  for (bool standalone : {false, true}) {
    SimFiles files(1);
    REQUIRE(!files.make_directories("/data/quorate-2"));
    Opening opening = open(files, with(standalone, false));
    CHECK_FALSE(opening.worker);
    CHECK(opening.fault.exit_code == 10);
    CHECK(opening.fault.what.find("/data/quorate-2") != std::string::npos);
    CHECK(opening.fault.what.find("knows quorate-1") != std::string::npos);
    CHECK_FALSE(files.exists("/data/quorate-1"));
  }
}

TEST_CASE("recovery: a log of another version is refused with both versions, also in an ensemble") {
  for (bool standalone : {false, true}) {
    SimFiles files(1);
    live_a_little(files, with(standalone, true));
    std::string path = segment_of(files);
    Bytes bytes = files.contents(path);
    std::size_t at = format::kSegmentHeaderBytes - 8;
    store_be(bytes.data() + 8, std::uint32_t{9});
    store_be(bytes.data() + at,
             std::uint64_t{XXH3_64bits_withSeed(bytes.data(), at, format::kSegmentMagic)});
    files.set_contents(path, bytes);
    Opening opening = open(files, with(standalone, true));
    CHECK_FALSE(opening.worker);
    CHECK(opening.fault.exit_code == 10);
    CHECK(opening.fault.what.find(path) != std::string::npos);
    CHECK(opening.fault.what.find("version 9") != std::string::npos);
    CHECK(opening.fault.what.find("knows version 2") != std::string::npos);
    CHECK(files.contents(path) == bytes);
  }
}

TEST_CASE("recovery: beside data of our own, ZooKeeper's does not matter") {
  SimFiles files(1);
  live_a_little(files, ensemble_options());
  REQUIRE(!files.make_directories("/data/version-2"));
  REQUIRE(files.open("/data/version-2/snapshot.0", OpenMode::Create).has_value());
  CHECK(open(files, ensemble_options()).worker);
}

TEST_CASE("recovery: lost files are refused, never taken for an empty server") {
  struct Row {
    const char* lost;
    const char* named;
  };
  for (Row row :
       {Row{"/data/quorate-1/CURRENT", "CURRENT"},
        Row{"/data/quorate-1/acceptedEpoch", "acceptedEpoch"}, Row{"/data/quorate-1", "CURRENT"},
        Row{"/data/quorate-1/gen-1/checkpoint", "checkpoint"},
        Row{"/datalog/quorate-1", "/datalog/quorate-1/gen-1/log"},
        Row{"/datalog/quorate-1/gen-1/log", "/datalog/quorate-1/gen-1/log"}}) {
    for (bool standalone : {false, true}) {
      CAPTURE(row.lost);
      SimFiles files(1);
      live_a_little(files, with(standalone, true));
      REQUIRE(!files.remove_tree(row.lost));
      Opening again = open(files, with(standalone, true));
      CHECK_FALSE(again.worker);
      CHECK(again.fault.exit_code == 10);
      CHECK(again.fault.what.find(row.named) != std::string::npos);
    }
  }
}

TEST_CASE("recovery: a segment missing between checkpoint and log is damage") {
  SimFiles files(1);
  StorageOptions options = with(true, false);
  {
    Opening opening = open(files, options);
    for (std::int64_t z = 1; z <= 100; ++z) opening.worker->write({append(Zxid{z})});
  }
  auto paths = files.files_below("/datalog");
  REQUIRE(paths.size() > 3);
  REQUIRE(!files.remove(paths[1]));
  Opening again = open(files, options);
  CHECK_FALSE(again.worker);
  CHECK(again.fault.what.find("missing") != std::string::npos);
}

TEST_CASE("recovery: without forceSync a log behind the checkpoint begins anew at it") {
  SimFiles files(1);
  StorageOptions options = with(true, false);
  options.force_sync = false;
  {
    Opening opening = open(files, options);
    opening.worker->write({append(Zxid{1}), append(Zxid{2}), append(Zxid{3})});
    opening.worker->checkpoint(tree_as_of(Zxid{2}));
  }
  files.crash(Loss::All);
  Opening again = open(files, options);
  REQUIRE(again.worker);
  CHECK(again.recovered.durable.checkpoint == Zxid{2});
  CHECK(again.recovered.durable.records.empty());
  CHECK(again.recovered.durable.log_base == Zxid{2});
  again.worker->write({append(Zxid{3})});
  again.worker.reset();
  CHECK(open(files, options).recovered.durable.records.size() == 1);
}

TEST_CASE(
    "recovery: a crash at any operation of the first start, or of a rejoin, can be repeated") {
  for (bool damaged : {false, true}) {
    for (std::uint64_t n = 1; n <= 70; ++n) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(damaged);
        CAPTURE(n);
        CAPTURE(seed);
        SimFiles files(seed);
        if (damaged) {
          live_a_little(files, with(false, true));
          damage_log(files);
        }
        files.crash_at(n);
        try {
          open(files, with(false, false));
        } catch (const SimCrash&) {
        }
        files.crash();
        Opening again = open(files, with(false, false));
        REQUIRE_MESSAGE(again.worker, again.fault.what);
        CHECK(again.recovered.durable.blank);
        CHECK(again.recovered.durable.accepted_epoch == (damaged ? 1 : 0));
        CHECK(again.recovered.durable.records.empty());
      }
    }
  }
}
