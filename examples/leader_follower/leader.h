// What the elected worker does besides its own jobs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "examples/leader_follower/board.h"
#include "examples/leader_follower/options.h"
#include "examples/leader_follower/plan.h"
#include "quorate/recipes/hold.h"

namespace leader_follower {

/// A decision that a session's end has left open.
struct LatePlan {
  Term term;
  Plan plan;
};

/// Looks at the board, decides, changes the assignments; sleeps until something it has seen
/// changes. All of its changes depend on the term, so a leader that was deposed without knowing it
/// (paused, cut off) changes nothing: it is told so, and that is counted.
class Leader {
 public:
  Leader(Board& board, Bell& bell, const Options& options, const std::string& member)
      : board_(board), bell_(bell), options_(options), member_(member) {}

  /// Leads until the hold ends, another has taken office, or close() (Ok), or the session ends (its
  /// code); then `late` is what it was about to do.
  Code lead(qc::Hold& hold, std::optional<LatePlan>& late);

 private:
  /// The board now. What a watch has not rung for since the last look is not read again.
  Code look(View& view);
  Code list(const std::string& place, std::vector<std::string>& names);
  Code capacities(View& view);

  Board& board_;
  Bell& bell_;
  const Options& options_;
  const std::string& member_;
  std::map<std::string, std::vector<std::string>> lists_;  ///< By place; valid while its watch is.
  std::map<std::string, std::size_t> capacities_;          ///< Of members; never changes.
};

/// Carries out what a session before this one left open, and counts the refusal.
Code carry_out_late(Board& board, const Options& options, const LatePlan& late);

}  // namespace leader_follower
