#include "server/storage/real/leveldb_tree_store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <cerrno>
#include <map>

#include "base/random.h"
#include "server/storage/real/posix_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/server/crash_env.h"

using namespace quorate;
using namespace quorate::server;
using test::CrashDisk;
namespace errc = boost::system::errc;

namespace {

using Map = std::map<Bytes, Bytes>;

Bytes bytes_of(std::string_view text) {
  ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

znode::CheckpointEntry put(std::string_view key, std::string_view value) {
  return {bytes_of(key), bytes_of(value)};
}
znode::CheckpointEntry erase(std::string_view key) {
  return {bytes_of(key), std::nullopt};
}

ErrorCode read_all(TreeStore& store, Map& map) {
  map.clear();
  return store.view()->scan({}, {}, [&](ByteView key, ByteView value) {
    map[Bytes(key.begin(), key.end())] = Bytes(value.begin(), value.end());
    return true;
  });
}

std::vector<std::string> keys(TreeStoreView& view, std::string_view prefix, std::string_view from,
                              std::size_t limit = 100) {
  std::vector<std::string> found;
  CHECK(!view.scan(as_bytes(prefix), as_bytes(from), [&](ByteView key, ByteView) {
    found.emplace_back(as_text(key));
    return found.size() < limit;
  }));
  return found;
}

/// Batch number `i` of a run: changes some keys, removes some, and counts itself.
std::vector<znode::CheckpointEntry> batch(std::uint64_t i, std::size_t value_bytes) {
  Random random(i);
  std::vector<znode::CheckpointEntry> entries = {put("m", std::to_string(i))};
  for (int k = 0; k < 20; ++k) {
    std::string key = "n" + std::to_string(random.below(100));
    bool last_of_key = std::none_of(entries.begin(), entries.end(),
                                    [&](const auto& entry) { return entry.key == bytes_of(key); });
    if (!last_of_key) continue;
    std::string value(value_bytes, static_cast<char>('a' + random.below(26)));
    entries.push_back(random.percent(20) ? erase(key) : put(key, value));
  }
  return entries;
}

void replay(Map& map, const std::vector<znode::CheckpointEntry>& entries) {
  for (const auto& entry : entries) {
    if (entry.value) {
      map[entry.key] = *entry.value;
    } else {
      map.erase(entry.key);
    }
  }
}

}  // namespace

TEST_CASE("leveldb store: batches are there after opening again") {
  test::TemporaryFolder folder;
  auto open = open_leveldb_tree_store();
  {
    auto store = open(folder.path());
    REQUIRE(store.has_value());
    CHECK(!(*store)->write({put("a", "1"), put("b", "2"), put("c", "")}));
    CHECK(!(*store)->write({erase("a"), put("b", "3")}));
  }
  auto store = open(folder.path());
  REQUIRE(store.has_value());
  Map map;
  REQUIRE(!read_all(**store, map));
  CHECK(map == Map{{bytes_of("b"), bytes_of("3")}, {bytes_of("c"), {}}});
}

namespace {

/// Something to fill a store with: so much that it becomes several tables, in portions of both
/// forms.
ErrorCode fill(TreeStore& store, Map& map) {
  Random random(3);
  ErrorCode error;
  for (int portion = 0; portion < 9 && !error; ++portion) {
    znode::EntryPack pack;
    std::vector<znode::CheckpointEntry> entries;
    for (int i = 0; i < 12; ++i) {
      const std::string path = "/" + std::to_string(portion * 1000 + i);
      std::string value(120'000, '\0');
      for (char& c : value) c = static_cast<char>(random.below(256));
      map[bytes_of("n" + path)] = bytes_of(value);
      if (portion % 2 == 0) {
        pack.add('n', path, as_bytes(value));
      } else {
        entries.push_back(put("n" + path, value));
      }
    }
    // A later portion may correct an earlier one.
    entries.push_back(put("m", std::to_string(portion)));
    map[bytes_of("m")] = bytes_of(std::to_string(portion));
    error = store.fill(entries, pack);
  }
  return error ? error : store.settle();
}

}  // namespace

TEST_CASE("leveldb store: what it has been filled with is there, and goes on as any other") {
  test::TemporaryFolder folder;
  auto open = open_leveldb_tree_store();
  Map expected, found;
  {
    auto store = open(folder.path());
    REQUIRE(store.has_value());
    REQUIRE(!fill(**store, expected));
    REQUIRE(!read_all(**store, found));
    CHECK(found == expected);
    REQUIRE(!(*store)->write({put("x", "1"), erase("m")}));
  }
  auto store = open(folder.path());
  REQUIRE(store.has_value());
  expected.erase(bytes_of("m"));
  expected[bytes_of("x")] = bytes_of("1");
  REQUIRE(!read_all(**store, found));
  CHECK(found == expected);
}

TEST_CASE("leveldb store: behind settle() a power cut takes nothing of what it was filled with") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    CrashDisk disk(seed);
    const auto open = disk.open_tree_store();
    Map expected, found;
    {
      REQUIRE(!disk.disk.make_directories("/store"));
      REQUIRE(!disk.disk.sync_directory("/"));
      auto store = open("/store");
      REQUIRE(store.has_value());
      REQUIRE(!fill(**store, expected));
      disk.wait_idle();
    }
    disk.crash(seed % 2 == 0 ? test::Loss::All : test::Loss::Seeded);
    auto store = open("/store");
    REQUIRE(store.has_value());
    REQUIRE(!read_all(**store, found));
    CHECK(found == expected);
  }
}

TEST_CASE("leveldb store: an error while it is filled comes back") {
  std::size_t refused = 0;
  for (std::uint64_t n = 1; n < 2000; n += 1 + n / 8) {
    CAPTURE(n);
    CrashDisk disk(n);
    auto store = disk.open_tree_store()("/store");
    REQUIRE(store.has_value());
    disk.disk.fail_at(n, ErrorCode(ENOSPC, boost::system::system_category()));
    Map expected, found;
    const ErrorCode error = fill(**store, expected);
    disk.wait_idle();
    refused += error ? 1 : 0;
    if (error) continue;
    REQUIRE(!read_all(**store, found));
    CHECK(found == expected);
  }
  CHECK(refused > 5);
}

TEST_CASE("leveldb store: a scan keeps to prefix and start, and ends when told") {
  test::TemporaryFolder folder;
  auto store = open_leveldb_tree_store()(folder.path());
  REQUIRE(store.has_value());
  REQUIRE(!(*store)->write(
      {put("a1", ""), put("n", ""), put("n/a", ""), put("n/b", ""), put("s", "")}));
  auto view = (*store)->view();
  REQUIRE(!(*store)->write({erase("n/a"), put("n/c", "")}));
  CHECK(keys(*view, "", "") == std::vector<std::string>{"a1", "n", "n/a", "n/b", "s"});
  CHECK(keys(*view, "n", "") == std::vector<std::string>{"n", "n/a", "n/b"});
  CHECK(keys(*view, "n", "n/a") == std::vector<std::string>{"n/a", "n/b"});
  CHECK(keys(*view, "n", "", 2) == std::vector<std::string>{"n", "n/a"});
  CHECK(keys(*view, "x", "").empty());
  CHECK(keys(*(*store)->view(), "n", "") == std::vector<std::string>{"n", "n/b", "n/c"});
}

TEST_CASE("leveldb store: a second opening while it is open is an error, but no damage") {
  test::TemporaryFolder folder;
  auto store = open_leveldb_tree_store()(folder.path());
  REQUIRE(store.has_value());
  auto second = open_leveldb_tree_store()(folder.path());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error() == errc::io_error);
}

TEST_CASE("leveldb store: a changed byte in a table or its log is damage") {
  test::TemporaryFolder folder;
  PosixFiles files;
  auto open = open_leveldb_tree_store();
  {
    auto store = open(folder.path());
    REQUIRE(store.has_value());
    for (std::uint64_t i = 0; i < 10; ++i) REQUIRE(!(*store)->write(batch(i, 1000)));
  }
  { REQUIRE(open(folder.path()).has_value()); }  // Turns the log into a table.
  std::string table;
  for (const auto& name : *files.list(folder.path())) {
    if (name.ends_with(".ldb")) table = folder.path() + "/" + name;
  }
  REQUIRE_FALSE(table.empty());
  auto file = files.open(table, OpenMode::ReadWrite);
  REQUIRE(file.has_value());
  Bytes one(1);
  REQUIRE((*file)->pread(500, one).has_value());
  one[0] ^= std::byte{0x40};
  REQUIRE(!(*file)->pwrite(500, one));
  auto store = open(folder.path());
  Map map;
  ErrorCode error = store ? read_all(**store, map) : store.error();
  CHECK(error == errc::illegal_byte_sequence);
}

TEST_CASE("leveldb store: after a power cut it holds a whole number of batches, none lost") {
  std::size_t cut_inside = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    CrashDisk disk(seed);
    // Whoever makes the folder makes its name durable (StoreBuilder), and begins anew if that
    // fails.
    REQUIRE(!disk.disk.make_directories("/store"));
    REQUIRE(!disk.disk.sync_directory("/"));
    Random random(seed);
    std::uint64_t written = 0, tried = 0;
    Map expected, next;
    // Several lives on one disk; values are big enough for tables to be written now and then.
    for (int life = 0; life < 4; ++life) {
      {
        auto store = disk.open_tree_store()("/store");
        REQUIRE(store.has_value());
        Map found;
        REQUIRE(!read_all(**store, found));
        bool whole = found == expected || (tried > written && found == next);
        CHECK(whole);
        cut_inside += tried > written;
        expected = found;
        written = tried;
        disk.wait_idle();
        disk.disk.crash_at(random.below(60) + 1);
        while (true) {
          ++tried;
          next = expected;
          replay(next, batch(tried, 20000));
          if ((*store)->write(batch(tried, 20000))) break;
          expected = next;
          written = tried;
        }
      }
      disk.crash();
      if (random.percent(50)) {  // The power fails while the store recovers, too.
        disk.disk.crash_at(random.below(10) + 1);
        (void)disk.open_tree_store()("/store");
        disk.crash();
      }
    }
  }
  CHECK(cut_inside > 50);
}
