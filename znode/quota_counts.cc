// The tree keeps the stats nodes of its quotas up to date: on every member, as part of each change,
// without version, time or event (spec: tree-semantics 11). They are no part of the digest.
#include <algorithm>
#include <vector>

#include "znode/tree_impl.h"

namespace quorate::znode {

/// ZooKeeper's order: a limits node makes its quota count, a stats node is computed as a whole, and
/// only then the new node itself is added to the quota that it is under.
void DataTree::Impl::quota_created(const std::string& path, std::int64_t bytes) {
  if (const auto prefix = limited_by(path)) {
    quotas.insert(std::string(*prefix));
  } else if (const auto counted = counted_by(path)) {
    recount(*counted);
  }
  add_use(path, {1, bytes});
}

void DataTree::Impl::quota_deleted(const std::string& path, std::int64_t bytes) {
  if (const auto prefix = limited_by(path)) {
    if (auto at = quotas.find(*prefix); at != quotas.end()) quotas.erase(at);
  }
  add_use(path, {-1, -bytes});
}

void DataTree::Impl::quota_resized(std::string_view path, std::int64_t bytes) {
  if (bytes != 0) add_use(path, {0, bytes});
}

void DataTree::Impl::add_use(std::string_view path, QuotaUse change) {
  const auto prefix =
      longest_quota(path, [this](std::string_view one) { return quotas.contains(one); });
  if (!prefix) return;
  Node* stats = node_at(stats_path(*prefix));
  if (stats == nullptr) return;
  store_stats(*stats, add_to_stats(stats->data().value_or(std::string_view()), change));
}

void DataTree::Impl::recount(std::string_view prefix) {
  Node* stats = node_at(stats_path(prefix));
  if (stats == nullptr) return;
  const QuotaUse use = use_of(prefix);
  QuotaText text;
  text.set(use.count, use.bytes);
  store_stats(*stats, text.text());
}

void DataTree::Impl::store_stats(Node& node, const std::string& text) {
  if (node.data() == std::optional<std::string_view>(text)) return;
  dirty.before_change(node);
  data_size -= std::max(node.data_length(), 0);
  node.store_data(text);
  data_size += std::max(node.data_length(), 0);
  dirty.mark(node);
}

QuotaUse DataTree::Impl::use_of(std::string_view prefix) const {
  QuotaUse use;
  std::vector<const Node*> todo;
  if (const Node* top = node_at(prefix)) todo.push_back(top);
  while (!todo.empty()) {
    const Node* node = todo.back();
    todo.pop_back();
    ++use.count;
    use.bytes += std::max(node->data_length(), 0);
    for (const Node* child : node->children()) todo.push_back(child);
  }
  return use;
}

void DataTree::Impl::load_quotas() {
  std::vector<const Node*> todo;
  if (const Node* top = node_at("/zookeeper/quota")) todo.push_back(top);
  while (!todo.empty()) {
    const Node* node = todo.back();
    todo.pop_back();
    for (const Node* child : node->children()) todo.push_back(child);
    if (node->name() != "zookeeper_limits") continue;
    const std::string path = node->path();  // The prefix is a part of it.
    if (const auto prefix = limited_by(path)) quotas.insert(std::string(*prefix));
  }
  for (const std::string& prefix : quotas) recount(prefix);
}

}  // namespace quorate::znode
