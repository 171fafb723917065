#include "znode/node.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

#include "base/ensure.h"

namespace quorate::znode {

Stat client_stat(const NodeState& node) {
  Stat stat;
  stat.czxid = node.stat.czxid;
  stat.mzxid = node.stat.mzxid;
  stat.ctime = node.stat.ctime;
  stat.mtime = node.stat.mtime;
  stat.version = node.stat.version;
  // Creates so far, plus deletes so far (those that are gone): 2 * creates - children. Computed
  // without sign, because the counter may wrap.
  stat.cversion = static_cast<std::int32_t>(2 * static_cast<std::uint32_t>(node.stat.cversion) -
                                            static_cast<std::uint32_t>(node.num_children));
  stat.aversion = node.stat.aversion;
  stat.ephemeral_owner =
      is_session_owner(node.stat.ephemeral_owner) ? node.stat.ephemeral_owner : 0;
  stat.data_length = std::max(node.data_length, 0);
  stat.num_children = node.num_children;
  stat.pzxid = node.stat.pzxid;
  return stat;
}

std::uint32_t path_hash(std::string_view path) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (char c : path) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  // FNV's low bits follow the last characters closely; the product spreads them.
  return static_cast<std::uint32_t>((hash * 0x9e3779b97f4a7c15ULL) >> 32);
}

Node& Node::make(NodePool& pool, Node* parent, std::string_view name, std::uint32_t path_hash,
                 std::optional<std::string_view> data) {
  static_assert(std::is_trivially_destructible_v<Node>);
  ENSURE(name.size() < (std::size_t{1} << 30));  // A frame is shorter.
  Node& node = *new (pool.small_at(pool.allocate(sizeof(Node)))) Node();
  node.parent_ = parent == nullptr ? 0 : parent->ref();
  node.path_hash_ = path_hash;
  node.name_length = static_cast<std::uint32_t>(name.size());
  node.content_ = pool.allocate(node.content_size());
  name.copy(node.text(), name.size());
  node.store_data(data);
  return node;
}

void Node::destroy() {
  if (num_children > 0) delete child_set();
  NodePool& pool = this->pool();
  pool.release(content_, content_size());
  pool.release(ref(), sizeof(Node));
}

std::size_t Node::content_size(bool with_children, std::int32_t length) const {
  const std::size_t size = (with_children ? sizeof(ChildSet*) : 0) + name_length +
                           static_cast<std::size_t>(std::max(length, 0));
  return std::max(size, std::size_t{1});
}

ChildSet* Node::child_set() const {
  ChildSet* set = nullptr;
  std::memcpy(&set, content(), sizeof set);
  return set;
}

Node* Node::parent() const {
  return parent_ == 0 ? nullptr : static_cast<Node*>(pool().small_at(parent_));
}

std::optional<std::string_view> Node::data() const {
  if (data_length < 0) return std::nullopt;
  return std::string_view(text() + name_length, static_cast<std::size_t>(data_length));
}

Buffer Node::data_copy() const {
  std::optional<std::string_view> view = data();
  return view ? Buffer(*view) : Buffer();
}

std::string Node::path() const {
  std::size_t length = 0;
  for (const Node* node = this; node->parent_ != 0; node = node->parent()) {
    length += 1 + node->name_length;
  }
  std::string path(length, '/');
  for (const Node* node = this; node->parent_ != 0; node = node->parent()) {
    length -= node->name_length;
    node->name().copy(path.data() + length, node->name_length);
    --length;
  }
  return path;
}

bool Node::is_at(std::string_view path) const {
  const Node* node = this;
  for (; node->parent_ != 0; node = node->parent()) {
    const std::string_view own = node->name();
    if (path.size() <= own.size() || !path.ends_with(own)) return false;
    path.remove_suffix(own.size());
    if (path.back() != '/') return false;
    path.remove_suffix(1);
  }
  return path.empty();
}

void Node::store_data(std::optional<std::string_view> data) {
  const std::size_t size = data ? data->size() : 0;
  ENSURE(size <= static_cast<std::size_t>(INT32_MAX));
  const std::int32_t length = data ? static_cast<std::int32_t>(size) : -1;
  if (!NodePool::same_room(content_size(), content_size(num_children > 0, length))) {
    move_content(num_children > 0, length);
  }
  data_length = length;
  if (data) data->copy(text() + name_length, size);
}

/// A new second piece with room for `length` bytes of data, and with what fits of the old one.
void Node::move_content(bool with_children, std::int32_t length) {
  NodePool& pool = this->pool();
  const std::size_t size = content_size(with_children, length);
  const PoolRef moved = pool.allocate(size);
  const std::size_t head = with_children ? sizeof(ChildSet*) : 0;
  char* to = static_cast<char*>(pool.at(moved, size));
  const std::size_t old_text = content_size() - (num_children > 0 ? sizeof(ChildSet*) : 0);
  if (with_children && num_children > 0) std::memcpy(to, content(), head);
  std::memcpy(to + head, text(), std::min(old_text, size - head));
  pool.release(content_, content_size());
  content_ = moved;
}

ChildRange Node::children() const {
  if (num_children == 0) return {};
  return {pool(), *child_set()};
}

void Node::add_child(Node& child) {
  ENSURE(child.parent() == this);
  if (num_children == 0) {
    move_content(/*with_children=*/true, data_length);
    num_children = 1;
    ChildSet* set = std::make_unique<ChildSet>().release();
    std::memcpy(content(), &set, sizeof set);
  }
  ChildSet& set = *child_set();
  set.insert(pool(), child.ref());
  num_children = static_cast<std::int32_t>(set.size());
}

void Node::remove_child(Node& child) {
  ENSURE(num_children > 0);
  ChildSet& set = *child_set();
  set.erase(pool(), child.ref());
  if (set.size() > 0) {
    num_children = static_cast<std::int32_t>(set.size());
    return;
  }
  delete &set;
  move_content(/*with_children=*/false, data_length);
  num_children = 0;
}

}  // namespace quorate::znode
