#include "tests/sim/child.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "base/ensure.h"
#include "tests/sim/world.h"

namespace quorate::sim {
namespace {

[[noreturn]] void run(const Plan& plan, bool twice, int out) {
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  Outcome outcome = World(plan, false).run();
  std::string violation = outcome.violation;
  bool again = twice && violation.empty();
  if (again && World(plan, false).run().hash != outcome.hash) {
    violation =
        "two runs of this seed differ: the order of events does not follow from the seed alone";
  }
  double seconds = static_cast<double>(outcome.when) / static_cast<double>(kSecond);
  for (const ReachedCount& count : reached_counts()) {
    if (count.count != 0) std::printf("REACHED %llu %s\n", count.count, count.name);
  }
  std::printf("DONE %llu %zu %zu %f %d\n", static_cast<unsigned long long>(outcome.events),
              outcome.commits, outcome.acknowledged, seconds, again ? 1 : 0);
  if (!violation.empty()) std::printf("VIOLATION %.3f s: %s\n", seconds, violation.c_str());
  std::fflush(stdout);
  _exit(violation.empty() ? 0 : 1);
}

void take_line(const std::string& line, Report& report) {
  std::istringstream words(line);
  std::string first;
  words >> first;
  if (first == "REACHED") {
    unsigned long long count = 0;
    std::string name;
    words >> count;
    std::getline(words >> std::ws, name);
    report.reached[name] += count;
  } else if (first == "STRIKE") {
    Report::Strike strike{};
    words >> strike.number >> strike.kind;
    report.strikes.push_back(strike);
  } else if (first == "DONE") {
    words >> report.events >> report.commits >> report.acknowledged >> report.seconds >>
        report.twice;
    report.done = true;
  } else {
    report.complaint += line + "\n";
  }
}

}  // namespace

Child begin(const Plan& plan, bool twice) {
  int ends[2];
  ENSURE(pipe(ends) == 0);
  std::fflush(stdout);
  pid_t pid = fork();
  ENSURE(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    run(plan, twice, ends[1]);
  }
  close(ends[1]);
  return {pid, plan.seed, ends[0], {}};
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

Report report_of(const Child& child) {
  int status = 0;
  waitpid(child.pid, &status, 0);
  Report report;
  std::istringstream lines(child.text);
  for (std::string line; std::getline(lines, line);) take_line(line, report);
  if (!report.done) {
    report.complaint +=
        "the process ended before its report, status " + std::to_string(status) + "\n";
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    report.complaint.clear();
  } else if (report.complaint.empty()) {
    report.complaint = "the process ended with status " + std::to_string(status) + "\n";
  }
  return report;
}

Report run_in_child(const Plan& plan) {
  std::vector<Child> children{begin(plan, /*twice=*/false)};
  while (children.front().out != -1) read_some(children);
  return report_of(children.front());
}

}  // namespace quorate::sim
