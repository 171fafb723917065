#include "znode/node_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

std::vector<std::string> names(const Node& node) {
  std::vector<std::string> found;
  for (const Node* child : node.children()) found.emplace_back(child->name());
  return found;
}

struct Forest {
  Forest() { index.create(nullptr, "", ""); }

  Node& add(const std::string& path, std::optional<std::string_view> data = "") {
    Node& parent = *index.find(parent_path(path));
    Node& node = index.create(&parent, path, data);
    parent.add_child(node);
    return node;
  }
  void remove(const std::string& path) {
    Node& node = *index.find(path);
    node.parent()->remove_child(node);
    index.destroy(node);
  }

  NodeIndex index;
};

}  // namespace

TEST_CASE("index: random nodes come and go as in a plain map, data and children with them") {
  Forest forest;
  std::map<std::string, std::string> model{{"", ""}};
  Random random(11);
  for (int step = 0; step < 30000; ++step) {
    std::string path = "/d" + std::to_string(random.below(20));
    if (random.percent(80)) path += "/n" + std::to_string(random.below(900));
    const std::string data(random.below(random.percent(2) ? 3000 : 200), 'a' + step % 26);
    const bool there = model.contains(path);
    REQUIRE((forest.index.find(path) != nullptr) == there);
    const auto below = model.lower_bound(path + "/");
    const bool parent = model.contains(std::string(parent_path(path)));
    const bool leaf = below == model.end() || !below->first.starts_with(path + "/");
    if (!there && parent) {
      forest.add(path, data);
      model[path] = data;
    } else if (there && leaf && random.percent(40)) {
      forest.remove(path);
      model.erase(path);
    } else if (there) {
      forest.index.find(path)->store_data(data);
      model[path] = data;
    }
  }
  CHECK(forest.index.size() == model.size());
  CHECK(model.size() > 5000);
  std::map<std::string, std::vector<std::string>> children;
  for (const auto& [path, data] : model) {
    const Node* node = forest.index.find(path);
    REQUIRE(node != nullptr);
    CHECK(node->data() == data);
    CHECK(node->path() == path);
    CHECK(&forest.index.at(node->ref()) == node);
    if (!path.empty()) children[std::string(parent_path(path))].emplace_back(last_name(path));
  }
  for (const auto& [path, data] : model) {
    const Node& node = *forest.index.find(path);
    std::vector<std::string> expected = children[path];
    std::sort(expected.begin(), expected.end());
    CHECK(names(node) == expected);
    CHECK(node.num_children() == static_cast<std::int32_t>(expected.size()));
  }
}

TEST_CASE("index: a loaded tree is as one that has grown, whatever its size") {
  for (const int count : {0, 1, 13, 14, 500, 1199, 1201, 1400, 5000, 40000}) {
    CAPTURE(count);
    NodeIndex index;
    const auto load = [&index](Node* parent, const std::string& path) -> Node& {
      Node& node = index.load(parent, parent == nullptr ? "" : last_name(path), path_hash(path),
                              "x" + path, {}, kOpenAcl);
      if (parent != nullptr) REQUIRE(parent->add_new_child(node));
      return node;
    };
    Node& root = load(nullptr, "");
    Node& top = load(&root, "/top");
    for (int i = 0; i < count; ++i)
      load(i % 3 == 0 ? &root : &top, (i % 3 ? "/top/" : "/") + std::to_string(i));
    index.end_loading();
    CHECK(index.size() == static_cast<std::size_t>(count) + 2);
    for (int i = 0; i < count; ++i) {
      const std::string path = (i % 3 ? "/top/" : "/") + std::to_string(i);
      const Node* node = index.find(path);
      REQUIRE(node != nullptr);
      CHECK(node->path() == path);
      CHECK(node->data() == "x" + path);
    }
    CHECK(index.find("/none") == nullptr);
    // It grows and shrinks as any other.
    for (int i = 0; i < 3000; ++i) {
      Node& node = index.create(&top, "/top/more" + std::to_string(i), "y");
      top.add_child(node);
    }
    for (int i = 0; i < count; i += 2) {
      Node& node = *index.find((i % 3 ? "/top/" : "/") + std::to_string(i));
      node.parent()->remove_child(node);
      index.destroy(node);
    }
    for (int i = 0; i < 3000; ++i) CHECK(index.find("/top/more" + std::to_string(i)) != nullptr);
    for (int i = 1; i < count; i += 2) {
      CHECK(index.find((i % 3 ? "/top/" : "/") + std::to_string(i)) != nullptr);
    }
  }
}

TEST_CASE("index: a name is loaded once, and what was given up leaves nothing behind") {
  NodeIndex index;
  Node& root = index.load(nullptr, "", path_hash(""), "", {}, kOpenAcl);
  for (const char* name : {"b", "d", "a", "c"}) {
    Node& node = index.load(&root, name, path_hash("/" + std::string(name)), "", {}, kOpenAcl);
    CHECK(root.add_new_child(node));
    Node& again = index.load(&root, name, path_hash("/" + std::string(name)), "", {}, kOpenAcl);
    CHECK_FALSE(root.add_new_child(again));
    index.unload(again);
  }
  CHECK(names(root) == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(root.child("c")->name() == "c");
  CHECK(root.child("e") == nullptr);
  CHECK(root.child("c")->child("x") == nullptr);
  CHECK(index.size() == 5);
  index.clear();  // Never ended.
  CHECK(index.size() == 0);
}

TEST_CASE("index: a node stays where it is while everything around it changes") {
  Forest forest;
  Node& node = forest.add("/a", "old");
  const Node* const address = &node;
  for (int i = 0; i < 3000; ++i) forest.add("/b" + std::to_string(i), "x");
  for (int i = 0; i < 3000; ++i) forest.add("/a/c" + std::to_string(i), "x");
  node.store_data(std::string(100000, 'y'));
  for (int i = 0; i < 3000; ++i) forest.remove("/a/c" + std::to_string(i));
  CHECK(forest.index.find("/a") == address);
  CHECK(node.data() == std::string(100000, 'y'));
  CHECK(node.num_children() == 0);
}

TEST_CASE("node: null data, empty data and an empty tree's root are told apart") {
  Forest forest;
  CHECK(forest.add("/null", std::nullopt).data() == std::nullopt);
  CHECK(forest.add("/empty", "").data() == "");
  CHECK(forest.index.find("")->parent() == nullptr);
  CHECK(forest.index.find("")->path().empty());
  Node& node = *forest.index.find("/null");
  node.store_data("now");
  CHECK(node.data() == "now");
  node.store_data(std::nullopt);
  CHECK(node.data() == std::nullopt);
  CHECK(node.name() == "null");
}

TEST_CASE("children: in byte order whatever the order of their coming") {
  for (const char* order : {"ascending", "descending", "random"}) {
    CAPTURE(order);
    Forest forest;
    std::vector<std::string> expected;
    for (int i = 0; i < 2000; ++i) expected.push_back("k" + std::to_string(10000 + i));
    std::vector<std::string> coming = expected;
    if (order[0] == 'd') std::reverse(coming.begin(), coming.end());
    if (order[0] == 'r') {
      Random random(5);
      for (std::size_t i = coming.size() - 1; i > 0; --i) {
        std::swap(coming[i], coming[random.below(i + 1)]);
      }
    }
    for (const std::string& name : coming) forest.add("/" + name);
    CHECK(names(*forest.index.find("")) == expected);
    for (std::size_t i = 0; i < coming.size(); i += 2) forest.remove("/" + coming[i]);
    std::vector<std::string> left;
    for (std::size_t i = 1; i < coming.size(); i += 2) left.push_back(coming[i]);
    std::sort(left.begin(), left.end());
    CHECK(names(*forest.index.find("")) == left);
  }
}

TEST_CASE("index: hashes that do not part are found, too") {
  Forest forest;
  std::vector<std::string> paths;
  for (int i = 0; paths.size() < 4000; ++i) {
    std::string path = "/h" + std::to_string(i);
    if (path_hash(path) >> 26 == 5) paths.push_back(std::move(path));
  }
  for (const std::string& path : paths) forest.add(path, path);
  for (const std::string& path : paths) {
    REQUIRE(forest.index.find(path) != nullptr);
    CHECK(forest.index.find(path)->data() == path);
  }
  for (std::size_t i = 0; i < paths.size(); i += 2) forest.remove(paths[i]);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    CHECK((forest.index.find(paths[i]) != nullptr) == (i % 2 == 1));
  }
}

TEST_CASE("index: clear forgets everything and can be filled again") {
  Forest forest;
  for (int i = 0; i < 5000; ++i) forest.add("/n" + std::to_string(i), "data");
  forest.index.clear();
  CHECK(forest.index.size() == 0);
  CHECK(forest.index.find("") == nullptr);
  forest.index.create(nullptr, "", "");
  forest.add("/again");
  CHECK(forest.index.size() == 2);
}

}  // namespace quorate::znode
