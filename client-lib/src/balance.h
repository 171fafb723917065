// Where the clients of an ensemble go when its members change.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/random.h"
#include "client-lib/src/host_list.h"

namespace quorate::client {

/// Which of the new hosts to try in which order, and whether to leave the present one.
struct Move {
  bool leave = false;
  std::vector<std::size_t> order;  ///< Indices into the new hosts.
};

/// ZooKeeper's rule (updateServerList): each client decides by chance so that in the mean all
/// servers, old and new, end up with the same number of clients, and no more clients move than
/// must. `current` is the host of the present connection.
Move plan_move(const std::vector<Host>& before, const std::vector<Host>& after,
               const std::optional<Host>& current, Random& random);

}  // namespace quorate::client
