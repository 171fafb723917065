// create, sessions, watch, wait; mix is in mix.cc.
#include "tests/bench/modes.h"

#include <algorithm>
#include <array>
#include <thread>

#include "tests/bench/process.h"
#include "tests/bench/report.h"

namespace quorate::bench {
namespace {

constexpr double kPatienceSeconds = 300;
/// To each server. Below ZooKeeper's listen backlog of 50: connections beyond it are dropped by the
/// kernel and tried again a second later, which would be measured instead of the server.
constexpr std::size_t kConnectingAtOnce = 40;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::uint64_t us_since(Clock::time_point begin) {
  return std::uint64_t(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count());
}

void add_memory(Report& report, const Settings& settings) {
  if (settings.pids.empty()) return;
  long peak = 0;
  for (int pid : settings.pids) peak += peak_rss_kib(pid);
  report.add("servers_rss_kib", double(rss_kib(settings.pids)));
  report.add("servers_peak_rss_kib", double(peak));
}

/// Counts replies and what went wrong; a node that exists already is no error of a create.
class Counter : public Listener {
 public:
  void on_reply(Wire&, const Flying& done, Code error, ByteView) override {
    ++replies;
    if (error != Code::Ok && !(done.op == OpCode::Create && error == Code::NodeExists)) ++errors;
    latencies.add(us_since(done.since));
  }
  std::uint64_t replies = 0, errors = 0;
  Histogram latencies;
};

class Creator : public Counter {
 public:
  explicit Creator(const Settings& settings)
      : data_(std::size_t(settings.size), 'x'), count_(std::uint64_t(settings.count)) {}
  void next(Wire& wire) {
    if (made_ < count_) wire.create(key_path(made_++), data_);
  }
  void on_reply(Wire& wire, const Flying& done, Code error, ByteView body) override {
    Counter::on_reply(wire, done, error, body);
    if (running) next(wire);
  }
  bool running = false;

 private:
  std::string data_;
  std::uint64_t made_ = 0, count_;
};

/// Watches one node on every connection; the writer is the last one.
class Watchers : public Counter {
 public:
  void on_event(Wire&) override {
    ++events;
    event_us.add(us_since(changed_at));
    last_event = Clock::now();
  }
  void on_reply(Wire& wire, const Flying& done, Code error, ByteView body) override {
    Counter::on_reply(wire, done, error, body);
    if (done.op == OpCode::SetData) reply_us = double(us_since(changed_at));
  }
  std::uint64_t events = 0;
  Clock::time_point changed_at, last_event;
  Histogram event_us;
  double reply_us = 0;
};

/// Retries until a server answers.
class Waiter : public Counter {
 public:
  void on_lost(Wire&, const std::string&) override { lost = true; }
  void on_reply(Wire& wire, const Flying& done, Code error, ByteView body) override {
    Counter::on_reply(wire, done, error, body);
    JuteReader in(body);
    nodes = in.i32();
  }
  bool lost = false;
  std::int32_t nodes = 0;
};

}  // namespace

void Pinger::run(const Wires& wires, std::size_t open) {
  const auto now = Clock::now();
  if (open == 0 || now < due_) return;
  due_ = now + std::chrono::milliseconds(50);
  const std::size_t slice = (open + 199) / 200;
  for (std::size_t i = 0; i < slice; ++i) wires[next_++ % open]->ping();
}

void open_sessions(Loop& loop, const Settings& settings, int count, Wires& wires, Share share) {
  std::size_t open = 0;
  wires.reserve(wires.size() + std::size_t(count));
  const std::size_t first = wires.size();
  const std::size_t whole = first + std::size_t(count);
  // Connections take turns with the servers.
  const std::size_t at_once = kConnectingAtOnce * settings.hosts.size() / std::size_t(share.of);
  const auto begin = Clock::now();
  open = first;
  Pinger pinger;
  while (open < whole) {
    while (wires.size() < whole && wires.size() - open < at_once) {
      const int number = int(wires.size()) * share.of + share.number;
      wires.push_back(std::make_unique<Wire>(loop, settings, number));
    }
    loop.run_once(Clock::now() + std::chrono::milliseconds(10));
    // Servers answer in about the order of asking.
    while (open < wires.size() && wires[open]->has_session()) ++open;
    pinger.run(wires, open);
    if (count > 1000 && share.number == 0) {
      progress("sessions", double(open) * share.of, double(whole) * share.of);
    }
    if (seconds_since(begin) > kPatienceSeconds)
      give_up("not in time: a session on every connection");
  }
}

int run_create(const Settings& settings) {
  Creator creator(settings);
  Loop loop(creator);
  Wires wires;
  open_sessions(loop, settings, settings.connections, wires);
  wires[0]->create("/bench", "");
  loop.run_until("/bench made", 60, [&] { return creator.replies == 1; });
  creator.replies = 0;
  creator.latencies = Histogram();
  const CpuMeter cpu(settings.pids);
  const auto begin = Clock::now();
  creator.running = true;
  for (const auto& wire : wires) {
    for (int i = 0; i < settings.depth; ++i) creator.next(*wire);
  }
  const auto count = std::uint64_t(settings.count);
  auto grew = Clock::now();
  for (std::uint64_t seen = 0; creator.replies < count;) {
    loop.run_once(Clock::now() + std::chrono::milliseconds(100));
    progress("created", double(creator.replies), double(count));
    if (creator.replies != seen) grew = Clock::now();
    seen = creator.replies;
    if (seconds_since(grew) > 60) give_up("no reply for 60 s");
  }
  const double seconds = seconds_since(begin);
  Report report(settings);
  report.add("created", double(count));
  report.add("errors", double(creator.errors));
  report.add("seconds", seconds);
  report.add("ops_per_s", double(count) / seconds);
  report.add("servers_cpu_us_per_op", cpu.servers() * 1e6 / double(count));
  report.add("bench_cpu_s", cpu.own());
  add_memory(report, settings);
  report.add("write", creator.latencies);
  report.print();
  return creator.errors == 0 ? 0 : 1;
}

namespace {

/// To open a session costs the kernel more on this side than on the server's: one thread alone
/// would be what is measured.
constexpr int kOpeners = 2;

struct Opener {
  Counter counter;
  Loop loop{counter};
  Wires wires;
  Pinger pinger;
};

void open_by_all(std::array<Opener, kOpeners>& openers, const Settings& settings) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kOpeners; ++i) {
    const int count = settings.count / kOpeners + (i < settings.count % kOpeners ? 1 : 0);
    threads.emplace_back([&, i, count] {
      Opener& opener = openers[std::size_t(i)];
      open_sessions(opener.loop, settings, count, opener.wires, {i, kOpeners});
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int run_sessions(const Settings& settings) {
  const long files = raise_file_limit();
  if (settings.count + 32 > files) {
    give_up("--count " + std::to_string(settings.count) + " needs more than the " +
            std::to_string(files) + " open files allowed here: raise the hard limit (ulimit -Hn)");
  }
  std::array<Opener, kOpeners> openers;
  const long before = rss_kib(settings.pids);
  const CpuMeter cpu(settings.pids);
  const auto begin = Clock::now();
  open_by_all(openers, settings);
  const double opening = seconds_since(begin);
  const double cpu_opening = cpu.servers(), own_opening = cpu.own();
  const long after = rss_kib(settings.pids);
  const CpuMeter idle(settings.pids);
  const auto idle_begin = Clock::now();
  const auto end = idle_begin + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(settings.seconds));
  while (Clock::now() < end) {
    for (Opener& opener : openers) {
      opener.pinger.run(opener.wires, opener.wires.size());
      opener.loop.run_until(std::min(end, Clock::now() + std::chrono::milliseconds(25)));
    }
  }
  const double count = double(settings.count);
  Report report(settings);
  report.add("sessions", count);
  report.add("seconds", opening);
  report.add("opened_per_s", count / opening);
  report.add("servers_cpu_us_per_session", cpu_opening * 1e6 / count);
  report.add("bench_cpu_us_per_session", own_opening * 1e6 / count);
  report.add("servers_rss_bytes_per_session", double(after - before) * 1024 / count);
  report.add("idle_cpu_share", idle.servers() / seconds_since(idle_begin));
  add_memory(report, settings);
  report.print();
  return 0;
}

int run_watch(const Settings& settings) {
  raise_file_limit();
  Watchers watchers;
  Loop loop(watchers);
  Wires wires;
  open_sessions(loop, settings, settings.count, wires);
  // The writer is one more session, the first of its host.
  Wire writer(loop, settings, 0);
  loop.run_until("the writer's session", 60, [&] { return writer.has_session(); });
  writer.create("/bench", "");
  writer.create("/bench/watched", std::string(std::size_t(settings.size), 'x'));
  loop.run_until("nodes made", 60, [&] { return writer.in_flight() == 0; });
  const auto count = std::uint64_t(settings.count);
  std::vector<double> last_ms, reply_ms, cpu_us, watch_bytes;
  for (int round = 0; round < settings.rounds; ++round) {
    const long before = rss_kib(settings.pids);
    const std::uint64_t replies = watchers.replies;
    for (const auto& wire : wires) wire->get("/bench/watched", /*watch=*/true);
    loop.run_until("watches set", 60, [&] { return watchers.replies == replies + count; });
    watch_bytes.push_back(double(rss_kib(settings.pids) - before) * 1024 / double(count));
    const CpuMeter cpu(settings.pids);
    watchers.events = 0;
    watchers.changed_at = Clock::now();
    writer.set("/bench/watched", std::string(std::size_t(settings.size), 'y'));
    loop.run_until("all events", 60,
                   [&] { return watchers.events == count && writer.in_flight() == 0; });
    last_ms.push_back(
        std::chrono::duration<double, std::milli>(watchers.last_event - watchers.changed_at)
            .count());
    reply_ms.push_back(watchers.reply_us / 1000);
    cpu_us.push_back(cpu.servers() * 1e6 / double(count));
    progress("rounds", round + 1, settings.rounds);
  }
  std::vector<double> sorted = last_ms;
  std::sort(sorted.begin(), sorted.end());
  Report report(settings);
  report.add("watchers", double(count));
  report.add("errors", double(watchers.errors));
  report.add("last_event_ms", sorted[sorted.size() / 2]);
  double cpu_sum = 0;
  for (double us : cpu_us) cpu_sum += us;
  // Clock ticks are 10 ms long: only the mean over many rounds says something.
  report.add("servers_cpu_us_per_event", cpu_sum / double(cpu_us.size()));
  report.add("rounds_last_event_ms", last_ms);
  report.add("rounds_writer_reply_ms", reply_ms);
  report.add("rounds_rss_bytes_per_watch", watch_bytes);
  add_memory(report, settings);
  report.add("event", watchers.event_us);
  report.print();
  return watchers.errors == 0 ? 0 : 1;
}

int run_wait(const Settings& settings) {
  const auto begin = Clock::now();
  while (true) {
    if (seconds_since(begin) > settings.seconds) give_up("no session within --seconds");
    Waiter waiter;
    Loop loop(waiter);
    Wire wire(loop, settings, 0);
    const auto patience = Clock::now() + std::chrono::seconds(1);
    while (!wire.has_session() && !waiter.lost && Clock::now() < patience) {
      loop.run_once(Clock::now() + std::chrono::milliseconds(50));
    }
    if (!wire.has_session()) {
      // Nobody listens yet; soon again.
      loop.run_until(Clock::now() + std::chrono::milliseconds(1));
      continue;
    }
    const double session_ms = seconds_since(begin) * 1000;
    wire.count_nodes();
    while (waiter.replies == 0 && !waiter.lost) {
      loop.run_once(Clock::now() + std::chrono::milliseconds(50));
    }
    if (waiter.lost) continue;
    Report report(settings);
    report.add("session_ms", session_ms);
    report.add("first_reply_ms", seconds_since(begin) * 1000);
    report.add("nodes", double(waiter.nodes));
    add_memory(report, settings);
    report.print();
    return waiter.errors == 0 ? 0 : 1;
  }
}

}  // namespace quorate::bench
