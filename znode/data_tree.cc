#include "znode/data_tree.h"

#include <algorithm>

#include "base/ensure.h"
#include "znode/proto/error.h"
#include "znode/tree_impl.h"

namespace quorate::znode {
namespace {

std::int64_t data_bytes(const Node& node) {
  return std::max(node.data_length(), 0);
}

std::int64_t bytes_of(std::string_view path, const Node& node) {
  return static_cast<std::int64_t>(path.size()) + data_bytes(node);
}

}  // namespace

// ---- The tree as a TreeState -------------------------------------------------------------------

DataTree::Impl::Impl() {
  link(nullptr, "", "", kOpenAcl, {});
  for (const char* path : {"/zookeeper", "/zookeeper/quota", "/zookeeper/config"}) {
    link(node_at(parent_path(path)), path, "", kOpenAcl, {});
  }
  // As if by a setACL with version -1: everybody may read the ensemble's configuration, and only
  // reconfig writes it.
  Node& node = *node_at("/zookeeper/config");
  NodeEdit config = edit_of(node);
  set_acl(config, {{perm::kRead, {"world", "anyone"}}});
  config.stat.aversion = -1;
  node.store_stat(config.stat);
}

NodeEdit DataTree::Impl::edit_of(Node& node) {
  NodeEdit edit{node.state(), {node.content_crc, 0, node.is_digested()}, &node, nullptr};
  if (edit.digest.counted) edit.digest.value = node_digest(node.content_crc, edit.stat);
  return edit;
}

std::optional<NodeEdit> DataTree::Impl::edit(std::string_view path) {
  Node* node = node_at(path);
  if (node == nullptr) return std::nullopt;
  dirty.before_change(*node);
  return edit_of(*node);
}

Node& DataTree::Impl::link(Node* parent, const std::string& path,
                           std::optional<std::string_view> data, AclKey acl,
                           const StoredStat& stat) {
  Node& node = index.create(parent, path, data, stat, acl);
  if (parent == nullptr) {
    root = &node;
  } else {
    parent->add_child(node);
  }
  enter(node, path, data, stat);
  dirty.mark_created(node, path);
  return node;
}

/// Into digest, lists of owners and counts.
void DataTree::Impl::enter(Node& node, std::string_view path, std::optional<std::string_view> data,
                           const StoredStat& stat) {
  node.content_crc = content_crc(path, data);
  if (is_digested(path)) {
    digest_ += node_digest(node.content_crc, stat);
  } else {
    node.leave_out_of_digest();
  }
  if (is_session_owner(stat.ephemeral_owner)) {
    add_ephemeral(SessionId{stat.ephemeral_owner}, node);
  } else if (stat.ephemeral_owner != 0) {
    reaped_nodes(stat.ephemeral_owner).emplace(path);
  }
  data_size += bytes_of(path, node);
}

NodeState DataTree::Impl::insert(NodeEdit& parent, const std::string& path,
                                 std::optional<std::string_view> data, const AclList& acl,
                                 const StoredStat& stat) {
  const AclKey key = acls.acquire(acl);
  if (key != kOpenAcl) dirty.mark_acl(key);
  Node& node = link(parent.node, path, data, key, stat);
  ++parent.num_children;
  if (!quotas.empty() || is_below_quota(path)) quota_created(path, data_bytes(node));
  return node.state();
}

void DataTree::Impl::erase(NodeEdit& parent, NodeEdit& edit, const std::string& path) {
  Node& node = *edit.node;
  ENSURE(node.num_children() == 0);
  undigest(edit.digest);
  data_size -= bytes_of(path, node);
  dirty.before_change(edit.acl, acls);
  if (acls.release(edit.acl)) dirty.mark_acl(edit.acl);
  if (is_session_owner(edit.stat.ephemeral_owner)) {
    drop_ephemeral(SessionId{edit.stat.ephemeral_owner}, node);
  } else if (edit.stat.ephemeral_owner != 0) {
    reaped_nodes(edit.stat.ephemeral_owner).erase(path);
  }
  const std::int64_t bytes = data_bytes(node);
  dirty.mark_deleted(node, path);
  parent.node->remove_child(node);
  --parent.num_children;
  index.destroy(node);
  if (!quotas.empty()) quota_deleted(path, bytes);
}

void DataTree::Impl::add_ephemeral(SessionId owner, const Node& node) {
  std::vector<PoolRef>& owned = ephemerals[owner];
  owned.insert(std::lower_bound(owned.begin(), owned.end(), node.ref()), node.ref());
  ++ephemeral_count;
}

void DataTree::Impl::drop_ephemeral(SessionId owner, const Node& node) {
  auto at = ephemerals.find(owner);
  ENSURE(at != ephemerals.end());
  std::vector<PoolRef>& owned = at->second;
  const auto place = std::lower_bound(owned.begin(), owned.end(), node.ref());
  ENSURE(place != owned.end());
  ENSURE(*place == node.ref());
  owned.erase(place);
  if (owned.empty()) ephemerals.erase(at);
  --ephemeral_count;
}

void DataTree::Impl::set_data(NodeEdit& edit, const std::string& path,
                              std::optional<std::string_view> data) {
  Node& node = *edit.node;
  const std::int64_t before = data_bytes(node);
  node.store_data(data);
  const std::int64_t more = data_bytes(node) - before;
  data_size += more;
  if (!quotas.empty()) quota_resized(stored_path(path), more);
  edit.data_length = node.data_length();
  node.content_crc = edit.digest.content_crc = content_crc(stored_path(path), data);
}

void DataTree::Impl::set_acl(NodeEdit& edit, const AclList& acl) {
  const AclKey before = edit.acl;
  edit.acl = acls.acquire(acl);
  edit.node->store_acl(edit.acl);
  if (edit.acl != kOpenAcl) dirty.mark_acl(edit.acl);
  dirty.before_change(before, acls);
  if (acls.release(before)) dirty.mark_acl(before);
}

void DataTree::Impl::changed(NodeEdit& edit) {
  edit.node->store_stat(edit.stat);
  redigest(edit.digest, edit.stat);
  dirty.mark(*edit.node);
}

std::vector<std::string> DataTree::Impl::children_of(const std::string& path) const {
  std::vector<std::string> paths;
  const Node* node = node_at(path);
  if (node == nullptr) return paths;
  for (const Node* child : node->children()) paths.push_back(child->path());
  return paths;
}

std::vector<std::string> DataTree::Impl::ephemerals_of(SessionId session) const {
  auto at = ephemerals.find(session);
  if (at == ephemerals.end()) return {};
  std::vector<std::string> paths;
  for (PoolRef ref : at->second) paths.push_back(index.at(ref).path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

void DataTree::Impl::open_session(SessionId session, std::int32_t timeout_ms) {
  dirty.before_change(session, sessions);
  sessions.put(session, timeout_ms);
  dirty.mark_session(session);
}

void DataTree::Impl::close_session(SessionId session) {
  dirty.before_change(session, sessions);
  sessions.erase(session);
  dirty.mark_session(session);
}

// ---- Loading -----------------------------------------------------------------------------------

void DataTree::Impl::clear() {
  index.clear();
  root = nullptr;
  acls.clear();
  sessions.clear();
  ephemerals.clear();
  containers.clear();
  ttl_nodes.clear();
  quotas.clear();
  ephemeral_count = 0;
  data_size = 0;
  dirty = DirtySet();
  digest_ = 0;
  last_applied = Zxid{};
  loading.emplace(Loading{std::string(), nullptr});
}

/// Nodes nearly always come as a walk through the tree meets them, so the parent is the last node
/// itself or stands above it; otherwise it is looked for from the root.
Node* DataTree::Impl::loaded_parent(std::string_view path) const {
  const std::string_view last = loading->path;
  if (root == nullptr) return nullptr;
  if (last.starts_with(path) && (last.size() == path.size() || last[path.size()] == '/')) {
    Node* node = loading->last;
    for (const char c : last.substr(path.size())) {
      if (c == '/') node = node->parent();
    }
    return node;
  }
  Node* node = root;
  while (node != nullptr && !path.empty()) {
    if (path.front() != '/') return nullptr;
    const std::string_view name = path.substr(1, path.find('/', 1) - 1);
    node = node->child(name);
    path.remove_prefix(1 + name.size());
  }
  return node;
}

ErrorCode DataTree::Impl::load_node(std::string_view path, std::optional<std::string_view> data,
                                    AclKey acl, const StoredStat& stat, bool changed) {
  ENSURE(loading.has_value());
  Node* parent = nullptr;
  std::string_view name;
  if (path.empty()) {
    if (root != nullptr) return Code::MarshallingError;
  } else {
    name = has_path_form(path) ? last_name(path) : std::string_view();
    if (!name.empty()) parent = loaded_parent(parent_path(path));
    if (parent == nullptr) return Code::MarshallingError;
  }
  if (!acls.contains(acl)) return Code::MarshallingError;
  Node& node = index.load(parent, name, path_hash(path), data, stat, acl);
  if (parent == nullptr) {
    root = &node;
  } else if (!parent->add_new_child(node)) {
    index.unload(node);
    return Code::MarshallingError;
  }
  acls.acquire(acl);
  enter(node, path, data, stat);
  if (changed) dirty.mark(node);
  loading->last = &node;
  loading->path = path;
  return {};
}

ErrorCode DataTree::Impl::finish_load(Zxid zxid) {
  if (root == nullptr) return Code::MarshallingError;
  if (!loading) dirty.clear();
  index.end_loading();
  loading.reset();
  for (AclKey key : acls.drop_unused()) dirty.mark_acl(key);
  last_applied = zxid;
  load_quotas();
  return {};
}

// ---- DataTree ----------------------------------------------------------------------------------

DataTree::DataTree() : impl_(std::make_unique<Impl>()) {}
DataTree::~DataTree() = default;
DataTree::DataTree(DataTree&&) noexcept = default;
DataTree& DataTree::operator=(DataTree&&) noexcept = default;

const Node* DataTree::find(std::string_view path) const {
  return impl_->node_at(path);
}
Zxid DataTree::last_applied() const {
  return impl_->last_applied;
}
std::uint64_t DataTree::digest() const {
  return impl_->digest();
}
std::size_t DataTree::node_count() const {
  return impl_->index.size() + 1;
}
std::size_t DataTree::ephemeral_count() const {
  return impl_->ephemeral_count;
}

std::int64_t DataTree::approximate_data_size() const {
  return impl_->data_size + 1;  // ZooKeeper lists the root under "/" as well.
}

const SessionTable& DataTree::sessions() const {
  return impl_->sessions;
}
const AclTable& DataTree::acls() const {
  return impl_->acls;
}

std::vector<std::string> DataTree::ephemerals(SessionId session) const {
  return impl_->ephemerals_of(session);
}

std::vector<SessionId> DataTree::sessions_with_ephemerals() const {
  std::vector<SessionId> sessions;
  for (const auto& [session, paths] : impl_->ephemerals) sessions.push_back(session);
  return sessions;
}

const std::set<std::string>& DataTree::containers() const {
  return impl_->containers;
}
const std::set<std::string>& DataTree::ttl_nodes() const {
  return impl_->ttl_nodes;
}

void DataTree::clear() {
  impl_->clear();
}

void DataTree::load_session(SessionId id, std::int32_t timeout_ms) {
  impl_->sessions.put(id, timeout_ms);
}

void DataTree::load_acl(AclKey key, AclList list) {
  impl_->acls.load(key, std::move(list));
}
ErrorCode DataTree::load_node(const NodeRecord& record) {
  return impl_->load_node(record.path, record.data, record.acl, record.stat);
}
ErrorCode DataTree::finish_load(Zxid zxid) {
  return impl_->finish_load(zxid);
}

std::size_t DataTree::dirty_count() const {
  return impl_->dirty.size();
}
std::size_t DataTree::dirty_bytes() const {
  return impl_->dirty.bytes();
}
std::vector<DirtyNode> DataTree::take_dirty() {
  return impl_->dirty.take_nodes();
}

void DataTree::mark_all_dirty() {
  // As for_each(), without the paths: for a million nodes this is called between two requests.
  std::vector<const Node*> todo;
  if (impl_->root != nullptr) todo.push_back(impl_->root);
  while (!todo.empty()) {
    const Node* node = todo.back();
    todo.pop_back();
    impl_->dirty.mark_unchanged(const_cast<Node&>(*node));
    for (const Node* child : node->children()) todo.push_back(child);
  }
  impl_->mark_tables_dirty();
}

void DataTree::Impl::mark_tables_dirty() {
  for (const auto& [key, entry] : acls.entries()) dirty.mark_acl(key);
  for (const auto& [session, timeout_ms] : sessions) dirty.mark_session(session);
}

void DataTree::for_each(
    const std::function<void(const std::string& path, const Node&)>& visit) const {
  // Without recursion: a path may have half a million elements.
  std::vector<const Node*> todo;
  if (impl_->root != nullptr) todo.push_back(impl_->root);
  while (!todo.empty()) {
    const Node* node = todo.back();
    todo.pop_back();
    visit(node->path(), *node);
    const std::size_t first = todo.size();
    for (const Node* child : node->children()) todo.push_back(child);
    std::reverse(todo.begin() + static_cast<std::ptrdiff_t>(first), todo.end());
  }
}

}  // namespace quorate::znode
