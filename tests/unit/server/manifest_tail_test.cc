#include "server/storage/real/manifest_tail.h"

#include <doctest/doctest.h>

#include "server/storage/real/leveldb_tree_store.h"
#include "tests/unit/server/crash_env.h"

using namespace quorate;
using namespace quorate::server;
using namespace quorate::test;

namespace {

std::string fragment(unsigned type, std::size_t length) {
  std::string text(7 + length, 'x');
  text[4] = static_cast<char>(length % 256);
  text[5] = static_cast<char>(length / 256);
  text[6] = static_cast<char>(type);
  return text;
}

znode::CheckpointEntry entry(std::uint64_t number, std::size_t bytes) {
  const std::string key = "n" + std::to_string(number);
  ByteView view = as_bytes(key);
  return {Bytes(view.begin(), view.end()), Bytes(bytes, std::byte{7})};
}

std::size_t entries_of(TreeStore& store) {
  std::size_t count = 0;
  CHECK(!store.view()->scan({}, {}, [&](ByteView, ByteView) { return ++count > 0; }));
  return count;
}

}  // namespace

TEST_CASE("manifest: where the last record begins, over blocks and what was never written") {
  const std::string whole = fragment(1, 100);
  CHECK(last_record_of("") == 0);
  CHECK(last_record_of(whole) == 0);
  CHECK(last_record_of(whole + whole + whole) == 214);
  CHECK(last_record_of(whole + whole + whole.substr(0, 50)) == 214);
  CHECK(last_record_of(whole + whole.substr(0, 5)) == 0);  // Not even a header.
  CHECK(last_record_of(whole + whole + std::string(300, '\0')) == 107);
  // In pieces: the record begins with its first one.
  const std::string first = fragment(2, 32768 - 2 * 107 - 7);
  CHECK(last_record_of(whole + whole + first + fragment(3, 32761) + fragment(4, 10)) == 214);
  // A header does not fit into what is left of the block.
  const std::string nearly = fragment(1, 32768 - 7 - 3);
  CHECK(last_record_of(nearly + std::string(3, '\0') + whole + whole) == 32768 + 107);
}

TEST_CASE("manifest: a torn last record is cut, and the store is what it was before it") {
  CrashDisk disk(1);
  REQUIRE(!disk.disk.make_directories("/store"));
  std::string manifest;
  Bytes before, after;
  {
    auto store = disk.open_tree_store()("/store");
    REQUIRE(store.has_value());
    REQUIRE(!(*store)->write({entry(1, 10)}));
    for (const auto& path : disk.disk.files_below("/store")) {
      if (path.find("MANIFEST") != std::string::npos) manifest = path;
    }
    before = disk.disk.contents(manifest);
    (*store)->stage({entry(2, 300000)});
    REQUIRE(!(*store)->commit());  // Moves it into a table, which the manifest has to list.
    disk.wait_idle();
    after = disk.disk.contents(manifest);
  }
  REQUIRE(after.size() > before.size() + 8);
  // What a power cut can leave of the record: the table is there, its naming is not.
  for (std::size_t zeroed = before.size() + 1; zeroed < after.size(); ++zeroed) {
    CAPTURE(zeroed);
    Bytes torn = after;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(zeroed), torn.end(), std::byte{0});
    if (torn == after) continue;
    CrashDisk again(1);
    for (const auto& path : disk.disk.files_below("/store")) {
      REQUIRE(!again.disk.make_directories("/store"));
      REQUIRE(again.disk.open(path, OpenMode::Create).has_value());
      again.disk.set_contents(path, path == manifest ? torn : disk.disk.contents(path));
    }
    auto store = again.open_tree_store()("/store");
    REQUIRE(store.has_value());
    // Without the record the log that held both is not read any more, or it is: never half of it.
    CHECK(entries_of(**store) <= 2);
    REQUIRE(!(*store)->write({entry(3, 10)}));
  }
}

TEST_CASE("manifest: damage in the middle is refused, and left as it was") {
  CrashDisk disk(1);
  REQUIRE(!disk.disk.make_directories("/store"));
  {
    auto store = disk.open_tree_store()("/store");
    REQUIRE(store.has_value());
    (*store)->stage({entry(2, 300000)});
    REQUIRE(!(*store)->commit());
    disk.wait_idle();
  }
  std::string manifest;
  for (const auto& path : disk.disk.files_below("/store")) {
    if (path.find("MANIFEST") != std::string::npos) manifest = path;
  }
  disk.disk.flip(manifest, 10, 4);
  const Bytes damaged = disk.disk.contents(manifest);
  auto store = disk.open_tree_store()("/store");
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error() == boost::system::errc::illegal_byte_sequence);
  CHECK(disk.disk.contents(manifest) == damaged);
}
