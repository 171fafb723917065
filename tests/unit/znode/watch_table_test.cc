#include "znode/watch_table.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/random.h"
#include "tests/unit/znode/tree_fixture.h"

namespace quorate::znode {
namespace {

using Connections = std::vector<ConnectionId>;
using Lines = std::vector<std::string>;
constexpr ConnectionId kA{1}, kB{2}, kC{3};
constexpr WatchKind kAllKinds[] = {WatchKind::Data, WatchKind::Child, WatchKind::Persistent,
                                   WatchKind::Recursive};

/// What each connection hears of one txn, as "type path", in order.
std::map<ConnectionId, Lines> heard(WatchTable& watches, const Outcome& outcome) {
  std::map<ConnectionId, Lines> lines;
  for (const Fire& fire : outcome.fires) {
    for (ConnectionId id : watches.take(fire)) {
      lines[id].push_back(std::string(name_of(fire.type)) + ' ' + fire.path);
    }
  }
  return lines;
}

Lines heard_by_a(TreeFixture& f) {
  return heard(f.watches, f.last)[kA];
}

}  // namespace

TEST_CASE("watches: which event takes which, in an order of its own (tree-semantics 7)") {
  struct Row {
    EventType event;
    Connections told;
    std::size_t left;
  };
  for (const Row& row :
       {Row{EventType::NodeCreated, {kC, kA}, 2}, Row{EventType::NodeDataChanged, {kC, kA}, 2},
        Row{EventType::NodeChildrenChanged, {kA, kB}, 2},
        Row{EventType::NodeDeleted, {kC, kA, kB}, 0}}) {
    WatchTable table;
    table.add(WatchKind::Data, "/a", kC);
    table.add(WatchKind::Data, "/a", kA);
    table.add(WatchKind::Data, "/a", kA);
    table.add(WatchKind::Child, "/a", kB);
    table.add(WatchKind::Child, "/a", kA);
    REQUIRE(table.size() == 4);
    CHECK(table.take({row.event, "/b"}).empty());
    CHECK(table.take({row.event, "/a"}) == row.told);
    CHECK(table.size() == row.left);
    CHECK(table.take({row.event, "/a"}).empty());
  }
}

TEST_CASE("watches: the full table of kinds and operations (tree-semantics 7)") {
  enum class Op {
    CreateNode,
    DeleteNode,
    SetNode,
    CreateChild,
    DeleteChild,
    SetChild,
    CreateGrandchild,
    DeleteGrandchild,
    SetGrandchild,
    SetAcl,
  };
  struct Row {
    WatchKind kind;
    Op op;
    Lines events;
  };
  const Lines none;
  const Lines children{"NodeChildrenChanged /n"}, deleted{"NodeDeleted /n"};
  const Lines created{"NodeCreated /n"}, changed{"NodeDataChanged /n"};
  const Row rows[] = {
      {WatchKind::Data, Op::CreateNode, created},
      {WatchKind::Data, Op::DeleteNode, deleted},
      {WatchKind::Data, Op::SetNode, changed},
      {WatchKind::Data, Op::CreateChild, none},
      {WatchKind::Data, Op::DeleteChild, none},
      {WatchKind::Data, Op::SetChild, none},
      {WatchKind::Data, Op::CreateGrandchild, none},
      {WatchKind::Data, Op::SetAcl, none},
      {WatchKind::Child, Op::DeleteNode, deleted},
      {WatchKind::Child, Op::SetNode, none},
      {WatchKind::Child, Op::CreateChild, children},
      {WatchKind::Child, Op::DeleteChild, children},
      {WatchKind::Child, Op::SetChild, none},
      {WatchKind::Child, Op::CreateGrandchild, none},
      {WatchKind::Child, Op::DeleteGrandchild, none},
      {WatchKind::Child, Op::SetAcl, none},
      {WatchKind::Persistent, Op::CreateNode, created},
      {WatchKind::Persistent, Op::DeleteNode, deleted},
      {WatchKind::Persistent, Op::SetNode, changed},
      {WatchKind::Persistent, Op::CreateChild, children},
      {WatchKind::Persistent, Op::DeleteChild, children},
      {WatchKind::Persistent, Op::SetChild, none},
      {WatchKind::Persistent, Op::CreateGrandchild, none},
      {WatchKind::Persistent, Op::SetGrandchild, none},
      {WatchKind::Persistent, Op::SetAcl, none},
      {WatchKind::Recursive, Op::CreateNode, created},
      {WatchKind::Recursive, Op::DeleteNode, deleted},
      {WatchKind::Recursive, Op::SetNode, changed},
      {WatchKind::Recursive, Op::CreateChild, {"NodeCreated /n/c"}},
      {WatchKind::Recursive, Op::DeleteChild, {"NodeDeleted /n/c"}},
      {WatchKind::Recursive, Op::SetChild, {"NodeDataChanged /n/c"}},
      {WatchKind::Recursive, Op::CreateGrandchild, {"NodeCreated /n/c/g"}},
      {WatchKind::Recursive, Op::DeleteGrandchild, {"NodeDeleted /n/c/g"}},
      {WatchKind::Recursive, Op::SetGrandchild, {"NodeDataChanged /n/c/g"}},
      {WatchKind::Recursive, Op::SetAcl, none},
  };
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.kind));
    CAPTURE(static_cast<int>(row.op));
    TreeFixture f;
    if (row.op != Op::CreateNode) f.create("/n");
    if (row.op >= Op::DeleteChild && row.op != Op::SetAcl) f.create("/n/c");
    if (row.op == Op::DeleteGrandchild || row.op == Op::SetGrandchild) f.create("/n/c/g");
    f.watches.add(row.kind, "/n", kA);
    const std::size_t before = f.watches.size();
    Code code = Code::Ok;
    switch (row.op) {
      case Op::CreateNode:
        code = f.create("/n");
        break;
      case Op::DeleteNode:
        code = f.remove("/n");
        break;
      case Op::SetNode:
        code = f.set_data("/n", "x");
        break;
      case Op::CreateChild:
        code = f.create("/n/c");
        break;
      case Op::DeleteChild:
        code = f.remove("/n/c");
        break;
      case Op::SetChild:
        code = f.set_data("/n/c", "x");
        break;
      case Op::CreateGrandchild:
        code = f.create("/n/c/g");
        break;
      case Op::DeleteGrandchild:
        code = f.remove("/n/c/g");
        break;
      case Op::SetGrandchild:
        code = f.set_data("/n/c/g", "x");
        break;
      case Op::SetAcl:
        code = f.set_acl("/n", open_acl());
        break;
    }
    REQUIRE(code == Code::Ok);
    CHECK(heard_by_a(f) == row.events);
    const bool one_shot = row.kind == WatchKind::Data || row.kind == WatchKind::Child;
    CHECK(f.watches.size() == (one_shot && !row.events.empty() ? 0 : before));
  }
}

TEST_CASE("watches: a persistent watch outlives the node; the next life of it fires again") {
  TreeFixture f;
  for (WatchKind kind : {WatchKind::Persistent, WatchKind::Recursive}) {
    f.watches.add(kind, "/n", kA);
    for (int life = 0; life < 2; ++life) {
      f.create("/n");
      CHECK(heard_by_a(f) == Lines{"NodeCreated /n"});
      f.remove("/n");
      CHECK(heard_by_a(f) == Lines{"NodeDeleted /n"});
    }
    f.watches.drop(kA);
  }
}

TEST_CASE("watches: several kinds on one connection give one event per table and step") {
  struct Row {
    std::vector<WatchKind> kinds;
    Lines child_created, node_deleted;
    std::size_t left;  ///< Of both tables, after the two.
  };
  using enum WatchKind;
  const Lines deleted{"NodeDeleted /n"};
  for (const Row& row :
       {Row{{Data, Child}, {"NodeChildrenChanged /n"}, deleted, 0},
        Row{{Recursive, Child}, {"NodeCreated /n/c", "NodeChildrenChanged /n"}, deleted, 1},
        Row{{Persistent, Recursive}, {"NodeCreated /n/c", "NodeChildrenChanged /n"}, deleted, 2},
        Row{{Data, Persistent}, {"NodeChildrenChanged /n"}, deleted, 2},
        Row{{Data, Child, Persistent, Recursive},
            {"NodeCreated /n/c", "NodeChildrenChanged /n"},
            deleted,
            2}}) {
    TreeFixture f;
    f.create("/n");
    for (WatchKind kind : row.kinds) f.watches.add(kind, "/n", kA);
    f.create("/n/c");
    CHECK(heard_by_a(f) == row.child_created);
    f.remove("/n/c");
    heard_by_a(f);
    f.remove("/n");
    CHECK(heard_by_a(f) == row.node_deleted);
    CHECK(f.watches.size() == row.left);
  }
}

TEST_CASE("watches: a data and a child watch on a deleted node are one event and both used up") {
  TreeFixture f;
  f.create("/n");
  f.watches.add(WatchKind::Data, "/n", kA);
  f.watches.add(WatchKind::Child, "/n", kA);
  f.watches.add(WatchKind::Child, "/n", kB);
  f.watches.add(WatchKind::Child, "/", kB);
  f.remove("/n");
  auto lines = heard(f.watches, f.last);
  CHECK(lines[kA] == Lines{"NodeDeleted /n"});
  CHECK(lines[kB] == Lines{"NodeDeleted /n", "NodeChildrenChanged /"});
  CHECK(f.watches.size() == 0);
}

TEST_CASE("watches: recursive ones above and a watch on the node itself tell a connection once") {
  WatchTable table;
  table.add(WatchKind::Recursive, "/", kA);
  table.add(WatchKind::Recursive, "/a", kA);
  table.add(WatchKind::Recursive, "/a/b", kB);
  table.add(WatchKind::Data, "/a/b/c", kA);
  table.add(WatchKind::Recursive, "/a/b/c", kC);
  table.add(WatchKind::Recursive, "/a/bb", ConnectionId{4});
  table.add(WatchKind::Persistent, "/a/b", ConnectionId{5});
  CHECK(table.take({EventType::NodeDataChanged, "/a/b/c"}) == Connections{kA, kB, kC});
  CHECK(table.take({EventType::NodeDataChanged, "/a/b/c"}) == Connections{kA, kB, kC});
  CHECK(table.take({EventType::NodeDeleted, "/a/b/c/d"}) == Connections{kA, kB, kC});
  CHECK(table.take({EventType::NodeChildrenChanged, "/a/b/c"}).empty());
  CHECK(table.take({EventType::NodeCreated, "/x"}) == Connections{kA});
  CHECK(table.take({EventType::NodeDataChanged, "/"}) == Connections{kA});
}

TEST_CASE("watches: the kinds on one path are independent; a read does not end a persistent one") {
  WatchTable table;
  for (WatchKind kind : kAllKinds) table.add(kind, "/a", kA);
  // One per table and path, as ZooKeeper counts them.
  CHECK(table.data_watches() == 1);
  CHECK(table.child_watches() == 1);
  CHECK(table.take({EventType::NodeDataChanged, "/a"}) == Connections{kA});
  CHECK_FALSE(table.contains(WatcherType::Data, "/a", kA));
  CHECK(table.contains(WatcherType::Children, "/a", kA));
  CHECK(table.contains(WatcherType::Persistent, "/a", kA));
  CHECK(table.contains(WatcherType::Recursive, "/a", kA));
}

TEST_CASE("watches: removal takes its type, on exactly that path, of that connection only") {
  struct Row {
    WatcherType type;
    std::vector<WatchKind> left;
  };
  using enum WatchKind;
  for (const Row& row :
       {Row{WatcherType::Children, {Data, Persistent, Recursive}},
        Row{WatcherType::Data, {Child, Persistent, Recursive}}, Row{WatcherType::Any, {}},
        Row{WatcherType::Persistent, {Data, Child, Recursive}},
        Row{WatcherType::Recursive, {Data, Child, Persistent}}}) {
    CAPTURE(static_cast<int>(row.type));
    WatchTable table;
    for (WatchKind kind : kAllKinds) {
      table.add(kind, "/a", kA);
      table.add(kind, "/a", kB);
    }
    CHECK_FALSE(table.remove(row.type, "/a/b", kA));
    CHECK_FALSE(table.remove(row.type, "/", kA));
    CHECK_FALSE(table.remove(row.type, "/a", kC));
    CHECK(table.contains(row.type, "/a", kA));
    CHECK(table.remove(row.type, "/a", kA));
    CHECK_FALSE(table.contains(row.type, "/a", kA));
    CHECK_FALSE(table.remove(row.type, "/a", kA));
    CHECK(table.contains(row.type, "/a", kB));
    constexpr WatcherType kTypeOf[] = {WatcherType::Data, WatcherType::Children,
                                       WatcherType::Persistent, WatcherType::Recursive};
    for (WatchKind kind : kAllKinds) {
      const bool kept = std::find(row.left.begin(), row.left.end(), kind) != row.left.end();
      CHECK(table.contains(kTypeOf[static_cast<int>(kind)], "/a", kA) == kept);
    }
  }
}

TEST_CASE("watches: they end with their connection") {
  WatchTable table;
  table.add(WatchKind::Data, "/a", kA);
  table.add(WatchKind::Data, "/a", kB);
  table.add(WatchKind::Child, "/b", kA);
  table.add(WatchKind::Persistent, "/c", kA);
  table.add(WatchKind::Recursive, "/", kA);
  table.drop(kA);
  table.drop(kC);
  CHECK(table.data_watches() == 1);
  CHECK(table.child_watches() == 0);
  CHECK(table.take({EventType::NodeDeleted, "/a"}) == Connections{kB});
  table.drop(kB);
  CHECK(table.size() == 0);
}

TEST_CASE("watches: the summary and the list know the data table alone") {
  WatchTable table;
  table.add(WatchKind::Child, "/only-child", kA);
  table.add(WatchKind::Data, "/a", kB);
  table.add(WatchKind::Data, "/a", kC);
  table.add(WatchKind::Child, "/a", kA);
  table.add(WatchKind::Persistent, "/b", kB);
  table.add(WatchKind::Recursive, "/b", kB);
  const WatchSummary summary = table.data_summary();
  CHECK(summary.connections == 2);
  CHECK(summary.paths == 2);
  CHECK(summary.watches == 3);
  CHECK(table.data_watches() == 3);
  std::set<std::pair<ConnectionId, std::string>> seen;
  table.for_each_data_watch(
      [&](ConnectionId id, std::string_view path) { seen.emplace(id, std::string(path)); });
  CHECK(seen == std::set<std::pair<ConnectionId, std::string>>{{kB, "/a"}, {kB, "/b"}, {kC, "/a"}});
}

TEST_CASE("watches: random calls agree with a table of sets") {
  Random random(7);
  WatchTable table;
  using Key = std::tuple<std::string, std::int64_t, WatchKind>;
  std::set<Key> model;
  const Lines paths{"/", "/a", "/a/b", "/a/b/c", "/x", "/x/y"};
  auto told_by_model = [&](EventType type, const std::string& path) {
    std::set<std::int64_t> told;
    for (auto at = model.begin(); at != model.end();) {
      const auto& [on, id, kind] = *at;
      const bool below =
          kind == WatchKind::Recursive && on != path && (on == "/" || path.starts_with(on + '/'));
      const bool child_table = kind == WatchKind::Child || kind == WatchKind::Persistent;
      const bool matches = type == EventType::NodeChildrenChanged ? on == path && child_table
                           : type == EventType::NodeDeleted
                               ? on == path || below
                               : (on == path && kind != WatchKind::Child) || below;
      if (matches) told.insert(id);
      const bool one_shot = kind == WatchKind::Data || kind == WatchKind::Child;
      at = matches && one_shot ? model.erase(at) : std::next(at);
    }
    return told;
  };
  for (int step = 0; step < 30000; ++step) {
    const std::string& path = paths[random.below(paths.size())];
    const ConnectionId id{static_cast<std::int64_t>(random.below(40))};
    const std::uint64_t what = random.below(100);
    if (what < 80) {
      const WatchKind kind = kAllKinds[random.below(4)];
      table.add(kind, path, id);
      model.emplace(path, id.value, kind);
    } else if (what < 85) {
      table.drop(id);
      std::erase_if(model, [&](const Key& key) { return std::get<1>(key) == id.value; });
    } else if (what < 90) {
      const bool removed = table.remove(WatcherType::Any, path, id);
      const auto count = std::erase_if(model, [&](const Key& key) {
        return std::get<0>(key) == path && std::get<1>(key) == id.value;
      });
      REQUIRE(removed == (count > 0));
    } else {
      const auto type = static_cast<EventType>(1 + random.below(4));
      std::set<std::int64_t> told;
      for (ConnectionId one : table.take({type, path})) REQUIRE(told.insert(one.value).second);
      REQUIRE(told == told_by_model(type, path));
    }
    std::set<std::pair<std::string, std::int64_t>> data, child;
    for (const auto& [on, watcher, kind] : model) {
      if (kind != WatchKind::Child) data.emplace(on, watcher);
      if (kind == WatchKind::Child || kind == WatchKind::Persistent) child.emplace(on, watcher);
    }
    REQUIRE(table.data_watches() == data.size());
    REQUIRE(table.child_watches() == child.size());
  }
}

// The allocator of a sanitizer tells other sizes.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("watches: 10,000 watchers of one path take at most 64 bytes each, and leave nothing") {
  const std::size_t before = mallinfo2().uordblks;
  WatchTable table;
  constexpr std::int64_t kCount = 10'000;
  for (std::int64_t id = 1; id <= kCount; ++id) {
    table.add(WatchKind::Data, "/service/leader", ConnectionId{id});
  }
  const std::size_t after = mallinfo2().uordblks;
  MESSAGE("bytes per watch: " << static_cast<double>(after - before) / kCount);
  CHECK((after - before) / kCount <= 64);
  CHECK(table.take({EventType::NodeDataChanged, "/service/leader"}).size() == kCount);
  CHECK(table.size() == 0);
  CHECK(mallinfo2().uordblks - before < 8192);
}

TEST_CASE("watches: many paths with one watcher each cost little more than their names") {
  const std::size_t before = mallinfo2().uordblks;
  WatchTable table;
  constexpr std::int64_t kCount = 10'000;
  for (std::int64_t id = 1; id <= kCount; ++id) {
    table.add(WatchKind::Data, "/service/workers/worker-" + std::to_string(id), kA);
  }
  const std::size_t after = mallinfo2().uordblks;
  MESSAGE("bytes per path and watch: " << static_cast<double>(after - before) / kCount);
  CHECK((after - before) / kCount <= 192);
  table.drop(kA);
  CHECK(table.size() == 0);
  CHECK(mallinfo2().uordblks - before < 8192);
}
#endif

}  // namespace quorate::znode
