#include "examples/lambda/batch/map_task.h"

#include <algorithm>
#include <string_view>

#include "examples/lambda/batch/map_output.h"
#include "examples/pipeline/event.h"

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;

namespace {

/// One event by what it is sorted by; the text lies in a segment.
struct Entry {
  std::int64_t time_ms;
  std::uint64_t id;
  const char* begin;
  std::size_t size;

  std::string_view bytes() const { return {begin, size}; }
  bool operator<(const Entry& other) const {
    if (time_ms != other.time_ms) return time_ms < other.time_ms;
    if (id != other.id) return id < other.id;
    return bytes() < other.bytes();
  }
};

class Mapper {
 public:
  Mapper(const MapWork& work, const Cancel& cancel)
      : work_(work), cancel_(cancel), parts_(work.parts), out_(work.out_folder, work.out_name) {}

  /// `segment` must stay until spill() or finish().
  Result<> add(const Segment& segment) {
    BlockReader records = segment.records();
    std::string_view record;
    std::uint64_t seen = 0;
    while (records.next(record)) {
      // Seldom enough to cost nothing, often enough to end within milliseconds.
      if ((++seen & 0xfff) == 0 && cancel_.load(std::memory_order_relaxed)) return cancelled();
      const auto event = pipeline::decode_event(record);
      if (!event) {
        ++counts_.damaged;
        continue;
      }
      parts_[pipeline::visitor_hash(event->visitor) % work_.parts].push_back(
          {event->time_ms, event->id, record.data(), record.size()});
      ++counts_.events;
      if (++in_memory_ >= work_.events_in_memory_max) spill();
    }
    if (records.damaged() || seen != segment.info().records) {
      return Fault{FaultKind::Damaged, work_.segments_folder + "/" + file_of(segment.info()) +
                                           " is damaged: restore it from a copy"};
    }
    return {};
  }

  Result<MapCounts> finish() {
    spill();
    if (cancel_.load(std::memory_order_relaxed)) return cancelled();
    const Result<std::uint64_t> closed = out_.close();
    if (!closed) return closed.error();
    counts_.bytes = *closed;
    return counts_;
  }

 private:
  static Fault cancelled() { return {FaultKind::Closed, "cancelled"}; }

  void spill() {
    for (std::uint32_t part = 0; part < work_.parts; ++part) {
      std::vector<Entry>& entries = parts_[part];
      if (entries.empty()) continue;
      // Logs are nearly in order as they are.
      if (!std::is_sorted(entries.begin(), entries.end())) {
        std::sort(entries.begin(), entries.end());
      }
      out_.begin_run(part);
      for (const Entry& entry : entries) out_.add(entry.bytes());
      out_.end_run();
      entries.clear();
    }
    in_memory_ = 0;
  }

  const MapWork& work_;
  const Cancel& cancel_;
  std::vector<std::vector<Entry>> parts_;
  std::size_t in_memory_ = 0;
  MapOutputWriter out_;
  MapCounts counts_;
};

}  // namespace

Result<MapCounts> run_map(const MapWork& work, const Cancel& cancel) {
  Mapper mapper(work, cancel);
  std::vector<Segment> segments;  // Open until the end: entries point into them.
  segments.reserve(work.split.size());
  for (const SegmentInfo& info : work.split) {
    Result<Segment> segment = Segment::open(work.segments_folder, info);
    if (!segment) return segment.error();
    segments.push_back(std::move(*segment));
    if (const Result<> added = mapper.add(segments.back()); !added) return added.error();
  }
  return mapper.finish();
}

}  // namespace lambda_app
