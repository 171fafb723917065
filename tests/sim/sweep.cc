#include "tests/sim/sweep.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/sim/child.h"
#include "tests/sim/shrink.h"

namespace quorate::sim {
namespace {

struct Totals {
  std::uint64_t seeds = 0, events = 0, commits = 0, acknowledged = 0, twice = 0;
  double seconds = 0;
  std::map<std::string, unsigned long long> reached;
  std::optional<Plan> broken;  ///< The first one.
};

void account(const Report& report, Totals& totals) {
  ++totals.seeds;
  totals.events += report.events;
  totals.commits += report.commits;
  totals.acknowledged += report.acknowledged;
  totals.seconds += report.seconds;
  totals.twice += report.twice ? 1 : 0;
  for (const auto& [name, count] : report.reached) totals.reached[name] += count;
}

int check_must_reach(const SweepOptions& options, const Totals& totals) {
  if (options.must_reach.empty()) return 0;
  std::ifstream file(options.must_reach);
  if (!file) {
    std::printf("cannot read %s\n", options.must_reach.c_str());
    return 1;
  }
  int missing = 0;
  for (std::string name; std::getline(file, name);) {
    if (name.empty() || name[0] == '#' || totals.reached.contains(name)) continue;
    std::printf("NOT REACHED in any seed: %s\n", name.c_str());
    ++missing;
  }
  return missing == 0 ? 0 : 1;
}

/// Removes the children that have ended.
void reap(const SweepOptions& options, std::vector<Child>& children, Totals& totals) {
  std::erase_if(children, [&](const Child& child) {
    if (child.out != -1) return false;
    Report report = report_of(child);
    account(report, totals);
    if (report.complaint.empty()) return true;
    Plan plan = plan_of(options, child.seed);
    std::printf("seed %llu: %s\n%s", static_cast<unsigned long long>(child.seed),
                describe(plan).c_str(), report.complaint.c_str());
    const bool shrinks = options.shrink && !totals.broken;
    if (!totals.broken) totals.broken = plan;
    if (!shrinks) std::printf("replay: %s\n", replay_command(options.program, plan).c_str());
    std::fflush(stdout);
    return true;
  });
}

void shrink_broken(const SweepOptions& options, const Plan& broken) {
  std::optional<Shrunk> shrunk = shrink(broken);
  if (!shrunk) {
    std::printf("seed %llu does not fail when it is run again\n",
                static_cast<unsigned long long>(broken.seed));
  } else {
    std::printf("shrunk: seed %llu from %zu faults and %g s to %zu faults and %g s in %zu runs\n%s",
                static_cast<unsigned long long>(broken.seed), shrunk->strikes_before,
                seconds_of(broken), shrunk->strikes_after, seconds_of(shrunk->plan), shrunk->runs,
                shrunk->complaint.c_str());
  }
  const Plan& plan = shrunk ? shrunk->plan : broken;
  std::printf("replay: %s\n", replay_command(options.program, plan).c_str());
}

template <class Set>
std::string joined(const Set& items) {
  std::ostringstream text;
  for (const auto& item : items) text << (text.tellp() == 0 ? "" : ",") << item;
  return text.str();
}

void print_totals(const SweepOptions& options, const Totals& totals, double took, bool missing) {
  std::printf(
      "%llu seeds (%llu run twice), %.0f virtual s in %.1f s, %llu events, %llu commits, "
      "%llu acknowledged writes%s%s: %s\n",
      static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.twice),
      totals.seconds, took, static_cast<unsigned long long>(totals.events),
      static_cast<unsigned long long>(totals.commits),
      static_cast<unsigned long long>(totals.acknowledged),
      options.mutant == Mutant::None ? "" : ", mutant ",
      options.mutant == Mutant::None ? "" : name_of(options.mutant),
      totals.broken ? "a promise was broken"
      : missing     ? "situations missed"
                    : "all promises kept");
}

}  // namespace

Plan plan_of(const SweepOptions& options, std::uint64_t seed) {
  Plan plan = make_plan(seed, options.seconds, options.mutant, options.recipes);
  plan.without = options.without;
  plan.only = options.only;
  return plan;
}

std::string replay_command(const std::string& program, const Plan& plan) {
  std::ostringstream text;
  text << program << " --seed " << plan.seed << " --trace --seconds-virtual " << seconds_of(plan);
  if (plan.processes > 0) text << " --recipes";
  if (plan.mutant != Mutant::None) text << " --mutant " << name_of(plan.mutant);
  if (!plan.without.empty()) text << " --without " << joined(plan.without);
  if (plan.only) text << " --only " << (plan.only->empty() ? "none" : joined(*plan.only));
  return text.str();
}

void print_reached(const std::vector<ReachedCount>& counts) {
  for (const ReachedCount& count : counts) std::printf("%10llu %s\n", count.count, count.name);
}

int sweep(const SweepOptions& options) {
  auto began = std::chrono::steady_clock::now();
  Totals totals;
  std::vector<Child> children;
  std::uint64_t next = options.first;
  auto more = [&] { return next <= options.last && (!totals.broken || options.keep_going); };
  while (!children.empty() || more()) {
    while (static_cast<int>(children.size()) < options.jobs && more()) {
      // A share of the seeds runs twice: the hashes must agree, else something in the product
      // depends on more than its inputs.
      children.push_back(begin(plan_of(options, next), /*twice=*/next % 10 == 0));
      ++next;
    }
    read_some(children);
    reap(options, children, totals);
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (options.list_reached) {
    for (const auto& [name, count] : totals.reached)
      std::printf("%10llu %s\n", count, name.c_str());
  }
  bool missing = !totals.broken && check_must_reach(options, totals) != 0;
  if (totals.broken && options.shrink) shrink_broken(options, *totals.broken);
  print_totals(options, totals, took.count(), missing);
  return totals.broken || missing ? 1 : 0;
}

}  // namespace quorate::sim
