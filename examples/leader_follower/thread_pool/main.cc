// thread-pools: Leader/Followers beside half-sync/half-async on the same work; see README.md.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "examples/leader_follower/thread_pool/load.h"
#include "examples/leader_follower/thread_pool/measured_pool.h"
#include "examples/leader_follower/thread_pool/work.h"

namespace {

using namespace thread_pool;
using std::chrono::milliseconds;

constexpr const char* kUsage =
    "usage: thread-pools [--work-us N,N...] [--connections N,N...] [--threads N] [--seconds S]\n"
    "                    [--rounds N] [--json]\n";

struct Settings {
  std::vector<unsigned> work_us{0, 20, 200};
  std::vector<unsigned> connections{1, 8, 64};
  unsigned threads = 4;
  unsigned rounds = 5;
  milliseconds length{1'000};
  bool json = false;
};

/// One pool under one load.
struct Figures {
  double requests_per_s = 0, p50_us = 0, p99_us = 0;
  double waits = 0, preempted = 0, cpu_us = 0;  ///< Per request, of the pool's process.
};

std::vector<unsigned> numbers(const std::string& text) {
  std::vector<unsigned> out;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    char* stop = nullptr;
    const std::string part = text.substr(at, end - at);
    const unsigned long number = std::strtoul(part.c_str(), &stop, 10);
    if (part.empty() || *stop != '\0' || part[0] == '-' || number > 1'000'000) return {};
    out.push_back(static_cast<unsigned>(number));
    at = end + 1;
  }
  return out;
}

bool set(Settings& settings, const std::string& name, const std::string& value) {
  if (name == "--seconds") {
    char* stop = nullptr;
    const double length = std::strtod(value.c_str(), &stop);
    settings.length = milliseconds(static_cast<int>(length * 1'000));
    return *stop == '\0' && length > 0 && length <= 600;
  }
  const std::vector<unsigned> list = numbers(value);
  if (list.empty()) return false;
  if (name == "--work-us") {
    settings.work_us = list;
  } else if (name == "--connections") {
    settings.connections = list;
    return std::all_of(list.begin(), list.end(), [](unsigned n) { return n >= 1 && n <= 1'000; });
  } else if (name == "--threads") {
    settings.threads = list[0];
    return list.size() == 1 && list[0] >= 2 && list[0] <= 256;
  } else if (name == "--rounds") {
    settings.rounds = list[0];
    return list.size() == 1 && list[0] >= 1;
  } else {
    return false;
  }
  return true;
}

bool parse(int argc, char** argv, Settings& settings) {
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    if (name == "--json") {
      settings.json = true;
    } else if (at + 1 == argc || !set(settings, name, argv[++at])) {
      return false;
    }
  }
  return true;
}

Figures measure(PoolKind kind, const Settings& settings, std::uint64_t rounds,
                unsigned connections) {
  MeasuredPool pool(kind, settings.threads, rounds);
  Load load;
  load.port = pool.port();
  load.connections = connections;
  for (int i = 0; i < 16; ++i) {
    const std::string request = "request " + std::to_string(i) + std::string(22, '.');
    load.questions.emplace_back(request, work(request, rounds));
  }
  Clients clients(std::move(load));
  clients.run(settings.length / 10);  // Caches, threads and connections are warm after this.
  const Usage before = pool.usage();
  const LoadResult result = clients.run(settings.length);
  const Usage after = pool.usage();
  if (result.wrong > 0 || result.lost > 0 || result.requests == 0) {
    throw std::system_error(EPROTO, std::generic_category(),
                            std::string(name_of(kind)) + ": " + std::to_string(result.wrong) +
                                " wrong replies, " + std::to_string(result.lost) +
                                " lost connections, " + std::to_string(result.requests) +
                                " replies");
  }
  const auto count = static_cast<double>(result.requests);
  Figures figures;
  figures.requests_per_s = count / result.seconds;
  figures.p50_us = result.p50_us;
  figures.p99_us = result.p99_us;
  figures.waits = static_cast<double>(after.waits - before.waits) / count;
  figures.preempted = static_cast<double>(after.preempted - before.preempted) / count;
  figures.cpu_us = (after.cpu_s - before.cpu_s) * 1e6 / count;
  return figures;
}

/// The round with most requests: whatever else the machine does can only take away from it.
Figures best(const std::vector<Figures>& rounds) {
  return *std::max_element(rounds.begin(), rounds.end(), [](const Figures& a, const Figures& b) {
    return a.requests_per_s < b.requests_per_s;
  });
}

void print(const Settings& settings, unsigned work_us, unsigned connections, PoolKind kind,
           const Figures& f, bool first) {
  if (settings.json) {
    std::printf(
        "%s\n {\"work_us\": %u, \"connections\": %u, \"threads\": %u, \"pool\": \"%s\", "
        "\"requests_per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
        "\"waits_per_request\": %.3f, \"preempted_per_request\": %.3f, "
        "\"cpu_us_per_request\": %.2f}",
        first ? "" : ",", work_us, connections, settings.threads, name_of(kind), f.requests_per_s,
        f.p50_us, f.p99_us, f.waits, f.preempted, f.cpu_us);
  } else {
    std::printf("%7u %5u  %-21s %9.0f %8.1f %8.1f %9.2f %9.2f %8.1f\n", work_us, connections,
                name_of(kind), f.requests_per_s, f.p50_us, f.p99_us, f.waits, f.preempted,
                f.cpu_us);
  }
  std::fflush(stdout);
}

void run(const Settings& settings) {
  const std::uint64_t per_us = rounds_per_microsecond();
  if (settings.json) {
    std::printf("[");
  } else {
    std::printf(
        "%u threads in each pool; per request: waits and preemptions (context switches), CPU\n"
        "work us conns  pool                      req/s   p50 us   p99 us     waits preempted"
        "   CPU us\n",
        settings.threads);
  }
  bool first = true;
  for (const unsigned work_us : settings.work_us) {
    for (const unsigned connections : settings.connections) {
      std::vector<Figures> rounds[2];
      for (unsigned round = 0; round < settings.rounds; ++round) {
        // In turn, so that whatever else the machine does in this minute hits both.
        for (const PoolKind kind : {PoolKind::LeaderFollowers, PoolKind::HalfSyncHalfAsync}) {
          rounds[kind == PoolKind::HalfSyncHalfAsync].push_back(
              measure(kind, settings, work_us * per_us, connections));
        }
      }
      for (const PoolKind kind : {PoolKind::LeaderFollowers, PoolKind::HalfSyncHalfAsync}) {
        const Figures figures = best(rounds[kind == PoolKind::HalfSyncHalfAsync]);
        print(settings, work_us, connections, kind, figures, first);
        first = false;
      }
    }
  }
  if (settings.json) std::printf("\n]\n");
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  if (!parse(argc, argv, settings)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    run(settings);
  } catch (const std::system_error& fault) {
    std::fprintf(stderr, "thread-pools: %s\n", fault.what());
    return 1;
  }
  return 0;
}
