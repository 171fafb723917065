#include "shell/walk.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <future>
#include <map>
#include <thread>

#include "tests/support/scripted_server.h"

using namespace quorate;
using namespace quorate::shell;

namespace {

/// A tree on a scripted server; it runs on a thread of its own while somebody walks.
class Forest {
 public:
  Forest() : server(io) {}
  ~Forest() { stop(); }

  void plant(const std::string& path, const std::string& data = "") {
    REQUIRE(server.create(path, data) == Code::Ok);
    planted_[path] = data;
  }
  /// Many nodes of all shapes: wide, deep, narrow.
  void plant_many() {
    plant("/top", "root");
    std::uint32_t draw = 7;
    std::vector<std::string> all{"/top"};
    for (int i = 0; i < 1500; ++i) {
      draw = draw * 1664525u + 1013904223u;
      // Mostly below one of the latest or the first ones.
      const std::size_t at = draw % 3 == 0 ? draw / 3 % 5 : all.size() - 1 - draw / 3 % 40;
      const std::string path =
          all[std::min(at, all.size() - 1)] + "/n" + std::to_string(draw / 64 % 1000000);
      if (planted_.contains(path)) continue;
      plant(path, std::string(draw / 128 % 90, 'x'));
      all.push_back(path);
    }
  }

  void start() {
    thread_ = std::thread([this] {
      auto work = boost::asio::make_work_guard(io);
      io.run();
    });
    const auto connected = remote.connect(client::ConnectOptions(server.address()));
    REQUIRE(connected.ok());
  }
  void stop() {
    if (!thread_.joinable()) return;
    remote.close();
    io.stop();
    thread_.join();
  }
  /// On the server's thread, which alone may touch it.
  void there(std::function<void()> work) { boost::asio::post(io, std::move(work)); }

  /// Parents before children, siblings by name.
  std::vector<std::string> order(const std::string& top, std::size_t depth_max = 99) const {
    std::vector<std::string> out;
    add(top, depth_max, out);
    return out;
  }
  const std::string& data(const std::string& path) const { return planted_.at(path); }

  boost::asio::io_context io;
  server::ScriptedServer server;
  Remote remote{nullptr};

 private:
  void add(const std::string& path, std::size_t depth, std::vector<std::string>& out) const {
    out.push_back(path);
    if (depth == 0) return;
    std::vector<std::string> children;
    for (auto at = planted_.upper_bound(path + "/"); at != planted_.end(); ++at) {
      if (!at->first.starts_with(path + "/")) break;
      if (at->first.find('/', path.size() + 1) == std::string::npos) children.push_back(at->first);
    }
    std::sort(children.begin(), children.end());
    for (const std::string& each : children) add(each, depth - 1, out);
  }

  std::map<std::string, std::string> planted_;
  std::thread thread_;
};

std::vector<std::string> walked(Forest& forest, const WalkOptions& options,
                                const std::string& top = "/top") {
  cancel_flag() = false;
  Walk walk(forest.remote, top, options);
  std::vector<std::string> out;
  Visit visit;
  while (walk.next(visit)) {
    CHECK(visit.code == Code::Ok);
    CHECK(visit.depth ==
          static_cast<std::size_t>(std::count(visit.path.begin(), visit.path.end(), '/') -
                                   std::count(top.begin(), top.end(), '/')));
    if (options.data) CHECK(visit.data == forest.data(visit.path));
    if (options.acl) CHECK(visit.acl == open_acl());
    if (options.stat) {
      CHECK(visit.stat.data_length == static_cast<int>(forest.data(visit.path).size()));
      if (visit.depth < options.depth_max) {
        CHECK(visit.children == static_cast<std::size_t>(visit.stat.num_children));
      }
    }
    out.push_back(visit.path);
  }
  CHECK_MESSAGE(walk.fault().ok(), walk.fault().message);
  return out;
}

std::vector<WalkOptions> all_kinds() {
  std::vector<WalkOptions> kinds(6);
  kinds[1].data = true;
  kinds[2].data = kinds[2].acl = true;
  kinds[3].stat = false;
  kinds[4].acl = true;
  kinds[5].flying_max = 1;
  return kinds;
}

}  // namespace

TEST_CASE("a walk: parents before children, siblings by name, whatever is filled") {
  Forest forest;
  forest.plant_many();
  const std::vector<std::string> wanted = forest.order("/top");
  forest.start();
  for (const WalkOptions& options : all_kinds()) CHECK(walked(forest, options) == wanted);
  WalkOptions shallow;
  shallow.depth_max = 2;
  CHECK(walked(forest, shallow) == forest.order("/top", 2));
  shallow.data = true;
  CHECK(walked(forest, shallow) == forest.order("/top", 2));
}

TEST_CASE("a walk puts many nodes into one request") {
  Forest forest;
  forest.plant_many();
  const std::vector<std::string> wanted = forest.order("/top");
  forest.start();
  CHECK(walked(forest, WalkOptions()) == wanted);
  forest.stop();
  CHECK(forest.server.count(OpCode::MultiRead) < static_cast<int>(wanted.size()) / 5);
  CHECK(forest.server.count(OpCode::GetData) == 0);
  CHECK(forest.server.count(OpCode::GetChildren2) == 0);
}

TEST_CASE("a server that does not know multiRead is asked for one node at a time") {
  Forest forest;
  forest.plant_many();
  const std::vector<std::string> wanted = forest.order("/top");
  forest.server.never_heard_of(OpCode::MultiRead);
  forest.start();
  for (const WalkOptions& options : all_kinds()) CHECK(walked(forest, options) == wanted);
  forest.stop();
  CHECK_MESSAGE(forest.server.count(OpCode::MultiRead) == 1, "asked once per session");
}

TEST_CASE("lost replies and links do not show in a walk") {
  for (const OpCode op : {OpCode::MultiRead, OpCode::GetAcl, OpCode::GetData}) {
    Forest forest;
    forest.plant_many();
    const std::vector<std::string> wanted = forest.order("/top");
    if (op == OpCode::GetData) forest.server.never_heard_of(OpCode::MultiRead);
    forest.start();
    CHECK(forest.remote.reads_batches() == (op != OpCode::GetData));
    WalkOptions options;
    options.data = options.acl = true;
    forest.there([&] { forest.server.lose_reply(op); });
    CHECK(walked(forest, options) == wanted);
    forest.there([&] { forest.server.lose_request(op); });
    CHECK(walked(forest, options) == wanted);
    forest.stop();
    CHECK(forest.server.faults_done());
  }
}

TEST_CASE("a walk reads long data singly where nobody wants it") {
  Forest forest;
  forest.plant("/top");
  for (int i = 0; i < 1000; ++i) {
    forest.plant("/top/" + std::to_string(1000 + i), std::string(20'000, 'x'));
  }
  forest.start();
  CHECK(walked(forest, WalkOptions()) == forest.order("/top"));
  forest.stop();
  CHECK_MESSAGE(forest.server.count(OpCode::GetChildren2) > 500, "it learned how long data is");
}

TEST_CASE("a walk goes on where an earlier one ended") {
  Forest forest;
  forest.plant_many();
  const std::vector<std::string> wanted = forest.order("/top");
  forest.start();
  for (std::size_t at = 0; at < wanted.size(); at += 97) {
    WalkOptions options;
    options.after = wanted[at];
    cancel_flag() = false;
    Walk walk(forest.remote, "/top", options);
    std::vector<std::string> seen;
    Visit visit;
    while (walk.next(visit)) {
      // The nodes above it, and itself.
      if (!(wanted[at] + "/").starts_with(visit.path + "/")) seen.push_back(visit.path);
    }
    CHECK(seen == std::vector<std::string>(wanted.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                           wanted.end()));
  }
}

TEST_CASE("a walk of the root may leave the system's nodes out") {
  Forest forest;
  forest.plant("/a");
  forest.plant("/zz");
  forest.start();
  WalkOptions options;
  options.skip_system = true;
  options.stat = false;
  Walk walk(forest.remote, "/", options);
  std::vector<std::string> seen;
  Visit visit;
  while (walk.next(visit)) seen.push_back(visit.path);
  CHECK(seen == std::vector<std::string>{"/", "/a", "/zz"});
}

TEST_CASE("a walk ends with the error of its top, and at Ctrl-C") {
  Forest forest;
  forest.plant_many();
  forest.start();
  Visit visit;
  {
    Walk walk(forest.remote, "/nope", WalkOptions());
    CHECK_FALSE(walk.next(visit));
    CHECK(walk.fault().code == Code::NoNode);
    CHECK(walk.fault_path() == "/nope");
  }
  Walk walk(forest.remote, "/top", WalkOptions());
  for (int i = 0; i < 10; ++i) CHECK(walk.next(visit));
  cancel_flag() = true;
  CHECK_FALSE(walk.next(visit));
  CHECK_FALSE(walk.fault().ok());
  cancel_flag() = false;
}

TEST_CASE("nodes that vanish during a walk are passed over") {
  Forest forest;
  forest.plant("/top");
  for (int i = 0; i < 3000; ++i) forest.plant("/top/" + std::to_string(10'000 + i));
  forest.start();
  WalkOptions options;
  options.data = true;
  Walk walk(forest.remote, "/top", options);
  Visit visit;
  REQUIRE(walk.next(visit));
  REQUIRE(walk.next(visit));
  // Further than any walk looks ahead.
  std::promise<void> gone;
  forest.there([&] {
    for (int i = 2500; i < 2900; ++i) forest.server.remove("/top/" + std::to_string(10'000 + i));
    gone.set_value();
  });
  gone.get_future().wait();
  std::size_t count = 2;
  while (walk.next(visit)) ++count;
  CHECK(walk.fault().ok());
  CHECK(count == 3001 - 400);
}
