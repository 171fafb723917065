// memory-bench: what a znode costs in memory and its operations in time, of the tree alone.
//
// One caller, prepare() and apply() as a standalone server runs them, without log and network.

#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "base/ensure.h"
#include "base/random.h"
#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/op.h"
#include "znode/pending_view.h"
#include "znode/watch_table.h"

namespace quorate::bench {
namespace {

using namespace quorate::znode;
using Clock = std::chrono::steady_clock;

constexpr SessionId kSession{1};

struct Settings {
  std::uint64_t nodes = 1'000'000;
  std::uint64_t per_parent = 1'000'000;
  std::size_t size = 100;
};

double rss_bytes() {
  std::ifstream file("/proc/self/statm");
  long total = 0, resident = 0;
  file >> total >> resident;
  return double(resident) * 4096.0;
}

double heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return double(info.uordblks + info.hblkhd);
}

/// Time of many calls of one kind, and the longest of them.
struct Timing {
  double total_us = 0, longest_us = 0;
  std::uint64_t count = 0;

  template <class Work>
  void measure(Work&& work) {
    const auto begin = Clock::now();
    work();
    const double us = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
    total_us += us;
    longest_us = std::max(longest_us, us);
    ++count;
  }
  void print(const char* name) const {
    std::printf("%-16s %9llu calls  mean %7.3f us  longest %9.1f us\n", name,
                static_cast<unsigned long long>(count),
                count ? total_us / static_cast<double>(count) : 0.0, longest_us);
  }
};

class Bench {
 public:
  explicit Bench(const Settings& settings) : settings_(settings) {}

  void run() {
    submit(OpCode::CreateSession, encode_all(CreateSessionTxn{10000}));
    create("/bench", 0);
    const std::uint64_t parents =
        (settings_.nodes + settings_.per_parent - 1) / settings_.per_parent;
    for (std::uint64_t i = 0; i < parents; ++i) create(parent_of(i * settings_.per_parent), 0);
    tree_.take_dirty();
    prepare_ = apply_ = Timing();
    malloc_trim(0);
    const double rss = rss_bytes(), heap = heap_bytes();
    for (std::uint64_t i = 0; i < settings_.nodes; ++i) {
      create(path_of(i), settings_.size);
      // As a checkpoint would: the list of changed nodes is not part of the tree's size.
      if (i % 50000 == 0) tree_.take_dirty();
    }
    tree_.take_dirty();
    malloc_trim(0);
    const double nodes = double(settings_.nodes);
    std::printf("%llu znodes of %zu bytes, %llu per parent: heap %.1f B, resident %.1f B a znode\n",
                static_cast<unsigned long long>(settings_.nodes), settings_.size,
                static_cast<unsigned long long>(settings_.per_parent),
                (heap_bytes() - heap) / nodes, (rss_bytes() - rss) / nodes);
    report("create");
    read_all();
    set_some("set, same size", settings_.size);
    set_some("set, grown", settings_.size * 2);
    list();
    remove_half();
  }

 private:
  std::string parent_of(std::uint64_t i) const {
    return "/bench/p" + std::to_string(i / settings_.per_parent);
  }
  std::string path_of(std::uint64_t i) const { return parent_of(i) + "/k" + std::to_string(i); }

  void submit(OpCode op, const Bytes& body) {
    zxid_ = zxid_.next();
    const Caller caller{kSession, identities_};
    Bytes txn;
    prepare_.measure([&] {
      txn = prepare(pending_, options_, caller, {kSession, 1, op, body}, zxid_, 1000);
    });
    apply_.measure([&] {
      Result<Outcome> outcome = apply(tree_, txn, ReplayMode::Exact);
      ENSURE(outcome.has_value());
      ENSURE(!outcome->digest_mismatch);
      ENSURE(outcome->error == Code::Ok);
      pending_.landed(zxid_);
    });
  }
  void create(const std::string& path, std::size_t size) {
    submit(OpCode::Create, encode_all(CreateRequest{path, std::string(size, 'x'), open_acl(), 0}));
  }
  void report(const char* name) {
    prepare_.print((std::string(name) + ": prepare").c_str());
    apply_.print((std::string(name) + ": apply").c_str());
    prepare_ = apply_ = Timing();
  }

  void read_all() {
    WatchTable watches;
    const Caller caller{kSession, identities_};
    Timing timing;
    Bytes out;
    for (std::uint64_t i = 0; i < settings_.nodes; ++i) {
      const Bytes body =
          encode_all(PathWatchRequest{path_of(random_.below(settings_.nodes)), false});
      out.clear();
      timing.measure([&] {
        JuteWriter writer(out);
        ENSURE(read({tree_, watches, ConnectionId{1}, caller, options_}, OpCode::GetData, body,
                    writer) == Code::Ok);
      });
    }
    timing.print("get");
  }
  void set_some(const char* name, std::size_t size) {
    for (std::uint64_t i = 0; i < settings_.nodes / 4; ++i) {
      const std::string path = path_of(random_.below(settings_.nodes));
      submit(OpCode::SetData,
             encode_all(SetDataRequest{path, std::string(size, 'y'), kAnyVersion}));
    }
    report(name);
  }
  void list() {
    WatchTable watches;
    const Caller caller{kSession, identities_};
    const Bytes body = encode_all(PathWatchRequest{parent_of(0), false});
    Timing timing;
    for (int i = 0; i < 3; ++i) {
      Bytes out;
      timing.measure([&] {
        JuteWriter writer(out);
        read({tree_, watches, ConnectionId{1}, caller, options_}, OpCode::GetChildren, body,
             writer);
      });
    }
    timing.print("getChildren");
  }
  void remove_half() {
    for (std::uint64_t i = 0; i < settings_.nodes; i += 2) {
      submit(OpCode::Delete, encode_all(DeleteRequest{path_of(i), kAnyVersion}));
    }
    report("delete");
    tree_.take_dirty();
    malloc_trim(0);
    std::printf("resident with half of them deleted: %.1f MB\n", rss_bytes() / 1e6);
  }

  Settings settings_;
  DataTree tree_;
  PendingView pending_{tree_};
  OpOptions options_;
  Identities identities_;
  Zxid zxid_;
  Random random_{1};
  Timing prepare_, apply_;
};

constexpr const char* kUsage =
    "usage: memory-bench [--nodes N] [--per-parent N] [--size BYTES]\n"
    "Bytes a znode takes in the tree, and the time of prepare and apply of each kind of write and\n"
    "of reads.\n";

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "memory-bench: %s\n%s", what.c_str(), kUsage);
  std::exit(2);
}

std::uint64_t number(const std::string& option, const char* text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc() || *end != '\0' || value == 0) {
    refuse(option + " " + text + ": a positive whole number is wanted");
  }
  return value;
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--help") {
      std::printf("%s", kUsage);
      std::exit(0);
    }
    if (i + 1 >= argc) refuse(option + " wants a value");
    const std::uint64_t value = number(option, argv[i + 1]);
    if (option == "--nodes") {
      settings.nodes = value;
    } else if (option == "--per-parent") {
      settings.per_parent = value;
    } else if (option == "--size") {
      settings.size = value;
    } else {
      refuse("unknown option " + option);
    }
  }
  return settings;
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) {
  quorate::bench::Bench(quorate::bench::parse(argc, argv)).run();
}
