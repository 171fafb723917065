// What the elected worker does besides its own share of the counting.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "examples/leader_follower/access_log.h"
#include "examples/leader_follower/job.h"
#include "quorate/recipes/hold.h"

namespace leader_follower {

using Assignment = std::map<std::string, std::set<std::uint64_t>>;  ///< Member to shard numbers.

/// Most shards named in one member's znode at a time; the rest waits for the next round.
inline constexpr std::size_t kAssignedMax = 1'000;

/// Who counts which open shard: as before where the member lives and is not overloaded, the rest to
/// those with least. Pure, so that a table test can state its rules.
Assignment assign(const std::set<std::uint64_t>& open, const std::vector<std::string>& members,
                  const Assignment& before);

std::string encode_numbers(const std::set<std::uint64_t>& numbers);
std::set<std::uint64_t> decode_numbers(const std::string& text);

/// A leader that was deposed without knowing it does no harm: shards, plan, results and the final
/// text are created once and come out the same whoever writes them; a stale assignment only makes
/// two members count one shard, and the one result counts.
class Leader {
 public:
  Leader(Job& job, Bell& bell, const std::string& log, std::uint64_t lines_per_shard)
      : job_(job), bell_(bell), log_(log), lines_per_shard_(lines_per_shard) {}

  /// Leads until the job is done (Ok), the hold ends (Ok) or the session does (its code).
  /// NodeExists: another process of this job has another log or other shard sizes.
  Code lead(const qc::Hold& hold);

 private:
  Code make_plan();
  Code step(bool& finished);
  Code hand_out(const std::set<std::uint64_t>& open);
  Code publish();

  Job& job_;
  Bell& bell_;
  const std::string& log_;
  std::uint64_t lines_per_shard_;
  std::uint64_t shards_ = 0;
};

}  // namespace leader_follower
