// Items of queues as their znodes' names tell them.
#pragma once

#include <string>
#include <vector>

#include "client-lib/src/recipes/job.h"

namespace quorate::client {

/// Names of items among `children`, in the order in which they are due: smaller priorities first,
/// then by sequence number, compared in a circle (pitfall 49).
std::vector<std::string> entries_in_order(const std::vector<std::string>& children);

/// Adds an item below `folder`, once.
asio::awaitable<ErrorCode> put_entry(JobPtr job, std::string folder, std::string marks,
                                     std::string item, int priority);

}  // namespace quorate::client
