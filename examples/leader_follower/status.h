// Who leads, who is there, what is queued, in work and done, what was refused.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "examples/leader_follower/board.h"
#include "examples/leader_follower/options.h"

namespace leader_follower {

struct Status {
  std::string leader;  ///< Member; "" while nobody leads.
  Term term;           ///< The latest, also when its leader is gone.
  /// Capacity and jobs in hand.
  std::map<std::string, std::pair<std::size_t, std::size_t>> members;
  std::size_t queued = 0;    ///< Not done.
  std::size_t assigned = 0;  ///< Of those: in somebody's hands, also of members just gone.
  std::size_t done = 0;
  std::int64_t refused_leaders = 0, refused_workers = 0;
  std::string ledger;  ///< What the ledger says of itself; "" without one.
};

/// As a table for people, or as one JSON object.
std::string to_table(const Status& status, const std::string& pool);
std::string to_json(const Status& status, const std::string& pool);

/// Of one moment as far as reads one after another can tell. The exit code.
int print_status(const Options& options, Board& board);

}  // namespace leader_follower
