#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "examples/lambda/batch/archiver.h"
#include "examples/lambda/batch/map_output.h"
#include "examples/lambda/batch/map_task.h"
#include "examples/lambda/batch/reduce_task.h"
#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/generator.h"
#include "examples/pipeline/log_parser.h"
#include "examples/pipeline/state_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace lambda_app;

namespace {

/// Encoded events of generated lines, repetitions among them.
std::vector<std::string> generated(std::uint64_t seed, int lines) {
  pipeline::GeneratorOptions options;
  options.seed = seed;
  options.duplicates = 0.1;
  options.late = 0.1;
  pipeline::Generator generator(options);
  pipeline::LogParser parser;
  std::vector<std::string> events;
  for (int i = 0; i < lines; ++i) {
    std::string line;
    generator.next(line);
    line.pop_back();
    const auto event = parser.parse(line);
    if (!event) continue;
    events.emplace_back();
    encode(*event, events.back());
  }
  return events;
}

std::string summary_bytes(const std::vector<std::string>& events) {
  pipeline::Aggregator aggregator;
  for (const std::string& event : events) aggregator.add(*pipeline::decode_event(event));
  std::string bytes;
  aggregator.summary().encode(bytes);
  return bytes;
}

/// A dataset and a run over it, task by task.
struct Run {
  /// Deals the records out to segments.
  void store(const std::vector<std::string>& records, std::size_t per_segment) {
    for (std::size_t at = 0; at < records.size(); at += per_segment) {
      SegmentWriter writer(folder.path(), 0, at, 1);
      const std::size_t end = std::min(at + per_segment, records.size());
      for (std::size_t i = at; i < end; ++i) writer.add(records[i]);
      segments.push_back(*writer.close(end));
    }
  }

  pipeline::Result<MapCounts> map(std::size_t number, const std::string& name) {
    MapWork work;
    work.segments_folder = work.out_folder = folder.path();
    work.split = {segments[number]};
    work.parts = parts;
    work.out_name = name;
    work.events_in_memory_max = events_in_memory;
    return run_map(work, cancel);
  }
  pipeline::Result<ReduceCounts> reduce(std::uint32_t part, const std::string& name) {
    ReduceWork work;
    work.folder = folder.path();
    for (std::size_t i = 0; i < segments.size(); ++i) {
      work.inputs.push_back("map-" + std::to_string(i));
    }
    work.part = part;
    work.out_name = name;
    return run_reduce(work, cancel);
  }
  pipeline::Result<ReduceCounts> merge(std::vector<Output> inputs, unsigned threads) {
    return run_merge({folder.path(), std::move(inputs), folder.path(), "view", threads,
                      Durability::UntilPowerCut},
                     cancel);
  }
  std::string view(unsigned threads = 2) {
    duplicates = damaged = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto mapped = map(i, "map-" + std::to_string(i));
      REQUIRE(mapped);
      damaged += mapped->damaged;
    }
    std::vector<Output> inputs;
    for (std::uint32_t part = 0; part < parts; ++part) {
      const auto reduced = reduce(part, "reduce-" + std::to_string(part));
      REQUIRE(reduced);
      inputs.push_back(reduced->output);
      duplicates += reduced->duplicates;
    }
    REQUIRE(merge(inputs, threads));
    return read("view");
  }
  std::string read(const std::string& name) { return **pipeline::read_file(folder.path(), name); }

  const quorate::test::TemporaryFolder folder;
  std::vector<SegmentInfo> segments;
  std::uint32_t parts = 3;
  std::size_t events_in_memory = 1u << 20;
  Cancel cancel{false};
  std::uint64_t duplicates = 0;
  std::uint64_t damaged = 0;
};

void flip(const std::string& path, std::size_t at) {
  std::string bytes =
      **pipeline::read_file(path.substr(0, path.rfind('/')), path.substr(path.rfind('/') + 1));
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  REQUIRE(pipeline::write_file(path.substr(0, path.rfind('/')), path.substr(path.rfind('/') + 1),
                               bytes));
}

}  // namespace

TEST_CASE("map and reduce: the bytes of one summary of all, for any order, split, parts, spills") {
  std::vector<std::string> events = generated(3, 4'000);
  const std::string expected = summary_bytes(events);
  std::mt19937 random(5);
  struct Row {
    std::size_t per_segment;
    std::uint32_t parts;
    std::size_t in_memory;
    unsigned threads;
  };
  for (const Row& row : {Row{10'000, 1, 1u << 20, 1}, Row{700, 3, 1u << 20, 2}, Row{999, 8, 50, 3},
                         Row{100, 5, 1, 20}}) {
    CAPTURE(row.per_segment);
    Run run;
    run.parts = row.parts;
    run.events_in_memory = row.in_memory;
    run.store(events, row.per_segment);
    CHECK(run.view(row.threads) == expected);
    CHECK(run.duplicates > 0);
    // The next row gets the same facts in another order, some of them once more.
    const std::size_t size = events.size();
    for (int i = 0; i < 300; ++i) events.push_back(events[random() % size]);
    std::shuffle(events.begin(), events.end(), random);
  }
}

TEST_CASE("map and reduce: an empty dataset is an empty summary") {
  Run run;
  CHECK(run.view() == summary_bytes({}));
}

TEST_CASE("map and reduce: what is no event is counted, not lost silently, and not fatal") {
  std::vector<std::string> records = generated(4, 100);
  const std::string expected = summary_bytes(records);
  records.insert(records.begin() + 50, {"noise", ""});
  Run run;
  run.store(records, 30);
  CHECK(run.view() == expected);
  CHECK(run.damaged == 2);
}

TEST_CASE("tasks: whoever does one, the bytes are the same") {
  Run run;
  run.store(generated(6, 500), 200);
  run.view();
  REQUIRE(run.map(1, "again"));
  CHECK(run.read("again") == run.read("map-1"));
  REQUIRE(run.reduce(2, "again"));
  CHECK(run.read("again") == run.read("reduce-2"));
}

TEST_CASE("map: its runs are sorted, and only so many events are in memory") {
  Run run;
  run.events_in_memory = 64;
  run.store(generated(8, 500), 10'000);
  REQUIRE(run.map(0, "map-0"));
  const std::string bytes = run.read("map-0");
  const auto output = parse_map_output(bytes);
  REQUIRE(output);
  CHECK(output->runs.size() > 3 * 6);
  for (const MapOutput::Run& one : output->runs) {
    CHECK(one.events <= 64);
    BlockReader reader(one.blocks);
    std::string_view record;
    std::int64_t last = 0;
    while (reader.next(record)) {
      const auto event = pipeline::decode_event(record);
      REQUIRE(event);
      CHECK(event->time_ms >= last);
      CHECK(pipeline::visitor_hash(event->visitor) % run.parts == one.part);
      last = event->time_ms;
    }
    CHECK(!reader.damaged());
  }
}

TEST_CASE("tasks: damaged input is told, and leaves no output") {
  using pipeline::FaultKind;
  Run run;
  run.store(generated(9, 300), 100);
  run.view();
  const std::vector<Output> parts{{"reduce-0", run.read("reduce-0").size(), 0}};
  CHECK(run.merge(parts, 1).error().kind == FaultKind::Damaged);
  flip(run.folder.path() + "/map-1", 60);
  bool told = false;
  for (std::uint32_t part = 0; part < run.parts; ++part) {
    const auto reduced = run.reduce(part, "late-" + std::to_string(part));
    told = told || (!reduced && reduced.error().kind == FaultKind::Damaged);
  }
  CHECK(told);
  flip(run.folder.path() + "/" + file_of(run.segments[0]), 60);
  CHECK(run.map(0, "late").error().kind == FaultKind::Damaged);
  pipeline::remove_file(run.folder.path(), file_of(run.segments[1]));
  CHECK(run.map(1, "late").error().kind == FaultKind::Storage);
  CHECK(!*pipeline::read_file(run.folder.path(), "late"));
}

TEST_CASE("tasks: a cancelled one ends with nothing") {
  Run run;
  run.store(generated(10, 20'000), 20'000);
  run.view();
  run.cancel = true;
  CHECK(run.map(0, "late").error().kind == pipeline::FaultKind::Closed);
  CHECK(run.reduce(0, "late").error().kind == pipeline::FaultKind::Closed);
  for (const std::string& name : files_in(run.folder.path())) CHECK(!name.starts_with("late"));
}
