#include "server/storage/disk_worker.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/ensure.h"
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
using consensus::TruncateLog;

namespace {

/// What a server believes after a step: the log, both epochs, the checkpoint.
struct State {
  std::vector<LogRecord> log;  ///< All records above `base`.
  Zxid base;
  std::uint32_t accepted = 0, current = 0;
  Zxid checkpoint;
  friend bool operator==(const State&, const State&) = default;
};

void apply(State& state, const LogWrite& write) {
  if (auto* record = std::get_if<AppendRecord>(&write)) state.log.push_back(record->record);
  if (auto* cut = std::get_if<TruncateLog>(&write)) {
    std::erase_if(state.log, [&](const LogRecord& record) { return record.zxid > cut->after; });
  }
  if (auto* epoch = std::get_if<StoreAcceptedEpoch>(&write)) state.accepted = epoch->epoch;
  if (auto* epoch = std::get_if<StoreCurrentEpoch>(&write)) state.current = epoch->epoch;
}

/// One call of the worker.
struct Step {
  std::vector<LogWrite> writes = {};
  std::optional<Zxid> checkpoint = {};
  std::optional<Zxid> install = {};
  bool stamp = false;
};

/// Error: a checkpoint or an install was refused by the disk, and what was there before stays.
ErrorCode run(DiskWorker& worker, const Step& step) {
  if (!step.writes.empty()) worker.write(step.writes);
  if (step.checkpoint) {
    if (ErrorCode error = worker.checkpoint(tree_as_of(*step.checkpoint))) return error;
    worker.purge(*step.checkpoint);
  }
  if (step.install) {
    if (ErrorCode error = worker.install(tree_as_of(*step.install))) return error;
  }
  if (step.stamp) worker.stamp_durable_point();
  return {};
}

/// All states that a crash inside `step` may leave, the state before it first, the one after last.
std::vector<State> states_of(const State& before, const Step& step) {
  std::vector<State> states = {before};
  State now = before;
  for (const auto& write : step.writes) {
    apply(now, write);
    states.push_back(now);
  }
  if (step.checkpoint) {
    now.checkpoint = *step.checkpoint;
    states.push_back(now);
  }
  if (step.install) {
    now.checkpoint = now.base = *step.install;
    now.log.clear();
    states.push_back(now);
  }
  return states;
}

/// Equal, but for records before the checkpoint that purge may have removed or kept.
bool same(const State& found, const State& expected) {
  if (found.accepted != expected.accepted || found.current != expected.current) return false;
  if (found.checkpoint != expected.checkpoint) return false;
  if (found.base < expected.base || found.base > found.checkpoint) return false;
  std::vector<LogRecord> rest;
  for (const auto& record : expected.log) {
    if (record.zxid > found.base) rest.push_back(record);
  }
  return found.log == rest;
}

State state_of(const Recovered& recovered) {
  const auto& durable = recovered.durable;
  return {durable.records, durable.log_base, durable.accepted_epoch, durable.current_epoch,
          durable.checkpoint};
}

std::vector<Step> script_of_a_life() {
  auto append = [](std::uint32_t epoch, std::uint32_t counter, std::size_t size = 60) {
    return LogWrite{AppendRecord{record(Zxid::make(epoch, counter), size)}};
  };
  return {
      {.writes = {StoreAcceptedEpoch{1}}},
      {.writes = {append(0, 1), append(0, 2), StoreCurrentEpoch{1}}},
      {.writes = {append(1, 1), append(1, 2, 700), append(1, 3, 700)}},
      {.writes = {append(1, 4, 900)}},
      {.stamp = true},
      {.writes = {append(1, 5), append(1, 6), TruncateLog{Zxid::make(1, 5)}, append(1, 9)}},
      {.checkpoint = Zxid::make(1, 4)},
      {.writes = {TruncateLog{Zxid::make(1, 5)}, StoreAcceptedEpoch{2}, append(2, 1),
                  StoreCurrentEpoch{2}, append(2, 2)}},
      {.writes = {append(2, 3, 1500), append(2, 4, 1500)}},
      {.checkpoint = Zxid::make(2, 2)},
      {.install = Zxid::make(3, 7)},
      {.writes = {append(3, 8), StoreAcceptedEpoch{3}, StoreCurrentEpoch{3}, append(3, 9)}},
      {.checkpoint = Zxid::make(3, 8)},
      {.writes = {append(3, 10)}},
  };
}

/// Runs `script` until the crash at operation `n`; true when it came to its end instead. Then opens
/// again and checks what is there against what may be there.
bool crash_and_check(std::uint64_t seed, std::uint64_t n, const std::vector<Step>& script,
                     std::optional<Loss> loss) {
  SimFiles files(seed);
  StorageOptions options = ensemble_options();
  options.window_records = 2;
  State known;
  std::vector<State> allowed;
  bool finished = false;
  {
    Opening opening = open(files, options);
    REQUIRE(opening.worker);
    files.crash_at(n);
    try {
      for (const auto& step : script) {
        allowed = states_of(known, step);
        const ErrorCode error = run(*opening.worker, step);
        CHECK(!error);
        known = allowed.back();
        allowed = {known};
      }
      finished = true;
    } catch (const SimCrash&) {
    }
  }
  files.crash(loss.value_or(Loss::Seeded));
  Opening again = open(files, options);
  REQUIRE_MESSAGE(again.worker, again.fault.what);
  State found = state_of(again.recovered);
  bool is_allowed = std::any_of(allowed.begin(), allowed.end(),
                                [&](const State& state) { return same(found, state); });
  CHECK(is_allowed);
  CHECK(holds_tree_as_of(again.recovered.tree, found.checkpoint));
  // Power goes again at once: nothing moves any more, and nothing that was cut comes back.
  again.worker.reset();
  files.crash(Loss::Mixed);
  Opening third = open(files, options);
  REQUIRE_MESSAGE(third.worker, third.fault.what);
  CHECK(state_of(third.recovered) == found);
  return finished;
}

}  // namespace

TEST_CASE("disk: what write() has returned for is there after a crash at any operation") {
  auto script = script_of_a_life();
  std::uint64_t n = 1;
  for (bool finished = false; !finished; ++n) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(n);
      CAPTURE(seed);
      finished = crash_and_check(seed, n, script, std::nullopt);
    }
  }
  CHECK(n > 60);  // The script has so many moments to crash in.
}

TEST_CASE("disk: a crash during the recovery from a crash changes nothing") {
  auto script = script_of_a_life();
  script.resize(9);
  for (std::uint64_t n = 1; n <= 60; ++n) {
    for (std::uint64_t m = 1; m <= 8; ++m) {
      CAPTURE(n);
      CAPTURE(m);
      SimFiles files(n * 100 + m);
      StorageOptions options = ensemble_options();
      State known;
      std::vector<State> allowed = {known};
      {
        Opening opening = open(files, options);
        files.crash_at(n);
        try {
          for (const auto& step : script) {
            allowed = states_of(known, step);
            const ErrorCode error = run(*opening.worker, step);
            CHECK(!error);
            known = allowed.back();
            allowed = {known};
          }
        } catch (const SimCrash&) {
        }
      }
      files.crash();
      files.crash_at(m);
      try {
        Opening half = open(files, options);
      } catch (const SimCrash&) {
      }
      files.crash();
      Opening again = open(files, options);
      REQUIRE_MESSAGE(again.worker, again.fault.what);
      State found = state_of(again.recovered);
      bool is_allowed = std::any_of(allowed.begin(), allowed.end(),
                                    [&](const State& state) { return same(found, state); });
      CHECK(is_allowed);
    }
  }
}

TEST_CASE("disk: a failed write or fsync ends the process, and what was acknowledged survives it") {
  auto script = script_of_a_life();
  ErrorCode broken(EIO, boost::system::system_category());
  for (std::uint64_t n = 1; n <= 90; ++n) {
    CAPTURE(n);
    SimFiles files(n);
    StorageOptions options = ensemble_options();
    options.window_records = 2;
    State known;
    std::vector<State> allowed = {known};
    bool died = false;
    ErrorCode refused;
    {
      FatalThrows hook;
      Opening opening = open(files, options);
      files.fail_at(n, broken);
      try {
        for (const auto& step : script) {
          allowed = states_of(known, step);
          refused = run(*opening.worker, step);
          if (refused) break;
          known = allowed.back();
          allowed = {known};
        }
      } catch (const Fatal&) {
        died = true;
      }
    }
    CHECK((died || refused == broken));
    files.crash();
    Opening again = open(files, options);
    REQUIRE_MESSAGE(again.worker, again.fault.what);
    State found = state_of(again.recovered);
    bool is_allowed = std::any_of(allowed.begin(), allowed.end(),
                                  [&](const State& state) { return same(found, state); });
    CHECK(is_allowed);
  }
}

TEST_CASE("disk: consecutive records are one group with one sync") {
  SimFiles files(1);
  Opening opening = open(files, ensemble_options());
  std::vector<SimOperation> seen;
  files.on_operation = [&](SimOperation operation, const std::string&, std::size_t) {
    seen.push_back(operation);
  };
  opening.worker->write({AppendRecord{record(Zxid{1}, 10)}, AppendRecord{record(Zxid{2}, 10)},
                         AppendRecord{record(Zxid{3}, 10)}});
  CHECK(seen == std::vector<SimOperation>{SimOperation::Pwrite, SimOperation::Sync});
}

TEST_CASE("disk: an epoch is written only after the records before it are synced") {
  SimFiles files(1);
  Opening opening = open(files, ensemble_options());
  std::vector<std::string> seen;
  files.on_operation = [&](SimOperation operation, const std::string& path, std::size_t) {
    bool log = path.find("/log/") != std::string::npos;
    if (operation == SimOperation::Pwrite) seen.push_back(log ? "log write" : "epoch write");
    if (operation == SimOperation::Sync) seen.push_back(log ? "log sync" : "epoch sync");
    if (operation == SimOperation::Rename) seen.push_back("epoch rename");
    if (operation == SimOperation::SyncDirectory) seen.push_back("folder sync");
  };
  opening.worker->write({AppendRecord{record(Zxid{1}, 10)}, StoreAcceptedEpoch{4},
                         AppendRecord{record(Zxid{2}, 10)}});
  CHECK(seen == std::vector<std::string>{"log write", "log sync", "epoch write", "epoch sync",
                                         "epoch rename", "folder sync", "log write", "log sync"});
}

TEST_CASE("disk: without forceSync records are not synced, cuts and epochs are") {
  SimFiles files(1);
  StorageOptions options = ensemble_options();
  options.force_sync = false;
  options.standalone = true;
  Opening opening = open(files, options);
  int syncs = 0;
  files.on_operation = [&](SimOperation operation, const std::string&, std::size_t) {
    syncs += operation == SimOperation::Sync;
  };
  opening.worker->write({AppendRecord{record(Zxid{1}, 10)}});
  CHECK(syncs == 0);
  opening.worker->write({AppendRecord{record(Zxid{2}, 10)}, TruncateLog{Zxid{1}}});
  CHECK(syncs > 0);
}

TEST_CASE(
    "disk: the SNAP stream shows the tree of the view, in pieces, whatever is written after") {
  SimFiles files(1);
  Opening opening = open(files, ensemble_options());
  Zxid big = Zxid{400};
  opening.worker->write({AppendRecord{record(big, 10)}});
  opening.worker->checkpoint(tree_as_of(big, /*nodes=*/300, /*data_bytes=*/3000));
  auto reader = opening.worker->read_snapshot();
  REQUIRE(reader.has_value());
  CHECK((*reader)->zxid() == big);
  opening.worker->write({AppendRecord{record(Zxid{500}, 10)}});
  opening.worker->checkpoint(tree_as_of(Zxid{500}));

  znode::SnapStreamReader stream;
  bool last = false;
  std::size_t pieces = 0;
  while (!last) {
    auto piece = (*reader)->next(last);
    REQUIRE(piece.has_value());
    CHECK(piece->size() <= (256u << 10));
    ++pieces;
    ByteView view(*piece);
    REQUIRE(!stream.feed(view));
    REQUIRE(view.empty());
  }
  CHECK(pieces >= 4);
  REQUIRE(stream.done());
  auto tree = stream.take(big);
  REQUIRE(tree.has_value());
  CHECK(holds_tree_as_of(*tree, big, 300, 3000));
}

TEST_CASE("disk: a fresh server can serve a SNAP of the empty tree at once") {
  SimFiles files(1);
  Opening opening = open(files, ensemble_options());
  auto reader = opening.worker->read_snapshot();
  REQUIRE(reader.has_value());
  CHECK((*reader)->zxid() == Zxid{0});
  znode::SnapStreamReader stream;
  bool last = false;
  while (!last) {
    auto piece = (*reader)->next(last);
    REQUIRE(piece.has_value());
    ByteView view(*piece);
    REQUIRE(!stream.feed(view));
  }
  REQUIRE(stream.done());
  auto tree = stream.take(Zxid{0});
  REQUIRE(tree.has_value());
  CHECK(tree->digest() == znode::DataTree().digest());
}

TEST_CASE("disk: a tree that is dropped leaves nothing, and the next one may begin") {
  SimFiles files(1);
  StorageOptions options = ensemble_options();
  Opening opening = open(files, options);
  opening.worker->write({AppendRecord{record(Zxid{1}, 10)}});
  CHECK_FALSE(opening.worker->drop_install());
  znode::CheckpointBatch early;
  early.zxid = Zxid{70};
  early.from_scratch = true;
  early.ends = false;
  early.pack.add('n', "/early", as_bytes("of no use"));
  REQUIRE(!opening.worker->install(early));
  CHECK(opening.worker->drop_install());
  CHECK_FALSE(files.exists("/data/quorate-1/gen-2"));
  early.begins = false;
  CHECK(opening.worker->install(early));  // Its rest is void.
  opening.worker->write({AppendRecord{record(Zxid{2}, 10)}});
  early.begins = true;
  REQUIRE(!opening.worker->install(early));
  znode::CheckpointBatch rest = tree_as_of(Zxid{70});
  rest.begins = false;
  rest.entries.push_back({znode::node_key("/early"), std::nullopt});
  REQUIRE(!opening.worker->install(rest));
  opening.worker.reset();
  Opening again = open(files, options);
  REQUIRE(again.worker);
  CHECK(holds_tree_as_of(again.recovered.tree, Zxid{70}));
}

TEST_CASE("disk: at rest the log keeps what is behind the checkpoint, and the window") {
  SimFiles files(1);
  StorageOptions options = ensemble_options();
  options.window_records = 2;
  Opening opening = open(files, options);
  for (std::int64_t z = 1; z <= 60; ++z) {
    opening.worker->write({AppendRecord{record(Zxid{z}, 200)}});
  }
  opening.worker->rest();  // No checkpoint: all of it is needed.
  CHECK(files.files_below("/datalog").size() > 4);
  REQUIRE(!opening.worker->checkpoint(tree_as_of(Zxid{58})));
  opening.worker->purge(Zxid{58});
  opening.worker->rest();
  CHECK(files.files_below("/datalog").size() == 1);
  opening.worker->write({AppendRecord{record(Zxid{61}, 200)}});
  opening.worker.reset();
  Opening again = open(files, options);
  REQUIRE(again.worker);
  CHECK(again.recovered.durable.log_base == Zxid{56});
  CHECK(again.recovered.durable.records.size() == 5);
  CHECK(again.recovered.durable.records.back() == record(Zxid{61}, 200));
}

TEST_CASE("disk: install leaves one generation, and a log that begins behind the tree") {
  SimFiles files(1);
  StorageOptions options = ensemble_options();
  Opening opening = open(files, options);
  opening.worker->write({AppendRecord{record(Zxid{1}, 10)}});
  opening.worker->install(tree_as_of(Zxid{70}));
  opening.worker->write({AppendRecord{record(Zxid{71}, 10)}});
  opening.worker.reset();
  for (const char* folder : {"/data/quorate-1", "/datalog/quorate-1"}) {
    auto names = files.list(folder);
    REQUIRE(names.has_value());
    std::erase_if(*names, [](const std::string& name) { return !name.starts_with("gen-"); });
    CHECK(*names == std::vector<std::string>{"gen-2"});
  }
  Opening again = open(files, options);
  REQUIRE(again.worker);
  CHECK(again.recovered.durable.checkpoint == Zxid{70});
  CHECK(again.recovered.durable.log_base == Zxid{70});
  CHECK(again.recovered.durable.records == std::vector<LogRecord>{record(Zxid{71}, 10)});
  CHECK(holds_tree_as_of(again.recovered.tree, Zxid{70}));
}

TEST_CASE("worker: a full disk and a failed sync end the process with the place and the remedy") {
  struct Row {
    int number;
    const char* remedy;
  };
  for (Row row :
       {Row{ENOSPC, "Free space there"}, Row{EIO, "kernel's log"}, Row{EROFS, "may not write"}}) {
    for (std::uint64_t n = 1; n <= 2; ++n) {  // The write, then the sync.
      CAPTURE(row.remedy);
      CAPTURE(n);
      SimFiles files(1);
      Opening opening = open(files, ensemble_options());
      REQUIRE(opening.worker);
      opening.worker->write({AppendRecord{record(Zxid{1}, 50)}});
      FatalThrows fatal_throws;
      files.fail_at(n, {row.number, boost::system::system_category()});
      std::string said;
      try {
        opening.worker->write({AppendRecord{record(Zxid{2}, 50)}});
      } catch (const Fatal& fatal) {
        said = fatal.what;
      }
      CHECK(said.find("/datalog/quorate-1/gen-1/log") != std::string::npos);
      CHECK(said.find(row.remedy) != std::string::npos);
      opening.worker.reset();
      files.crash(Loss::None);
      Opening again = open(files, ensemble_options());  // And once there is room it starts again.
      REQUIRE_MESSAGE(again.worker, again.fault.what);
      REQUIRE(!again.recovered.durable.records.empty());
      CHECK(again.recovered.durable.records.front() == record(Zxid{1}, 50));
    }
  }
}

TEST_CASE("worker: an idle log is written to once, then never again") {
  SimFiles files(1);
  Opening opening = open(files, ensemble_options());
  REQUIRE(opening.worker);
  opening.worker->write({AppendRecord{record(Zxid{1}, 50)}});
  opening.worker->stamp_durable_point();
  auto before = files.operations();
  for (int i = 0; i < 5; ++i) opening.worker->stamp_durable_point();
  CHECK(files.operations() == before);
}
