// Every bit of a small log flipped, and every file of it cut at every length: recovery gives all
// records, or refuses naming file and offset, or (behind the last durable point only) a prefix.
#include <doctest/doctest.h>

#include <map>

#include "server/storage/format.h"
#include "server/storage/log_store.h"
#include "tests/support/sim_files.h"

using namespace quorate;
using namespace quorate::server;
using consensus::LogRecord;
using test::SimFiles;

namespace {

LogOptions options_of_log() {
  LogOptions options;
  options.directory = "/log";
  options.segment_bytes = 1024;
  options.chunk_bytes = 1024;
  options.nonce_seed = 42;
  return options;
}

LogRecord record(std::int64_t zxid) {
  std::size_t size = 30 + static_cast<std::size_t>(zxid) % 13;
  return {Zxid{zxid}, SharedBytes(Bytes(size, static_cast<std::byte>(zxid * 7 + 1)))};
}

/// Two closed segments, one of them prepared ahead, and a last one whose last group no header names
/// as durable.
struct SmallLog {
  SmallLog() {
    SimFiles files(1);
    auto log = LogStore::create(files, options_of_log(), Zxid{0});
    REQUIRE(log.has_value());
    while ((*log)->segment_count() < 3 || last_group_is_first(files)) {
      std::vector<LogRecord> group = {record(count() + 1), record(count() + 2)};
      const LogRecord* pointers[] = {&group[0], &group[1]};
      REQUIRE(!(*log)->append(pointers));
      REQUIRE(!(*log)->sync());
      records.insert(records.end(), group.begin(), group.end());
      auto wanted = (*log)->segment_count() == 1 ? (*log)->due_preparation() : std::nullopt;
      if (wanted) REQUIRE(!(*log)->prepared(*wanted, prepare_segment(files, *wanted)));
    }
    log->reset();
    for (const auto& path : files.files_below("/log")) contents[path] = files.contents(path);
    REQUIRE(contents.size() == 3);
    last = contents.rbegin()->first;
    proven = scan(contents[last]).proven;
    REQUIRE(proven > format::kDataStart);
    REQUIRE(proven < scan(contents[last]).end);
  }

  std::int64_t count() const { return static_cast<std::int64_t>(records.size()); }
  static SegmentScan scan(ByteView bytes) {
    auto header = decode_segment_header(bytes);
    REQUIRE(header.has_value());
    return scan_segment(*header, bytes, std::nullopt,
                        [](Zxid, ByteView, std::uint64_t) { return true; });
  }
  static bool last_group_is_first(SimFiles& files) {
    return scan(files.contents(files.files_below("/log").back())).proven == format::kDataStart;
  }

  std::vector<LogRecord> records;
  std::map<std::string, Bytes> contents;
  std::string last;
  std::uint64_t proven = 0;  ///< The last durable point, in the last segment.
};

struct Tally {
  std::size_t whole = 0, refused = 0, cut = 0;
};

/// Opens the log with `bytes` in the place of `path`; `offset` is where the damage begins.
void judge(const SmallLog& log, const std::string& path, const Bytes& bytes, std::uint64_t offset,
           Tally& tally) {
  SimFiles files(1);
  REQUIRE(!files.make_directories("/log"));
  for (const auto& [name, whole] : log.contents) {
    REQUIRE(files.open(name, OpenMode::Create).has_value());
    files.set_contents(name, name == path ? bytes : whole);
  }
  std::vector<LogRecord> found;
  LogProblem problem;
  auto opened = LogStore::open(
      files, options_of_log(), [&](LogRecord one) { found.push_back(std::move(one)); }, problem);
  if (!opened) {
    ++tally.refused;
    CHECK(problem.kind == LogProblem::Kind::Damaged);
    CHECK(problem.file == path);
    CHECK(problem.offset < offset + format::kGroupAlignment);  // Where a group would begin.
    CHECK(files.contents(path) == bytes);                      // Refusing changes nothing.
    return;
  }
  if (found == log.records) {
    ++tally.whole;
    return;
  }
  ++tally.cut;
  CHECK(path == log.last);
  CHECK(offset >= log.proven);
  REQUIRE(found.size() < log.records.size());
  CHECK(std::equal(found.begin(), found.end(), log.records.begin()));
  CHECK(found.size() >= log.records.size() - 2);  // The last group alone.
}

}  // namespace

TEST_CASE("log damage: each bit flipped: all data, a refusal, or a cut behind the durable point") {
  SmallLog log;
  Tally tally;
  for (const auto& [path, whole] : log.contents) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        CAPTURE(path);
        CAPTURE(at);
        CAPTURE(bit);
        Bytes bytes = whole;
        bytes[at] ^= static_cast<std::byte>(1u << bit);
        judge(log, path, bytes, at, tally);
      }
    }
  }
  CHECK(tally.refused > 8 * 3 * format::kSegmentHeaderBytes);
  CHECK(tally.cut > 100);
  CHECK(tally.whole > 100);  // Padding, and what lies behind the end.
}

TEST_CASE("log damage: each file cut at each length: refused, never a shorter log") {
  SmallLog log;
  Tally tally;
  for (const auto& [path, whole] : log.contents) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(path);
      CAPTURE(length);
      Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      judge(log, path, bytes, length, tally);
    }
  }
  CHECK(tally.cut == 0);
  CHECK(tally.refused > 2000);
}

TEST_CASE("log damage: each file gone: refused, or in the order of purging") {
  SmallLog log;
  for (const auto& [gone, whole] : log.contents) {
    SimFiles files(1);
    REQUIRE(!files.make_directories("/log"));
    for (const auto& [name, bytes] : log.contents) {
      if (name == gone) continue;
      REQUIRE(files.open(name, OpenMode::Create).has_value());
      files.set_contents(name, bytes);
    }
    std::vector<LogRecord> found;
    LogProblem problem;
    auto opened = LogStore::open(
        files, options_of_log(), [&](LogRecord one) { found.push_back(std::move(one)); }, problem);
    // Without the checkpoint's zxid a missing beginning looks like a purge: recovery compares it
    // with base(). A missing end cannot be told here either: recovery compares the checkpoint.
    REQUIRE(opened);
    if (gone == log.last) continue;
    CHECK(opened->base() > Zxid{0});
    CHECK(found.back() == log.records.back());
  }
}
