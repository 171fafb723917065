#include "tests/sim/sweep.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/sim/world.h"

namespace quorate::sim {
namespace {

struct Child {
  pid_t pid = 0;
  std::uint64_t seed = 0;
  int out = -1;
  std::string text;  ///< All it has printed.
};

struct Totals {
  std::uint64_t seeds = 0, events = 0, commits = 0, acknowledged = 0, twice = 0;
  double seconds = 0;
  std::map<std::string, unsigned long long> reached;
};

/// In the child. A share of the seeds runs twice: the hashes must agree, else something in the
/// product depends on more than its inputs.
[[noreturn]] void run_child(const SweepOptions& options, std::uint64_t seed, int out) {
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  Plan plan = make_plan(seed, options.seconds, options.mutant);
  std::string violation;
  Outcome outcome = World(plan, false).run();
  violation = outcome.violation;
  bool again = seed % 10 == 0 && violation.empty();
  if (again && World(plan, false).run().hash != outcome.hash) {
    violation =
        "two runs of this seed differ: the order of events does not follow from the seed alone";
  }
  for (const ReachedCount& count : reached_counts()) {
    if (count.count != 0) std::printf("REACHED %llu %s\n", count.count, count.name);
  }
  std::printf("DONE %llu %zu %zu %f %d\n", static_cast<unsigned long long>(outcome.events),
              outcome.commits, outcome.acknowledged,
              static_cast<double>(outcome.when) / static_cast<double>(kSecond), again ? 1 : 0);
  if (!violation.empty()) {
    std::printf("VIOLATION %.3f s: %s\n",
                static_cast<double>(outcome.when) / static_cast<double>(kSecond),
                violation.c_str());
  }
  std::fflush(stdout);
  _exit(violation.empty() ? 0 : 1);
}

Child begin(const SweepOptions& options, std::uint64_t seed) {
  int ends[2];
  ENSURE(pipe(ends) == 0);
  std::fflush(stdout);
  pid_t pid = fork();
  ENSURE(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    run_child(options, seed, ends[1]);
  }
  close(ends[1]);
  return {pid, seed, ends[0], {}};
}

void read_some(std::vector<Child>& children) {
  std::vector<pollfd> polled;
  for (const Child& child : children) polled.push_back({child.out, POLLIN, 0});
  poll(polled.data(), polled.size(), 1000);
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (polled[i].revents == 0) continue;
    char buffer[4096];
    ssize_t got = read(children[i].out, buffer, sizeof buffer);
    if (got > 0) {
      children[i].text.append(buffer, static_cast<std::size_t>(got));
    } else {
      close(children[i].out);
      children[i].out = -1;
    }
  }
}

/// Takes what a finished child reports; returns what it complains of.
std::string account(const Child& child, int status, Totals& totals) {
  ++totals.seeds;
  std::istringstream lines(child.text);
  std::string line, rest;
  bool done = false;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first == "REACHED") {
      unsigned long long count = 0;
      std::string name;
      words >> count;
      std::getline(words >> std::ws, name);
      totals.reached[name] += count;
    } else if (first == "DONE") {
      std::uint64_t events = 0, commits = 0, acknowledged = 0, twice = 0;
      double seconds = 0;
      words >> events >> commits >> acknowledged >> seconds >> twice;
      totals.events += events;
      totals.commits += commits;
      totals.acknowledged += acknowledged;
      totals.seconds += seconds;
      totals.twice += twice;
      done = true;
    } else {
      rest += line + "\n";
    }
  }
  if (done && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (!done) rest += "the process ended before its report, status " + std::to_string(status) + "\n";
  return rest;
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

/// Removes the children that have ended; the first complaint goes to `broken`.
void reap(const SweepOptions& options, std::vector<Child>& children, Totals& totals, bool& broken) {
  std::erase_if(children, [&](const Child& child) {
    if (child.out != -1) return false;
    int status = 0;
    waitpid(child.pid, &status, 0);
    std::string complaint = account(child, status, totals);
    if (complaint.empty()) return true;
    broken = true;
    std::printf("seed %llu: %s\n%sreplay: %s\n", static_cast<unsigned long long>(child.seed),
                describe(make_plan(child.seed, options.seconds, options.mutant)).c_str(),
                complaint.c_str(), replay_command(options, child.seed).c_str());
    return true;
  });
}

}  // namespace

std::string replay_command(const SweepOptions& options, std::uint64_t seed) {
  std::ostringstream text;
  text << options.program << " --seed " << seed << " --trace --seconds-virtual " << options.seconds;
  if (options.mutant != Mutant::None) text << " --mutant " << name_of(options.mutant);
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
  bool broken = false;
  while (!children.empty() || (next <= options.last && (!broken || options.keep_going))) {
    while (static_cast<int>(children.size()) < options.jobs && next <= options.last &&
           (!broken || options.keep_going)) {
      children.push_back(begin(options, next++));
    }
    read_some(children);
    reap(options, children, totals, broken);
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (options.list_reached) {
    for (const auto& [name, count] : totals.reached)
      std::printf("%10llu %s\n", count, name.c_str());
  }
  int missing = broken ? 0 : check_must_reach(options, totals);
  std::printf(
      "%llu seeds (%llu run twice), %.0f virtual s in %.1f s, %llu events, %llu commits, "
      "%llu acknowledged writes%s%s: %s\n",
      static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.twice),
      totals.seconds, took.count(), static_cast<unsigned long long>(totals.events),
      static_cast<unsigned long long>(totals.commits),
      static_cast<unsigned long long>(totals.acknowledged),
      options.mutant == Mutant::None ? "" : ", mutant ",
      options.mutant == Mutant::None ? "" : name_of(options.mutant),
      broken    ? "a promise was broken"
      : missing ? "situations missed"
                : "all promises kept");
  return broken || missing != 0 ? 1 : 0;
}

}  // namespace quorate::sim
