// The speed layer on a real server and an embedded bus: owners that lose their session.
#include <doctest/doctest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "examples/lambda/registration.h"
#include "examples/lambda/speed_topology.h"
#include "examples/lambda/topics.h"
#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/embedded_bus.h"
#include "examples/pipeline/generator.h"
#include "examples/pipeline/log_parser.h"
#include "quorate/testing/server.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace lambda_app;
using namespace pipeline;

namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 60s;
constexpr PartitionNumber kTwo = 2;

struct Connection : qc::SyncClient {
  explicit Connection(const quorate::testing::Server& server)
      : SyncClient(options_of(server.connect_string())) {
    const auto connected = connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
  }
  ~Connection() { close(); }
  static qc::ConnectOptions options_of(const std::string& servers) {
    qc::ConnectOptions options(servers);
    options.connect_timeout = kPatience;
    options.session_timeout = 30s;
    return options;
  }
};

/// Waits for offsets that a group commits.
class Progress {
 public:
  Progress(qc::SyncClient& client, const GroupPlace& place, PartitionNumber partitions)
      : kept_(std::make_shared<Kept>()),
        progress_(client, place, partitions,
                  [kept = kept_](PartitionNumber partition, Offset offset) {
                    const std::lock_guard lock(kept->mutex);
                    kept->offsets[partition] = offset;
                    kept->changed.notify_all();
                  }) {}
  bool reach(PartitionNumber partition, Offset offset) {
    std::unique_lock lock(kept_->mutex);
    return kept_->changed.wait_for(lock, kPatience,
                                   [&] { return kept_->offsets[partition] >= offset; });
  }

 private:
  struct Kept {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<PartitionNumber, Offset> offsets;
  };
  std::shared_ptr<Kept> kept_;
  GroupProgress progress_;
};

/// One process of the speed layer, as far as its session goes.
class Member {
 public:
  Member(const quorate::testing::Server& server, const Common& common, const Topology& topology,
         Bus& bus, const std::string& id)
      : members_(server), store_(server) {
    for (const Topology::Source& source : topology.sources()) {
      ConsumerOptions options;
      options.place = common.group(source.group);
      options.place.topic = source.topic;
      options.member = id;
      options.commit_interval = 20ms;
      options.commit_beside = true;
      options.limits.records_max = 100;
      consumers_.push_back(std::make_unique<Consumer>(members_, store_, bus, options,
                                                      topology.tasks_of(source.name, bus)));
    }
    for (const auto& consumer : consumers_) {
      threads_.emplace_back([&consumer] { static_cast<void>(consumer->run()); });
    }
  }
  ~Member() {
    for (const auto& consumer : consumers_) consumer->stop();
    for (std::thread& thread : threads_) thread.join();
  }
  quorate::SessionId session() const { return members_.session_id(); }

 private:
  Connection members_, store_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::vector<std::thread> threads_;
};

std::vector<Event> generated(std::uint64_t lines) {
  GeneratorOptions options;
  options.events_per_second = 50;
  options.bad_lines = 0;
  std::vector<Event> events;
  LogParser parser;
  LineSplitter splitter;
  splitter.feed(generate_log(lines, options), [&](std::string_view line, std::uint64_t) {
    if (const auto event = parser.parse(line)) events.emplace_back(*event);
  });
  return events;
}

void append(Bus& bus, const std::string& topic, const std::vector<Event>& events, std::size_t from,
            std::size_t to) {
  std::vector<std::string> values;
  for (std::size_t i = from; i < to; ++i) encode(events[i].view(), values.emplace_back());
  std::vector<Record> records;
  for (std::size_t i = from; i < to; ++i) {
    records.push_back({events[i].view().visitor, values[i - from]});
  }
  REQUIRE(append_by_key(bus, topic, records));
}

std::string bytes_of(const SketchSummary& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

}  // namespace

TEST_CASE("speed: owners that lose their session leave nothing out and count nothing twice") {
  quorate::testing::Server server;
  const quorate::test::TemporaryFolder folder;
  auto opened = EmbeddedBus::open({folder.path() + "/bus", false});
  REQUIRE(opened);
  EmbeddedBus& bus = **opened;
  Common common;
  common.folder = folder.path();
  REQUIRE(*open_topics(bus, common, kTwo) == kTwo);
  CHECK(*open_topics(bus, common, kTwo + 1) == kTwo);  // Who comes later takes what there is.

  SpeedSettings settings;
  settings.alert.percent = 0.5;
  settings.alert.hits_min = 1;
  const auto counts = std::make_shared<SpeedCounts>();
  const Topology topology =
      speed_topology(common, settings, std::make_shared<ServedGeneration>(), counts);

  const std::vector<Event> events = generated(6'000);
  Connection watcher(server);
  Progress speed(watcher, common.group(kSpeedGroup), kTwo);
  GroupPlace alerts_place = common.group(kAlertsGroup);
  alerts_place.topic = common.errors_topic();
  Progress alerts(watcher, alerts_place, 1);
  std::vector<std::unique_ptr<Member>> all;
  all.push_back(std::make_unique<Member>(server, common, topology, bus, "m0"));
  for (int round = 0; round < 3; ++round) {
    const std::size_t third = events.size() / 3;
    append(bus, common.topic, events, round * third, (round + 1) * third);
    // Somewhere in the middle, committed or not, it loses all it has.
    CHECK(speed.reach(0, bus.marks(common.topic, 0)->low + 1 + round * 700));
    CHECK(server.expire_session(all.back()->session()));
    all.push_back(
        std::make_unique<Member>(server, common, topology, bus, "m" + std::to_string(round + 1)));
  }
  for (PartitionNumber partition = 0; partition < kTwo; ++partition) {
    CHECK(speed.reach(partition, bus.marks(common.topic, partition)->high));
  }

  SketchAggregator expected;
  for (const Event& event : events) expected.add(event.view());
  SketchSummary sum;
  for (PartitionNumber partition = 0; partition < kTwo; ++partition) {
    const auto last = read_committed(watcher, common.group(kSpeedGroup), partition);
    REQUIRE(last);
    const auto state = decode_speed_state(last->checkpoint.state);
    REQUIRE(state);
    CHECK(state->parts.end() == last->checkpoint.offset);
    CHECK(sum.merge(*state->parts.since(0)));
  }
  CHECK(bytes_of(sum) == bytes_of(expected.summary()));

  // Deltas: those of one owner follow each other.
  for (PartitionNumber partition = 0; partition < kTwo; ++partition) {
    const auto batch = bus.read(common.views_topic(), {partition, 0}, {100'000, 64u << 20});
    REQUIRE(batch);
    std::map<std::int64_t, Offset> ends;
    for (const StoredRecord& record : batch->records) {
      const auto delta = decode_delta(record.value);
      REQUIRE(delta);
      CHECK(delta->partition == partition);
      if (ends.count(delta->token) != 0) CHECK(delta->from == ends[delta->token]);
      ends[delta->token] = delta->to;
    }
  }

  // All partial counts reach the rule, and alerts told again are the same ones.
  std::uint64_t hits = 0;
  std::map<PartitionNumber, Offset> ends;
  const auto told_all = [&] {
    hits = 0;
    ends.clear();
    const auto batch = bus.read(common.errors_topic(), {0, 0}, {100'000, 64u << 20});
    for (const StoredRecord& record : batch->records) {
      const auto partial = decode_partial_counts(record.value);
      if (partial->to <= ends[partial->partition]) continue;
      CHECK(partial->from == ends[partial->partition]);
      ends[partial->partition] = partial->to;
      for (const auto& [begin_ms, slice] : partial->slices) hits += slice.hits;
    }
    return hits;
  };
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (told_all() < sum.events() && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  CHECK(hits == sum.events());
  CHECK(alerts.reach(0, bus.marks(common.errors_topic(), 0)->high));
  std::map<std::string, std::string> by_id;
  std::string last_state = "cleared";
  const auto batch = bus.read(common.alerts_topic(), {0, 0}, {100'000, 64u << 20});
  REQUIRE(batch);
  for (const StoredRecord& record : batch->records) {
    const std::string text(record.value);
    const auto alert = nlohmann::json::parse(text);
    const auto [at, is_new] = by_id.emplace(alert["id"], text);
    CHECK(at->second == text);
    if (!is_new) continue;
    CHECK(alert["state"] != last_state);
    last_state = alert["state"];
  }
}

TEST_CASE("registration: a process is seen while its session lives; refusals stay counted") {
  quorate::testing::Server server;
  Common common;
  common.id = "a";
  const std::string path = common.path("workers/speed-a");
  Registration registration(common, "speed", "bug=x");
  Connection watcher(server);
  {
    Connection client(server);
    registration.join(client);
    registration.note("bug=y");
    const auto end = std::chrono::steady_clock::now() + kPatience;
    std::optional<Worker> seen;
    while (std::chrono::steady_clock::now() < end && (!seen || seen->note != "bug=y")) {
      const auto got = watcher.get_data(path);
      if (got) seen = worker_of(got.value.data.value_or(""));
    }
    REQUIRE(seen);
    CHECK(seen->role == "speed");
    CHECK(seen->note == "bug=y");
    registration.leave();
  }
  CHECK(watcher.exists(path).code == qc::Code::NoNode);
  {
    Connection next(server);
    registration.join(next);
    CHECK(watcher.exists(path));
    registration.leave();
  }
  for (int life = 0; life < 2; ++life) {
    RefusedCount refused(common, "speed");
    refused.add(watcher, "hits 1: late");
    refused.add(watcher, "hits 2: late");
    CHECK(refused.since_start() == 2);
  }
  const auto kept = watcher.get_data(common.path("refused/speed-a"));
  REQUIRE(kept);
  CHECK(refused_of(kept.value.data.value_or(""))->count == 4);
  CHECK(refused_of(kept.value.data.value_or(""))->last == "hits 2: late");
}
