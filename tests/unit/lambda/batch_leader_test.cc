#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <thread>

#include "examples/lambda/batch/archiver.h"
#include "examples/lambda/batch/batch_session.h"
#include "examples/lambda/batch/leader.h"
#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/embedded_bus.h"
#include "examples/pipeline/state_file.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/testing/server.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace lambda_app;
using pipeline::FaultKind;

namespace {

/// A server, a bus with two partitions and an archive that is brought up to date on demand.
struct Application {
  Application() {
    common.connect = server.connect_string();
    common.folder = folder.path();
    common.id = "test";
    std::filesystem::create_directories(BatchPlace(common).segments());
    bus = std::move(*pipeline::EmbeddedBus::open({folder.path() + "/bus"}));
    pipeline::TopicOptions topic;
    topic.partitions = 2;
    REQUIRE(bus->create_topic(common.topic, topic));
  }

  std::unique_ptr<qc::SyncClient> client(
      std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
    qc::ConnectOptions options(server.connect_string());
    options.session_timeout = timeout;
    auto made = std::make_unique<qc::SyncClient>(options);
    REQUIRE(made->connect());
    return made;
  }

  void hit(int number) {
    pipeline::EventView event;
    event.id = static_cast<std::uint64_t>(number);
    event.time_ms = 60'000 * number;
    event.status = 200;
    const std::string visitor = "v" + std::to_string(number);
    event.visitor = visitor;
    event.path = "/";
    std::string value;
    encode(event, value);
    const pipeline::Record record{visitor, value};
    REQUIRE(append_by_key(*bus, common.topic, {&record, 1}));
  }

  Generation served(qc::SyncClient& store) {
    const auto got = store.get_data(common.path("serving/current"));
    return got ? *generation_of(*got.value.data) : Generation();
  }
  std::uint64_t refused(qc::SyncClient& store) {
    const auto got = store.get_data(common.path("refused/batch-test"));
    return got ? refused_of(*got.value.data)->count : 0;
  }

  quorate::testing::Server server;
  const quorate::test::TemporaryFolder folder;
  Common common;
  std::unique_ptr<pipeline::EmbeddedBus> bus;
};

/// The archive as a thread.
class RunningArchive {
 public:
  explicit RunningArchive(Application& app)
      : client_(app.client()),
        consumer_(
            *client_, *client_, *app.bus, options_of(app),
            [folder = BatchPlace(app.common).segments()](
                PartitionNumber partition, std::int64_t token,
                const pipeline::Checkpoint& last) -> std::unique_ptr<pipeline::PartitionHandler> {
              return Archiver::open({folder}, partition, token, last);
            }),
        thread_([this] { ended_ = consumer_.run(); }) {}
  ~RunningArchive() {
    consumer_.stop();
    thread_.join();
    CHECK(ended_);
  }

 private:
  static pipeline::ConsumerOptions options_of(const Application& app) {
    pipeline::ConsumerOptions options;
    options.place = app.common.group(kArchiveGroup);
    options.member = "a";
    options.commit_interval = std::chrono::hours(1);  // Marks alone commit.
    return options;
  }

  std::unique_ptr<qc::SyncClient> client_;
  pipeline::Consumer consumer_;
  pipeline::Result<> ended_;
  std::thread thread_;
};

/// One candidate, whose leading the test does step by step.
struct Candidate {
  explicit Candidate(Application& app)
      : store(app.client()),
        count(app.common, "batch"),
        refusals(*store, count),
        leader(app.common, *store, *app.bus, board, refusals, {}),
        claims(*store, *store, BatchPlace(app.common)) {}

  TaskResult result(const RunRecord& run) {
    TaskResult merged;
    merged.output.name = view_name(run.run, "x");
    merged.events = 3;
    return merged;
  }

  BatchPlace place{Common()};
  BoardWatch board{place};
  std::unique_ptr<qc::SyncClient> store;
  RefusedCount count;
  Refusals refusals;
  Leader leader;
  TaskClaims claims;
};

/// A whole worker, on a thread.
class RunningWorker {
 public:
  RunningWorker(Application& app, const std::string& id)
      : common_(app.common),
        members_(app.client()),
        store_(app.client()),
        count_(app.common, "batch") {
    common_.id = id;
    options_.leader.every = std::chrono::seconds(0);
    options_.leader.parts = 3;
    session_ =
        std::make_unique<BatchSession>(common_, options_, *members_, *store_, *app.bus, count_);
    thread_ = std::thread([this] { ended_ = session_->run(); });
  }
  ~RunningWorker() {
    session_->stop();
    thread_.join();
    CHECK(ended_);
  }

 private:
  Common common_;
  BatchOptions options_;
  std::unique_ptr<qc::SyncClient> members_, store_;
  RefusedCount count_;
  std::unique_ptr<BatchSession> session_;
  pipeline::Result<> ended_;
  std::thread thread_;
};

/// Asks for a run and waits until it is served.
void run_batch(Application& app, qc::SyncClient& client) {
  const std::string requests = BatchPlace(app.common).requests();
  REQUIRE(make_path(client, requests).empty());
  const auto made = client.create(requests + "/r-", "", qc::CreateMode::PersistentSequential);
  REQUIRE(made);
  std::mutex mutex;
  std::condition_variable bell;
  bool gone = false;
  const qc::SyncNodeCache cache(client, made.value.path, [&](const qc::CachedNode& node) {
    const std::lock_guard lock(mutex);
    gone = gone || !node.exists;
    bell.notify_all();
  });
  std::unique_lock lock(mutex);
  REQUIRE(bell.wait_for(lock, std::chrono::seconds(60), [&] { return gone; }));
}

}  // namespace

TEST_CASE(
    "leader: once a later one holds office, every write of the earlier is refused and counted") {
  Application app;
  const RunningArchive archive(app);
  Candidate stale(app);
  Candidate later(app);
  REQUIRE(stale.leader.take_office(5));
  app.hit(1);
  const auto run = stale.leader.start_run();
  REQUIRE(run);
  REQUIRE(later.leader.take_office(6));
  CHECK(later.leader.active()->run == run->run);  // It goes on with what was begun.

  CHECK(stale.leader.serve(*run, stale.result(*run)).error().kind == FaultKind::Fenced);
  CHECK(app.served(*stale.store).run == 0);
  CHECK(stale.leader.give_up(*run, "why").error().kind == FaultKind::Fenced);
  CHECK(stale.leader.start_run().error().kind == FaultKind::Fenced);
  CHECK(stale.leader.take_office(5).error().kind == FaultKind::Fenced);
  CHECK(app.refused(*stale.store) == 4);

  REQUIRE(later.leader.serve(*run, later.result(*run)));
  CHECK(app.served(*later.store).run == run->run);
  CHECK(app.refused(*later.store) == 4);
}

TEST_CASE("leader: a served run is served once, whoever learns of it late") {
  Application app;
  const RunningArchive archive(app);
  Candidate first(app);
  REQUIRE(first.leader.take_office(5));
  const auto run = first.leader.start_run();
  REQUIRE(run);
  REQUIRE(first.leader.serve(*run, first.result(*run)));
  Candidate second(app);
  REQUIRE(second.leader.take_office(6));
  CHECK(!second.leader.active());
  auto other = second.result(*run);
  other.output.name = "batch-view-other";
  REQUIRE(second.leader.serve(*run, other));
  CHECK(app.served(*second.store).file == first.result(*run).output.name);
  const auto next = second.leader.start_run();
  REQUIRE(next);
  CHECK(next->run == run->run + 1);
  REQUIRE(second.leader.serve(*next, second.result(*next)));
  const Generation served = app.served(*second.store);
  CHECK(served.previous_run == run->run);
  CHECK(served.previous_cuts == run->cuts);
  CHECK(served.previous_file == first.result(*run).output.name);
}

TEST_CASE(
    "claims: one of two wins; a result without its claim is refused; the first result counts") {
  Application app;
  const RunningArchive archive(app);
  Candidate candidate(app);
  REQUIRE(candidate.leader.take_office(5));
  app.hit(1);
  const auto run = candidate.leader.start_run();
  REQUIRE(run);
  const auto zombie = app.client();
  TaskClaims zombies(*zombie, *candidate.store, BatchPlace(app.common));
  const TaskId task{TaskKind::Map, 0};
  const Claim first{run->run, {task, false}, "z", "map-z-1"};
  const Claim second{run->run, {task, false}, "w", "map-w-1"};
  const Claim copy{run->run, {task, true}, "w", "map-w-2"};
  CHECK(zombies.claim(first) == ClaimOutcome::Won);
  CHECK(candidate.claims.claim(second) == ClaimOutcome::Busy);
  CHECK(candidate.claims.claim({run->run + 9, {task, false}, "w", "none"}) == ClaimOutcome::Busy);
  // The first is taken for dead. Its claim goes with its session, and with it its right.
  CHECK(app.server.expire_session(zombie->session_id()));
  TaskResult result;
  result.attempt = first.attempt;
  CHECK(zombies.commit(first, result) == CommitOutcome::Refused);
  CHECK(zombies.fail(first, "disk full") == CommitOutcome::Refused);
  CHECK(candidate.claims.claim(second) == ClaimOutcome::Won);
  CHECK(candidate.claims.fail(second, "disk full") == CommitOutcome::Won);
  CHECK(candidate.claims.fail(second, "disk full") == CommitOutcome::Refused);
  const auto failed =
      candidate.store->get_children(BatchPlace(app.common).run(run->run) + "/failed");
  REQUIRE(failed);
  CHECK(failed.value.children.size() == 1);
  CHECK(candidate.claims.claim(second) == ClaimOutcome::Won);
  CHECK(candidate.claims.claim(copy) == ClaimOutcome::Won);
  CHECK(zombies.commit(first, result) == CommitOutcome::Refused);
  result.attempt = copy.attempt;
  CHECK(candidate.claims.commit(copy, result) == CommitOutcome::Won);
  CHECK(candidate.claims.commit(copy, result) == CommitOutcome::Won);  // As after a lost reply.
  result.attempt = second.attempt;
  CHECK(candidate.claims.commit(second, result) == CommitOutcome::Second);
  const auto done =
      candidate.store->get_data(BatchPlace(app.common).run(run->run) + "/done/map-00000");
  REQUIRE(done);
  CHECK(task_result_of(*done.value.data)->attempt == copy.attempt);
}

TEST_CASE("batch: asked for a run, the workers serve all facts below the marks, and clean up") {
  Application app;
  const RunningArchive archive(app);
  const auto client = app.client();
  for (int i = 0; i < 50; ++i) app.hit(i);
  for (int i = 0; i < 10; ++i) app.hit(i);  // Sent again.
  const auto one = std::make_unique<RunningWorker>(app, "one");
  auto two = std::make_unique<RunningWorker>(app, "two");
  run_batch(app, *client);
  const Generation first = app.served(*client);
  CHECK(first.events == 50);
  for (int i = 50; i < 80; ++i) app.hit(i);
  two.reset();
  run_batch(app, *client);
  run_batch(app, *client);
  const Generation last = app.served(*client);
  CHECK(last.events == 80);
  CHECK(last.run == first.run + 2);
  const auto view = pipeline::Summary::decode(**pipeline::read_file(app.folder.path(), last.file));
  REQUIRE(view);
  CHECK(view->answer({}).hits == 80);
  CHECK(!std::filesystem::exists(app.folder.path() + "/" + first.file));
  CHECK(std::filesystem::exists(app.folder.path() + "/" + last.previous_file));
}
