// CPU that a client spends per operation: ours and libzookeeper-mt, same server, same getData.
//
//   client-cost --servers=HOST:PORT [--operations=N] [--in-flight=N] [--watches=N] [--json]
//
// One line per pipeline depth with the ratio ours / theirs. Then, of ours alone: memory with
// 100,000 operations in flight, and the time until 10,000 watches stand again after a change of the
// connection (--in-flight, --watches: other numbers of them).
#include <sys/resource.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>

#include "quorate/client.h"

namespace {

using namespace quorate;
using namespace quorate::client;

constexpr const char* kNode = "/client-cost";

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "client-cost: %s\n", what);
  std::exit(1);
}

/// Microseconds of CPU per operation of our client.
double ours(const std::string& servers, int depth, long operations) {
  asio::io_context context(1);
  Client client(context.get_executor(), ConnectOptions(servers));
  double begin = 0;
  double used = 0;
  long started = 0;
  long done = 0;
  std::function<void()> ask = [&] {
    ++started;
    client.async_get_data(kNode, [&](ErrorCode error, const GetDataReply&) {
      if (error) fail("getData failed");
      if (++done == operations) {
        used = cpu_seconds() - begin;
        client.async_close([](ErrorCode) {});
      } else if (started < operations) {
        ask();
      }
    });
  };
  client.async_connect([&](ErrorCode error, const ConnectReport&) {
    if (error) fail("no server");
    client.async_create(kNode, std::string(100, 'x'), CreateOptions(), [&](ErrorCode, auto&&) {
      begin = cpu_seconds();
      for (int i = 0; i < depth; ++i) ask();
    });
  });
  context.run();
  return used * 1e6 / static_cast<double>(operations);
}

/// The same of the official C client; its callbacks run on its completion thread.
class Theirs {
 public:
  Theirs(const std::string& servers, long operations) : operations_(operations) {
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    handle_ = zookeeper_init(servers.c_str(), &Theirs::on_event, 30'000, nullptr, this, 0);
    wait([this] { return connected_; });
  }
  ~Theirs() { zookeeper_close(handle_); }

  double run(int depth) {
    const double begin = cpu_seconds();
    for (int i = 0; i < depth; ++i) ask();
    wait([this] { return done_ == operations_; });
    return (cpu_seconds() - begin) * 1e6 / static_cast<double>(operations_);
  }

 private:
  static void on_event(zhandle_t*, int, int state, const char*, void* self) {
    auto* theirs = static_cast<Theirs*>(self);
    const std::lock_guard lock(theirs->mutex_);
    theirs->connected_ = state == ZOO_CONNECTED_STATE;
    theirs->changed_.notify_all();
  }
  static void on_data(int rc, const char*, int, const struct ::Stat*, const void* self) {
    if (rc != ZOK) fail("zoo_aget failed");
    auto* theirs = static_cast<Theirs*>(const_cast<void*>(self));
    if (++theirs->done_ == theirs->operations_) {
      const std::lock_guard lock(theirs->mutex_);
      theirs->changed_.notify_all();
    } else if (theirs->started_ < theirs->operations_) {
      theirs->ask();
    }
  }
  void ask() {
    ++started_;
    zoo_aget(handle_, kNode, 0, &Theirs::on_data, this);
  }
  template <class Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(60), condition)) fail("too slow");
  }

  long operations_;
  zhandle_t* handle_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool connected_ = false;
  std::atomic<long> started_{0};
  std::atomic<long> done_{0};
};

/// Resident memory in MiB.
double resident() {
  long pages = 0;
  long size = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld %ld", &size, &pages) != 2) fail("no statm");
  std::fclose(file);
  return static_cast<double>(pages) * static_cast<double>(getpagesize()) / (1 << 20);
}

/// `count` operations asked for in one turn of the strand: all are in flight before the first
/// reply.
double memory_in_flight(const std::string& servers, int count) {
  asio::io_context context(1);
  ConnectOptions options(servers);
  options.pending_max = static_cast<std::size_t>(count) + 10;
  Client client(context.get_executor(), options);
  const double before = resident();
  double most = 0;
  int done = 0;
  client.async_connect([&](ErrorCode error, const ConnectReport&) {
    if (error) fail("no server");
    for (int i = 0; i < count; ++i) {
      client.async_get_data(kNode, [&](ErrorCode failed, const GetDataReply&) {
        if (failed) fail("getData failed");
        if (done++ == 0) most = resident() - before;
        if (done == count) client.async_close([](ErrorCode) {});
      });
    }
  });
  context.run();
  return most;
}

/// Milliseconds from giving a connection up until the next one has restored `count` watches. The
/// server must listen on the loopback: "localhost" is taken for another member.
double restore_watches(const std::string& servers, int count) {
  using Clock = std::chrono::steady_clock;
  asio::io_context context(1);
  Client client(context.get_executor(), ConnectOptions(servers));
  Clock::time_point begin, end;
  int set = 0;
  Watcher ignore([](const WatchEvent&) {});
  auto watched = [&](ErrorCode error, const quorate::Stat&) {
    if (error && error != ErrorCode(Code::NoNode)) fail("exists failed");
    if (++set < count) return;
    begin = Clock::now();
    client.async_update_servers("localhost" + servers.substr(servers.rfind(':')), [&](ErrorCode) {
      // Behind the watches.
      client.async_sync("/", [&](ErrorCode lost) {
        if (lost) fail("sync failed");
        end = Clock::now();
        client.async_close([](ErrorCode) {});
      });
    });
  };
  client.async_connect([&](ErrorCode error, const ConnectReport&) {
    if (error) fail("no server");
    for (int i = 0; i < count; ++i) {
      client.async_exists("/client-cost/some/watched/node-" + std::to_string(i), ignore, watched);
    }
  });
  context.run();
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

struct Settings {
  std::string servers;
  long operations = 100'000;
  int in_flight = 100'000;
  int watches = 10'000;
  bool json = false;
};

Settings settings_of(int argc, char** argv) {
  Settings out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("--servers=")) out.servers = word.substr(10);
    if (word.starts_with("--operations=")) out.operations = std::stol(word.substr(13));
    if (word.starts_with("--in-flight=")) out.in_flight = std::stoi(word.substr(12));
    if (word.starts_with("--watches=")) out.watches = std::stoi(word.substr(10));
    if (word == "--json") out.json = true;
  }
  if (out.servers.empty()) {
    fail(
        "usage: client-cost --servers=HOST:PORT [--operations=N] [--in-flight=N] [--watches=N] "
        "[--json]");
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = settings_of(argc, argv);
  if (settings.json) std::printf("{");
  for (const int depth : {1, 64}) {
    const long count = depth == 1 ? settings.operations / 4 : settings.operations;
    const double own = ours(settings.servers, depth, count);
    const double other = Theirs(settings.servers, count).run(depth);
    std::printf(settings.json
                    ? "\"depth_%d\": {\"ours_us\": %.3f, \"theirs_us\": %.3f, \"ratio\": %.3f}, "
                    : "depth %d: quorate %.2f us/op, libzookeeper-mt %.2f us/op, ratio %.2f\n",
                depth, own, other, own / other);
  }
  std::printf(settings.json ? "\"in_flight\": %d, \"in_flight_mib\": %.1f, "
                            : "%d operations in flight: %.1f MiB\n",
              settings.in_flight, memory_in_flight(settings.servers, settings.in_flight));
  std::printf(settings.json ? "\"watches\": %d, \"watches_restored_ms\": %.1f}\n"
                            : "%d watches restored in %.0f ms\n",
              settings.watches, restore_watches(settings.servers, settings.watches));
  return 0;
}
