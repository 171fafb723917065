// What lambda serve is made of, beside its core: each part by its rule.
#include <doctest/doctest.h>

#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "examples/lambda/operator_states.h"
#include "examples/lambda/serve/cluster_view.h"
#include "examples/lambda/serve/dashboard_files.h"
#include "examples/lambda/serve/latency.h"
#include "examples/lambda/serve/loader.h"
#include "examples/lambda/serve/queries.h"
#include "examples/lambda/serve/status.h"
#include "examples/lambda/serve/worker_signals.h"
#include "examples/pipeline/state_file.h"
#include "tests/support/temporary_folder.h"

using namespace lambda_app;
using nlohmann::json;
using pipeline::EventView;
using pipeline::FaultKind;
using pipeline::WebRequest;

namespace {

template <class AnySummary>
void add_hit(AnySummary& to, const char* visitor, std::int64_t time_ms, const char* path) {
  EventView event;
  event.time_ms = time_ms;
  event.visitor = visitor;
  event.path = path;
  event.status = 200;
  event.bytes = 10;
  to.add(event);
}

/// Batch: two hits of v at /a/; speed: one of w at /b/.
Snapshot small_snapshot() {
  pipeline::Summary exact;
  add_hit(exact, "v", 0, "/a/x");
  add_hit(exact, "v", 1'000, "/a/y");
  auto batch = std::make_shared<BatchView>();
  batch->generation.run = 4;
  batch->sketch = pipeline::sketch_of(exact);
  batch->exact = std::make_shared<const pipeline::Summary>(std::move(exact));
  Snapshot snapshot;
  snapshot.number = 9;
  snapshot.both = batch->sketch;
  snapshot.batch = std::move(batch);
  add_hit(snapshot.speed, "w", 7'200'000, "/b/x");
  add_hit(snapshot.both, "w", 7'200'000, "/b/x");
  snapshot.ends = {3};
  return snapshot;
}

WebRequest asking(std::map<std::string, std::string> query) {
  WebRequest request;
  request.method = "GET";
  request.query = std::move(query);
  return request;
}

struct Tree {
  std::map<std::string, std::string> nodes;
  ZnodeMirror mirror() const {
    ZnodeMirror mirror;
    mirror.children = [this](const std::string& path) {
      std::vector<std::string> names;
      for (const auto& [node, data] : nodes) {
        if (!node.starts_with(path + "/")) continue;
        const std::string name = node.substr(path.size() + 1);
        if (name.find('/') == std::string::npos) names.push_back(name);
      }
      return names;
    };
    mirror.data = [this](const std::string& path) {
      const auto at = nodes.find(path);
      return at == nodes.end() ? "" : at->second;
    };
    return mirror;
  }
};

bool tells(const std::vector<Happening>& happenings, const std::string& text) {
  for (const Happening& happening : happenings) {
    if (happening.text == text) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("queries: a layer answers for its part, both for all, over time and path") {
  const Snapshot snapshot = small_snapshot();
  const auto hits = [&](std::map<std::string, std::string> query) {
    const auto response = answer_question(snapshot, asking(std::move(query)));
    REQUIRE(response.status == 200);
    return json::parse(response.body)["hits"].get<int>();
  };
  CHECK(hits({}) == 3);
  CHECK(hits({{"layer", "batch"}}) == 2);
  CHECK(hits({{"layer", "speed"}}) == 1);
  CHECK(hits({{"prefix", "/b/"}}) == 1);
  CHECK(hits({{"from", "3600000"}}) == 1);
  CHECK(hits({{"from", "1970-01-01T01:00"}}) == 1);
  CHECK(hits({{"from", "-60000"}, {"to", "3600000"}}) == 2);
  const json answer = json::parse(answer_question(snapshot, asking({{"top", "1"}})).body);
  CHECK(answer["generation"] == 4);
  CHECK(answer["view"] == 9);
  CHECK(answer["ends"] == json::array({3}));
  CHECK(answer["visitors"] == 2);
  CHECK(answer["pages"].size() == 1);
  const json series = json::parse(answer_series(snapshot, asking({{"step", "hour"}})).body);
  REQUIRE(series["series"].size() == 2);
  CHECK(series["series"][1][0] == 7'200'000);
  CHECK(series["series"][1][1]["hits"] == 1);
  CHECK(json::parse(answer_prefixes(snapshot).body)["prefixes"] == json::array({"/a/", "/b/"}));
}

TEST_CASE("queries: before the first run batch is empty, and speed is all") {
  Snapshot snapshot;
  snapshot.number = 1;
  add_hit(snapshot.speed, "w", 0, "/b/x");
  add_hit(snapshot.both, "w", 0, "/b/x");
  CHECK(answer_of(snapshot, Layer::Batch, {}).hits == 0);
  CHECK(answer_of(snapshot, Layer::Speed, {}).hits == 1);
  CHECK(answer_of(snapshot, Layer::Both, {}).hits == 1);
}

TEST_CASE("queries: what cannot be answered is 400 and says why") {
  const Snapshot snapshot = small_snapshot();
  struct Row {
    const char* name;
    const char* value;
    const char* word;
  };
  for (const Row& row :
       {Row{"from", "x", "from=x: expected milliseconds"}, Row{"to", "1e3", "to=1e3"},
        Row{"from", "99999999999999999999", "milliseconds"}, Row{"top", "-1", "top=-1"},
        Row{"top", "1001", "up to 1000"}, Row{"layer", "Batch", "batch, speed or both"},
        Row{"step", "", "minute, hour or day"}, Row{"prefix", "a", "prefix=a"},
        Row{"prefix", "/a/b/c/", "at most 2 deep"}, Row{"fron", "1", "fron is no parameter"}}) {
    CAPTURE(row.name);
    for (const auto& ask : {answer_question, answer_series}) {
      const auto response = ask(snapshot, asking({{row.name, row.value}}));
      CHECK(response.status == 400);
      CHECK(json::parse(response.body)["error"].get<std::string>().find(row.word) !=
            std::string::npos);
    }
  }
}

TEST_CASE("latency: quantiles of the last minute") {
  Latency latency;
  CHECK(latency.quantiles(0).samples == 0);
  for (int i = 1; i <= 100; ++i) latency.add(1'000 + i, i);
  latency.add(1'200, -5);  // Clocks differ.
  CHECK(latency.quantiles(1'200).samples == 101);
  CHECK(latency.quantiles(1'200).p50_ms == 50);
  CHECK(latency.quantiles(1'200).p99_ms == 99);
  CHECK(latency.quantiles(61'100).samples == 2);
  CHECK(latency.quantiles(61'101).p99_ms == 0);
  CHECK(latency.quantiles(70'000).samples == 0);
}

TEST_CASE("cluster view: holders are the first in the lines of locks, by sequence") {
  CHECK(first_in_line({}) == "");
  CHECK(first_in_line({"x", "short"}) == "");
  CHECK(first_in_line({"b-lock-0000000007", "a-lock-0000000010", "c__lock__0000000008"}) ==
        "b-lock-0000000007");
  CHECK(first_in_line({"a-lock--2147483648", "b-lock-2147483647"}) == "b-lock-2147483647");
}

TEST_CASE("cluster view: workers, holders, leader, runs and refusals are read from their znodes") {
  Tree tree;
  tree.nodes = {
      {"/r/workers/speed-a",
       R"({"role":"speed","id":"a","pid":7,"started_ms":1,"note":"bug=drop-errors"})"},
      {"/r/workers/speed-b", "garbage"},
      {"/r/speed/hits/members/locks/p0000/x-lock-0000000003", "a"},
      {"/r/speed/hits/members/locks/p0000/y-lock-0000000004", "b"},
      {"/r/archive/hits/members/locks/p0001/z-lock-0000000001", "c"},
      {"/r/batch/election/q-lock-0000000002", "m"},
      {"/r/batch/requests/r-0000000001", ""},
      {"/r/batch/runs/0000000003",
       R"({"run":3,"state":"running","started_ms":5,"maps":2,"parts":4,"other":1})"},
      {"/r/batch/runs/0000000003/done/map-00001", "{}"},
      {"/r/batch/runs/0000000002", "garbage"},
      {"/r/refused/speed-z", R"({"count":2,"last":"a commit"})"},
  };
  Common common;
  common.root = "/r";
  const ClusterView view = cluster_view(tree.mirror(), common, 2);
  REQUIRE(view.workers.size() == 1);
  CHECK(view.workers.at("speed-a").note == "bug=drop-errors");
  CHECK(view.holders.at("speed") == std::vector<std::string>{"a", ""});
  CHECK(view.holders.at("archive") == std::vector<std::string>{"", "c"});
  CHECK(view.batch_leader == "m");
  CHECK(view.requests == 1);
  REQUIRE(view.runs.size() == 1);
  CHECK(view.runs[0].run == 3);
  CHECK(view.runs[0].tasks == 6);
  CHECK(view.runs[0].done == 1);
  CHECK(view.refused.at("speed-z").count == 2);

  tree.nodes.erase("/r/speed/hits/members/locks/p0000/x-lock-0000000003");
  tree.nodes.erase("/r/workers/speed-a");
  tree.nodes["/r/refused/speed-z"] = R"({"count":3,"last":"a late commit"})";
  tree.nodes["/r/workers/batch-m"] =
      R"({"role":"batch","id":"m","pid":8,"started_ms":1,"note":"{\"x\":1}"})";
  const auto told = what_happened(view, cluster_view(tree.mirror(), common, 2));
  CHECK(told.size() == 4);
  CHECK(tells(told, "speed-a is gone"));
  CHECK(tells(told, "batch-m has joined"));
  CHECK(tells(told, "speed 0: a to b"));
  CHECK(tells(told, "speed-z was refused: a late commit"));
  CHECK(what_happened(view, view).empty());
}

TEST_CASE("status: what is not known is null or named, never made up") {
  StatusInputs inputs;
  inputs.views.partitions.resize(1);
  inputs.views.waiting_for = "the speed views of partitions 0";
  inputs.feed = json::array();
  inputs.alerts = {"{\"rule\":\"r\"}", "no json"};
  const json status = status_json(inputs);
  CHECK(status["serving"] == false);
  CHECK(status["generation"] == nullptr);
  CHECK(status["bus"] == false);
  CHECK(status["bad_lines"] == nullptr);
  CHECK(status["partitions"][0]["speed"]["lag"] == nullptr);
  CHECK(status["partitions"][0]["speed"]["holder"] == "");
  CHECK(status["drift"]["known"] == false);
  CHECK(status["alerts"].size() == 1);
  // An event below the cut is in the answer, whether the speed layer has come to it or not.
  inputs.highs = {100};
  inputs.archived = {90};
  inputs.views.partitions[0].end = 20;
  inputs.views.partitions[0].cut = 70;
  const json known = status_json(inputs);
  CHECK(known["partitions"][0]["speed"]["lag"] == 30);
  CHECK(known["partitions"][0]["archive"]["lag"] == 10);
}

TEST_CASE(
    "loader: parts are read from a checkpoint in its znode or file, and a wrong file is told") {
  quorate::test::TemporaryFolder folder;
  SpeedState state;
  SpeedDelta delta;
  delta.to = 5;
  add_hit(delta.summary, "v", 0, "/a");
  REQUIRE(state.parts.apply(delta));
  const std::string bytes = encode(state);
  pipeline::CheckpointText text;
  text.offset = 5;
  text.inline_state = bytes;
  REQUIRE(load_parts(text, folder.path()).has_value());
  CHECK(load_parts(text, folder.path())->end() == 5);

  text.inline_state.clear();
  text.file = "state";
  text.file_bytes = bytes.size();
  text.file_hash = pipeline::state_hash(bytes);
  CHECK(load_parts(text, folder.path()).error().kind == FaultKind::Storage);
  REQUIRE(pipeline::write_file(folder.path(), "state", bytes).has_value());
  CHECK(load_parts(text, folder.path())->end() == 5);
  REQUIRE(pipeline::write_file(folder.path(), "state", bytes + "x").has_value());
  CHECK(load_parts(text, folder.path()).error().kind == FaultKind::Damaged);

  pipeline::CheckpointText claimed;  // Nothing was committed yet.
  claimed.token = 3;
  CHECK(load_parts(claimed, folder.path())->end() == 0);
  claimed.inline_state = "garbage";
  CHECK(load_parts(claimed, folder.path()).error().kind == FaultKind::Damaged);
}

TEST_CASE("batch view: files are read, and what is loaded already is not read again") {
  quorate::test::TemporaryFolder folder;
  pipeline::Summary one, two;
  add_hit(one, "v", 0, "/a");
  two = one;
  add_hit(two, "w", 0, "/a");
  for (const auto& [name, summary] : {std::pair("one", &one), std::pair("two", &two)}) {
    std::string bytes;
    summary->encode(bytes);
    REQUIRE(pipeline::write_file(folder.path(), name, bytes).has_value());
  }
  Generation first;
  first.run = 1;
  first.cuts = {1};
  first.file = "one";
  const auto loaded = load_batch(first, folder.path(), nullptr);
  REQUIRE(loaded.has_value());
  CHECK((*loaded)->exact->events() == 1);
  CHECK((*loaded)->previous->events() == 0);
  Generation second;
  second.run = 2;
  second.cuts = {2};
  second.file = "two";
  second.previous_run = 1;
  second.previous_cuts = {1};
  second.previous_file = "one";
  CHECK((*load_batch(second, folder.path(), *loaded))->previous == (*loaded)->exact);
  CHECK((*load_batch(second, folder.path(), nullptr))->previous->events() == 1);
  pipeline::remove_file(folder.path(), "one");
  CHECK((*load_batch(second, folder.path(), nullptr))->previous == nullptr);
  CHECK(load_batch(first, folder.path(), nullptr).error().kind == FaultKind::Storage);
  REQUIRE(pipeline::write_file(folder.path(), "one", "garbage").has_value());
  CHECK(load_batch(first, folder.path(), nullptr).error().kind == FaultKind::Damaged);
}

TEST_CASE("worker signals: only this user's processes of this program, as registered") {
  WorkerSignals signals(std::chrono::milliseconds(10));
  Worker worker;
  worker.role = "speed";
  for (const std::int64_t pid :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-5}, std::int64_t{1} << 40,
        std::int64_t{::getpid()}, std::int64_t{::getppid()}}) {
    CAPTURE(pid);
    worker.pid = pid;
    CHECK(signals.kill("speed-a", worker).status == 409);
    CHECK(signals.pause("speed-a", worker).status == 409);
  }
  CHECK(!signals.paused("speed-a"));
}

TEST_CASE("dashboard: its files are in the program, and none names another host") {
  for (const char* path : {"/", "/dashboard.css", "/dashboard.js", "/live.js", "/charts.js"}) {
    const DashboardFile* file = find_dashboard_file(path);
    REQUIRE(file != nullptr);
    CHECK(file->bytes.size() > 500);
    std::string text(file->bytes);
    // The name of the SVG language is no host.
    for (std::size_t at; (at = text.find("http://www.w3.org/")) != std::string::npos;) {
      text.erase(at, 7);
    }
    CHECK(text.find("http://") == std::string::npos);
    CHECK(text.find("https://") == std::string::npos);
  }
  CHECK(find_dashboard_file("/index.html") == nullptr);
  CHECK(find_dashboard_file("") == nullptr);
}
