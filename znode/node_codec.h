// The bytes of one stored node, the same in the checkpoint, in ZooKeeper's snapshot files and in
// the SNAP stream (spec: storage-formats 3.1).
#pragma once

#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/proto/jute.h"

namespace quorate::znode {

inline constexpr std::size_t kStoredStatBytes = 60;

/// Data, ACL key, Stat: everything but the path.
void encode_stored(JuteWriter& out, const Node& node);
void decode_stored(JuteReader& in, NodeRecord& record);

}  // namespace quorate::znode
