#include "examples/lambda/batch/reduce_task.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "examples/lambda/batch/map_output.h"
#include "examples/lambda/batch/mapped_file.h"
#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/checkpoint_text.h"

namespace lambda_app {

using pipeline::EventView;
using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;
using pipeline::Summary;

namespace {

Fault cancelled() {
  return {FaultKind::Closed, "cancelled"};
}

Fault damaged(const std::string& folder, const std::string& name) {
  return {FaultKind::Damaged, folder + "/" + name + " is damaged; the next run makes it anew"};
}

/// One sorted run, at its next event.
class Cursor {
 public:
  Cursor(std::string_view blocks, std::uint64_t events, std::size_t input)
      : reader_(blocks), left_(events), input_(input) {}

  /// False at the end; whole() tells whether that was the true one.
  bool advance() {
    if (!reader_.next(record_)) return false;
    const auto event = pipeline::decode_event(record_);
    if (!event || left_ == 0) {
      broken_ = true;
      return false;
    }
    event_ = *event;
    --left_;
    return true;
  }
  bool whole() const { return left_ == 0 && !broken_ && !reader_.damaged(); }
  std::size_t input() const { return input_; }
  const EventView& event() const { return event_; }

  bool before(const Cursor& other) const {
    if (event_.time_ms != other.event_.time_ms) return event_.time_ms < other.event_.time_ms;
    if (event_.id != other.event_.id) return event_.id < other.event_.id;
    return record_ < other.record_;
  }

 private:
  BlockReader reader_;
  std::uint64_t left_;
  std::size_t input_;
  std::string_view record_;
  EventView event_;
  bool broken_ = false;
};

/// The cursors as a heap, least event on top. Moving the top on is one way down, not a pop and a
/// push.
class Merger {
 public:
  /// False: the cursor has no event (or is broken).
  bool add(Cursor cursor) {
    if (!cursor.advance()) return cursor.whole();
    cursors_.push_back(std::move(cursor));
    return true;
  }
  void start() {
    order_.resize(cursors_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
    for (std::size_t i = order_.size() / 2; i-- > 0;) sink(i);
  }
  bool empty() const { return order_.empty(); }
  const EventView& top() const { return cursors_[order_[0]].event(); }
  /// The input that turned out to be damaged, if there is one.
  std::optional<std::size_t> advance() {
    Cursor& cursor = cursors_[order_[0]];
    if (!cursor.advance()) {
      if (!cursor.whole()) return cursor.input();
      order_[0] = order_.back();
      order_.pop_back();
    }
    sink(0);
    return std::nullopt;
  }

 private:
  void sink(std::size_t at) {
    while (true) {
      std::size_t least = at;
      for (std::size_t child = 2 * at + 1; child <= 2 * at + 2 && child < order_.size(); ++child) {
        if (cursors_[order_[child]].before(cursors_[order_[least]])) least = child;
      }
      if (least == at) return;
      std::swap(order_[at], order_[least]);
      at = least;
    }
  }

  std::vector<Cursor> cursors_;
  std::vector<std::size_t> order_;
};

Result<Output> write_output(const std::string& folder, const std::string& name,
                            std::string_view bytes, Durability durability) {
  OutputFile file(folder, name + ".open");
  file.write(bytes);
  if (const Result<> closed = file.close(name, durability); !closed) return closed.error();
  return Output{name, bytes.size(), pipeline::state_hash(bytes)};
}

/// All events of the part into the aggregator.
Result<> aggregate(const ReduceWork& work, Merger& merger, pipeline::Aggregator& aggregator,
                   const Cancel& cancel) {
  std::int64_t minute = pipeline::kTimeMsMax;
  for (std::uint64_t seen = 1; !merger.empty(); ++seen) {
    if ((seen & 0xfff) == 0 && cancel.load(std::memory_order_relaxed)) return cancelled();
    const EventView& event = merger.top();
    const std::int64_t of = pipeline::bucket_of(event.time_ms, pipeline::Granularity::Minute);
    if (of != minute) {
      minute = of;
      aggregator.seen().forget_before(of);  // No earlier event comes.
    }
    aggregator.add(event);
    if (const auto bad = merger.advance()) return damaged(work.folder, work.inputs[*bad]);
  }
  return {};
}

Result<Summary> read_part(const std::string& folder, const Output& input) {
  const Result<MappedFile> file = MappedFile::open(folder + "/" + input.name);
  if (!file) return file.error();
  const std::string_view bytes = file->bytes();
  if (bytes.size() != input.bytes || pipeline::state_hash(bytes) != input.hash) {
    return damaged(folder, input.name);
  }
  auto summary = Summary::decode(bytes);
  if (!summary) return damaged(folder, input.name);
  return std::move(*summary);
}

/// Inputs [begin, end), merged.
Result<Summary> merge_parts(const MergeWork& work, std::size_t begin, std::size_t end,
                            const Cancel& cancel) {
  std::optional<Summary> merged;
  for (std::size_t i = begin; i < end; ++i) {
    if (cancel.load(std::memory_order_relaxed)) return cancelled();
    Result<Summary> part = read_part(work.folder, work.inputs[i]);
    if (!part) return part;
    if (!merged) {
      merged = std::move(*part);
    } else if (!merged->merge(*part)) {
      return damaged(work.folder, work.inputs[i].name);
    }
  }
  return merged ? std::move(*merged) : Summary();
}

}  // namespace

Result<ReduceCounts> run_reduce(const ReduceWork& work, const Cancel& cancel) {
  std::vector<MappedFile> files;
  Merger merger;
  for (std::size_t i = 0; i < work.inputs.size(); ++i) {
    Result<MappedFile> file = MappedFile::open(work.folder + "/" + work.inputs[i]);
    if (!file) return file.error();
    files.push_back(std::move(*file));
    const auto output = parse_map_output(files.back().bytes());
    if (!output) return damaged(work.folder, work.inputs[i]);
    for (const MapOutput::Run& run : output->runs) {
      if (run.part != work.part) continue;
      if (!merger.add(Cursor(run.blocks, run.events, i))) {
        return damaged(work.folder, work.inputs[i]);
      }
    }
  }
  merger.start();
  pipeline::Aggregator aggregator(work.summary);
  if (const Result<> done = aggregate(work, merger, aggregator, cancel); !done) {
    return done.error();
  }
  std::string bytes;
  aggregator.summary().encode(bytes);
  Result<Output> output =
      write_output(work.folder, work.out_name, bytes, Durability::UntilPowerCut);
  if (!output) return output.error();
  return ReduceCounts{std::move(*output), aggregator.summary().events(), aggregator.refused()};
}

Result<ReduceCounts> run_merge(const MergeWork& work, const Cancel& cancel) {
  const std::size_t threads = std::clamp<std::size_t>(work.threads, 1, work.inputs.size() + 1);
  std::vector<Result<Summary>> shares(threads, Result<Summary>(Summary()));
  const auto share = [&](std::size_t i) {
    const std::size_t inputs = work.inputs.size();
    shares[i] = merge_parts(work, inputs * i / threads, inputs * (i + 1) / threads, cancel);
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(share, i);
  share(0);
  for (std::thread& other : others) other.join();
  for (const Result<Summary>& part : shares) {
    if (!part) return part.error();
  }
  Summary& merged = *shares[0];
  for (std::size_t i = 1; i < threads; ++i) {
    if (shares[i]->events() == 0) continue;
    if (!merged.merge(*shares[i])) return damaged(work.folder, work.out_name);
  }
  std::string bytes;
  merged.encode(bytes);
  Result<Output> output = write_output(work.out_folder, work.out_name, bytes, work.durability);
  if (!output) return output.error();
  return ReduceCounts{std::move(*output), merged.events(), 0};
}

}  // namespace lambda_app
