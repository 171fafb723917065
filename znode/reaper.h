// Containers and TTL nodes that are of no use any more (spec: tree-semantics 9): found here,
// deleted by txns that the leader proposes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/pending_view.h"

namespace quorate::znode {

struct ReapRules {
  /// How old a container may become that never had a child; 0: it stays.
  std::int64_t max_never_used_ms = 0;
  bool ttl_nodes = false;  ///< extendedTypesEnabled.
};

/// `wall_ms` is the leader's clock, as in the times of nodes.
bool is_reapable(const NodeState& node, std::int64_t wall_ms, const ReapRules& rules);

/// One look at all containers and TTL nodes, in portions: with a million of them one look would
/// hold up everything else. Nodes that come meanwhile may be seen or not; the next look sees them.
class ReapScan {
 public:
  /// Looks at up to `count` more nodes and adds those that are due.
  void step(const DataTree& tree, std::size_t count, std::int64_t wall_ms, const ReapRules& rules,
            std::vector<std::string>& due);
  bool done() const { return stage_ == Stage::Done; }

 private:
  enum class Stage { Containers, TtlNodes, Done };

  Stage stage_ = Stage::Containers;
  std::string last_;  ///< Seen so far; no path is empty.
};

/// The txn that deletes `path`, staged in `pending`; nothing when the node is not due any more as
/// of the txns in flight: nothing is proposed then.
std::optional<Bytes> prepare_reap(PendingView& pending, const ReapRules& rules,
                                  const std::string& path, Zxid zxid, std::int64_t wall_ms);

}  // namespace quorate::znode
