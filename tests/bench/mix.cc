// Reads and writes of random nodes: a closed loop, or an open one with its own pace.
#include <algorithm>

#include "base/random.h"
#include "tests/bench/modes.h"
#include "tests/bench/pauses.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"

namespace quorate::bench {
namespace {

/// More requests than this in the air mean that the server does not keep up at all.
constexpr std::uint64_t kMostInFlight = 2'000'000;

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

class Mix : public Listener {
 public:
  explicit Mix(const Settings& settings)
      : settings_(settings), data_(std::size_t(settings.size), 'y') {}

  void next(Wire& wire, Clock::time_point due) {
    const std::string path = key_path(random_.below(std::uint64_t(settings_.keys)));
    if (random_.percent(unsigned(settings_.read_percent))) {
      wire.get(path, /*watch=*/false, due);
    } else {
      wire.set(path, data_, due);
    }
    ++sent;
  }

  void on_reply(Wire& wire, const Flying& done, Code error, ByteView) override {
    ++replies;
    if (error != Code::Ok && !(done.op == OpCode::Create && error == Code::NodeExists)) ++errors;
    const auto now = Clock::now();
    if (measuring && done.since >= measure_from) {
      const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(now - done.since);
      (done.op == OpCode::GetData ? reads : writes).add(std::uint64_t(spent.count()));
      if (spent.count() > settings_.slow_ms * 1000L)
        pauses.add(done.since, measure_from, spent.count());
    }
    if (mixing) next(wire, now);
  }

  std::uint64_t sent = 0, replies = 0, errors = 0;
  Histogram reads, writes;
  Pauses pauses;
  Clock::time_point measure_from;
  bool mixing = false, measuring = false;

 private:
  const Settings& settings_;
  std::string data_;
  Random random_{1};
};

void make_nodes(Loop& loop, Mix& mix, const Wires& wires, const Settings& settings) {
  Wire& wire = *wires[0];
  wire.create("/bench", "");
  const std::string data(std::size_t(settings.size), 'x');
  Pinger pinger;
  for (int key = 0; key < settings.keys; ++key) {
    wire.create(key_path(std::uint64_t(key)), data);
    if (wire.in_flight() >= 1024) {
      loop.run_until("nodes made", 60, [&] { return wire.in_flight() < 512; });
      pinger.run(wires, wires.size());
    }
    progress("nodes", key + 1, settings.keys);
  }
  loop.run_until("nodes made", 60, [&] { return wire.in_flight() == 0; });
  for (const auto& one : wires) one->sync();  // Of several servers each has them now.
  loop.run_until("nodes everywhere", 60, [&] {
    return std::all_of(wires.begin(), wires.end(),
                       [](const auto& w) { return w->in_flight() == 0; });
  });
  mix.errors = mix.replies = 0;
}

/// Sends what is due until `end`; the connections take turns.
class Pace {
 public:
  Pace(Loop& loop, Mix& mix, Wires& wires, double rate)
      : loop_(loop), mix_(mix), wires_(wires), gap_(duration_of(1 / rate)), due_(Clock::now()) {}

  void run_until(Clock::time_point end) {
    while (due_ < end) {
      while (due_ <= Clock::now() && due_ < end) {
        mix_.next(*wires_[turn_++ % wires_.size()], due_);
        due_ += gap_;
      }
      if (mix_.sent - mix_.replies > kMostInFlight)
        give_up("the server does not keep up with --rate");
      loop_.run_once(std::min(due_, end));
    }
  }

 private:
  Loop& loop_;
  Mix& mix_;
  Wires& wires_;
  Clock::duration gap_;
  Clock::time_point due_;
  std::size_t turn_ = 0;
};

void report_mix(const Settings& settings, const Mix& mix, double seconds, const CpuMeter& cpu,
                double own) {
  Histogram all = mix.reads;
  all.merge(mix.writes);
  Report report(settings);
  report.add("ops_per_s", double(all.count()) / seconds);
  report.add("reads", double(mix.reads.count()));
  report.add("writes", double(mix.writes.count()));
  report.add("errors", double(mix.errors));
  report.add("seconds", seconds);
  report.add("bench_cpu_s", own);
  const double servers = cpu.servers();
  report.add("servers_cpu_s", servers);
  report.add("servers_cpu_us_per_op", all.count() ? servers * 1e6 / double(all.count()) : 0);
  long rss = rss_kib(settings.pids);
  report.add("servers_rss_kib", double(rss));
  std::vector<double> peaks;
  for (int pid : settings.pids) peaks.push_back(double(peak_rss_kib(pid)));
  report.add("servers_peak_rss_kib", peaks);
  mix.pauses.report(report);
  report.add("read", mix.reads);
  report.add("write", mix.writes);
  report.print();
}

}  // namespace

int run_mix(const Settings& settings) {
  raise_file_limit();
  Mix mix(settings);
  Loop loop(mix);
  Wires wires;
  open_sessions(loop, settings, settings.connections, wires);
  make_nodes(loop, mix, wires, settings);
  mix.sent = 0;
  const auto slice = duration_of(std::max(settings.seconds / 20, 0.05));
  Pace pace(loop, mix, wires, settings.rate > 0 ? settings.rate : 1);
  const auto run_for = [&](double seconds, bool show) {
    const auto begin = Clock::now(), end = begin + duration_of(seconds);
    for (auto until = begin; until < end;) {
      until = std::min(until + slice, end);
      settings.rate > 0 ? pace.run_until(until) : loop.run_until(until);
      if (show) progress("seconds", std::chrono::duration<double>(until - begin).count(), seconds);
    }
  };
  if (settings.rate == 0) {
    mix.mixing = true;
    for (const auto& wire : wires) {
      for (int i = 0; i < settings.depth; ++i) mix.next(*wire, Clock::now());
    }
  }
  if (settings.warmup_seconds > 0) run_for(settings.warmup_seconds, false);
  const CpuMeter cpu(settings.pids);
  mix.measure_from = Clock::now();
  mix.measuring = true;
  run_for(settings.seconds, true);
  if (settings.rate > 0) {
    // What is under way counts too: the slowest requests must not be left out.
    loop.run_until("the last replies", 60, [&] { return mix.replies >= mix.sent; });
  }
  mix.measuring = false;
  const double seconds = std::chrono::duration<double>(Clock::now() - mix.measure_from).count();
  report_mix(settings, mix, seconds, cpu, cpu.own());
  return mix.errors == 0 ? 0 : 1;
}

}  // namespace quorate::bench
