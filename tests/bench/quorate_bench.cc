// quorate-bench: a mix of reads and writes from many connections with many requests in flight, on
// ZooKeeper's client wire, so that Quorate and ZooKeeper are measured by the same program.
//
// Closed loop: each connection keeps `depth` requests in flight. One thread: the load generator
// must leave the machine's other core to the servers, and speaks the bare wire for the same reason.

#include <unistd.h>

#include <array>
#include <boost/asio.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/bench/histogram.h"
#include "znode/proto/frame.h"
#include "znode/proto/records.h"

namespace quorate::bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

struct Settings {
  std::vector<std::string> hosts{"127.0.0.1:2181"};
  int connections = 16;
  int depth = 16;
  double seconds = 10;
  double warmup_seconds = 2;
  int read_percent = 50;
  int size = 100;
  int keys = 1000;
  std::vector<int> pids;
  bool json = false;
};

struct Totals {
  Histogram read_us, write_us;
  std::uint64_t errors = 0;
  bool measuring = false;
};

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "quorate-bench: %s\n", what.c_str());
  std::exit(1);
}

std::string key_path(std::uint64_t key) {
  return "/bench/k" + std::to_string(key);
}

/// One session. First connects, then (connection 0) makes the nodes, then runs the mix.
class Connection {
 public:
  Connection(asio::io_context& loop, const Settings& settings, Totals& totals, int number)
      : socket_(loop), settings_(settings), totals_(totals), random_(std::uint64_t(number) + 1) {
    const std::string& host = settings.hosts[std::size_t(number) % settings.hosts.size()];
    const auto colon = host.rfind(':');
    tcp::resolver resolver(loop);
    boost::system::error_code error;
    auto found = resolver.resolve(host.substr(0, colon), host.substr(colon + 1), error);
    if (!error) asio::connect(socket_, found, error);
    if (error) give_up("cannot connect to " + host + ": " + error.message());
    socket_.set_option(tcp::no_delay(true));
    ConnectRequest hello;
    hello.timeout_ms = 30000;
    hello.password = std::string(kPasswordSize, '\0');
    hello.read_only = false;
    append_frame(out_, [&](JuteWriter& out) { encode(out, hello); });
    flush();
    read_some();
  }

  bool connected() const { return session_.value != 0; }
  std::size_t in_flight() const { return flying_.size(); }

  void create(const std::string& path, int size) {
    CreateRequest request;
    request.path = path;
    request.data = std::string(std::size_t(size), 'x');
    request.acl = open_acl();
    begin(OpCode::Create, [&](JuteWriter& out) { encode(out, request); });
  }

  void run_mix() {
    mixing_ = true;
    while (int(flying_.size()) < settings_.depth) next_of_mix();
    flush();
  }

  void flush() {
    if (writing_ || out_.empty()) return;
    writing_ = true;
    sending_.swap(out_);
    out_.clear();
    asio::async_write(socket_, asio::buffer(sending_),
                      [this](const boost::system::error_code& error, std::size_t) {
                        if (error) give_up("connection lost: " + error.message());
                        writing_ = false;
                        flush();
                      });
  }

 private:
  struct Flying {
    std::int32_t xid;
    OpCode op;
    Clock::time_point since;
  };

  template <class Fill>
  void begin(OpCode op, Fill&& fill) {
    const std::int32_t xid = ++last_xid_;
    append_frame(out_, [&](JuteWriter& out) {
      encode(out, RequestHeader{xid, op});
      fill(out);
    });
    flying_.push_back({xid, op, Clock::now()});
  }

  void next_of_mix() {
    const std::string path = key_path(random_.below(std::uint64_t(settings_.keys)));
    if (random_.percent(unsigned(settings_.read_percent))) {
      PathWatchRequest request{path, false};
      begin(OpCode::GetData, [&](JuteWriter& out) { encode(out, request); });
    } else {
      SetDataRequest request{path, std::string(std::size_t(settings_.size), 'y'), kAnyVersion};
      begin(OpCode::SetData, [&](JuteWriter& out) { encode(out, request); });
    }
  }

  void read_some() {
    socket_.async_read_some(
        asio::buffer(buffer_), [this](const boost::system::error_code& error, std::size_t count) {
          if (error) give_up("connection lost: " + error.message());
          const ByteView input(buffer_.data(), count);
          if (frames_.feed(input, [this](ByteView frame) { return on_frame(frame); })) {
            give_up("a reply with an impossible length");
          }
          flush();
          read_some();
        });
  }

  bool on_frame(ByteView frame) {
    if (!connected()) {
      auto answer = decode_all<ConnectResponse>(frame);
      if (!answer || answer->timeout_ms <= 0) give_up("no session");
      session_ = answer->session_id;
      return true;
    }
    JuteReader in(frame);
    ReplyHeader header;
    decode(in, header);
    if (header.xid < 0) return true;  // A ping's answer.
    if (flying_.empty() || flying_.front().xid != header.xid) give_up("replies out of order");
    const Flying done = flying_.front();
    flying_.pop_front();
    if (totals_.measuring) {
      const auto spent =
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - done.since);
      auto& histogram = done.op == OpCode::GetData ? totals_.read_us : totals_.write_us;
      histogram.add(std::uint64_t(spent.count()));
    }
    if (header.err != Code::Ok && !(done.op == OpCode::Create && header.err == Code::NodeExists)) {
      ++totals_.errors;
    }
    if (mixing_) next_of_mix();
    return true;
  }

  tcp::socket socket_;
  const Settings& settings_;
  Totals& totals_;
  Random random_;
  FrameReader frames_{64 << 20};
  SessionId session_;
  std::deque<Flying> flying_;
  std::array<std::byte, 65536> buffer_;
  Bytes out_, sending_;
  std::int32_t last_xid_ = 0;
  bool writing_ = false, mixing_ = false;
};

/// User and system seconds of a process so far; 0 when it cannot be read.
double cpu_seconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(text.substr(after_name + 2));
  std::string field;
  long long user = 0, system = 0;
  for (int i = 3; fields >> field && i <= 15; ++i) {
    if (i == 14) user = std::stoll(field);
    if (i == 15) system = std::stoll(field);
  }
  return double(user + system) / double(sysconf(_SC_CLK_TCK));
}

long peak_rss_kib(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stol(line.substr(6));
  }
  return 0;
}

template <class Condition>
void run_until(asio::io_context& loop, const char* what, Condition condition) {
  const auto end = Clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    loop.run_one_for(std::chrono::milliseconds(100));
    if (Clock::now() > end) give_up(std::string("not within 60 s: ") + what);
  }
}

void print(const Settings& settings, const Totals& totals, double seconds, double own_cpu,
           const std::vector<double>& cpu) {
  Histogram all = totals.read_us;
  all.merge(totals.write_us);
  const double rate = double(all.count()) / seconds;
  double servers_cpu = 0;
  for (double value : cpu) servers_cpu += value;
  if (settings.json) {
    std::printf("{\"ops_per_s\":%.0f,\"reads\":%llu,\"writes\":%llu,\"errors\":%llu,", rate,
                (unsigned long long)totals.read_us.count(),
                (unsigned long long)totals.write_us.count(), (unsigned long long)totals.errors);
    for (const auto& [name, h] :
         {std::pair{"read", &totals.read_us}, {"write", &totals.write_us}}) {
      std::printf("\"%s_us\":{\"mean\":%.1f,\"p50\":%llu,\"p95\":%llu,\"p99\":%llu,\"max\":%llu},",
                  name, h->mean(), (unsigned long long)h->percentile(50),
                  (unsigned long long)h->percentile(95), (unsigned long long)h->percentile(99),
                  (unsigned long long)h->max());
    }
    std::printf(
        "\"seconds\":%.3f,\"bench_cpu_s\":%.2f,\"servers_cpu_s\":%.2f,\"servers_cpu_us_per_op\":%."
        "2f,"
        "\"servers_peak_rss_kib\":[",
        seconds, own_cpu, servers_cpu, all.count() ? servers_cpu * 1e6 / double(all.count()) : 0.0);
    for (std::size_t i = 0; i < settings.pids.size(); ++i) {
      std::printf("%s%ld", i ? "," : "", peak_rss_kib(settings.pids[i]));
    }
    std::printf("]}\n");
    return;
  }
  std::printf("%d connections, depth %d, %d %% reads, %d bytes, %.1f s: %.0f ops/s, %llu errors\n",
              settings.connections, settings.depth, settings.read_percent, settings.size, seconds,
              rate, (unsigned long long)totals.errors);
  for (const auto& [name, h] : {std::pair{"read", &totals.read_us}, {"write", &totals.write_us}}) {
    if (h->count() == 0) continue;
    std::printf("%-5s %9llu ops  mean %8.1f us  p50 %llu  p95 %llu  p99 %llu  max %llu us\n", name,
                (unsigned long long)h->count(), h->mean(), (unsigned long long)h->percentile(50),
                (unsigned long long)h->percentile(95), (unsigned long long)h->percentile(99),
                (unsigned long long)h->max());
  }
  std::printf("CPU   quorate-bench %.2f s", own_cpu);
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    std::printf(", pid %d %.2f s (peak %ld MiB)", settings.pids[i], cpu[i],
                peak_rss_kib(settings.pids[i]) / 1024);
  }
  if (!cpu.empty() && all.count())
    std::printf("; servers %.2f us/op", servers_cpu * 1e6 / double(all.count()));
  std::printf("\n");
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

int run(const Settings& settings) {
  asio::io_context loop(1);
  Totals totals;
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < settings.connections; ++i) {
    connections.push_back(std::make_unique<Connection>(loop, settings, totals, i));
  }
  run_until(loop, "a session on every connection", [&] {
    for (const auto& c : connections)
      if (!c->connected()) return false;
    return true;
  });
  Connection& first = *connections.front();
  first.create("/bench", 0);
  for (int key = 0; key < settings.keys; ++key) {
    first.create(key_path(std::uint64_t(key)), settings.size);
    first.flush();
    run_until(loop, "nodes made", [&] { return first.in_flight() < 256; });
  }
  run_until(loop, "nodes made", [&] { return first.in_flight() == 0; });
  totals.errors = 0;

  for (const auto& c : connections) c->run_mix();
  loop.run_for(milliseconds_of(settings.warmup_seconds));
  std::vector<double> before;
  for (int pid : settings.pids) before.push_back(cpu_seconds(pid));
  const double own_before = cpu_seconds(getpid());
  totals.measuring = true;
  const auto begin = Clock::now();
  loop.run_for(milliseconds_of(settings.seconds));
  totals.measuring = false;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> cpu;
  for (std::size_t i = 0; i < settings.pids.size(); ++i) {
    cpu.push_back(cpu_seconds(settings.pids[i]) - before[i]);
  }
  print(settings, totals, seconds, cpu_seconds(getpid()) - own_before, cpu);
  return totals.errors == 0 ? 0 : 1;
}

constexpr const char* kUsage =
    "usage: quorate-bench [--connect HOST:PORT,...] [--connections N] [--depth N] [--seconds S]\n"
    "                     [--warmup S] [--read-percent P] [--size BYTES] [--keys N] [--pids "
    "PID,...]\n"
    "                     [--json]\n"
    "Keeps N requests in flight on each connection: getData for P of 100, setData otherwise, on "
    "nodes\n"
    "below /bench. Prints operations per second, latency percentiles in microseconds, and the CPU\n"
    "seconds of itself and of the given processes. Exit code 1 when an operation failed.\n";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

double number(const std::string& option, const std::string& text, double low, double high) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    std::fprintf(stderr, "quorate-bench: %s %s: a number from %g to %g is wanted\n", option.c_str(),
                 text.c_str(), low, high);
    std::exit(2);
  }
  return value;
}

Settings parse(int argc, char** argv) {
  Settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--help") {
      std::cout << kUsage;
      std::exit(0);
    }
    if (option == "--json") {
      s.json = true;
      continue;
    }
    if (i + 1 >= argc) {
      std::cerr << "quorate-bench: " << option << " wants a value\n" << kUsage;
      std::exit(2);
    }
    const std::string value = argv[++i];
    if (option == "--connect")
      s.hosts = split(value);
    else if (option == "--connections")
      s.connections = int(number(option, value, 1, 10000));
    else if (option == "--depth")
      s.depth = int(number(option, value, 1, 10000));
    else if (option == "--seconds")
      s.seconds = number(option, value, 0.1, 86400);
    else if (option == "--warmup")
      s.warmup_seconds = number(option, value, 0, 3600);
    else if (option == "--read-percent")
      s.read_percent = int(number(option, value, 0, 100));
    else if (option == "--size")
      s.size = int(number(option, value, 0, 1000000));
    else if (option == "--keys")
      s.keys = int(number(option, value, 1, 10000000));
    else if (option == "--pids")
      for (const auto& p : split(value)) s.pids.push_back(int(number(option, p, 1, 1 << 30)));
    else {
      std::cerr << "quorate-bench: unknown option " << option << "\n" << kUsage;
      std::exit(2);
    }
  }
  for (const auto& host : s.hosts) {
    if (host.find(':') == std::string::npos) {
      std::cerr << "quorate-bench: --connect " << host << ": HOST:PORT is wanted\n";
      std::exit(2);
    }
  }
  return s;
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) {
  return quorate::bench::run(quorate::bench::parse(argc, argv));
}
