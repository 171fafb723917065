#include "znode/dirty_set.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "znode/acl_table.h"
#include "znode/checkpoint_keys.h"
#include "znode/node.h"
#include "znode/node_codec.h"
#include "znode/proto/jute.h"

namespace quorate::znode {
namespace {

/// Key, Stat, ACL key and lengths of one entry, on average.
constexpr std::size_t kEntryBytes = 120;
constexpr std::uint32_t kSideBit = 1u << 31;
/// So many batches are remembered; LevelDB's own log never holds more than a few.
constexpr std::size_t kChainLength = 16;

void put(CheckpointBatch& batch, Bytes key, Bytes value) {
  batch.bytes += key.size() + value.size();
  batch.entries.push_back({std::move(key), std::move(value)});
}
void erase(CheckpointBatch& batch, Bytes key) {
  batch.bytes += key.size();
  batch.entries.push_back({std::move(key), std::nullopt});
}

void put_node(CheckpointBatch& batch, const Node& node) {
  Bytes value;
  value.reserve(kStoredStatBytes + sizeof(AclKey) + sizeof(std::int32_t) +
                static_cast<std::size_t>(std::max(node.data_length(), 0)));
  JuteWriter out(value);
  encode_stored(out, node);
  put(batch, node_key(node.path()), std::move(value));
}

}  // namespace

// ---- What is dirty ------------------------------------------------------------------------------

bool DirtySet::is_frozen(const Node& node) const {
  return node.dirty_slot != Node::kClean && (node.dirty_slot & kSideBit) != live_bit_;
}

void DirtySet::list(Node& node) {
  ENSURE(nodes_.size() < kSideBit - 1);
  node.dirty_slot = static_cast<std::uint32_t>(nodes_.size()) | live_bit_;
  nodes_.push_back(&node);
  bytes_ += kEntryBytes + static_cast<std::size_t>(std::max(node.data_length(), 0));
}

void DirtySet::mark(Node& node) {
  if (node.dirty_slot == Node::kClean) return list(node);
  ENSURE(!is_frozen(node));
}

void DirtySet::mark_unchanged(Node& node) {
  before_change(node);
  mark(node);
}

void DirtySet::mark_created(Node& node, const std::string& path) {
  tombstones_.erase(path);
  mark(node);
}

void DirtySet::mark_deleted(Node& node, const std::string& path) {
  if (node.dirty_slot != Node::kClean) {
    ENSURE(!is_frozen(node));
    const std::uint32_t slot = node.dirty_slot & ~kSideBit;
    ENSURE(nodes_[slot] == &node);
    nodes_[slot] = nodes_.back();
    nodes_[slot]->dirty_slot = node.dirty_slot;
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

void DirtySet::clear() {
  abandon();
  for (Node* node : nodes_) node->dirty_slot = Node::kClean;
  nodes_ = {};
  tombstones_.clear();
  sessions_.clear();
  acls_.clear();
  bytes_ = 0;
}

// ---- A checkpoint under way ---------------------------------------------------------------------

void DirtySet::begin(Zxid zxid, Bytes meta, bool from_scratch) {
  ENSURE(!under_way());
  frozen_ = std::make_unique<Frozen>();
  frozen_->nodes = std::exchange(nodes_, {});
  frozen_->tombstones = std::exchange(tombstones_, {});
  frozen_->sessions = std::exchange(sessions_, {});
  frozen_->acls = std::exchange(acls_, {});
  bytes_ = 0;
  live_bit_ ^= kSideBit;

  CheckpointBatch& first = frozen_->ready;
  first.zxid = zxid;
  first.from_scratch = from_scratch;
  first.ends = false;
  put(first, meta_key(), std::move(meta));
  if (from_scratch) chain.taken.clear();
  if (chain.last() == zxid) return;
  Bytes previous;
  JuteWriter(previous).i64(chain.last().value);
  put(first, chain_key(zxid), std::move(previous));
  chain.taken.push_back(zxid);
  if (chain.taken.size() <= kChainLength) return;
  erase(first, chain_key(chain.taken.front()));
  chain.taken.pop_front();
}

CheckpointBatch DirtySet::next_portion(const PortionLimit& limit, const AclTable& acls,
                                       const SessionTable& sessions) {
  ENSURE(under_way());
  Frozen& frozen = *frozen_;
  std::size_t left = limit.nodes;
  const auto room = [&] { return left > 0 && frozen.ready.bytes < limit.bytes; };
  for (; room() && !frozen.acls.empty(); --left) encode_acl(*frozen.acls.begin(), acls);
  for (; room() && !frozen.sessions.empty(); --left) {
    encode_session(*frozen.sessions.begin(), sessions);
  }
  for (; room() && !frozen.tombstones.empty(); --left) {
    erase(frozen.ready, node_key(*frozen.tombstones.begin()));
    frozen.tombstones.erase(frozen.tombstones.begin());
  }
  for (; room() && frozen.next < frozen.nodes.size(); ++frozen.next, --left) {
    Node* node = frozen.nodes[frozen.next];
    if (node == nullptr) continue;
    put_node(frozen.ready, *node);
    node->dirty_slot = Node::kClean;
  }
  CheckpointBatch following;
  following.zxid = frozen.ready.zxid;
  following.from_scratch = frozen.ready.from_scratch;
  following.begins = following.ends = false;
  CheckpointBatch portion = std::exchange(frozen.ready, std::move(following));
  if (frozen.empty()) {
    portion.ends = true;
    frozen_.reset();
  }
  return portion;
}

void DirtySet::abandon() {
  if (!frozen_) return;
  for (std::size_t i = frozen_->next; i < frozen_->nodes.size(); ++i) {
    if (frozen_->nodes[i] != nullptr) frozen_->nodes[i]->dirty_slot = Node::kClean;
  }
  frozen_.reset();
}

void DirtySet::encode_early(Node& node) {
  const std::uint32_t slot = node.dirty_slot & ~kSideBit;
  ENSURE(frozen_->nodes[slot] == &node);
  put_node(frozen_->ready, node);
  frozen_->nodes[slot] = nullptr;
  node.dirty_slot = Node::kClean;
}

void DirtySet::encode_session(SessionId session, const SessionTable& sessions) {
  if (frozen_->sessions.erase(session) == 0) return;
  const std::optional<std::int32_t> timeout_ms = sessions.find(session);
  if (!timeout_ms) return erase(frozen_->ready, session_key(session));
  Bytes value;
  JuteWriter(value).i32(*timeout_ms);
  put(frozen_->ready, session_key(session), std::move(value));
}

void DirtySet::encode_acl(AclKey key, const AclTable& acls) {
  if (frozen_->acls.erase(key) == 0) return;
  if (!acls.contains(key)) return erase(frozen_->ready, acl_key(key));
  Bytes value;
  JuteWriter(value).acls(acls.list(key));
  put(frozen_->ready, acl_key(key), std::move(value));
}

}  // namespace quorate::znode
