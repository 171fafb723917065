// Partitioner: divides shards among the members of a group. Guarantees and limits: docs/recipes.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "quorate/client.h"
#include "quorate/recipes/shard_events.h"

namespace quorate::client {

/// One member of the group at the znode `path`; znodes as kazoo's SetPartitioner: `path`/party for
/// the members, a lock below `path`/locks for each shard. A shard is a member's only while it holds
/// the shard's lock; so never two members with valid sessions have one shard. When members come or
/// go each gives up what is not its share any more, when its work on it is done, and waits for the
/// rest in the line of the lock. All members must name the same shards.
class Partitioner {
 public:
  /// `shards` and `id` are parts of znodes' names; ids should differ.
  Partitioner(Client& client, std::string path, std::vector<std::string> shards, std::string id,
              ShardEvents events);
  ~Partitioner();  ///< As stop().
  Partitioner(const Partitioner&) = delete;
  Partitioner& operator=(const Partitioner&) = delete;

  void start();  ///< Once. Any thread.
  /// Leaves the group and gives all shards up, without asking by `revoke`. Any thread.
  void stop();

  /// This member has the shard now. False from the moment the session is suspended. Any thread.
  bool owns(const std::string& shard) const;
  /// The shards of this member with their fencing tokens. Any thread.
  std::map<std::string, std::int64_t> owned() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
