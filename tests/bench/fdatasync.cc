// bench-fdatasync: what the disk itself takes. Appends to a file and syncs it, again and again or
// at a fixed rate, and reports the latencies as quorate-bench does.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/report.h"

namespace quorate::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: bench-fdatasync FILE [--size BYTES] [--seconds S] [--rate R] [--json]\n"
               "Appends BYTES to FILE and syncs it for S seconds, R times a second where given\n"
               "(latencies then count from the moment at which each was due).\n");
  std::exit(2);
}

int run(const std::string& path, const Settings& settings) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) give_up(path + ": " + std::strerror(errno));
  const std::vector<char> bytes(std::size_t(settings.size), 'x');
  Histogram latencies;
  std::vector<double> slow_at_s;
  const auto duration_of = [](double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  const auto begin = Clock::now(), end = begin + duration_of(settings.seconds);
  const auto gap = duration_of(settings.rate > 0 ? 1 / settings.rate : 0);
  for (auto due = begin; due < end;) {
    if (settings.rate > 0) std::this_thread::sleep_until(due);
    if (::write(file, bytes.data(), bytes.size()) < 0) give_up(std::strerror(errno));
    if (fdatasync(file) != 0) give_up(std::strerror(errno));
    const auto now = Clock::now();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - due).count();
    latencies.add(std::uint64_t(us));
    if (us > settings.slow_ms * 1000L) {
      slow_at_s.push_back(std::chrono::duration<double>(due - begin).count());
    }
    due = settings.rate > 0 ? due + gap : now;
  }
  close(file);
  unlink(path.c_str());
  Report report(settings);
  report.add("ops_per_s", double(latencies.count()) /
                              std::chrono::duration<double>(Clock::now() - begin).count());
  report.add("slow", double(slow_at_s.size()));
  report.add("slow_at_s", slow_at_s);
  report.add("sync", latencies);
  report.print();
  return 0;
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) {
  using namespace quorate::bench;
  if (argc < 2 || argv[1][0] == '-') usage();
  Settings settings;
  settings.size = 512;
  settings.seconds = 5;
  for (int i = 2; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") {
      settings.json = true;
      continue;
    }
    if (i + 1 >= argc) usage();
    const char* value = argv[++i];
    if (option == "--size") {
      settings.size = std::atoi(value);
    } else if (option == "--seconds") {
      settings.seconds = std::atof(value);
    } else if (option == "--rate") {
      settings.rate = std::atof(value);
    } else {
      usage();
    }
  }
  return run(argv[1], settings);
}
