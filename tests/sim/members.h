// Who belongs to the simulated ensemble: at first, and as a reconfig asks for it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "consensus/ensemble.h"
#include "tests/sim/plan.h"

namespace quorate::sim {

enum class Part { None, Observer, Voter };

/// A reconfig as a client asks for it.
struct MembersIntent {
  bool anew = false;            ///< Whoever is not named is left out; else nothing changes for it.
  std::map<int, Part> members;  ///< By server.

  std::optional<std::string> joining() const;
  std::optional<std::string> leaving() const;
  std::optional<std::string> new_members() const;
};

/// The one name of a server, in every member list and connect string.
std::string address_of(int server);

/// What the file of `server` says. A joiner's own file alone names it.
consensus::Ensemble first_members(const Plan& plan, int server);

Part part_of(const consensus::Ensemble& ensemble, int server);

/// What is wrong with `next` as the outcome of `intent` on `now`; nothing when it is that.
std::string wrong_outcome(const MembersIntent& intent, const consensus::Ensemble& now,
                          const consensus::Ensemble& next, int servers);

}  // namespace quorate::sim
