// The bytes of one stored node, the same in the checkpoint, in ZooKeeper's snapshot files and in
// the SNAP stream (spec: storage-formats 3.1).
#pragma once

#include <optional>
#include <string_view>

#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/proto/jute.h"

namespace quorate::znode {

inline constexpr std::size_t kStoredStatBytes = 60;
/// ACL key and Stat, which follow the data.
inline constexpr std::size_t kStoredTailBytes = sizeof(AclKey) + kStoredStatBytes;

/// Data, ACL key, Stat: everything but the path.
void encode_stored(JuteWriter& out, const Node& node);

/// The same as found in bytes, which it points into.
struct StoredNode {
  std::optional<std::string_view> data;
  AclKey acl = kOpenAcl;
  StoredStat stat;
};
/// Error: MarshallingError when the bytes are not one stored node, or end before it does.
Result<StoredNode> decode_stored(ByteView bytes);

}  // namespace quorate::znode
