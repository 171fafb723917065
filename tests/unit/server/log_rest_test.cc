// What a quiet log gives back, and that nothing of it is lost whatever happens meanwhile.
#include <doctest/doctest.h>

#include <boost/system/errc.hpp>
#include <cerrno>

#include "base/random.h"
#include "server/storage/log_store.h"
#include "tests/support/sim_files.h"

using namespace quorate;
using namespace quorate::server;
using consensus::LogRecord;
using test::Loss;
using test::SimCrash;
using test::SimFiles;

namespace {

constexpr std::size_t kWindow = 5;

LogOptions long_segments() {
  LogOptions options;
  options.directory = "/log";
  options.segment_bytes = 32768;
  options.chunk_bytes = 2048;
  options.nonce_seed = 42;
  return options;
}

LogRecord record(std::int64_t zxid) {
  return {Zxid{zxid}, SharedBytes(Bytes(50, static_cast<std::byte>(zxid * 7 + 1)))};
}

std::vector<LogRecord> range(std::int64_t from, std::int64_t to) {
  std::vector<LogRecord> records;
  for (; from <= to; ++from) records.push_back(record(from));
  return records;
}

struct Opened {
  std::unique_ptr<LogStore> log;
  std::vector<LogRecord> records;
  LogProblem problem;
};

Opened open_log(SimFiles& files) {
  Opened opened;
  opened.log = LogStore::open(
      files, long_segments(), [&](LogRecord one) { opened.records.push_back(std::move(one)); },
      opened.problem);
  return opened;
}

ErrorCode append(LogStore& log, std::int64_t from, std::int64_t to) {
  for (; from <= to; ++from) {
    const LogRecord one = record(from);
    const LogRecord* group[] = {&one};
    if (ErrorCode error = log.append(group)) return error;
    if (ErrorCode error = log.sync()) return error;
  }
  return {};
}

std::uint64_t bytes_below(SimFiles& files) {
  std::uint64_t bytes = 0;
  for (const std::string& path : files.files_below("/log")) bytes += files.contents(path).size();
  return bytes;
}

/// 600 records in long segments, one more of them made ahead.
std::unique_ptr<LogStore> busy_log(SimFiles& files) {
  auto log = LogStore::create(files, long_segments(), Zxid{0});
  REQUIRE(log.has_value());
  REQUIRE(!files.sync_directory("/"));
  for (std::int64_t z = 1; z <= 600; ++z) {
    REQUIRE(!append(**log, z, z));
    auto wanted = (*log)->due_preparation();
    if (!wanted) continue;
    // What is written meanwhile makes the following ones longer.
    while (z < 600 && z % 10 != 0) {
      ++z;
      REQUIRE(!append(**log, z, z));
    }
    REQUIRE(!(*log)->prepared(*wanted, prepare_segment(files, *wanted)));
  }
  REQUIRE(!(*log)->stamp_durable_point());
  return std::move(*log);
}

}  // namespace

TEST_CASE("log at rest: one small segment with the window before the checkpoint and all behind") {
  for (std::int64_t checkpoint : {593, 598, 600, 610}) {
    CAPTURE(checkpoint);
    SimFiles files(1);
    auto log = busy_log(files);
    CHECK(bytes_below(files) > 20000);
    REQUIRE(!log->rest(Zxid{checkpoint}, kWindow));
    CHECK(files.files_below("/log").size() == 1);
    CHECK(bytes_below(files) == 2048);
    const std::int64_t base = std::min<std::int64_t>(checkpoint, 600) - kWindow;
    CHECK(log->base() == Zxid{base});
    CHECK(log->last() == Zxid{600});
    // It goes on, and is cut, as any other.
    REQUIRE(!append(*log, 601, 640));
    REQUIRE(!log->cut(Zxid{base + 2}));
    REQUIRE(!append(*log, base + 3, base + 30));
    log.reset();
    files.crash(Loss::All);
    auto again = open_log(files);
    REQUIRE(again.log);
    CHECK(again.records == range(base + 1, base + 30));
  }
}

TEST_CASE("log at rest: nothing moves while much is kept, little is taken, or a segment is made") {
  SimFiles files(1);
  auto log = busy_log(files);
  const auto before = files.operations();
  REQUIRE(!log->rest(Zxid{100}, kWindow));  // 505 records are to be kept.
  REQUIRE(!log->rest(Zxid{600}, 400));      // The window is.
  CHECK(files.operations() == before);
  REQUIRE(!log->rest(Zxid{600}, kWindow));
  const auto at_rest = files.operations();
  REQUIRE(!log->rest(Zxid{600}, kWindow));
  CHECK(files.operations() == at_rest);

  SimFiles others(2);
  auto making = busy_log(others);
  std::optional<SegmentPreparation> wanted;
  for (std::int64_t z = 601; !wanted; ++z) {
    REQUIRE(!append(*making, z, z));
    wanted = making->due_preparation();
  }
  REQUIRE(!making->stamp_durable_point());
  const auto while_made = others.operations();
  REQUIRE(!making->rest(making->last(), kWindow));
  CHECK(others.operations() == while_made);
}

TEST_CASE("log at rest: also behind a start, and with nothing to keep") {
  SimFiles files(1);
  busy_log(files).reset();
  auto opened = open_log(files);
  REQUIRE(opened.log);
  REQUIRE(opened.records == range(1, 600));
  REQUIRE(!opened.log->rest(Zxid{600}, 0));
  CHECK(bytes_below(files) == 2048);
  opened.log.reset();
  files.crash(Loss::All);
  auto again = open_log(files);
  REQUIRE(again.log);
  CHECK(again.records.empty());
  CHECK(again.log->base() == Zxid{600});
  REQUIRE(!append(*again.log, 601, 603));
}

TEST_CASE("log at rest: a crash at any operation leaves the log before or the one after") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    bool ended = false;
    for (std::uint64_t n = 1; !ended; ++n) {
      CAPTURE(seed);
      CAPTURE(n);
      SimFiles files(seed);
      auto log = busy_log(files);
      files.crash_at(n);
      std::int64_t last = 600;
      try {
        ended = !log->rest(Zxid{598}, kWindow);
        const ErrorCode error = append(*log, 601, 603);
        REQUIRE_FALSE(error);
        last = 603;
      } catch (const SimCrash&) {
        ended = false;
      }
      log.reset();
      files.crash(Loss::Seeded);
      auto again = open_log(files);
      REQUIRE(again.log);
      const Zxid base = again.log->base();
      const bool known = base == Zxid{593} || base == Zxid{0};
      CHECK(known);
      REQUIRE(again.log->last() >= Zxid{last});
      CHECK(again.records == range(base.value + 1, again.log->last().value));
    }
  }
}

TEST_CASE("log at rest: without room for it all stays, and is written to as before") {
  const ErrorCode full(ENOSPC, boost::system::system_category());
  std::size_t refused = 0;
  for (std::uint64_t n = 1; n <= 12; ++n) {
    CAPTURE(n);
    SimFiles files(n);
    auto log = busy_log(files);
    files.fail_at(n, full);
    // Only when it is not known whether the new one counts, the process must not go on.
    if (log->rest(Zxid{600}, kWindow)) continue;
    refused += files.files_below("/log").size() > 1 ? 1 : 0;
    files.fail_at(0, full);
    REQUIRE(!append(*log, 601, 620));
    log.reset();
    files.crash(Loss::All);
    auto again = open_log(files);
    REQUIRE(again.log);
    CHECK(again.records == range(again.log->base().value + 1, 620));
  }
  CHECK(refused >= 3);
}

TEST_CASE("log at rest: any flipped bit in the new segment is damage, not a torn tail") {
  SimFiles files(1);
  auto log = busy_log(files);
  REQUIRE(!log->rest(Zxid{600}, kWindow));
  log.reset();
  const std::string path = files.files_below("/log").front();
  // Up to the end of the last record; the stamp behind it speaks of no record.
  const std::size_t end = 512 + 40 + kWindow * (24 + 50);
  for (std::size_t at = 0; at < end; at += 7) {
    CAPTURE(at);
    files.flip(path, at, 8);
    auto opened = open_log(files);
    CHECK_FALSE(opened.log);
    files.flip(path, at, 8);
  }
  CHECK(open_log(files).log);
}
