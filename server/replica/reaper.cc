#include "server/replica/reaper.h"

#include <algorithm>
#include <vector>

namespace quorate::server {

namespace {
constexpr std::int64_t kMinuteUs = 60'000'000;
}

void Reaper::lead(std::int64_t now_ms) {
  stop();
  leading_ = true;
  next_look_ms_ = now_ms + options_.check_interval_ms;
}

void Reaper::stop() {
  leading_ = false;
  scan_.reset();
  queue_.clear();
}

void Reaper::tick(const znode::DataTree& tree, std::int64_t now_ms, std::int64_t wall_ms) {
  if (!leading_) return;
  if (now_ms >= next_look_ms_ && !scan_ && queue_.empty()) {
    // At a fixed rate; looks that a long one has missed are not made up for.
    while (next_look_ms_ <= now_ms) next_look_ms_ += options_.check_interval_ms;
    scan_.emplace();
  }
  if (!scan_) return;
  std::vector<std::string> due;
  scan_->step(tree, kLooksPerTick, wall_ms, options_.rules, due);
  std::move(due.begin(), due.end(), std::back_inserter(queue_));
  if (scan_->done()) scan_.reset();
}

const std::string* Reaper::due(std::int64_t now_ms) const {
  const bool ready = !queue_.empty() && now_ms * 1000 >= next_delete_us_;
  return ready ? &queue_.front() : nullptr;
}

void Reaper::taken(std::int64_t now_ms) {
  queue_.pop_front();
  // Ticks are coarser than the pace: what one tick has missed the next may do, but no more.
  constexpr std::int64_t kCatchUpUs = 100'000;
  next_delete_us_ = std::max(next_delete_us_, now_ms * 1000 - kCatchUpUs) +
                    kMinuteUs / std::max<std::int64_t>(1, options_.max_per_minute);
}

}  // namespace quorate::server
