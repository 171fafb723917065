// quorate-bench: load and its measurement on ZooKeeper's client wire, so that Quorate and ZooKeeper
// are measured by the same program.
#include "tests/bench/modes.h"

int main(int argc, char** argv) {
  using namespace quorate::bench;
  const Settings settings = parse(argc, argv);
  switch (settings.mode) {
    case Mode::Mix:
    case Mode::Get:
    case Mode::Set:
      return run_mix(settings);
    case Mode::Create:
      return run_create(settings);
    case Mode::Sessions:
      return run_sessions(settings);
    case Mode::Watch:
      return run_watch(settings);
    case Mode::Wait:
      return run_wait(settings);
  }
  return 2;
}
