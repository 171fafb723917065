#include "znode/pending_view.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "znode/apply_change.h"
#include "znode/pending_impl.h"

namespace quorate::znode {

// ---- The overlay as a TreeState
// ------------------------------------------------------------------

std::optional<NodeState> PendingView::Impl::find(std::string_view path) const {
  auto at = nodes.find(stored_path(path));
  if (at == nodes.end()) return tree.find(path);
  return at->second.exists ? std::optional(at->second.state()) : std::nullopt;
}

bool PendingView::Impl::exists(std::string_view path) const {
  auto at = nodes.find(stored_path(path));
  return at == nodes.end() ? tree.node_at(path) != nullptr : at->second.exists;
}

std::optional<NodeEdit> PendingView::Impl::edit(std::string_view path) {
  const std::string_view key = stored_path(path);
  const auto at = nodes.find(key);
  Node* const origin = at == nodes.end() ? tree.node_at(key) : nullptr;
  if (at == nodes.end() ? origin == nullptr : !at->second.exists) return std::nullopt;
  PendingNode& node = entry(key, at, origin);
  return NodeEdit{node.state(), node.digest, nullptr, &node};
}

PendingView::Impl::PendingNode& PendingView::Impl::entry(std::string_view key, NodeMap::iterator at,
                                                         Node* origin) {
  const bool added = at == nodes.end();
  if (remembering) {
    undo_log.push_back({std::string(key), added ? std::nullopt : std::optional(at->second)});
  }
  if (added) {
    at = nodes.try_emplace(std::string(key)).first;
    PendingNode& fresh = at->second;
    if (origin != nullptr) {
      const NodeEdit now = DataTree::Impl::edit_of(*origin);
      fresh.stat = now.stat;
      fresh.data_length = now.data_length;
      fresh.num_children = now.num_children;
      fresh.acl = now.acl;
      fresh.digest = now.digest;
    } else {
      fresh.exists = false;
    }
  }
  if (added || at->second.last != zxid) landings.push_back({zxid, &at->first});
  at->second.last = zxid;
  return at->second;
}

const AclList& PendingView::Impl::acl_of(const NodeState& node) const {
  if (node.own_acl != nullptr) return *node.own_acl;
  // The key still holds: its last user in the tree lets go of it by a txn of this overlay only.
  return tree.acls.list(node.acl);
}

NodeState PendingView::Impl::insert(NodeEdit& parent, const std::string& path,
                                    std::optional<std::string_view> data, const AclList& acl,
                                    const StoredStat& stat) {
  const std::string_view key = stored_path(path);
  PendingNode& node = entry(key, nodes.find(key), nullptr);
  node.exists = true;
  store_acl(node, acl);
  node.stat = stat;
  node.num_children = 0;
  node.digest = NodeDigest();
  node.digest.counted = is_digested(path);
  store(node, path, data);
  parent.num_children = ++entry_of(parent).num_children;
  note_ephemeral(stat.ephemeral_owner, path);
  redigest(node.digest, stat);
  if (has_quotas() || is_below_quota(path)) quota_created(path, data);
  return node.state();
}

void PendingView::Impl::erase(NodeEdit& parent, NodeEdit& edit, const std::string& path) {
  PendingNode& node = entry_of(edit);
  ENSURE(node.num_children == 0);
  undigest(node.digest);
  note_ephemeral(node.stat.ephemeral_owner, path);
  node.exists = false;
  parent.num_children = --entry_of(parent).num_children;
  if (has_quotas()) quota_deleted(path, std::max(node.data_length, 0));
}

void PendingView::Impl::set_data(NodeEdit& edit, const std::string& path,
                                 std::optional<std::string_view> data) {
  PendingNode& node = entry_of(edit);
  const std::int64_t before = std::max(node.data_length, 0);
  store(node, path, data);
  edit.data_length = node.data_length;
  const bool quota = has_quotas() || is_below_quota(path);
  if (quota) quota_changed(stored_path(path), data, std::max(node.data_length, 0) - before);
}

void PendingView::Impl::store(PendingNode& node, const std::string& path,
                              std::optional<std::string_view> data) {
  node.data_length = data ? static_cast<std::int32_t>(data->size()) : -1;
  node.digest.content_crc = content_crc(stored_path(path), data);
}

void PendingView::Impl::set_acl(NodeEdit& edit, const AclList& acl) {
  PendingNode& node = entry_of(edit);
  store_acl(node, acl);
  edit.acl = node.acl;
  edit.own_acl = node.own_acl ? &*node.own_acl : nullptr;
}

void PendingView::Impl::changed(NodeEdit& edit) {
  PendingNode& node = entry_of(edit);
  node.stat = edit.stat;
  redigest(node.digest, node.stat);
}

void PendingView::Impl::store_acl(PendingNode& node, const AclList& acl) const {
  node.own_acl.reset();
  node.acl = kOpenAcl;
  // Nearly every list is the open one, which everybody knows.
  if (acl != tree.acls.list(kOpenAcl)) node.own_acl = acl;
}

void PendingView::Impl::note_ephemeral(std::int64_t owner, const std::string& path) {
  if (!is_session_owner(owner)) return;
  ephemerals_in_flight[SessionId{owner}][path] = zxid;
  session_landings.push_back({zxid, SessionId{owner}});
}

std::vector<std::string> PendingView::Impl::children_of(const std::string& path) const {
  // Slow, and only for a replay behind a fuzzy snapshot.
  std::set<std::string> found;
  for (std::string& child : tree.children_of(path)) {
    if (exists(child)) found.insert(std::move(child));
  }
  for (const auto& [candidate, node] : nodes) {
    if (node.exists && !candidate.empty() && parent_path(candidate) == stored_path(path)) {
      found.insert(candidate);
    }
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> PendingView::Impl::ephemerals_of(SessionId session) const {
  std::set<std::string> candidates;
  for (std::string& path : tree.ephemerals_of(session)) candidates.insert(std::move(path));
  if (auto at = ephemerals_in_flight.find(session); at != ephemerals_in_flight.end()) {
    for (const auto& [path, last] : at->second) candidates.insert(path);
  }
  std::vector<std::string> owned;
  for (const std::string& path : candidates) {
    const std::optional<NodeState> node = find(path);
    if (node && node->stat.ephemeral_owner == session.value) owned.push_back(path);
  }
  return owned;
}

void PendingView::Impl::open_session(SessionId session, std::int32_t) {
  sessions[session] = {/*alive=*/true, zxid};
  session_landings.push_back({zxid, session});
}

void PendingView::Impl::close_session(SessionId session) {
  sessions[session] = {/*alive=*/false, zxid};
  session_landings.push_back({zxid, session});
}

bool PendingView::Impl::session_alive(SessionId session) const {
  auto at = sessions.find(session);
  return at != sessions.end() ? at->second.alive : tree.sessions.find(session).has_value();
}

// ---- Txns come and go
// ----------------------------------------------------------------------------

void PendingView::Impl::begin(Zxid next) {
  ENSURE(next > zxid);
  ENSURE(!remembering);
  zxid = next;
}

void PendingView::Impl::remember() {
  remembering = true;
  digest_before = digest_;
  landings_before = landings.size();
  undo_log.clear();
  quota_undo_log.clear();
}

void PendingView::Impl::keep() {
  remembering = false;
  undo_log.clear();
  quota_undo_log.clear();
}

void PendingView::Impl::undo() {
  // First, for they point into entries that are about to go.
  landings.resize(landings_before);
  for (auto step = undo_log.rbegin(); step != undo_log.rend(); ++step) {
    if (step->before) {
      nodes[step->path] = std::move(*step->before);
    } else {
      nodes.erase(step->path);
    }
  }
  for (auto step = quota_undo_log.rbegin(); step != quota_undo_log.rend(); ++step) {
    if (step->before) {
      quotas_in_flight[step->prefix] = std::move(*step->before);
    } else {
      quotas_in_flight.erase(step->prefix);
    }
  }
  digest_ = digest_before;
  keep();
}

void PendingView::Impl::landed(Zxid through) {
  while (!landings.empty() && landings.front().zxid <= through) {
    const auto at = nodes.find(*landings.front().path);
    ENSURE(at != nodes.end());
    // The entry goes with its last landing, which is the one that may name it no more.
    if (at->second.last == landings.front().zxid) nodes.erase(at);
    landings.pop_front();
  }
  while (!quota_landings.empty() && quota_landings.front().first <= through) {
    auto at = quotas_in_flight.find(quota_landings.front().second);
    if (at != quotas_in_flight.end() && at->second.last <= through) quotas_in_flight.erase(at);
    quota_landings.pop_front();
  }
  while (!session_landings.empty() && session_landings.front().first <= through) {
    const SessionId session = session_landings.front().second;
    session_landings.pop_front();
    if (auto at = sessions.find(session); at != sessions.end() && at->second.last <= through) {
      sessions.erase(at);
    }
    auto paths = ephemerals_in_flight.find(session);
    if (paths == ephemerals_in_flight.end()) continue;
    std::erase_if(paths->second, [&](const auto& entry) { return entry.second <= through; });
    if (paths->second.empty()) ephemerals_in_flight.erase(paths);
  }
}

// ---- PendingView
// ---------------------------------------------------------------------------------

PendingView::PendingView(const DataTree& tree) : impl_(std::make_unique<Impl>(tree)) {}
PendingView::~PendingView() = default;
PendingView::PendingView(PendingView&&) noexcept = default;
PendingView& PendingView::operator=(PendingView&&) noexcept = default;

ErrorCode PendingView::replay(ByteView bytes) {
  Result<Txn> txn = decode_txn(bytes);
  if (!txn) return txn.error();
  impl_->begin(txn->header.zxid);
  if (txn->header.type == OpCode::Multi && has_failed(txn->changes)) return {};
  // The tree below may still be in the fuzzy range behind a foreign snapshot; where it is exact,
  // these rules never apply.
  const ApplyContext context{*impl_, txn->header, ReplayMode::Fuzzy, nullptr};
  for (const Change& change : txn->changes) apply_change(context, change.type, change.record);
  return {};
}

void PendingView::landed(Zxid zxid) {
  impl_->landed(zxid);
}
bool PendingView::session_alive(SessionId session) const {
  return impl_->session_alive(session);
}

std::optional<QuotaNote> PendingView::take_quota_note() {
  return std::exchange(impl_->quota_note, std::nullopt);
}

std::size_t PendingView::in_flight_changes() const {
  return impl_->nodes.size() + impl_->sessions.size();
}

}  // namespace quorate::znode
