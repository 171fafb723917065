// leader_follower: workers elect a leader that shares out an access log; see README.md.
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

#include "examples/leader_follower/access_log.h"
#include "examples/leader_follower/options.h"
#include "examples/leader_follower/worker.h"

namespace {

using namespace leader_follower;

int generate(const Options& options) {
  std::ofstream out(options.log, std::ios::binary | std::ios::trunc);
  out << generate_log(options.generate_lines, options.seed);
  if (out.flush()) return 0;
  std::fprintf(stderr, "cannot write %s\n", options.log.c_str());
  return 1;
}

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::Done:
      return 0;
    case Outcome::NoConnection:
      return 3;
    default:
      return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse_options(argc, argv, options)) return 2;
  if (options.task == Task::Generate) return generate(options);
  if (options.task == Task::Print) return exit_code(print_result(options));

  const std::optional<std::string> log = read_file(options.log);
  if (!log) {
    std::fprintf(stderr, "cannot read %s\n", options.log.c_str());
    return 1;
  }
  // An expired session costs this process its membership, not its life: it joins again.
  Outcome outcome = Outcome::SessionOver;
  while (outcome == Outcome::SessionOver) outcome = work(options, *log);
  return exit_code(outcome);
}
