// bench-fdatasync: what the disk itself takes. Appends to a file and syncs it, again and again or
// at a fixed rate, and reports the latencies as quorate-bench does.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/pauses.h"
#include "tests/bench/prewritten.h"
#include "tests/bench/report.h"

namespace quorate::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void usage() {
  std::fprintf(
      stderr,
      "usage: bench-fdatasync FILE [--size BYTES] [--seconds S] [--rate R] [--append] [--json]\n"
      "Writes BYTES behind each other into FILE, whose blocks were written before (with\n"
      "--append: into a file that grows), and syncs it each time, for S seconds, R times a\n"
      "second where given (latencies then count from the moment at which each was due).\n");
  std::exit(2);
}

void wait_until(Clock::time_point due) {
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(due - Clock::now());
  if (left.count() <= 0) return;
  const timespec wait{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  ppoll(nullptr, 0, &wait, nullptr);
}

int run(const std::string& path, const Settings& settings, bool append) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) give_up(path + ": " + std::strerror(errno));
  if (!append && !prewrite(file)) give_up(path + ": " + std::strerror(errno));
  off_t at = 0;
  const std::vector<char> bytes(std::size_t(settings.size), 'x');
  Histogram latencies;
  Pauses pauses;
  const auto duration_of = [](double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  const auto begin = Clock::now(), end = begin + duration_of(settings.seconds);
  const auto gap = duration_of(settings.rate > 0 ? 1 / settings.rate : 0);
  for (auto due = begin; due < end;) {
    if (settings.rate > 0) wait_until(due);
    if (!append && at + off_t(bytes.size()) > off_t(kPrewrittenBytes)) at = 0;
    if (pwrite(file, bytes.data(), bytes.size(), at) < 0) give_up(std::strerror(errno));
    at += off_t(bytes.size());
    if (fdatasync(file) != 0) give_up(std::strerror(errno));
    const auto now = Clock::now();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - due).count();
    latencies.add(std::uint64_t(us));
    if (us > settings.slow_ms * 1000L) pauses.add(due, begin, us);
    due = settings.rate > 0 ? due + gap : now;
  }
  close(file);
  unlink(path.c_str());
  Report report(settings);
  report.add("ops_per_s", double(latencies.count()) /
                              std::chrono::duration<double>(Clock::now() - begin).count());
  pauses.report(report);
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
  bool append = false;
  settings.size = 512;
  settings.seconds = 5;
  for (int i = 2; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") {
      settings.json = true;
      continue;
    }
    if (option == "--append") {
      append = true;
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
  return run(argv[1], settings, append);
}
