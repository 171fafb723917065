// learner-cost: what a whole tree costs the leader that sends it and the learner that takes it, in
// CPU time and page faults, part by part, without network and consensus.

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/ensure.h"
#include "base/random.h"
#include "server/storage/disk_worker.h"
#include "server/storage/real/leveldb_tree_store.h"
#include "server/storage/real/posix_files.h"
#include "znode/data_tree.h"
#include "znode/snapshot.h"

namespace quorate::bench {
namespace {

using namespace quorate::server;

/// What a read of a socket gives at most.
constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::size_t kPackBytes = 192u << 10;
constexpr znode::PortionLimit kSlice{4u << 20, 20000};
constexpr Zxid kZxid{1000};

struct Settings {
  std::uint64_t nodes = 1'000'000;
  std::uint64_t per_parent = 1'000'000;
  std::size_t size = 100;
  std::string dir = "build/learner-cost";
  bool whole = false;
};

/// CPU time and page faults of the whole process, LevelDB's thread included, between two moments.
class Span {
 public:
  Span() { ::getrusage(RUSAGE_SELF, &begin_); }
  void print(const char* name) const {
    rusage end{};
    ::getrusage(RUSAGE_SELF, &end);
    const double wall = std::chrono::duration<double>(Clock::now() - began_).count();
    std::printf("%-44s user %6.3f s  system %6.3f s  clock %6.3f s  page faults %8ld\n", name,
                seconds(end.ru_utime) - seconds(begin_.ru_utime),
                seconds(end.ru_stime) - seconds(begin_.ru_stime), wall,
                end.ru_minflt - begin_.ru_minflt);
    std::fflush(stdout);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  }
  rusage begin_{};
  Clock::time_point began_ = Clock::now();
};

struct Worker {
  explicit Worker(const std::string& folder) {
    StorageOptions options;
    options.data_dir = options.data_log_dir = folder;
    options.initialize = true;
    options.nonce_seed = 1;
    StorageFault fault;
    worker = DiskWorker::open(files, open_leveldb_tree_store(), options, recovered, fault);
    if (worker) return;
    std::fprintf(stderr, "learner-cost: %s\n", fault.what.c_str());
    std::exit(1);
  }
  PosixFiles files;
  Recovered recovered;
  std::unique_ptr<DiskWorker> worker;
};

znode::DataTree make_tree(const Settings& settings) {
  znode::DataTree tree;
  tree.clear();
  Random random(1);
  const auto load = [&tree](std::string path, std::string data) {
    znode::NodeRecord node;
    node.path = std::move(path);
    node.data = std::move(data);
    node.stat.czxid = node.stat.mzxid = node.stat.pzxid = 77;
    node.stat.ctime = node.stat.mtime = 1'700'000'000'000;
    ENSURE(!tree.load_node(node));
  };
  for (const char* path : {"", "/zookeeper", "/zookeeper/config", "/zookeeper/quota", "/bench"}) {
    load(path, "");
  }
  for (std::uint64_t i = 0; i < settings.nodes; ++i) {
    const std::string parent = "/bench/p" + std::to_string(i / settings.per_parent);
    if (i % settings.per_parent == 0) load(parent, "");
    std::string data(settings.size, '\0');
    for (char& c : data) c = static_cast<char>(random.below(256));
    load(parent + "/k" + std::to_string(i), std::move(data));
  }
  ENSURE(!tree.finish_load(kZxid));
  return tree;
}

void install(DiskWorker& worker, znode::CheckpointBatch portion, bool& begun) {
  portion.begins = !std::exchange(begun, true);
  ENSURE(!worker.install(portion));
}

void install_rest(DiskWorker& worker, znode::DataTree& tree, bool& begun) {
  while (znode::checkpoint_under_way(tree)) {
    install(worker, znode::next_portion(tree, kSlice), begun);
  }
}

void install_pack(DiskWorker& worker, znode::EntryPack pack, bool& begun) {
  znode::CheckpointBatch portion;
  portion.zxid = kZxid;
  portion.pack = std::move(pack);
  portion.bytes = portion.pack.bytes();
  portion.from_scratch = true;
  portion.ends = false;
  install(worker, std::move(portion), begun);
}

Bytes read_stream(DiskWorker& worker) {
  Bytes stream;
  Span span;
  {
    auto reader = worker.read_snapshot();
    ENSURE(reader.has_value());
    std::size_t bytes = 0;
    for (bool last = false; !last;) bytes += (*reader)->next(last)->size();
    stream.reserve(bytes);
  }
  span.print("leader: the stream out of the checkpoint");
  auto reader = worker.read_snapshot();
  for (bool last = false; !last;) append(stream, *(*reader)->next(last));
  return stream;
}

template <class BetweenReads>
znode::DataTree take_tree(ByteView stream, znode::SnapStreamReader& reader,
                          const BetweenReads& between) {
  while (!reader.done()) {
    ByteView piece = stream.first(std::min(kReadBytes, stream.size()));
    stream = stream.subspan(piece.size());
    ENSURE(!reader.feed(piece));
    between();
  }
  Result<znode::DataTree> tree = reader.take(kZxid);
  ENSURE(tree.has_value());
  return std::move(*tree);
}

void learn(const Settings& settings, ByteView stream) {
  {
    Span span;
    znode::SnapStreamReader reader;
    znode::DataTree tree = take_tree(stream, reader, [] {});
    span.print("learner: the tree alone");
    Span whole;
    bool begun = false;
    Worker disk(settings.dir + "/learner-whole");
    znode::begin_checkpoint(tree, Zxid{}, /*from_scratch=*/true);
    install_rest(*disk.worker, tree, begun);
    whole.print("learner: its checkpoint, from the whole tree");
  }
  if (settings.whole) return;
  Span span;
  Worker disk(settings.dir + "/learner");
  znode::SnapStreamReader reader;
  reader.pack_nodes(true);
  bool begun = false;
  znode::DataTree tree = take_tree(stream, reader, [&] {
    if (reader.pack().bytes() >= kPackBytes) {
      install_pack(*disk.worker, reader.take_pack(), begun);
    }
  });
  if (!reader.pack().empty()) install_pack(*disk.worker, reader.take_pack(), begun);
  znode::begin_rest_of_checkpoint(tree, Zxid{});
  install_rest(*disk.worker, tree, begun);
  span.print("learner: both at once, as they arrive");
}

void run(const Settings& settings) {
  std::filesystem::remove_all(settings.dir);
  std::filesystem::create_directories(settings.dir);
  Bytes stream;
  {
    Worker leader(settings.dir + "/leader");
    znode::DataTree tree = make_tree(settings);
    bool begun = false;
    znode::begin_checkpoint(tree, Zxid{}, /*from_scratch=*/true);
    install_rest(*leader.worker, tree, begun);
    stream = read_stream(*leader.worker);
  }
  std::printf("%.1f MB of stream\n", static_cast<double>(stream.size()) / 1e6);
  learn(settings, stream);
  {
    Span span;
    Worker again(settings.dir + "/learner-whole");
    span.print("start: the tree out of the checkpoint");
    ENSURE(again.recovered.tree.node_count() > settings.nodes);
  }
  std::filesystem::remove_all(settings.dir);
}

constexpr const char* kUsage =
    "usage: learner-cost [--nodes N] [--per-parent N] [--size BYTES] [--dir DIR] [--whole]\n"
    "CPU time and page faults of sending, taking and storing a whole tree. DIR is removed before\n"
    "and after; --whole: not as it arrives.\n";

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "learner-cost: %s\n%s", what.c_str(), kUsage);
  std::exit(2);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) {
    refuse("not a number above 0: " + std::string(text));
  }
  return value;
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (name == "--whole") {
      settings.whole = true;
      continue;
    }
    if (++i == argc) refuse("no value behind " + std::string(name));
    if (name == "--nodes") {
      settings.nodes = number(argv[i]);
    } else if (name == "--per-parent") {
      settings.per_parent = number(argv[i]);
    } else if (name == "--size") {
      settings.size = number(argv[i]);
    } else if (name == "--dir") {
      settings.dir = argv[i];
    } else {
      refuse("unknown option " + std::string(name));
    }
  }
  return settings;
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) {
  quorate::bench::run(quorate::bench::parse(argc, argv));
}
