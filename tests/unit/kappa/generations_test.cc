#include "examples/kappa/generations.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <thread>

#include "examples/kappa/table.h"
#include "tests/unit/kappa/application.h"

using namespace kappa_app;
using kappa_test::Application;
using kappa_test::Connection;
using pipeline::FaultKind;

namespace {

/// Two generations that have come to the end of the log; the first one is active.
struct TwoGenerations : Application {
  TwoGenerations() {
    append(0, 100);
    for (const GenerationNumber number : {1u, 2u}) {
      REQUIRE(generations.declare(generation(number)));
      commit_all(client, number, /*token=*/1);
    }
    REQUIRE(switch_to(generations, *bus, {1}));
  }

  GenerationNumber active() { return generations.active()->active.generation; }

  Connection client{server};
  Generations generations{client, places()};
};

std::size_t checkpoint_files(const std::string& folder, const std::string& group) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    found += entry.path().filename().string().starts_with(group + ".");
  }
  return found;
}

}  // namespace

TEST_CASE("declare: once; again with the same options is fine, with others it is refused") {
  Application application;
  Connection client(application.server);
  Generations generations(client, application.places());
  CHECK(generations.declare(Application::generation(1)));
  CHECK(generations.declare(Application::generation(1)));
  CHECK(generations.declare(Application::generation(1, 5)).error().kind == FaultKind::BadArgument);
  CHECK(generations.find(1)->options.session_gap_ms == 1'800'000);
  CHECK(generations.find(2).error().kind == FaultKind::BadArgument);
  CHECK(generations.active()->active == Active{});
}

TEST_CASE("switch: the first makes a generation active, the next keeps it as the previous") {
  TwoGenerations two;
  CHECK(two.active() == 1);
  const auto switched = switch_to(two.generations, *two.bus, {2});
  REQUIRE(switched);
  CHECK(switched->active.generation == 2);
  CHECK(switched->active.previous == 1);
  CHECK(switched->progress.total_lag() == 0);
  CHECK(two.generations.active()->active == switched->active);
}

TEST_CASE("switch: refused to one that lags, is unknown, or is active; nothing changes") {
  TwoGenerations two;
  REQUIRE(two.generations.declare(Application::generation(3)));
  two.commit_all(two.client, 3, /*token=*/1, /*behind=*/5);
  const ActiveSeen before = *two.generations.active();
  CHECK(switch_to(two.generations, *two.bus, {3, /*lag_max=*/4}).error().kind ==
        FaultKind::BadArgument);
  CHECK(switch_to(two.generations, *two.bus, {9}).error().kind == FaultKind::BadArgument);
  CHECK(switch_to(two.generations, *two.bus, {1}).error().kind == FaultKind::BadArgument);
  CHECK(two.generations.active()->version == before.version);
  CHECK(switch_to(two.generations, *two.bus, {3, /*lag_max=*/5}));
}

TEST_CASE("switch: one that nobody works on has all of the log as its lag") {
  TwoGenerations two;
  REQUIRE(two.generations.declare(Application::generation(3)));
  const auto progress = two.generations.progress(*two.bus, 3, std::chrono::milliseconds(0));
  REQUIRE(progress);
  CHECK(progress->total_lag() == 100);
  CHECK_FALSE(switch_to(two.generations, *two.bus, {3, /*lag_max=*/99}));
}

TEST_CASE("switch: waits until what was in the log when it began is committed") {
  TwoGenerations two;
  REQUIRE(two.generations.declare(Application::generation(3)));
  Connection other(two.server);
  Generations operators(other, two.places());
  std::thread worker([&two] { two.commit_all(two.client, 3, /*token=*/1); });
  const auto switched =
      switch_to(operators, *two.bus, {3, /*lag_max=*/0, /*patience=*/kappa_test::kPatience});
  worker.join();
  REQUIRE(switched);
  CHECK(two.active() == 3);
}

TEST_CASE("switch: of two operators that decided on the same state one wins, whoever is first") {
  TwoGenerations two;
  REQUIRE(two.generations.declare(Application::generation(3)));
  Connection other_client(two.server);
  Generations other(other_client, two.places());
  const ActiveSeen seen = *two.generations.active();
  const ActiveSeen seen_by_other = *other.active();
  REQUIRE(two.generations.activate(seen, 2));
  const auto late = other.activate(seen_by_other, 3);
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == FaultKind::Fenced);
  CHECK(two.active() == 2);
}

TEST_CASE("switch: of many operators at once exactly one wins") {
  TwoGenerations two;
  constexpr GenerationNumber kOperators = 4;
  for (GenerationNumber i = 0; i < kOperators; ++i) {
    REQUIRE(two.generations.declare(Application::generation(10 + i)));
  }
  const ActiveSeen seen = *two.generations.active();
  std::vector<int> won(kOperators);
  std::vector<std::thread> operators;
  for (GenerationNumber i = 0; i < kOperators; ++i) {
    operators.emplace_back([&, i] {
      Connection client(two.server);
      won[i] = Generations(client, two.places()).activate(seen, 10 + i).has_value();
    });
  }
  for (std::thread& one : operators) one.join();
  int winners = 0;
  for (GenerationNumber i = 0; i < kOperators; ++i) {
    winners += won[i];
    if (won[i]) CHECK(two.active() == 10 + i);
  }
  CHECK(winners == 1);
  CHECK(two.generations.active()->active.previous == 1);
}

TEST_CASE("rollback: goes to the previous one, and a rollback of that goes forth again") {
  TwoGenerations two;
  CHECK(roll_back(two.generations, *two.bus, {}).error().kind == FaultKind::BadArgument);
  REQUIRE(switch_to(two.generations, *two.bus, {2}));
  REQUIRE(roll_back(two.generations, *two.bus, {}));
  CHECK(two.active() == 1);
  CHECK(two.generations.active()->active.previous == 2);
  REQUIRE(roll_back(two.generations, *two.bus, {}));
  CHECK(two.active() == 2);
}

TEST_CASE("rollback: refused when the previous one has not kept up") {
  TwoGenerations two;
  REQUIRE(switch_to(two.generations, *two.bus, {2}));
  two.append(100, 200);
  CHECK(roll_back(two.generations, *two.bus, {0, /*lag_max=*/50}).error().kind ==
        FaultKind::BadArgument);
  CHECK(two.active() == 2);
  two.commit_all(two.client, 1, /*token=*/2);
  CHECK(roll_back(two.generations, *two.bus, {0, /*lag_max=*/50}));
}

TEST_CASE("retire: refused for the active one") {
  TwoGenerations two;
  CHECK(two.generations.retire(1).error().kind == FaultKind::BadArgument);
  CHECK_FALSE(two.generations.find(1)->retired);
  CHECK(two.generations.remove_leftovers(*two.bus, 1).error().kind == FaultKind::BadArgument);
}

TEST_CASE(
    "retire: its number is used up, a rollback to it is not offered, a switch to it refused") {
  TwoGenerations two;
  REQUIRE(switch_to(two.generations, *two.bus, {2}));
  const ActiveSeen before = *two.generations.active();
  CHECK(two.generations.retire(1));
  CHECK(two.generations.retire(1));
  CHECK(two.generations.find(1)->retired);
  CHECK(two.generations.declare(Application::generation(1)).error().kind == FaultKind::BadArgument);
  CHECK(roll_back(two.generations, *two.bus, {}).error().kind == FaultKind::BadArgument);
  CHECK(switch_to(two.generations, *two.bus, {1}).error().kind == FaultKind::BadArgument);
  CHECK(two.generations.activate(before, 1).error().kind == FaultKind::BadArgument);
  CHECK(two.active() == 2);
}

TEST_CASE("retire: an operator who had decided to switch before comes too late") {
  TwoGenerations two;
  Connection other_client(two.server);
  Generations other(other_client, two.places());
  const ActiveSeen seen = *other.active();
  REQUIRE(two.generations.retire(2));
  CHECK_FALSE(other.activate(seen, 2));
  CHECK(two.active() == 1);
}

TEST_CASE("retire: nothing is left but the definition") {
  TwoGenerations two;
  pipeline::TopicOptions topic;
  topic.partitions = two.partitions;
  const std::string views = two.places().views_topic(2);
  REQUIRE(two.bus->create_topic(views, topic));
  const pipeline::Record record{"", "delta"};
  REQUIRE(two.bus->append(views, 0, std::span(&record, 1)));
  CHECK(checkpoint_files(two.folder.path(), "gen-2") == 2);
  REQUIRE(two.client.exists("/kappa/gen-2"));
  REQUIRE(two.generations.retire(2));
  CHECK(*two.generations.wait_for_end_of_workers(2, kappa_test::kPatience));
  REQUIRE(two.generations.remove_leftovers(*two.bus, 2));
  REQUIRE(two.generations.remove_leftovers(*two.bus, 2));  // Once more does no harm.
  CHECK(checkpoint_files(two.folder.path(), "gen-2") == 0);
  CHECK(checkpoint_files(two.folder.path(), "gen-1") == 2);
  CHECK(two.client.exists("/kappa/gen-2").code == qc::Code::NoNode);
  CHECK(two.client.exists("/kappa/gen-1"));
  CHECK(two.bus->marks(views, 0)->low == 1);
  CHECK(two.generations.all()->size() == 2);
}

TEST_CASE("retire: waits for workers that still have a session") {
  TwoGenerations two;
  const std::string party = two.places().party_path(2);
  for (const std::string& path : {std::string("/kappa/gen-2/hits/members"), party}) {
    REQUIRE(two.client.create(path, ""));
  }
  auto worker = std::make_unique<Connection>(two.server);
  REQUIRE(worker->create(party + "/w", "", qc::CreateMode::Ephemeral));
  REQUIRE(two.generations.retire(2));
  CHECK_FALSE(*two.generations.wait_for_end_of_workers(2, std::chrono::milliseconds(1)));
  std::thread leaving([&worker] { worker.reset(); });
  CHECK(*two.generations.wait_for_end_of_workers(2, kappa_test::kPatience));
  leaving.join();
}

TEST_CASE("table: every generation with its standing, lag and workers") {
  TwoGenerations two;
  REQUIRE(two.generations.declare(Application::generation(3, 600'000)));
  REQUIRE(two.client.create("/kappa/workers", ""));
  REQUIRE(two.client.create("/kappa/workers/2-w", to_json(Worker{2, "w", 77, 5, 3})));
  const auto table = table_of(two.generations, *two.bus, /*lag_max=*/10);
  REQUIRE(table);
  const auto& rows = table->at("generations");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].at("state") == "active");
  CHECK(rows[1].at("state") == "caught-up");
  CHECK(rows[1].at("workers")[0].at("refused") == 3);
  CHECK(rows[2].at("state") == "replaying");
  CHECK(rows[2].at("session_gap_ms") == 600'000);
  const std::string lines = lines_of(*table);
  CHECK(lines.find("replaying") != std::string::npos);
  CHECK(lines.find("*") != std::string::npos);
}
