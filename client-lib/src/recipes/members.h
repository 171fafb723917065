// Reading a group: shared by membership, partitioner and discovery.
#pragma once

#include <string>
#include <vector>

#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/member.h"

namespace quorate::client {

inline constexpr const char* kPartyMark = "__party__";  ///< kazoo's.

/// Members of the group at `path` in the order of joining. Nobody, and no watch on children but one
/// on its creation, when the znode does not exist.
asio::awaitable<Answer<std::vector<Member>>> read_members(JobPtr job, std::string path,
                                                          Watcher watcher = {});

}  // namespace quorate::client
