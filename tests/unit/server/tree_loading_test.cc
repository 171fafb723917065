#include "server/storage/real/tree_loading.h"

#include <doctest/doctest.h>

#include <boost/system/errc.hpp>

#include "base/random.h"
#include "server/storage/real/leveldb_tree_store.h"
#include "server/storage/real/posix_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/server/storage_fixture.h"

using namespace quorate;
using namespace quorate::server;
using namespace quorate::test;

namespace {

/// Data that cannot be compressed, so that there are several tables: pieces to read at once.
znode::DataTree make_large_tree(Zxid zxid) {
  znode::DataTree tree;
  tree.clear();
  Random random(5);
  znode::NodeRecord root;
  ENSURE(!tree.load_node(root));
  for (const char* path : {"/zookeeper", "/zookeeper/config", "/zookeeper/quota", "/d"}) {
    znode::NodeRecord node;
    node.path = path;
    ENSURE(!tree.load_node(node));
  }
  for (int i = 0; i < 6000; ++i) {
    znode::NodeRecord node;
    node.path = (i % 3 == 0 ? "/d/n" : "/n") + std::to_string(i);
    std::string data(random.below(6000), '\0');
    for (char& c : data) c = static_cast<char>(random.below(256));
    node.data = std::move(data);
    node.stat.czxid = node.stat.mzxid = 1 + i;
    ENSURE(!tree.load_node(node));
  }
  ENSURE(!tree.finish_load(zxid));
  return tree;
}

/// A store of the tree, written in batches, and opened again.
struct LargeStore {
  LargeStore() : tree(make_large_tree(Zxid{7000})) {
    tree.mark_all_dirty();
    const znode::CheckpointBatch whole = znode::encode_checkpoint(tree, Zxid{});
    auto made = open_leveldb_tree_store()(folder.path());
    REQUIRE(made.has_value());
    for (std::size_t at = 0; at < whole.entries.size(); at += 500) {
      const auto from = whole.entries.begin() + static_cast<std::ptrdiff_t>(at);
      const auto to = whole.entries.begin() +
                      static_cast<std::ptrdiff_t>(std::min(at + 500, whole.entries.size()));
      REQUIRE(!(*made)->write({from, to}));
    }
  }
  std::unique_ptr<TreeStore> open() {
    auto store = open_leveldb_tree_store()(folder.path());
    REQUIRE(store.has_value());
    return std::move(*store);
  }

  TemporaryFolder folder;
  znode::DataTree tree;
};

using Entries = std::vector<std::pair<Bytes, Bytes>>;

}  // namespace

TEST_CASE("tree loading: with any number of readers it is the tree that one reader finds") {
  LargeStore large;
  auto store = large.open();
  REQUIRE(store->cuts().size() >= 2);
  for (std::size_t readers : {0, 1, 2, 3, 8, 40}) {
    CAPTURE(readers);
    znode::DataTree tree;
    znode::CheckpointLoader loader(tree);
    REQUIRE(!load_tree(*store, loader, readers));
    REQUIRE(!loader.finish());
    CHECK(loader.zxid() == Zxid{7000});
    CHECK(tree.digest() == large.tree.digest());
    CHECK(tree.node_count() == large.tree.node_count());
    // Byte by byte: what both would write down is the same.
    znode::DataTree expected = make_large_tree(Zxid{7000});
    expected.mark_all_dirty();
    tree.mark_all_dirty();
    const auto a = znode::encode_checkpoint(tree, Zxid{});
    const auto b = znode::encode_checkpoint(expected, Zxid{});
    auto nodes_of = [](const znode::CheckpointBatch& batch) {
      Entries entries;
      for (const auto& entry : batch.entries) {
        if (znode::kind_of(entry.key) == znode::EntryKind::Node && entry.value) {
          entries.emplace_back(entry.key, *entry.value);
        }
      }
      return entries;
    };
    CHECK(nodes_of(a).size() > 6000);
    CHECK(nodes_of(a) == nodes_of(b));
  }
}

TEST_CASE("tree loading: damage in one of the pieces is damage, with any number of readers") {
  LargeStore large;
  { auto store = large.open(); }  // What is in LevelDB's log becomes a table.
  PosixFiles files;
  std::string table;
  std::uint64_t largest = 0;
  for (const auto& name : *files.list(large.folder.path())) {
    auto file = files.open(large.folder.path() + "/" + name, OpenMode::Read);
    REQUIRE(file.has_value());
    if (!name.ends_with(".ldb") || *(*file)->size() < largest) continue;
    largest = *(*file)->size();
    table = large.folder.path() + "/" + name;
  }
  auto file = files.open(table, OpenMode::ReadWrite);
  REQUIRE(file.has_value());
  Bytes one(1);
  REQUIRE((*file)->pread(largest / 2, one).has_value());
  one[0] ^= std::byte{1};
  REQUIRE(!(*file)->pwrite(largest / 2, one));
  for (std::size_t readers : {1, 2, 8}) {
    CAPTURE(readers);
    auto store = large.open();
    znode::DataTree tree;
    znode::CheckpointLoader loader(tree);
    CHECK(load_tree(*store, loader, readers) == boost::system::errc::illegal_byte_sequence);
  }
}

TEST_CASE("tree loading: an entry that the loader refuses ends it, and all readers") {
  LargeStore large;
  auto store = large.open();
  const std::string key = "\x7funknown";
  ByteView view = as_bytes(key);
  REQUIRE(!store->write({{Bytes(view.begin(), view.end()), Bytes(3)}}));
  for (std::size_t readers : {1, 2, 8}) {
    znode::DataTree tree;
    znode::CheckpointLoader loader(tree);
    CHECK(load_tree(*store, loader, readers));
  }
}
