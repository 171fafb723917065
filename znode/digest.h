// ZooKeeper's tree digest, version 2: the sum of one CRC-32 per node (spec: zab-protocol 18).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "znode/data_tree.h"

namespace quorate::znode {

inline constexpr std::int32_t kDigestVersion = 2;

/// Nodes below /zookeeper/ are left out: quota statistics there may differ between members.
bool is_digested(std::string_view path);

/// CRC-32 over path and data. A node keeps it, because its Stat changes far more often.
std::uint32_t content_crc(std::string_view path, std::optional<std::string_view> data);

/// Continues `crc` over the Stat: the digest of the node.
std::uint32_t node_digest(std::uint32_t crc, const StoredStat& stat);

}  // namespace quorate::znode
