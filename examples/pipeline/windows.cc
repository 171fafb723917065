#include "examples/pipeline/windows.h"

#include <algorithm>

namespace pipeline {

std::vector<WindowSpan> windows_of(std::int64_t time_ms, const WindowOptions& options) {
  if (options.kind == WindowKind::Session) return {{time_ms, time_ms + options.size_ms}};
  std::int64_t rest = time_ms % options.slide_ms;
  if (rest < 0) rest += options.slide_ms;
  std::vector<WindowSpan> spans;
  for (std::int64_t begin = time_ms - rest; begin + options.size_ms > time_ms;
       begin -= options.slide_ms) {
    spans.push_back({begin, begin + options.size_ms});
  }
  std::reverse(spans.begin(), spans.end());
  return spans;
}

void Watermark::add_partition(std::uint32_t partition) {
  partitions_.try_emplace(partition);
}

void Watermark::remove_partition(std::uint32_t partition) {
  partitions_.erase(partition);
  recompute();
}

void Watermark::observe(std::uint32_t partition, std::int64_t time_ms) {
  Seen& seen = partitions_[partition];
  if (!seen.idle && time_ms <= seen.newest_ms) return;
  seen.idle = false;
  seen.newest_ms = std::max(seen.newest_ms, time_ms);
  recompute();
}

void Watermark::set_idle(std::uint32_t partition) {
  partitions_[partition].idle = true;
  recompute();
}

void Watermark::recompute() {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const auto& [number, seen] : partitions_) {
    if (seen.idle) continue;
    if (seen.newest_ms == kNoTime) return;
    least = std::min(least, seen.newest_ms - disorder_ms_);
  }
  // All idle: nobody knows how late it is.
  if (least != std::numeric_limits<std::int64_t>::max()) now_ = std::max(now_, least);
}

}  // namespace pipeline
