#include "examples/lambda/batch/local_batch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "examples/lambda/batch/archiver.h"
#include "examples/lambda/batch/map_task.h"
#include "examples/lambda/batch/plan.h"
#include "examples/lambda/batch/reduce_task.h"
#include "examples/lambda/options.h"
#include "examples/pipeline/log_parser.h"
#include "examples/pipeline/program/answers_json.h"
#include "examples/pipeline/summary.h"

namespace lambda_app {

using nlohmann::json;
using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;
using pipeline_program::Arguments;

namespace {

struct LocalOptions {
  std::string folder;
  std::vector<std::string> files;
  unsigned slots = 2;
  std::uint32_t parts = 2;  ///< As many as slots: each more is more to merge.
  std::uint64_t segment_bytes = 64u << 20;
  std::uint64_t split_bytes = 64u << 20;
  bool answers = false;
  std::size_t top = 10;

  std::string segments() const { return folder + "/segments"; }
  std::string work() const { return folder + "/batch-run-local"; }
};

struct LocalCounts {
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint64_t bad = 0;
  std::uint64_t events = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t segments = 0;
  std::uint64_t load_ms = 0;
  std::uint64_t map_ms = 0;
  std::uint64_t reduce_ms = 0;
  std::uint64_t merge_ms = 0;
};

/// Milliseconds that `step` took are added to `ms`.
template <class Step>
Result<> timed(std::uint64_t& ms, Step&& step) {
  const auto began = std::chrono::steady_clock::now();
  Result<> done = step();
  ms += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::steady_clock::now() - began)
                                       .count());
  return done;
}

/// Calls `task(i)` for each i below `count`, `slots` at a time; the first fault.
Result<> in_slots(unsigned slots, std::size_t count,
                  const std::function<Result<>(std::size_t)>& task) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  Result<> all;
  const auto slot = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      const Result<> done = task(i);
      if (done) continue;
      const std::lock_guard lock(mutex);
      if (all) all = done;
      next = count;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < slots; ++i) threads.emplace_back(slot);
  slot();
  for (std::thread& thread : threads) thread.join();
  return all;
}

/// Pieces of a text of about `bytes` each, cut behind line ends.
std::vector<std::string_view> pieces_of(std::string_view text, std::uint64_t bytes) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    std::size_t end = text.size() <= bytes ? text.size() : text.find('\n', bytes);
    end = end >= text.size() ? text.size() : end + (text.size() <= bytes ? 0 : 1);
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return pieces;
}

/// One piece of a log to one segment.
Result<> load_piece(const LocalOptions& options, std::string_view piece, PartitionNumber partition,
                    LocalCounts& counts, std::mutex& mutex) {
  SegmentWriter writer(options.segments(), partition, 0, /*token=*/1);
  pipeline::LogParser parser;
  pipeline::LineSplitter lines;
  std::string bytes;
  std::uint64_t seen = 0;
  std::uint64_t bad = 0;
  const auto on_line = [&](std::string_view line, std::uint64_t offset) {
    ++seen;
    const auto event = parser.parse(line, offset);
    if (!event) {
      ++bad;
      return;
    }
    bytes.clear();
    encode(*event, bytes);
    writer.add(bytes);
  };
  lines.feed(piece, on_line);
  lines.finish(on_line);
  const std::lock_guard lock(mutex);
  counts.lines += seen;
  counts.bad += bad;
  if (writer.records() == 0) return {};
  const auto closed = writer.close(writer.records(), Durability::UntilPowerCut);
  if (!closed) return closed.error();
  return {};
}

Result<> load(const LocalOptions& options, PartitionNumber first, LocalCounts& counts) {
  std::vector<MappedFile> files;
  std::vector<std::string_view> pieces;
  for (const std::string& name : options.files) {
    Result<MappedFile> file = MappedFile::open(name);
    if (!file) return file.error();
    files.push_back(std::move(*file));
    const std::string_view text = files.back().bytes();
    counts.bytes += text.size();
    // Small files, too, are shared by all slots.
    const std::uint64_t share = text.size() / (2 * options.slots) + 1;
    const std::uint64_t size = std::clamp<std::uint64_t>(share, 1u << 20, options.segment_bytes);
    for (const std::string_view piece : pieces_of(text, size)) pieces.push_back(piece);
  }
  std::mutex mutex;
  return in_slots(options.slots, pieces.size(), [&](std::size_t i) {
    return load_piece(options, pieces[i], first + static_cast<PartitionNumber>(i), counts, mutex);
  });
}

/// The segments in the folder, by what their own tails say.
Result<std::vector<SegmentInfo>> segments_in(const std::string& folder) {
  std::vector<SegmentInfo> segments;
  for (const std::string& name : files_in(folder)) {
    if (!segment_of(name) || !name.ends_with(".seg")) continue;
    const Result<MappedFile> file = MappedFile::open(folder + "/" + name);
    if (!file) return file.error();
    const auto parts = parse_segment(file->bytes());
    if (!parts) return Fault{FaultKind::Damaged, folder + "/" + name + " is no whole segment"};
    segments.push_back(parts->info);
  }
  std::sort(segments.begin(), segments.end(), [](const SegmentInfo& a, const SegmentInfo& b) {
    return std::pair(a.partition, a.from) < std::pair(b.partition, b.from);
  });
  return segments;
}

Result<Output> run_batch(const LocalOptions& options, const std::vector<SegmentInfo>& segments,
                         LocalCounts& counts) {
  const Cancel cancel{false};
  SplitLimits limits;
  limits.wanted = 4 * options.slots;
  limits.bytes_max = options.split_bytes;
  const std::vector<Split> splits = plan_splits(segments, limits);
  Result<> done = timed(counts.map_ms, [&] {
    return in_slots(options.slots, splits.size(), [&](std::size_t i) -> Result<> {
      const MapWork map{options.segments(), splits[i], options.parts, options.work(),
                        "map-" + std::to_string(i)};
      const auto mapped = run_map(map, cancel);
      return mapped ? Result<>() : mapped.error();
    });
  });
  if (!done) return done.error();
  MergeWork merge{options.work(), std::vector<Output>(options.parts),
                  options.folder, "batch-view-local",
                  options.slots,  Durability::UntilPowerCut};
  std::mutex mutex;
  done = timed(counts.reduce_ms, [&] {
    return in_slots(options.slots, options.parts, [&](std::size_t part) -> Result<> {
      ReduceWork reduce{options.work(),
                        {},
                        static_cast<std::uint32_t>(part),
                        "reduce-" + std::to_string(part),
                        {}};
      for (std::size_t i = 0; i < splits.size(); ++i) {
        reduce.inputs.push_back("map-" + std::to_string(i));
      }
      const auto reduced = run_reduce(reduce, cancel);
      if (!reduced) return reduced.error();
      const std::lock_guard lock(mutex);
      merge.inputs[part] = reduced->output;
      counts.duplicates += reduced->duplicates;
      return {};
    });
  });
  if (!done) return done.error();
  Output view;
  done = timed(counts.merge_ms, [&]() -> Result<> {
    const auto merged = run_merge(merge, cancel);
    if (!merged) return merged.error();
    view = merged->output;
    counts.events = merged->events;
    return {};
  });
  if (!done) return done.error();
  return view;
}

Result<LocalCounts> carry_out(const LocalOptions& options) {
  LocalCounts counts;
  std::error_code fault;
  std::filesystem::create_directories(options.segments(), fault);
  std::filesystem::create_directories(options.work(), fault);
  if (fault) return Fault{FaultKind::Storage, options.folder + ": " + fault.message()};
  auto segments = segments_in(options.segments());
  if (!segments) return segments.error();
  if (!options.files.empty()) {
    const PartitionNumber first = segments->empty() ? 0 : segments->back().partition + 1;
    Result<> loaded = timed(counts.load_ms, [&] { return load(options, first, counts); });
    if (!loaded) return loaded.error();
    segments = segments_in(options.segments());
    if (!segments) return segments.error();
  }
  for (const SegmentInfo& segment : *segments) {
    if (options.files.empty()) counts.bytes += segment.bytes;
  }
  counts.segments = segments->size();
  const Result<Output> view = run_batch(options, *segments, counts);
  if (!view) return view.error();
  std::filesystem::remove_all(options.work(), fault);
  return counts;
}

json json_of(const LocalOptions& options, const LocalCounts& counts) {
  return {{"bytes", counts.bytes},
          {"lines", counts.lines},
          {"bad", counts.bad},
          {"events", counts.events},
          {"duplicates", counts.duplicates},
          {"segments", counts.segments},
          {"slots", options.slots},
          {"parts", options.parts},
          {"load_ms", counts.load_ms},
          {"map_ms", counts.map_ms},
          {"reduce_ms", counts.reduce_ms},
          {"merge_ms", counts.merge_ms},
          {"ms", counts.load_ms + counts.map_ms + counts.reduce_ms + counts.merge_ms},
          {"view", options.folder + "/batch-view-local"}};
}

}  // namespace

int batch_locally(Arguments& arguments, const std::string& folder) {
  LocalOptions options;
  options.folder = folder;
  options.files = arguments.files();
  options.slots = static_cast<unsigned>(arguments.number("--slots", options.slots, 256));
  options.parts = static_cast<std::uint32_t>(arguments.number("--parts", options.slots, 1'000));
  options.segment_bytes = arguments.number("--segment-mb", 64, 1u << 20) << 20;
  options.split_bytes = arguments.number("--split-mb", 64, 1u << 20) << 20;
  options.answers = arguments.flag("--answers");
  options.top = arguments.number("--top", options.top);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (options.slots == 0) return refuse("--slots: at least 1");
  if (options.parts == 0) return refuse("--parts: at least 1");
  if (options.segment_bytes == 0 || options.split_bytes == 0) {
    return refuse("--segment-mb, --split-mb: at least 1");
  }
  const Result<LocalCounts> counts = carry_out(options);
  if (!counts) return fail(counts.error().message);
  json told = json_of(options, *counts);
  if (options.answers) {
    const auto file = MappedFile::open(options.folder + "/batch-view-local");
    const auto summary = file ? pipeline::Summary::decode(file->bytes()) : std::nullopt;
    if (!summary) return fail("the view cannot be read again");
    told["answers"] = pipeline_program::all_answers(*summary, options.top);
  }
  const std::string text = options.answers ? pipeline_program::dump(told) : told.dump() + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace lambda_app
