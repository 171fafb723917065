#include "znode/watch_table.h"

#include <doctest/doctest.h>

namespace quorate::znode {
namespace {

using Connections = std::vector<ConnectionId>;
constexpr ConnectionId kA{1}, kB{2}, kC{3};

}  // namespace

TEST_CASE("watches: which event takes which, in an order of its own (tree-semantics 7)") {
  struct Row {
    EventType event;
    Connections told;
    std::size_t left;
  };
  for (const Row& row :
       {Row{EventType::NodeCreated, {kC, kA}, 2}, Row{EventType::NodeDataChanged, {kC, kA}, 2},
        Row{EventType::NodeChildrenChanged, {kB, kA}, 2},
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

TEST_CASE("watches: they end with their connection") {
  WatchTable table;
  table.add(WatchKind::Data, "/a", kA);
  table.add(WatchKind::Data, "/a", kB);
  table.add(WatchKind::Child, "/b", kA);
  table.drop(kA);
  table.drop(kC);
  CHECK(table.data_watches() == 1);
  CHECK(table.child_watches() == 0);
  CHECK(table.take({EventType::NodeDeleted, "/a"}) == Connections{kB});
  table.drop(kB);
  CHECK(table.size() == 0);
}

}  // namespace quorate::znode
