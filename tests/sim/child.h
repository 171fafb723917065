// One run in a child process: a broken ENSURE ends only that run, and is reported like any other
// violation.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/plan.h"

namespace quorate::sim {

/// What a run has told.
struct Report {
  bool done = false;  ///< False: it ended before its report.
  bool twice = false;
  std::uint64_t events = 0, commits = 0, acknowledged = 0;
  double seconds = 0;  ///< Virtual; where a violation ended it.
  std::map<std::string, unsigned long long> reached;
  struct Strike {
    std::uint64_t number;
    std::string kind;
  };
  std::vector<Strike> strikes;  ///< With Plan::tell_strikes: all that struck.
  std::string complaint;        ///< Empty: every promise was kept.
};

struct Child {
  pid_t pid = 0;
  std::uint64_t seed = 0;
  int out = -1;      ///< -1: it has said everything.
  std::string text;  ///< All it has printed.
};

/// `twice`: a second run follows, and must give the same hash over all events.
Child begin(const Plan& plan, bool twice);
/// Waits until one of them has printed something or ended.
void read_some(std::vector<Child>& children);
/// Of one that has said everything.
Report report_of(const Child& child);

Report run_in_child(const Plan& plan);

}  // namespace quorate::sim
