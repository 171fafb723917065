#include "examples/lambda/speed_operators.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "examples/lambda/speed_topology.h"
#include "examples/pipeline/embedded_bus.h"
#include "examples/pipeline/generator.h"
#include "examples/pipeline/log_parser.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace lambda_app;
using namespace pipeline;

namespace {

std::string value_of(const EventView& event) {
  std::string value;
  encode(event, value);
  return value;
}

std::string mark(std::uint64_t run) {
  std::string value;
  encode(Cut{run}, value);
  return value;
}

EventView hit(EventId id, std::uint16_t status = 200, std::int64_t time_ms = 1'000) {
  EventView event;
  event.id = id;
  event.time_ms = time_ms;
  event.visitor = "v";
  event.path = "/a";
  event.status = status;
  return event;
}

std::vector<std::string> generated(std::uint64_t lines) {
  GeneratorOptions options;
  options.pages = 40;
  options.visitors_at_once = 20;
  options.bad_lines = 0;
  std::vector<std::string> values;
  LogParser parser;
  LineSplitter splitter;
  splitter.feed(generate_log(lines, options), [&](std::string_view line, std::uint64_t) {
    if (const auto event = parser.parse(line)) values.push_back(value_of(*event));
  });
  return values;
}

/// The speed layer's tasks of one partition, without consumers: its records, commits and changes of
/// owner as a test wants them.
class OnePartition {
 public:
  explicit OnePartition(SpeedSettings settings = {}) : settings_(settings) {
    auto opened = EmbeddedBus::open({folder_.path() + "/bus", false});
    REQUIRE(opened);
    bus_ = std::move(*opened);
    for (const std::string& topic : {common_.views_topic(), common_.errors_topic()}) {
      REQUIRE(bus_->create_topic(topic, TopicOptions{}));
    }
    take_over();
  }

  /// Another owner goes on from the last commit, with settings of its own.
  void take_over(std::optional<SpeedSettings> settings = std::nullopt) {
    if (settings) settings_ = *settings;
    topology_ = std::make_unique<Topology>(speed_topology(common_, settings_, served, counts));
    REQUIRE(topology_->fault().empty());
    task_ = topology_->tasks_of("events", *bus_)(0, ++token_, committed_);
    REQUIRE(task_);
    next_ = committed_.offset;
  }
  /// Up to `to` of `values`, in one batch.
  void handle(const std::vector<std::string>& values, Offset to) {
    Batch batch;
    for (; next_ < to; ++next_) batch.records.push_back({next_, 5'000, {}, values[next_]});
    batch.next = next_;
    task_->handle(batch);
  }
  void commit() {
    committed_ = {next_, task_->state()};
    task_->committed(next_);
  }
  void tick() { task_->tick(); }
  std::optional<Operator::Moment> next_tick() const { return task_->next_tick(); }
  SpeedState state() const {
    auto state = decode_speed_state(committed_.state);
    REQUIRE(state);
    return std::move(*state);
  }
  const Checkpoint& committed() const { return committed_; }

  std::vector<std::string> records(const std::string& topic) {
    const auto batch = bus_->read(topic, {0, 0}, {100'000, 64u << 20});
    REQUIRE(batch);
    std::vector<std::string> values;
    for (const StoredRecord& record : batch->records) values.emplace_back(record.value);
    return values;
  }
  std::vector<SpeedDelta> deltas() {
    std::vector<SpeedDelta> all;
    for (const std::string& value : records(common_.views_topic())) {
      auto delta = decode_delta(value);
      REQUIRE(delta);
      all.push_back(std::move(*delta));
    }
    return all;
  }
  std::vector<std::string> partials() { return records(common_.errors_topic()); }

  const std::shared_ptr<ServedGeneration> served = std::make_shared<ServedGeneration>();
  const std::shared_ptr<SpeedCounts> counts = std::make_shared<SpeedCounts>();

 private:
  quorate::test::TemporaryFolder folder_;
  Common common_;
  SpeedSettings settings_;
  std::unique_ptr<EmbeddedBus> bus_;
  std::unique_ptr<Topology> topology_;
  std::unique_ptr<PartitionHandler> task_;
  Checkpoint committed_;
  Offset next_ = 0;
  std::int64_t token_ = 0;
};

std::string bytes_of(const SketchSummary& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

SpeedSettings with_bug(Bug bug) {
  SpeedSettings settings;
  settings.bug = bug;
  return settings;
}

}  // namespace

TEST_CASE("speed: deltas in order make the same parts as the checkpoint has") {
  const std::vector<std::string> values = generated(3'000);
  OnePartition speed;
  for (Offset to = 300; to <= values.size(); to += 300) {
    speed.handle(values, to);
    if (to % 900 == 0) speed.commit();  // Flushes; otherwise the interval would.
  }
  speed.commit();
  SpeedParts from_deltas;
  for (const SpeedDelta& delta : speed.deltas()) {
    CHECK(delta.token == 1);
    CHECK(delta.newest_append_ms == 5'000);
    CHECK(from_deltas.apply(delta));
  }
  CHECK(from_deltas.end() == speed.committed().offset);
  std::string a, b;
  from_deltas.encode(a);
  speed.state().parts.encode(b);
  CHECK(a == b);
}

TEST_CASE("speed: duplicates change nothing, here and in a successor") {
  const std::vector<std::string> values = {value_of(hit(1)), value_of(hit(2)), value_of(hit(1)),
                                           value_of(hit(2)), value_of(hit(3))};
  OnePartition speed;
  speed.handle(values, 3);
  speed.commit();
  speed.take_over();
  speed.handle(values, 5);
  speed.commit();
  CHECK(speed.state().parts.since(0)->events() == 3);
  CHECK(speed.counts->duplicates == 2);
}

TEST_CASE("speed: a mark closes the part where it lies") {
  const std::vector<std::string> values = {value_of(hit(1)), value_of(hit(2)), mark(1),
                                           value_of(hit(3)), mark(2),          mark(2),
                                           value_of(hit(4))};
  OnePartition speed;
  speed.handle(values, values.size());
  speed.commit();
  const SpeedState state = speed.state();
  REQUIRE(state.parts.parts().size() == 4);
  struct Row {
    Offset from, to;
    std::uint64_t events;
  };
  const Row expected[] = {{0, 2, 2}, {2, 4, 1}, {4, 5, 0}, {5, 7, 1}};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(state.parts.parts()[i].from == expected[i].from);
    CHECK(state.parts.parts()[i].to == expected[i].to);
    CHECK(state.parts.parts()[i].summary.events() == expected[i].events);
  }
  CHECK(state.parts.since(4)->events() == 1);
  CHECK(speed.deltas().front().closes);
}

TEST_CASE("speed: parts go when the generation before the one that is served covers them") {
  const std::vector<std::string> values = {value_of(hit(1)), mark(1), value_of(hit(2)), mark(2),
                                           value_of(hit(3))};
  OnePartition speed;
  speed.handle(values, 4);
  speed.commit();
  CHECK(speed.state().parts.since(0));
  Generation generation;
  generation.run = 2;
  generation.cuts = {3};
  generation.file = "g2";
  speed.served->set(generation);
  speed.handle(values, 5);
  speed.commit();
  CHECK(speed.state().parts.between(0, 1));  // Nothing was served before: no older generation.
  generation.previous_run = 1;
  generation.previous_cuts = {1};
  speed.served->set(generation);
  speed.take_over();
  speed.handle(values, 5);
  speed.handle({values[0], values[1], values[2], values[3], values[4], value_of(hit(4))}, 6);
  speed.commit();
  CHECK_FALSE(speed.state().parts.between(0, 1));
  CHECK(speed.state().parts.between(1, 3)->events() == 1);  // What generation 2 added.
  CHECK(speed.state().parts.since(3)->events() == 2);
}

TEST_CASE("speed: nothing is due while nothing comes; a tenth of a second after something has") {
  OnePartition speed;
  CHECK_FALSE(speed.next_tick());
  speed.commit();
  CHECK(speed.deltas().empty());
  CHECK_FALSE(speed.next_tick());
  const auto before = std::chrono::steady_clock::now();
  speed.handle({value_of(hit(1))}, 1);
  const auto after = std::chrono::steady_clock::now();
  REQUIRE(speed.next_tick());
  CHECK(*speed.next_tick() >= before + std::chrono::milliseconds(100));
  CHECK(*speed.next_tick() <= after + std::chrono::milliseconds(100));
  speed.tick();
  CHECK(speed.deltas().empty());  // Not due yet.
}

TEST_CASE("speed: a delta fits into a record, whatever the events are") {
  std::vector<std::string> values;
  const std::string path(kEventTextBytesMax - 1, 'p');
  for (EventId id = 0; id < 400; ++id) {
    EventView event = hit(id);
    const std::string own = path.substr(8) + std::to_string(10'000'000 + id);
    event.path = own;
    event.referrer = own;
    values.push_back(value_of(event));
  }
  OnePartition speed;
  speed.handle(values, values.size());
  speed.commit();
  CHECK(speed.counts->deltas_lost == 0);
  std::uint64_t events = 0;
  for (const SpeedDelta& delta : speed.deltas()) events += delta.summary.events();
  CHECK(events == 400);
}

TEST_CASE("speed: damaged records are counted and passed over") {
  OnePartition speed;
  speed.handle({value_of(hit(1)), "garbage", "", value_of(hit(2))}, 4);
  speed.commit();
  CHECK(speed.counts->damaged == 2);
  CHECK(speed.state().parts.since(0)->events() == 2);
}

TEST_CASE("speed: a horizon bounds what is remembered, and a wrong clock does not move it") {
  SpeedSettings settings;
  settings.horizon_ms = 3'600'000;
  OnePartition speed(settings);
  constexpr std::int64_t kHour = 3'600'000;
  const std::vector<std::string> values = {
      value_of(hit(1, 200, 0)),           value_of(hit(2, 200, kHour / 2)),
      value_of(hit(3, 200, 900 * kHour)),  // A clock that is wrong.
      value_of(hit(4, 200, kHour)),       value_of(hit(5, 200, 2 * kHour)),
      value_of(hit(6, 200, kHour / 2))};  // Older than the horizon.
  speed.handle(values, values.size());
  speed.commit();
  CHECK(speed.counts->too_late == 1);
  CHECK(speed.state().parts.since(0)->events() == 5);
}

TEST_CASE("speed: a successor repeats committed partial counts byte for byte, and adds none") {
  const std::vector<std::string> values = generated(2'000);
  OnePartition speed;
  speed.handle(values, 400);
  speed.commit();
  speed.handle(values, 900);  // Handled, never committed.
  speed.take_over();
  REQUIRE(speed.next_tick());  // At once: its predecessor may not have come to it.
  speed.tick();
  speed.handle(values, 1'700);
  speed.commit();
  const std::vector<std::string> partials = speed.partials();
  Offset end = 0;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < partials.size(); ++i) {
    const auto counts = decode_partial_counts(partials[i]);
    REQUIRE(counts);
    if (counts->to <= end) {
      CHECK(partials[i] == partials[i - 1]);
      continue;
    }
    CHECK(counts->from == end);
    end = counts->to;
    for (const auto& [begin_ms, slice] : counts->slices) hits += slice.hits;
  }
  CHECK(end == 1'700);
  CHECK(hits == speed.state().parts.since(0)->events());
}

TEST_CASE("speed: views do not depend on how often it was committed or taken over") {
  const std::vector<std::string> values = generated(4'000);
  OnePartition quiet;
  quiet.handle(values, values.size());
  quiet.commit();
  OnePartition busy;
  for (Offset to = 0; to < values.size();) {
    busy.handle(values, std::min<Offset>(to + 250, values.size()));
    if (to % 500 == 0) {
      busy.take_over();  // And so handled again.
      busy.handle(values, std::min<Offset>(to + 250, values.size()));
    }
    busy.commit();
    to = busy.committed().offset;
  }
  CHECK(bytes_of(*busy.state().parts.since(0)) == bytes_of(*quiet.state().parts.since(0)));
}

TEST_CASE("speed: the bugs do what they say, and the fix goes on from their state") {
  const std::vector<std::string> values = {value_of(hit(1, 200)),
                                           value_of(hit(2, 404)),
                                           value_of(hit(3, 500)),
                                           value_of(hit(4, 304)),
                                           mark(1),
                                           value_of(hit(5, 500))};
  OnePartition dropping(with_bug(Bug::DropErrors));
  dropping.handle(values, 4);
  dropping.commit();
  CHECK(dropping.state().parts.since(0)->events() == 2);
  dropping.take_over(SpeedSettings{});
  dropping.handle(values, 6);
  dropping.commit();
  CHECK(dropping.state().parts.between(0, 4)->events() == 2);  // Until a batch makes up for it.
  CHECK(dropping.state().parts.since(4)->events() == 1);

  OnePartition twice(with_bug(Bug::CountTwice));
  twice.handle(values, 6);
  twice.commit();
  CHECK(twice.state().parts.between(0, 4)->events() == 8);
  CHECK(twice.state().parts.since(4)->events() == 2);
  CHECK(twice.state().seen.size() == 5);

  CHECK(bug_of("drop-errors") == Bug::DropErrors);
  CHECK(bug_of("count-twice") == Bug::CountTwice);
  CHECK(bug_of("") == Bug::None);
  CHECK_FALSE(bug_of("none"));
}

TEST_CASE("speed: an alert is told once, by whoever comes to it") {
  struct Row {
    const char* what;
    bool first_sends, successor;
  };
  for (const Row& row :
       {Row{"no change of owner", true, false}, Row{"after it was sent", true, true},
        Row{"before it was sent", false, true}}) {
    CAPTURE(row.what);
    const quorate::test::TemporaryFolder folder;
    auto bus = EmbeddedBus::open({folder.path() + "/bus", false});
    REQUIRE(bus);
    const Common common;
    REQUIRE((*bus)->create_topic(common.alerts_topic(), TopicOptions{}));
    const auto counts = std::make_shared<SpeedCounts>();
    const Topology topology =
        speed_topology(common, {}, std::make_shared<ServedGeneration>(), counts);
    const HandlerFactory tasks = topology.tasks_of("error-counts", **bus);

    Batch batch;
    std::vector<std::string> values;
    for (const std::int64_t begin_ms : {0, 10'000, 60'000}) {
      PartialCounts partial;
      partial.from = values.size();
      partial.to = partial.from + 1;
      partial.newest_ms = begin_ms + 9'999;
      partial.slices[begin_ms] = {100, 50};
      values.push_back(encode(partial));
    }
    for (const std::string& value : values) {
      batch.records.push_back({batch.records.size(), 0, {}, value});
    }
    batch.next = batch.records.size();
    auto task = tasks(0, 1, {});
    task->handle(batch);
    CHECK(task->wants_commit());
    const Checkpoint checkpoint{batch.next, task->state()};
    CHECK_FALSE(task->wants_commit());
    CHECK((*bus)->marks(common.alerts_topic(), 0)->high == 0);  // Not before it is committed.
    if (row.first_sends) task->committed(batch.next);
    if (row.successor) {
      task = tasks(0, 2, checkpoint);
      REQUIRE(task);
      REQUIRE(task->next_tick());
      task->tick();
      task->handle(batch);  // The bus may bring them again, too.
      task->committed(batch.next);
    }
    CHECK_FALSE(task->next_tick());
    CHECK((*bus)->marks(common.alerts_topic(), 0)->high == 1);
  }
}
