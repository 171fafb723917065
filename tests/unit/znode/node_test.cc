#include "znode/node.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "base/random.h"
#include "tests/unit/znode/tree_fixture.h"
#include "znode/acl_table.h"
#include "znode/node_index.h"
#include "znode/snapshot.h"

namespace quorate::znode {
namespace {

constexpr std::size_t kChangesBytes = 36;  // mzxid, pzxid, mtime, version, cversion, aversion.

AclList read_only() {
  return {{perm::kRead | perm::kAdmin, {"world", "anyone"}}};
}

/// What the node takes beyond its name and data.
std::size_t extra(const DataTree& tree, std::string_view path) {
  const Node* node = tree.find(path);
  REQUIRE(node != nullptr);
  const std::size_t data = node->data() ? node->data()->size() : 0;
  return node->content_size() - node->name().size() - data;
}

StoredStat some_stat(Random& random) {
  StoredStat stat;
  stat.czxid = stat.mzxid = stat.pzxid = static_cast<std::int64_t>(random.below(1000));
  stat.ctime = stat.mtime = static_cast<std::int64_t>(random.below(1000));
  if (random.percent(20)) stat.mzxid += 1;
  if (random.percent(20)) stat.pzxid += 1;
  if (random.percent(20)) stat.mtime += 1;
  if (random.percent(20)) stat.version = 5;
  if (random.percent(20)) stat.cversion = -1;
  if (random.percent(20)) stat.aversion = INT32_MIN;
  if (random.percent(30))
    stat.ephemeral_owner = INT64_MIN + static_cast<std::int64_t>(random.below(3));
  return stat;
}

bool is_as_created(const StoredStat& stat) {
  return stat.mzxid == stat.czxid && stat.pzxid == stat.czxid && stat.mtime == stat.ctime &&
         stat.version == 0 && stat.cversion == 0 && stat.aversion == 0;
}

std::optional<std::string> some_data(Random& random) {
  switch (random.below(8)) {
    case 0:
      return std::nullopt;
    case 1:
      return "";
    case 2:
      return std::string(900 + random.below(200), 'm');  // About the pool's limit.
    case 3:
      return std::string(65530 + random.below(10), 'l');  // About the short length's limit.
    default:
      return std::string(random.below(200), static_cast<char>('a' + random.below(26)));
  }
}

/// A tree read back from what another one wrote.
DataTree through_checkpoint(DataTree& tree) {
  tree.mark_all_dirty();
  const CheckpointBatch batch = encode_checkpoint(tree, Zxid{});
  DataTree loaded;
  CheckpointLoader loader(loaded);
  for (const CheckpointEntry& entry : batch.entries) {
    if (entry.value) REQUIRE_FALSE(loader.add(entry.key, *entry.value));
  }
  REQUIRE_FALSE(loader.finish());
  return loaded;
}

DataTree through_snap_stream(DataTree& tree) {
  tree.mark_all_dirty();
  const CheckpointBatch batch = encode_checkpoint(tree, Zxid{});
  SnapStreamWriter writer;
  for (const char* kinds : {"sa", "n"}) {
    for (const CheckpointEntry& entry : batch.entries) {
      const bool wanted =
          std::string_view(kinds).find(static_cast<char>(entry.key[0])) != std::string_view::npos;
      if (wanted && entry.value) REQUIRE_FALSE(writer.add(entry.key, *entry.value));
    }
  }
  writer.finish();
  const Bytes stream = writer.take();
  SnapStreamReader reader;
  ByteView rest(stream);
  REQUIRE_FALSE(reader.feed(rest));
  REQUIRE(reader.done());
  Result<DataTree> loaded = reader.take(tree.last_applied());
  REQUIRE(loaded.has_value());
  return std::move(*loaded);
}

}  // namespace

TEST_CASE("node: one that was never changed takes its name and data, whatever its create") {
  TreeFixture f;
  f.create("/plain");
  CHECK(extra(f.tree, "/plain") == 0);
  f.create("/secured", CreateMode::Persistent, read_only());
  CHECK(extra(f.tree, "/secured") == sizeof(AclKey));
  f.create("/ephemeral", CreateMode::Ephemeral);
  CHECK(extra(f.tree, "/ephemeral") == sizeof(std::int64_t));
  CHECK(f.tree.find("/ephemeral")->stat().ephemeral_owner == kAlice.value);
}

TEST_CASE("node: a change adds what it changes, and nothing twice") {
  TreeFixture f;
  f.create("/n");
  SUBCASE("setData") {
    f.set_data("/n", "DATA");
    CHECK(extra(f.tree, "/n") == kChangesBytes);
    CHECK(f.tree.find("/n")->data() == "DATA");
    f.set_data("/n", std::string(5000, 'x'));
    CHECK(extra(f.tree, "/n") == kChangesBytes);
    const Stat stat = f.stat("/n");
    CHECK(stat.version == 2);
    CHECK(stat.mzxid == f.zxid.value);
    CHECK(stat.pzxid == stat.czxid);
    CHECK(stat.data_length == 5000);
  }
  SUBCASE("setACL, and back to the open list") {
    f.set_acl("/n", read_only());
    CHECK(extra(f.tree, "/n") == kChangesBytes + sizeof(AclKey));
    CHECK(f.tree.acls().list(f.tree.find("/n")->acl()) == read_only());
    CHECK(f.stat("/n").aversion == 1);
    f.set_acl("/n", open_acl());
    CHECK(extra(f.tree, "/n") == kChangesBytes);
    CHECK(f.tree.find("/n")->acl() == kOpenAcl);
    CHECK(f.stat("/n").aversion == 2);
  }
  SUBCASE("children come and go") {
    f.create("/n/a");
    CHECK(extra(f.tree, "/n") == kChangesBytes + sizeof(void*));
    f.create("/n/b");
    CHECK(f.tree.find("/n")->num_children() == 2);
    f.remove("/n/a");
    f.remove("/n/b");
    CHECK(extra(f.tree, "/n") == kChangesBytes);
    CHECK(f.stat("/n").num_children == 0);
    CHECK(f.stat("/n").cversion == 4);
    CHECK(f.stat("/n").pzxid == f.zxid.value);
    CHECK(f.tree.find("/n")->data() == "data");
  }
  SUBCASE("null and empty data") {
    f.set_data("/n", std::nullopt);
    CHECK(f.tree.find("/n")->data() == std::nullopt);
    CHECK(f.tree.find("/n")->data_length() == -1);
    CHECK(f.stat("/n").data_length == 0);
    f.set_data("/n", "");
    CHECK(f.tree.find("/n")->data() == "");
    CHECK(f.tree.find("/n")->data_length() == 0);
    CHECK(extra(f.tree, "/n") == kChangesBytes);
  }
  CHECK(f.tree.find("/n")->name() == "n");
}

TEST_CASE("node: names of every length around the short form's limit") {
  TreeFixture f;
  for (std::size_t length : {1UL, 510UL, 511UL, 512UL, 513UL, 1020UL, 1030UL, 70000UL}) {
    CAPTURE(length);
    const std::string path = "/" + std::string(length, 'n');
    REQUIRE(f.create(path) == Code::Ok);
    CHECK(extra(f.tree, path) == (length > 511 ? 8 : 0));
    REQUIRE(f.create(path + "/c") == Code::Ok);
    REQUIRE(f.set_data(path, std::string(66000, 'd')) == Code::Ok);
    CHECK(f.tree.find(path)->name().size() == length);
    CHECK(f.tree.find(path + "/c")->path() == path + "/c");
    CHECK(f.stat(path).data_length == 66000);
    REQUIRE(f.set_data(path, "short") == Code::Ok);
    CHECK(extra(f.tree, path) == kChangesBytes + sizeof(void*) + (length > 511 ? 8 : 0));
    REQUIRE(f.remove(path + "/c") == Code::Ok);
    REQUIRE(f.remove(path) == Code::Ok);
  }
}

TEST_CASE("node: loaded nodes take no more than those that were created") {
  TreeFixture f;
  f.create("/plain");
  f.create("/secured", CreateMode::Persistent, read_only());
  f.create("/ephemeral", CreateMode::Ephemeral);
  f.create("/changed");
  f.set_data("/changed", "new");
  f.create("/parent");
  f.create("/parent/" + std::string(600, 'c'));
  f.create("/null");
  f.set_data("/null", std::nullopt);
  const auto compare = [&f](const DataTree& loaded) {
    CHECK(loaded.digest() == f.tree.digest());
    f.tree.for_each([&](const std::string& path, const Node& node) {
      CAPTURE(path);
      const Node* other = loaded.find(path);
      REQUIRE(other != nullptr);
      CHECK(other->stat() == node.stat());
      CHECK(other->data() == node.data());
      CHECK(other->acl() == node.acl());
      CHECK(other->num_children() == node.num_children());
      CHECK(other->content_size() == node.content_size());
    });
  };
  SUBCASE("from a checkpoint") {
    compare(through_checkpoint(f.tree));
  }
  SUBCASE("from a SNAP stream") {
    compare(through_snap_stream(f.tree));
  }
}

TEST_CASE("node: whatever is stored is read back, and takes no byte that it does not need") {
  Random random(7);
  NodeIndex index;
  Node& root = index.create(nullptr, "", "");
  for (int round = 0; round < 60; ++round) {
    const std::string path =
        "/" + std::string(1 + random.below(random.percent(20) ? 700 : 20), 'n');
    StoredStat stat = some_stat(random);
    AclKey acl = random.percent(70) ? kOpenAcl : static_cast<AclKey>(random.below(5));
    std::optional<std::string> data = some_data(random);
    std::size_t children = 0;
    Node& node = index.create(&root, path, data, stat, acl);
    const PoolRef ref = node.ref();
    for (int step = 0; step < 40; ++step) {
      const std::string child = path + "/" + std::to_string(children);
      switch (random.below(5)) {
        case 0:
          stat = some_stat(random);
          node.store_stat(stat);
          break;
        case 1:
          data = some_data(random);
          node.store_data(data);
          break;
        case 2:
          acl = random.percent(50) ? kOpenAcl : static_cast<AclKey>(random.below(5));
          node.store_acl(acl);
          break;
        case 3:
          node.add_child(index.create(&node, child, "c"));
          ++children;
          break;
        default:
          if (children == 0) break;
          Node& last = *index.find(path + "/" + std::to_string(--children));
          node.remove_child(last);
          index.destroy(last);
      }
      REQUIRE(node.stat() == stat);
      REQUIRE(node.data() == data);
      REQUIRE(node.acl() == acl);
      REQUIRE(node.num_children() == static_cast<std::int32_t>(children));
      REQUIRE(node.name() == path.substr(1));
      REQUIRE(index.find(path) == &node);
      REQUIRE(node.ref() == ref);
      const std::size_t bytes = data ? data->size() : 0;
      const bool is_long = path.size() - 1 > 511 || bytes > 65534;
      REQUIRE(node.content_size() ==
              path.size() - 1 + bytes + (is_long ? 8 : 0) + (children > 0 ? sizeof(void*) : 0) +
                  (is_as_created(stat) ? 0 : kChangesBytes) + (stat.ephemeral_owner != 0 ? 8 : 0) +
                  (acl != kOpenAcl ? sizeof acl : 0));
    }
    while (children > 0) {
      Node& last = *index.find(path + "/" + std::to_string(--children));
      node.remove_child(last);
      index.destroy(last);
    }
    index.destroy(node);
  }
}

}  // namespace quorate::znode
