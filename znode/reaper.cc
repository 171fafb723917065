#include "znode/reaper.h"

#include "znode/apply_change.h"
#include "znode/pending_impl.h"

namespace quorate::znode {

bool is_reapable(const NodeState& node, std::int64_t wall_ms, const ReapRules& rules) {
  if (node.num_children > 0) return false;
  const std::int64_t owner = node.stat.ephemeral_owner;
  const std::int64_t age_ms = wall_ms - node.stat.mtime;
  if (owner == kContainerOwner) {
    // One that is new must live until its first child has come. The counter may have wrapped.
    if (node.stat.cversion != 0) return true;
    return rules.max_never_used_ms != 0 && age_ms > rules.max_never_used_ms;
  }
  return rules.ttl_nodes && is_ttl_owner(owner) && ttl_of(owner) != 0 && age_ms > ttl_of(owner);
}

void ReapScan::step(const DataTree& tree, std::size_t count, std::int64_t wall_ms,
                    const ReapRules& rules, std::vector<std::string>& due) {
  while (count > 0 && !done()) {
    const std::set<std::string>& paths =
        stage_ == Stage::Containers ? tree.containers() : tree.ttl_nodes();
    auto at = paths.upper_bound(last_);
    for (; at != paths.end() && count > 0; ++at, --count) {
      last_ = *at;
      if (is_reapable(tree.find(*at)->state(), wall_ms, rules)) due.push_back(*at);
    }
    if (at != paths.end()) return;
    last_.clear();
    stage_ = stage_ == Stage::Containers && rules.ttl_nodes ? Stage::TtlNodes : Stage::Done;
  }
}

std::optional<Bytes> prepare_reap(PendingView& pending, const ReapRules& rules,
                                  const std::string& path, Zxid zxid, std::int64_t wall_ms) {
  const std::optional<NodeState> node = pending.impl().find(path);
  if (!node || !is_reapable(*node, wall_ms, rules)) return std::nullopt;
  pending.impl().begin(zxid);
  // Of no session and no request, as ZooKeeper's own.
  const TxnHeader header{SessionId{}, 0, zxid, wall_ms, OpCode::DeleteContainer};
  const TxnRecord record = DeleteTxn{path};
  apply_change({pending.impl(), header, ReplayMode::Exact, nullptr}, header.type, record);
  return encode_single(header, record, TxnDigest{kDigestVersion, pending.impl().digest()});
}

}  // namespace quorate::znode
