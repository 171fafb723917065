// Workers and the serving side together, in one process.
#include "examples/kappa/serving.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "examples/kappa/worker.h"
#include "examples/pipeline/cut.h"
#include "tests/unit/kappa/application.h"

using namespace kappa_app;
using kappa_test::Application;
using kappa_test::Connection;
using pipeline::Summary;

namespace {

/// A worker on a thread of its own.
class RunningWorker {
 public:
  RunningWorker(Application& application, const Generation& generation, const std::string& id) {
    settings_.places = application.places();
    settings_.id = id;
    setting_.generation = generation;
    setting_.code = find_code(generation.code);
    setting_.delta_interval = std::chrono::milliseconds(1);
    setting_.commit_interval = std::chrono::milliseconds(20);
    thread_ = std::thread([this, &application] {
      done_ = std::make_unique<pipeline::Result<WorkDone>>(
          work(settings_, *application.bus, setting_, order_));
    });
  }
  ~RunningWorker() {
    if (thread_.joinable()) end();
  }

  pipeline::Result<WorkDone> end() {
    order_.stop();
    return join();
  }
  pipeline::Result<WorkDone> join() {
    thread_.join();
    return *done_;
  }

 private:
  WorkerSettings settings_;
  HandlerSetting setting_;
  StopOrder order_;
  std::unique_ptr<pipeline::Result<WorkDone>> done_;
  std::thread thread_;
};

/// The serving side on a thread of its own.
class RunningServing {
 public:
  explicit RunningServing(Application& application)
      : client_(application.server),
        serving_(
            *application.bus, application.places(), application.partitions, [this] { changed(); },
            std::chrono::milliseconds(1)),
        thread_([this] { (void)serving_.follow(client_); }) {}
  ~RunningServing() {
    serving_.stop();
    thread_.join();
  }

  /// Waits until what is answered fulfils `condition(generation, summary)`.
  template <class Condition>
  bool sees(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kappa_test::kPatience, [&] {
      const auto view = serving_.current();
      return view && view->ask([&](const Summary& summary, const auto&) {
        return condition(view->generation().number, summary);
      });
    });
  }

 private:
  void changed() {
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }

  std::mutex mutex_;  ///< So that no change falls between a look and the wait.
  std::condition_variable changed_;
  Connection client_;
  Serving serving_;
  std::thread thread_;
};

std::string bytes_of(const Summary& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

std::string counted(std::uint64_t hits, std::int64_t gap_ms) {
  pipeline::SummaryOptions options;
  options.session_gap_ms = gap_ms;
  Summary summary(options);
  for (const auto& hit : kappa_test::hits(0, hits)) summary.add(hit.view());
  return bytes_of(summary);
}

}  // namespace

TEST_CASE(
    "serving: deltas and checkpoints make the bytes that counting at once makes; a switch "
    "changes the gap and loses no hit") {
  Application application;
  Connection client(application.server);
  Generations generations(client, application.places());
  const Generation old_gap = Application::generation(1);
  const Generation new_gap = Application::generation(2, 60'000);
  for (const Generation& one : {old_gap, new_gap}) REQUIRE(generations.declare(one));
  application.append(0, 200);
  RunningWorker first(application, old_gap, "a");
  const SwitchOrder order{1, /*lag_max=*/0, kappa_test::kPatience};
  REQUIRE(switch_to(generations, *application.bus, order));

  RunningServing serving(application);
  CHECK(serving.sees([](GenerationNumber number, const Summary& summary) {
    return number == 1 && bytes_of(summary) == counted(200, 1'800'000);
  }));
  application.append(200, 260);
  CHECK(serving.sees([](GenerationNumber, const Summary& summary) {
    return bytes_of(summary) == counted(260, 1'800'000);
  }));

  RunningWorker second(application, new_gap, "b");
  REQUIRE(switch_to(generations, *application.bus, {2, 0, kappa_test::kPatience}));
  CHECK(serving.sees([](GenerationNumber number, const Summary& summary) {
    // Never a view of the new one that has less than the old one had.
    if (number == 2) CHECK(summary.events() >= 260);
    return number == 2 && bytes_of(summary) == counted(260, 60'000);
  }));
  application.append(260, 300);
  CHECK(serving.sees([](GenerationNumber, const Summary& summary) {
    return bytes_of(summary) == counted(300, 60'000);
  }));

  REQUIRE(roll_back(generations, *application.bus, {0, 0, kappa_test::kPatience}));
  CHECK(serving.sees([](GenerationNumber number, const Summary& summary) {
    return number == 1 && bytes_of(summary) == counted(300, 1'800'000);
  }));
  CHECK(first.end());
  CHECK(second.end());
}

TEST_CASE("serving: repeated hits and marks of batch runs change nothing") {
  Application application;
  Connection client(application.server);
  Generations generations(client, application.places());
  REQUIRE(generations.declare(Application::generation(1)));
  application.append(0, 50);
  std::string mark;
  encode(pipeline::Cut{1}, mark);
  const pipeline::Record record{pipeline::kCutKey, mark};
  for (pipeline::PartitionNumber partition = 0; partition < application.partitions; ++partition) {
    REQUIRE(application.bus->append("hits", partition, std::span(&record, 1)));
  }
  application.append(0, 60);
  RunningWorker worker(application, Application::generation(1), "a");
  REQUIRE(switch_to(generations, *application.bus, {1, 0, kappa_test::kPatience}));
  RunningServing serving(application);
  CHECK(serving.sees([](GenerationNumber, const Summary& summary) {
    return bytes_of(summary) == counted(60, 1'800'000);
  }));
}

TEST_CASE("serving: other code is another generation: robots count in the one, not in the other") {
  Application application;
  Connection client(application.server);
  Generations generations(client, application.places());
  Generation people = Application::generation(2);
  people.code = "v2";
  REQUIRE(generations.declare(Application::generation(1)));
  REQUIRE(generations.declare(people));
  application.append(0, 80);
  RunningWorker first(application, Application::generation(1), "a");
  RunningWorker second(application, people, "b");
  RunningServing serving(application);
  for (const auto& [number, hits] : {std::pair(1u, 80u), std::pair(2u, 60u)}) {
    REQUIRE(switch_to(generations, *application.bus, {number, 0, kappa_test::kPatience}));
    CHECK(
        serving.sees([number = number, hits = hits](GenerationNumber now, const Summary& summary) {
          return now == number && summary.events() == hits;
        }));
  }
}

TEST_CASE("a worker goes on where another has stopped, and ends when its generation is retired") {
  Application application;
  Connection client(application.server);
  Generations generations(client, application.places());
  REQUIRE(generations.declare(Application::generation(1)));
  REQUIRE(generations.declare(Application::generation(2)));
  application.append(0, 100);
  {
    RunningWorker first(application, Application::generation(1), "a");
    const auto progress = generations.progress(*application.bus, 1, kappa_test::kPatience);
    REQUIRE(progress);
    CHECK(progress->total_lag() == 0);
    CHECK(first.end());
  }
  application.append(100, 150);
  RunningWorker second(application, Application::generation(1), "b");
  REQUIRE(generations.progress(*application.bus, 1, kappa_test::kPatience)->total_lag() == 0);
  REQUIRE(generations.retire(1));
  const auto done = second.join();
  REQUIRE(done);
  CHECK(done->retired);
  CHECK(done->counts.records == 50);
  CHECK(*generations.wait_for_end_of_workers(1, kappa_test::kPatience));
  CHECK(client.exists("/kappa/gen-1").code == qc::Code::NoNode);
}
