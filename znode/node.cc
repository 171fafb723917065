#include "znode/node.h"

#include <algorithm>
#include <cstring>

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

std::uint64_t continue_hash(std::uint64_t hash, std::string_view text) {
  for (char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;  // FNV-1a
  }
  return hash;
}

Node::Node(Node* parent, std::string_view name, std::optional<std::string_view> data)
    : parent_(parent),
      path_hash_(parent == nullptr ? kRootHash
                                   : continue_hash(continue_hash(parent->path_hash_, "/"), name)) {
  store(name, data);
}

std::optional<std::string_view> Node::data() const {
  if (data_length < 0) return std::nullopt;
  return std::string_view(bytes_.get() + name_length_, static_cast<std::size_t>(data_length));
}

Buffer Node::data_copy() const {
  std::optional<std::string_view> view = data();
  return view ? Buffer(*view) : Buffer();
}

std::string Node::path() const {
  std::size_t length = 0;
  for (const Node* node = this; node->parent_ != nullptr; node = node->parent_) {
    length += 1 + node->name_length_;
  }
  std::string path(length, '/');
  for (const Node* node = this; node->parent_ != nullptr; node = node->parent_) {
    length -= node->name_length_;
    node->name().copy(path.data() + length, node->name_length_);
    --length;
  }
  return path;
}

bool Node::is_at(std::string_view path) const {
  const Node* node = this;
  for (; node->parent_ != nullptr; node = node->parent_) {
    const std::string_view own = node->name();
    if (path.size() <= own.size() || !path.ends_with(own)) return false;
    path.remove_suffix(own.size());
    if (path.back() != '/') return false;
    path.remove_suffix(1);
  }
  return path.empty();
}

void Node::store_data(std::optional<std::string_view> data) {
  const std::string own(name());
  store(own, data);
}

void Node::store(std::string_view name, std::optional<std::string_view> data) {
  const std::size_t data_size = data ? data->size() : 0;
  ENSURE(data_size <= static_cast<std::size_t>(INT32_MAX));
  auto bytes = std::make_unique_for_overwrite<char[]>(name.size() + data_size);
  name.copy(bytes.get(), name.size());
  if (data) data->copy(bytes.get() + name.size(), data_size);
  bytes_ = std::move(bytes);
  name_length_ = static_cast<std::uint32_t>(name.size());
  data_length = data ? static_cast<std::int32_t>(data_size) : -1;
}

std::span<Node* const> Node::children() const {
  if (!children_) return {};
  if (!children_->sorted) {
    std::vector<Node*>& nodes = children_->nodes;
    std::sort(nodes.begin(), nodes.end(),
              [](const Node* a, const Node* b) { return a->name() < b->name(); });
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i]->slot_ = static_cast<std::uint32_t>(i);
    children_->sorted = true;
  }
  return children_->nodes;
}

void Node::add_child(Node& child) {
  ENSURE(child.parent_ == this);
  if (!children_) children_ = std::make_unique<Children>();
  std::vector<Node*>& nodes = children_->nodes;
  if (!nodes.empty() && !(nodes.back()->name() < child.name())) children_->sorted = false;
  child.slot_ = static_cast<std::uint32_t>(nodes.size());
  nodes.push_back(&child);
  num_children = static_cast<std::int32_t>(nodes.size());
}

void Node::remove_child(Node& child) {
  ENSURE(children_ != nullptr);
  std::vector<Node*>& nodes = children_->nodes;
  ENSURE(child.slot_ < nodes.size());
  ENSURE(nodes[child.slot_] == &child);
  Node* last = nodes.back();
  if (last != &child) {
    nodes[child.slot_] = last;
    last->slot_ = child.slot_;
    children_->sorted = false;
  }
  nodes.pop_back();
  num_children = static_cast<std::int32_t>(nodes.size());
  if (nodes.empty()) children_.reset();
}

}  // namespace quorate::znode
