// What a partitioner tells of its shards. No Boost header.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace quorate::client {

/// Called on the client's strand; must not block.
struct ShardEvents {
  /// The shard is this member's from now on; `token` fences it.
  std::function<void(const std::string& shard, std::int64_t token)> acquired;
  /// Another member shall have it. It stays this member's until `done` is called, from any thread:
  /// finish the work on it first. Without this function it is given up at once.
  std::function<void(const std::string& shard, std::function<void()> done)> revoke;
  /// It was lost: the session is suspended, or somebody deleted its lock. Stop at once.
  std::function<void(const std::string& shard)> lost;
};

/// Those of `shards` that are the share of the member at `place` of `members` members: all members
/// must compute alike. kazoo's rule: every members-th of the sorted shards, from `place` on.
std::vector<std::string> share_of(std::vector<std::string> shards, std::size_t place,
                                  std::size_t members);

}  // namespace quorate::client
