// leader_follower: workers elect a leader that gives out the jobs of a queue; see README.md.
#include <cstdio>
#include <exception>
#include <fstream>

#include "examples/leader_follower/access_log.h"
#include "examples/leader_follower/bell.h"
#include "examples/leader_follower/commands.h"
#include "examples/leader_follower/ledger.h"
#include "examples/leader_follower/options.h"
#include "examples/leader_follower/stop.h"
#include "examples/leader_follower/thread_pool/server_pool.h"
#include "examples/leader_follower/worker.h"

namespace {

using namespace leader_follower;

int generate(const Options& options) {
  std::ofstream out(options.file, std::ios::binary | std::ios::trunc);
  out << generate_log(options.generate_lines, options.seed);
  if (out.flush()) return 0;
  std::fprintf(stderr, "cannot write %s\n", options.file.c_str());
  return 1;
}

int serve_ledger(const Options& options, Stop& stop) {
  try {
    Ledger ledger(options.file);
    thread_pool::PoolOptions pool_options;
    pool_options.port = static_cast<std::uint16_t>(options.port);
    const auto pool = thread_pool::start_pool(
        thread_pool::PoolKind::LeaderFollowers, pool_options,
        [&ledger](std::string_view request) { return ledger.answer(request); });
    std::printf("ledger: ready: 127.0.0.1:%u\n", pool->port());
    std::fflush(stdout);
    Bell bell;
    stop.wake_by([&bell] { bell.ring(); });
    bell.wait();
    stop.wake_by({});
    return 0;
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "ledger: %s\n", fault.what());
    return 1;
  }
}

int work_on(const Options& options, Stop& stop) {
  // An expired session costs this process its membership, not its life: it joins again.
  Late late;
  Outcome outcome = Outcome::SessionOver;
  while (outcome == Outcome::SessionOver && !stop.asked()) outcome = work(options, stop, late);
  switch (outcome) {
    case Outcome::Failed:
      return 1;
    case Outcome::NoConnection:
      return 3;
    default:
      return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = parse_options(argc, argv, options)) return *code;
  if (options.task == Task::Generate) return generate(options);
  if (options.task != Task::Work && options.task != Task::Ledger) return run_command(options);
  static Stop stop;  // Its thread uses it until the process has ended.
  stop.begin();
  return options.task == Task::Ledger ? serve_ledger(options, stop) : work_on(options, stop);
}
