#include "server/storage/log_store.h"

#include <doctest/doctest.h>
#include <xxhash.h>

#include <functional>
#include <utility>

#include "base/ensure.h"
#include "server/storage/format.h"
#include "tests/support/sim_files.h"

using namespace quorate;
using namespace quorate::server;
using consensus::LogRecord;
using test::Loss;
using test::SimCrash;
using test::SimFiles;

namespace {

LogRecord record(Zxid zxid, std::size_t size) {
  Bytes bytes(size, static_cast<std::byte>(zxid.value * 7 + 1));
  return {zxid, SharedBytes(std::move(bytes))};
}

LogOptions small_segments() {
  LogOptions options;
  options.directory = "/log";
  options.segment_bytes = 2048;
  options.chunk_bytes = 1024;
  options.nonce_seed = 42;
  return options;
}

using Log = std::unique_ptr<LogStore>;

/// An opened log and what it showed.
struct Opened {
  Log log;
  std::vector<LogRecord> records;
  LogProblem problem;
};

Opened open_log(SimFiles& files, LogOptions options = small_segments()) {
  Opened opened;
  opened.log = LogStore::open(
      files, options, [&](LogRecord record) { opened.records.push_back(std::move(record)); },
      opened.problem);
  return opened;
}

Log create_log(SimFiles& files, LogOptions options = small_segments()) {
  auto log = LogStore::create(files, options, Zxid{0});
  REQUIRE(log.has_value());
  REQUIRE(!files.sync_directory("/"));
  return std::move(*log);
}

void append_group(LogStore& log, const std::vector<LogRecord>& records) {
  std::vector<const LogRecord*> group;
  for (const auto& record : records) group.push_back(&record);
  REQUIRE(!log.append(group));
}

void append_synced(LogStore& log, const std::vector<LogRecord>& records) {
  append_group(log, records);
  REQUIRE(!log.sync());
}

std::vector<LogRecord> range(std::int64_t from, std::int64_t to, std::size_t size = 40) {
  std::vector<LogRecord> records;
  for (std::int64_t z = from; z <= to; ++z) records.push_back(record(Zxid{z}, size + z % 13));
  return records;
}

std::vector<LogRecord> joined(std::vector<LogRecord> a, const std::vector<LogRecord>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

bool is_prefix(const std::vector<LogRecord>& shorter, const std::vector<LogRecord>& longer) {
  return shorter.size() <= longer.size() &&
         std::equal(shorter.begin(), shorter.end(), longer.begin());
}

std::string last_segment(SimFiles& files) {
  return files.files_below("/log").back();
}

}  // namespace

TEST_CASE("log: records come back in order after an orderly end") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 3));
  append_synced(*log, range(4, 4));
  append_synced(*log, {record(Zxid{5}, 0)});
  REQUIRE(!log->stamp_durable_point());
  log.reset();
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.records == joined(range(1, 4), {record(Zxid{5}, 0)}));
  CHECK(again.log->base() == Zxid{0});
  CHECK(again.log->last() == Zxid{5});
  CHECK_FALSE(again.log->torn_tail_cut());
}

TEST_CASE("log: opening a log that was ended in order writes nothing") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 3));
  REQUIRE(!log->stamp_durable_point());
  log.reset();
  auto before = files.operations();
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(files.operations() == before);
  REQUIRE(!again.log->stamp_durable_point());
  CHECK(files.operations() == before);
}

TEST_CASE("log: a segment that is full is followed by the next, and all are read") {
  SimFiles files(1);
  Log log = create_log(files);
  for (int z = 1; z <= 200; ++z) append_synced(*log, range(z, z));
  CHECK(log->segment_count() > 5);
  log.reset();
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.records == range(1, 200));
}

TEST_CASE("log: a record greater than a segment is kept whole") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 2));
  append_synced(*log, {record(Zxid{3}, 9000)});
  append_synced(*log, range(4, 5));
  log.reset();
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.records == joined(joined(range(1, 2), {record(Zxid{3}, 9000)}), range(4, 5)));
}

TEST_CASE("log: appends overwrite blocks that were written before") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 1));
  std::size_t size = files.contents(last_segment(files)).size();
  append_synced(*log, range(2, 3));
  CHECK(files.contents(last_segment(files)).size() == size);
}

TEST_CASE("log: a cut ends behind the greatest zxid that is not above the one given") {
  struct Row {
    std::int64_t after, last;
  };
  for (Row row : {Row{7, 7}, Row{6, 5}, Row{100, 11}, Row{0, 0}, Row{3, 3}, Row{11, 11}}) {
    CAPTURE(row.after);
    SimFiles files(1);
    Log log = create_log(files);
    append_synced(*log, range(1, 3));
    append_synced(*log, joined(range(4, 5), range(7, 9)));
    append_synced(*log, range(10, 11));
    REQUIRE(!log->cut(Zxid{row.after}));
    CHECK(log->last() == Zxid{row.last});
    append_synced(*log, range(20, 22));
    log.reset();
    auto again = open_log(files);
    REQUIRE(again.log);
    std::vector<LogRecord> expected;
    for (const auto& one : joined(joined(range(1, 5), range(7, 11)), {})) {
      if (one.zxid.value <= row.last) expected.push_back(one);
    }
    CHECK(again.records == joined(expected, range(20, 22)));
  }
}

TEST_CASE("log: a cut reaches back over segments, and removes them") {
  SimFiles files(1);
  Log log = create_log(files);
  for (int z = 1; z <= 100; ++z) append_synced(*log, range(z, z));
  REQUIRE(!log->cut(Zxid{10}));
  CHECK(log->segment_count() <= 3);
  append_synced(*log, range(11, 11));
  REQUIRE(!log->cut(Zxid{10}));
  REQUIRE(!log->cut(Zxid{10}));
  log.reset();
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.records == range(1, 10));
}

TEST_CASE("log: a crash at any operation of a cut leaves the whole log or the cut one") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    for (std::uint64_t n = 1; n <= 40; ++n) {
      CAPTURE(seed);
      CAPTURE(n);
      SimFiles files(seed);
      Log log = create_log(files);
      for (int z = 1; z <= 60; ++z) append_synced(*log, range(z, z));
      files.crash_at(n);
      bool returned = false;
      try {
        ErrorCode error = log->cut(Zxid{10});
        REQUIRE(!error);
        returned = true;
      } catch (const SimCrash&) {
      }
      log.reset();
      files.crash();
      auto again = open_log(files);
      REQUIRE(again.log);
      bool cut = again.records == range(1, 10);
      bool whole = again.records == range(1, 60);
      bool as_promised = cut || (whole && !returned);
      CHECK(as_promised);
      // What was cut must not come back later either.
      again.log.reset();
      files.crash();
      auto third = open_log(files);
      CHECK(third.records == again.records);
      if (returned) n = 40;
    }
  }
}

TEST_CASE("log: un-synced groups are lost from the end only, record by record") {
  std::size_t partial = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    SimFiles files(seed);
    Log log = create_log(files);
    append_synced(*log, range(1, 4));
    append_group(*log, range(5, 14, 150));
    log.reset();
    files.crash(Loss::Mixed);
    auto again = open_log(files);
    REQUIRE(again.log);
    CHECK(is_prefix(range(1, 4), again.records));
    CHECK(is_prefix(again.records, joined(range(1, 4), range(5, 14, 150))));
    partial += again.records.size() > 4 && again.records.size() < 14;
    // New records go behind what was kept, and nothing of the lost ones shows up among them.
    auto expected = joined(again.records, range(30, 33, 150));
    append_synced(*again.log, range(30, 33, 150));
    again.log.reset();
    files.crash(Loss::Mixed);
    CHECK(open_log(files).records == expected);
  }
  CHECK(partial > 20);
}

TEST_CASE("log: what opening has shown is durable, also when it was in the page cache only") {
  SimFiles files(3);
  Log log = create_log(files);
  append_group(*log, range(1, 6));
  log.reset();
  files.crash(Loss::None);
  // The process died before its fsync, the machine lives: the sim keeps all as durable here, so the
  // promise is looked at through the operations: the tail is written again and synced.
  std::vector<test::SimOperation> seen;
  files.on_operation = [&](test::SimOperation operation, const std::string&, std::size_t) {
    seen.push_back(operation);
  };
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.records == range(1, 6));
  REQUIRE(seen.size() >= 2);
  CHECK(seen[0] == test::SimOperation::Pwrite);
  CHECK(seen[1] == test::SimOperation::Sync);
}

TEST_CASE("log: a copy cut short is refused, or loads to a prefix where it had grown") {
  SimFiles files(1);
  LogOptions options = small_segments();
  options.segment_bytes = 8192;
  Log log = create_log(files, options);
  append_synced(*log, range(1, 3));
  append_synced(*log, range(4, 9));
  REQUIRE(!log->stamp_durable_point());
  append_synced(*log, range(10, 11));
  log.reset();
  std::string path = last_segment(files);
  Bytes whole = files.contents(path);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    SimFiles copy(1);
    Log made = create_log(copy, options);
    made.reset();
    copy.set_contents(path, ByteView(whole).first(length));
    auto opened = open_log(copy, options);
    // It was 1024 bytes long before its first record: what is shorter has lost some.
    if (length < 1024) {
      CHECK_FALSE(opened.log);
      CHECK(opened.problem.kind == LogProblem::Kind::Damaged);
      continue;
    }
    REQUIRE(opened.log);
    CHECK(is_prefix(opened.records, range(1, 11)));
    append_synced(*opened.log, range(50, 51));
    auto expected = joined(opened.records, range(50, 51));
    opened.log.reset();
    CHECK(open_log(copy, options).records == expected);
  }
}

TEST_CASE("log: any flipped bit before the durable point refuses, behind it cuts") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 3));
  append_synced(*log, range(4, 5));
  append_synced(*log, range(6, 7));  // Its header names all before it as durable.
  log.reset();
  std::string path = last_segment(files);
  Bytes whole = files.contents(path);
  std::vector<LogRecord> before = range(1, 5);
  std::uint64_t durable = format::kDataStart;
  for (const auto& group : {range(1, 3), range(4, 5)}) {
    std::vector<const LogRecord*> pointers;
    for (const auto& one : group) pointers.push_back(&one);
    durable += group_size(pointers);
  }
  std::size_t refused = 0, cut = 0;
  for (std::size_t at = 0; at < 1100; ++at) {
    CAPTURE(at);
    SimFiles copy(1);
    create_log(copy).reset();
    copy.set_contents(path, whole);
    copy.flip(path, at, static_cast<std::uint8_t>(1u << (at % 8)));
    auto opened = open_log(copy);
    if (!opened.log) {
      CHECK(opened.problem.kind == LogProblem::Kind::Damaged);
      CHECK(opened.problem.file == path);
      CHECK(at < durable);
      ++refused;
    } else {
      CHECK(is_prefix(opened.records, range(1, 7)));
      CHECK(is_prefix(before, opened.records));
      cut += opened.records.size() < 7;
    }
  }
  // Padding is covered by no checksum; all else before the durable point is.
  CHECK(refused >= durable - format::kDataStart + format::kSegmentHeaderBytes - 16);
  CHECK(cut > 100);
}

TEST_CASE("log: a stamp makes the last group durable knowledge") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 2));
  REQUIRE(!log->stamp_durable_point());
  log.reset();
  files.flip(last_segment(files), format::kDataStart + 80, 1);
  auto opened = open_log(files);
  CHECK_FALSE(opened.log);
  CHECK(opened.problem.kind == LogProblem::Kind::Damaged);
  CHECK(opened.problem.offset < format::kDataStart + 80);
}

TEST_CASE("log: damage in a segment that is not the last is never taken for a torn tail") {
  SimFiles files(1);
  Log log = create_log(files);
  for (int z = 1; z <= 60; ++z) append_synced(*log, range(z, z));
  log.reset();
  std::string path = files.files_below("/log")[1];
  Bytes whole = files.contents(path);
  std::size_t last_used = whole.size();
  while (whole[last_used - 1] == std::byte{0}) --last_used;
  files.flip(path, last_used - 2, 4);
  auto opened = open_log(files);
  CHECK_FALSE(opened.log);
  CHECK(opened.problem.file == path);
}

TEST_CASE("log: bytes of another segment in a torn one's place are no records") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 3));
  Bytes first = files.contents(last_segment(files));
  REQUIRE(!log->cut(Zxid{0}));
  append_synced(*log, range(1, 1));
  log.reset();
  std::string path = last_segment(files);
  Bytes mixed = files.contents(path);
  std::copy(first.begin() + format::kDataStart, first.end(), mixed.begin() + format::kDataStart);
  files.set_contents(path, mixed);
  auto opened = open_log(files);
  REQUIRE(opened.log);
  CHECK(opened.records.empty());
}

TEST_CASE("log: purge keeps the window before the checkpoint and all behind it") {
  for (std::size_t window : {0, 1, 10, 30, 1000}) {
    for (std::int64_t checkpoint : {0, 1, 20, 50, 99, 100}) {
      CAPTURE(window);
      CAPTURE(checkpoint);
      SimFiles files(1);
      Log log = create_log(files);
      for (int z = 1; z <= 100; ++z) append_synced(*log, range(z, z));
      std::size_t segments = log->segment_count();
      REQUIRE(!log->purge(Zxid{checkpoint}, window));
      auto needed = std::max<std::int64_t>(0, checkpoint - static_cast<std::int64_t>(window));
      CHECK(log->base().value <= needed);
      if (needed >= 60) CHECK(log->segment_count() < segments);
      Zxid base = log->base();
      append_synced(*log, range(101, 101));
      log.reset();
      files.crash();
      auto again = open_log(files);
      REQUIRE(again.log);
      CHECK(again.log->last() == Zxid{101});
      CHECK(again.log->base() == base);
      CHECK(again.records == range(base.value + 1, 101));
    }
  }
}

TEST_CASE("log: a crash at any operation of a purge loses nothing that is needed") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    for (std::uint64_t n = 1; n <= 12; ++n) {
      CAPTURE(seed);
      CAPTURE(n);
      SimFiles files(seed);
      Log log = create_log(files);
      for (int z = 1; z <= 100; ++z) append_synced(*log, range(z, z));
      files.crash_at(n);
      try {
        ErrorCode error = log->purge(Zxid{90}, 10);
        REQUIRE(!error);
      } catch (const SimCrash&) {
      }
      log.reset();
      files.crash();
      auto again = open_log(files);
      REQUIRE(again.log);
      CHECK(again.log->base() <= Zxid{80});
      CHECK(again.records == range(again.log->base().value + 1, 100));
    }
  }
}

TEST_CASE("log: errors of the disk come back, none is swallowed") {
  ErrorCode full(ENOSPC, boost::system::system_category());
  for (std::uint64_t n = 1; n <= 2; ++n) {
    SimFiles files(1);
    Log log = create_log(files);
    append_synced(*log, range(1, 2));
    files.fail_at(n, full);
    auto more = range(3, 4);
    std::vector<const LogRecord*> group = {&more[0], &more[1]};
    ErrorCode error = log->append(group);
    if (!error) error = log->sync();
    CHECK(error == full);
  }
  for (std::uint64_t n = 1; n <= 5; ++n) {
    SimFiles files(1);
    Log log = create_log(files);
    for (int z = 1; z <= 60; ++z) append_synced(*log, range(z, z));
    files.fail_at(n, full);
    CHECK(log->cut(Zxid{5}) == full);
  }
}

TEST_CASE("log: an empty folder is missing, not empty") {
  SimFiles files(1);
  REQUIRE(!files.make_directories("/log"));
  auto opened = open_log(files);
  CHECK_FALSE(opened.log);
  CHECK(opened.problem.kind == LogProblem::Kind::Missing);
}

// ---- Segments made ahead of their time ----------------------------------------------------------

namespace {

/// What the disk thread does in the background, done at once.
bool prepare_now(SimFiles& files, LogStore& log) {
  auto wanted = log.due_preparation();
  if (!wanted) return false;
  REQUIRE(!log.prepared(*wanted, prepare_segment(files, *wanted)));
  return true;
}

std::vector<test::SimOperation> operations_of(SimFiles& files, const std::function<void()>& work) {
  std::vector<test::SimOperation> seen;
  files.on_operation = [&](test::SimOperation operation, const std::string&, std::size_t) {
    seen.push_back(operation);
  };
  work();
  files.on_operation = nullptr;
  return seen;
}

}  // namespace

TEST_CASE("log: with the next segment prepared, each append is one write and one sync") {
  SimFiles files(1);
  Log log = create_log(files);
  std::size_t prepared = 0;
  for (int z = 1; z <= 300; ++z) {
    auto seen = operations_of(files, [&] { append_synced(*log, range(z, z)); });
    CHECK(seen ==
          std::vector<test::SimOperation>{test::SimOperation::Pwrite, test::SimOperation::Sync});
    prepared += prepare_now(files, *log);
  }
  CHECK(prepared > 5);
  CHECK(log->segment_count() > 5);
  log.reset();
  files.crash(Loss::All);
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.records == range(1, 300));
}

TEST_CASE("log: prepared segments are as long as the log is fast, up to the configured size") {
  SimFiles files(1);
  LogOptions options = small_segments();
  options.segment_bytes = 32768;
  Log log = create_log(files, options);
  std::int64_t z = 1;
  const auto capacities = [&](std::size_t count, bool busy) {
    std::vector<std::uint64_t> found;
    while (found.size() < count) {
      append_synced(*log, range(z, z));
      ++z;
      auto wanted = log->due_preparation();
      if (!wanted) continue;
      found.push_back(wanted->capacity);
      // What is written while it is made.
      for (std::uint64_t bytes = 0; busy && bytes < wanted->capacity / 8; bytes += 100, ++z) {
        append_synced(*log, range(z, z));
      }
      REQUIRE(!log->prepared(*wanted, prepare_segment(files, *wanted)));
    }
    return found;
  };
  using Found = std::vector<std::uint64_t>;
  CHECK(capacities(3, /*busy=*/false) == Found{1024, 1024, 1024});
  CHECK(capacities(5, /*busy=*/true) == Found{1024, 4096, 16384, 32768, 32768});
  CHECK(capacities(5, /*busy=*/false) == Found{32768, 8192, 2048, 1024, 1024});
  log.reset();
  files.crash(Loss::All);
  auto again = open_log(files, options);
  REQUIRE(again.log);
  CHECK(again.records == range(1, z - 1));
}

TEST_CASE("log: a purged segment's blocks are used again, and its records never come back") {
  SimFiles files(1);
  Log log = create_log(files);
  int z = 1;
  bool recycled = false;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 30; ++i, ++z) {
      append_synced(*log, range(z, z));
      auto wanted = log->due_preparation();
      if (!wanted) continue;
      recycled = recycled || !wanted->recycled.empty();
      REQUIRE(!log->prepared(*wanted, prepare_segment(files, *wanted)));
    }
    REQUIRE(!log->purge(Zxid{z - 1}, 0));
  }
  CHECK(recycled);
  CHECK(files.files_below("/log").size() <= 4);
  Zxid base = log->base();
  log.reset();
  files.crash(Loss::All);
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.log->base() == base);
  CHECK(again.records == range(base.value + 1, z - 1));
}

TEST_CASE(
    "log: a crash at any operation of appends, preparations and purges keeps what was synced") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    bool ended = false;
    for (std::uint64_t n = 1; !ended; n += 3) {
      CAPTURE(seed);
      CAPTURE(n);
      SimFiles files(seed);
      Log log = create_log(files);
      std::int64_t synced = 0, tried = 0;
      files.crash_at(n);
      try {
        for (int z = 1; z <= 120; ++z) {
          tried = z;
          // No REQUIRE around what may throw SimCrash: it would catch it.
          LogRecord one = record(Zxid{z}, 40);
          const LogRecord* group[] = {&one};
          ErrorCode error = log->append(group);
          if (!error) error = log->sync();
          if (!error) synced = z;
          auto wanted = log->due_preparation();
          if (wanted) {
            auto made = prepare_segment(files, *wanted);
            if (!error) error = log->prepared(*wanted, std::move(made));
          }
          if (!error && z % 40 == 0) error = log->purge(Zxid{z}, 10);
          REQUIRE(!error);
        }
        ended = true;
      } catch (const SimCrash&) {
      }
      log.reset();
      files.crash();
      auto again = open_log(files);
      REQUIRE(again.log);
      CHECK(again.log->last().value >= synced);
      CHECK(again.log->last().value <= tried);
      CHECK(again.log->base().value <= std::max<std::int64_t>(0, synced / 40 * 40 - 10));
      std::vector<LogRecord> expected;
      for (std::int64_t z = again.log->base().value + 1; z <= again.log->last().value; ++z) {
        expected.push_back(record(Zxid{z}, 40));
      }
      CHECK(again.records == expected);
    }
  }
}

TEST_CASE("log: a cut that takes the prepared segment is durable before it returns") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SimFiles files(seed);
    Log log = create_log(files);
    append_synced(*log, range(1, 12));
    REQUIRE(prepare_now(files, *log));
    REQUIRE(!log->cut(Zxid{5}));
    log.reset();
    files.crash(Loss::All);
    auto again = open_log(files);
    REQUIRE(again.log);
    CHECK(again.records == range(1, 5));
  }
}

TEST_CASE("log: a purge while a recycled segment is being made leaves that one alone") {
  SimFiles files(1);
  LogOptions options = small_segments();
  options.chunk_bytes = options.segment_bytes;
  Log log = create_log(files, options);
  int z = 1;
  std::size_t met = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 10; ++i, ++z) append_synced(*log, range(z, z));
    auto wanted = log->due_preparation();
    if (!wanted) {
      REQUIRE(!log->purge(Zxid{z - 1}, 0));
      continue;
    }
    bool purged = wanted->recycled.empty();
    met += !purged;
    files.on_operation = [&](test::SimOperation operation, const std::string&, std::size_t) {
      if (operation != test::SimOperation::Pwrite || std::exchange(purged, true)) return;
      REQUIRE(!log->purge(Zxid{z - 1}, 0));
    };
    auto file = prepare_segment(files, *wanted);
    files.on_operation = nullptr;
    REQUIRE(!log->prepared(*wanted, std::move(file)));
  }
  CHECK(met > 3);
  Zxid base = log->base();
  log.reset();
  auto again = open_log(files, options);
  REQUIRE(again.log);
  CHECK(again.records == range(base.value + 1, z - 1));
}

TEST_CASE("log: a segment that cannot be prepared is tried again later, and nothing is lost") {
  ErrorCode full(ENOSPC, boost::system::system_category());
  for (std::uint64_t n = 1; n <= 5; ++n) {
    CAPTURE(n);
    SimFiles files(1);
    Log log = create_log(files);
    int z = 1;
    std::optional<SegmentPreparation> wanted;
    for (; !wanted; ++z) {
      append_synced(*log, range(z, z));
      wanted = log->due_preparation();
    }
    files.fail_at(n, full);
    auto file = prepare_segment(files, *wanted);
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error() == full);
    REQUIRE(!log->prepared(*wanted, std::move(file)));
    CHECK_FALSE(log->due_preparation());
    bool again = false;
    for (int i = 0; i < 100; ++i, ++z) {
      append_synced(*log, range(z, z));
      again = prepare_now(files, *log) || again;
    }
    CHECK(again);
    log.reset();
    CHECK(open_log(files).records == range(1, z - 1));
  }
}

TEST_CASE("log: a segment made too late is thrown away") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 10));
  auto wanted = log->due_preparation();
  REQUIRE(wanted);
  auto file = prepare_segment(files, *wanted);
  REQUIRE(!log->cut(Zxid{4}));  // Needs a segment at once, and makes one of a higher sequence.
  REQUIRE(!log->prepared(*wanted, std::move(file)));
  CHECK_FALSE(files.exists(wanted->path));
  append_synced(*log, range(5, 6));
  log.reset();
  CHECK(open_log(files).records == range(1, 6));
}

TEST_CASE("log: a segment given up between two pieces leaves no file, and the log goes on") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 10));
  auto wanted = log->due_preparation();
  REQUIRE(wanted);
  wanted->capacity = 1u << 20;  // Several pieces.
  int pieces = 0;
  auto file = prepare_segment(files, *wanted, [&] { return ++pieces < 2; });
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error() == boost::system::errc::operation_canceled);
  CHECK(pieces == 2);
  CHECK_FALSE(files.exists(wanted->path));
  CHECK_FALSE(files.exists(wanted->path + format::kTemporarySuffix));
  REQUIRE(!log->prepared(*wanted, std::move(file)));
  append_synced(*log, range(11, 12));
  log.reset();
  CHECK(open_log(files).records == range(1, 12));
}

TEST_CASE("log: a segment of another version is named, not taken for damage") {
  SimFiles files(1);
  Log log = create_log(files);
  append_synced(*log, range(1, 2));
  log.reset();
  std::string path = last_segment(files);
  Bytes bytes = files.contents(path);
  store_be(bytes.data() + 8, std::uint32_t{format::kSegmentVersion + 1});
  files.set_contents(path, bytes);
  CHECK(open_log(files).problem.kind == LogProblem::Kind::Damaged);  // The checksum says so.
  std::size_t at = format::kSegmentHeaderBytes - 8;
  store_be(bytes.data() + at,
           std::uint64_t{XXH3_64bits_withSeed(bytes.data(), at, format::kSegmentMagic)});
  files.set_contents(path, bytes);
  auto opened = open_log(files);
  CHECK_FALSE(opened.log);
  CHECK(opened.problem.kind == LogProblem::Kind::Version);
  CHECK(opened.problem.version == format::kSegmentVersion + 1);
  CHECK(opened.problem.file == path);
}
