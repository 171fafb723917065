// quorate-sim: runs seeds, each a whole ensemble with clients and faults, and reports the first
// promise that was broken with the command that shows it again.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/sim/sweep.h"
#include "tests/sim/world.h"

namespace quorate::sim {
namespace {

constexpr int kUsage = 2;

void usage() {
  std::fprintf(
      stderr,
      "usage: quorate-sim --seeds A..B [--recipes] [--jobs N] [--seconds-virtual S]\n"
      "                   [--mutant NAME]\n"
      "                   [--list-reached] [--must-reach FILE] [--keep-going] [--no-shrink]\n"
      "       quorate-sim --seed N [--recipes] [--trace] [--seconds-virtual S] [--mutant NAME]\n"
      "                   [--without KIND,...] [--only NUMBER,... | --only none]\n"
      "--recipes adds processes that use the client library and its recipes.\n"
      "--without leaves out kinds of faults, --only all faults but these.\n"
      "mutants: %s\n"
      "exit code: 0 all promises kept, 1 one broken (with --mutant: the mutant was found), "
      "2 usage\n",
      mutant_names().c_str());
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

void parse_only(const std::string& text, SweepOptions& options) {
  options.only.emplace();
  if (text == "none") return;
  for (const std::string& word : split(text)) {
    options.only->insert(std::strtoull(word.c_str(), nullptr, 10));
  }
}

bool parse_range(const std::string& text, SweepOptions& options) {
  std::size_t dots = text.find("..");
  if (dots == std::string::npos) return false;
  options.first = std::strtoull(text.c_str(), nullptr, 10);
  options.last = std::strtoull(text.c_str() + dots + 2, nullptr, 10);
  return options.first <= options.last;
}

bool parse(int argc, char** argv, SweepOptions& options, bool& single) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (word == "--seeds") {
      if (!parse_range(value(), options)) return false;
    } else if (word == "--seed") {
      options.first = options.last = std::strtoull(value().c_str(), nullptr, 10);
      single = true;
    } else if (word == "--jobs") {
      options.jobs = std::max(1, std::atoi(value().c_str()));
    } else if (word == "--seconds-virtual") {
      options.seconds = std::atof(value().c_str());
      if (options.seconds < kSecondsMin) return false;
    } else if (word == "--mutant") {
      if (!parse_mutant(value(), options.mutant)) return false;
      options.recipes = options.recipes || of_recipes(options.mutant);
    } else if (word == "--recipes") {
      options.recipes = true;
    } else if (word == "--must-reach") {
      options.must_reach = value();
    } else if (word == "--list-reached") {
      options.list_reached = true;
    } else if (word == "--keep-going") {
      options.keep_going = true;
    } else if (word == "--no-shrink") {
      options.shrink = false;
    } else if (word == "--without") {
      for (const std::string& kind : split(value())) options.without.insert(kind);
    } else if (word == "--only") {
      parse_only(value(), options);
    } else if (word == "--trace") {
      options.trace = true;
    } else {
      return false;
    }
  }
  // A sweep this long must pass every situation that matters; a shorter one may miss some.
  bool long_sweep = !single && options.last - options.first >= 99 && options.mutant == Mutant::None;
  if (long_sweep && options.must_reach.empty()) {
    options.must_reach = options.recipes ? QUORATE_SIM_RECIPES_MUST_REACH : QUORATE_SIM_MUST_REACH;
  }
  return options.last != 0 || single;
}

// ENSURE aborts: the handler must still say which seed it was. Written before the run, because a
// signal handler may not build text.
char last_words[2048];

void on_abort(int) {
  ssize_t ignored = write(STDERR_FILENO, last_words, std::strlen(last_words));
  (void)ignored;
}

int run_single(const SweepOptions& options) {
  const Plan plan = plan_of(options, options.first);
  const std::string replay = replay_command(options.program, plan);
  std::string words = "VIOLATION seed " + std::to_string(options.first) +
                      ": the process aborted (text above)\nreplay: " + replay + "\n";
  std::snprintf(last_words, sizeof last_words, "%s", words.c_str());
  std::signal(SIGABRT, on_abort);
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(options.first),
              describe(plan).c_str());
  std::fflush(stdout);
  World world(plan, options.trace);
  Outcome outcome = world.run();
  if (options.list_reached) print_reached(reached_counts());
  std::printf("seed %llu: %.3f s, %llu events, %zu commits, %zu acknowledged, hash %016llx\n",
              static_cast<unsigned long long>(options.first),
              static_cast<double>(outcome.when) / static_cast<double>(kSecond),
              static_cast<unsigned long long>(outcome.events), outcome.commits,
              outcome.acknowledged, static_cast<unsigned long long>(outcome.hash));
  if (outcome.violation.empty()) return 0;
  std::printf("VIOLATION seed %llu: %s\nreplay: %s\n",
              static_cast<unsigned long long>(options.first), outcome.violation.c_str(),
              replay.c_str());
  return 1;
}

}  // namespace
}  // namespace quorate::sim

int main(int argc, char** argv) {
  using namespace quorate::sim;
  SweepOptions options;
  options.program = argv[0];
  options.jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  bool single = false;
  if (!parse(argc, argv, options, single)) {
    usage();
    return kUsage;
  }
  return single ? run_single(options) : sweep(options);
}
