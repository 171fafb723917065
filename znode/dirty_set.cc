#include "znode/dirty_set.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "znode/node.h"

namespace quorate::znode {
namespace {

/// Key, Stat, ACL key and lengths of one entry, on average.
constexpr std::size_t kEntryBytes = 120;

}  // namespace

void DirtySet::mark(Node& node) {
  if (node.dirty_slot != Node::kClean) return;
  node.dirty_slot = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back(&node);
  bytes_ += kEntryBytes + static_cast<std::size_t>(std::max(node.data_length, 0));
}

void DirtySet::mark_created(Node& node, const std::string& path) {
  tombstones_.erase(path);
  mark(node);
}

void DirtySet::mark_deleted(Node& node, const std::string& path) {
  if (node.dirty_slot != Node::kClean) {
    ENSURE(nodes_[node.dirty_slot] == &node);
    nodes_[node.dirty_slot] = nodes_.back();
    nodes_[node.dirty_slot]->dirty_slot = node.dirty_slot;
    nodes_.pop_back();
    node.dirty_slot = Node::kClean;
  }
  tombstones_.insert(path);
  bytes_ += path.size();
}

std::vector<DirtyNode> DirtySet::take_nodes() {
  std::vector<DirtyNode> taken;
  taken.reserve(size());
  for (Node* node : nodes_) {
    node->dirty_slot = Node::kClean;
    taken.push_back({node->path(), node});
  }
  for (const std::string& path : tombstones_) taken.push_back({path, nullptr});
  std::sort(taken.begin(), taken.end(),
            [](const DirtyNode& a, const DirtyNode& b) { return a.path < b.path; });
  nodes_.clear();
  tombstones_.clear();
  bytes_ = 0;
  return taken;
}

std::set<SessionId> DirtySet::take_sessions() {
  return std::exchange(sessions_, {});
}
std::set<AclKey> DirtySet::take_acls() {
  return std::exchange(acls_, {});
}

void DirtySet::clear() {
  for (Node* node : nodes_) node->dirty_slot = Node::kClean;
  *this = DirtySet();
}

}  // namespace quorate::znode
