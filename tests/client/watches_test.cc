#include <boost/asio/use_future.hpp>

#include "quorate/client.h"
#include "tests/client/live.h"

using namespace quorate;
using namespace quorate::client;
using namespace quorate::client::live;
using Lines = std::vector<std::string>;

TEST_CASE("watch: one-shot watches tell once, before the reply of the write that caused it") {
  Session s;
  Events data, children, missing;
  REQUIRE(s.client.get_data(s.path, data.callback()).ok());
  REQUIRE(s.client.get_children(s.path, children.callback()).ok());
  CHECK(s.client.exists(s.at("a"), missing.callback()).code == Code::NoNode);
  REQUIRE(s.client.create(s.at("a"), "").ok());
  CHECK(missing.first(0) == Lines{"NodeCreated " + s.at("a")});
  CHECK(children.first(0) == Lines{"NodeChildrenChanged " + s.path});
  REQUIRE(s.client.set_data(s.path, "2").ok());
  REQUIRE(s.client.set_data(s.path, "3").ok());
  CHECK(data.first(0) == Lines{"NodeDataChanged " + s.path});
}

TEST_CASE("watch: persistent ones stay; the recursive one sees below, but no lists of children") {
  Session s;
  Events one, all;
  REQUIRE(s.client.create(s.at("a"), "").ok());
  REQUIRE(s.client.add_watch(s.at("a"), AddWatchMode::Persistent, one.callback()).ok());
  REQUIRE(s.client.add_watch(s.path, AddWatchMode::PersistentRecursive, all.callback()).ok());
  REQUIRE(s.client.set_data(s.at("a"), "1").ok());
  REQUIRE(s.client.set_data(s.at("a"), "2").ok());
  REQUIRE(s.client.create(s.at("a/b"), "").ok());
  REQUIRE(s.client.remove(s.at("a/b")).ok());
  REQUIRE(s.client.remove(s.at("a")).ok());
  const std::string a = s.at("a");
  CHECK(one.first(0) == Lines{"NodeDataChanged " + a, "NodeDataChanged " + a,
                              "NodeChildrenChanged " + a, "NodeChildrenChanged " + a,
                              "NodeDeleted " + a});
  CHECK(all.first(0) == Lines{"NodeDataChanged " + a, "NodeDataChanged " + a,
                              "NodeCreated " + a + "/b", "NodeDeleted " + a + "/b",
                              "NodeDeleted " + a});
}

TEST_CASE("watch: taken back, with an event that says so") {
  Session s;
  Events data, children;
  REQUIRE(s.client.get_data(s.path, data.callback()).ok());
  REQUIRE(s.client.get_children(s.path, children.callback()).ok());
  CHECK(s.client.check_watches(s.path, WatchType::Data).ok());
  CHECK(s.client.remove_watches(s.path, WatchType::Data).ok());
  CHECK(data.first(1) == Lines{"DataWatchRemoved " + s.path});
  CHECK(s.client.check_watches(s.path, WatchType::Data).code == Code::NoWatcher);
  CHECK(s.client.remove_watches(s.path, WatchType::Data).code == Code::NoWatcher);
  CHECK(s.client.check_watches(s.path, WatchType::Children).ok());
  CHECK(s.client.remove_watches(s.path).ok());
  CHECK(children.first(1) == Lines{"ChildWatchRemoved " + s.path});
  REQUIRE(s.client.set_data(s.path, "2").ok());
  CHECK(data.first(0).size() == 1);
}

// Servers before 3.9 cannot take these back alone.
TEST_CASE("watch: persistent ones are taken back by their own types") {
  if (kind() == "zookeeper") return;
  Session s;
  Events one, all;
  REQUIRE(s.client.add_watch(s.path, AddWatchMode::Persistent, one.callback()).ok());
  REQUIRE(s.client.add_watch(s.path, AddWatchMode::PersistentRecursive, all.callback()).ok());
  CHECK(s.client.remove_watches(s.path, WatchType::PersistentRecursive).ok());
  CHECK(all.first(1) == Lines{"PersistentWatchRemoved " + s.path});
  REQUIRE(s.client.set_data(s.path, "2").ok());
  CHECK(one.first(0) == Lines{"NodeDataChanged " + s.path});
  CHECK(s.client.remove_watches(s.path, WatchType::Persistent).ok());
}

TEST_CASE("watch: the end of the session is the last event of every watch") {
  Events data;
  {
    Session s;
    REQUIRE(s.client.get_data(s.path, data.callback()).ok());
    REQUIRE(s.client.add_watch(s.path, AddWatchMode::Persistent, data.callback()).ok());
    s.client.close();
  }
  CHECK(data.first(2) == Lines{"None ", "None "});
}

TEST_CASE("stream: events are awaited one by one; one of two streams can be taken back alone") {
  Session s;
  Client& client = s.client.async_face();
  WatchStream one(client), two(client);
  for (WatchStream* stream : {&one, &two}) {
    client
        .async_add_watch(s.path, AddWatchMode::PersistentRecursive, Watcher(*stream),
                         asio::use_future)
        .get();
  }
  REQUIRE(s.client.create(s.at("a"), "").ok());
  CHECK(one.async_next(asio::use_future).get().path == s.at("a"));
  CHECK(two.async_next(asio::use_future).get().path == s.at("a"));
  client.async_remove_watches(s.path, WatchType::Any, Watcher(one), false, asio::use_future).get();
  CHECK(one.async_next(asio::use_future).get().type == EventType::PersistentWatchRemoved);
  REQUIRE(s.client.set_data(s.at("a"), "2").ok());
  CHECK(two.async_next(asio::use_future).get().type == EventType::NodeDataChanged);
  s.client.close();
  const WatchEvent last = two.async_next(asio::use_future).get();
  CHECK(last.type == EventType::None);
  CHECK(last.state == KeeperState::Closed);
}
