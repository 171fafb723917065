// How many new sessions may be asked for in a while (client-protocol 3.3, step 2).
#pragma once

#include <algorithm>
#include <cstdint>

namespace quorate::server {

/// `capacity` tokens; `fill_count` come back every `fill_ms`. Capacity 0: no limit.
class TokenBucket {
 public:
  TokenBucket(std::int64_t capacity, std::int64_t fill_ms, std::int64_t fill_count)
      : capacity_(capacity), fill_ms_(fill_ms), fill_count_(fill_count), tokens_(capacity) {}

  bool limited() const { return capacity_ > 0; }

  bool take(std::int64_t now_ms) {
    if (!limited()) return true;
    // Whole periods only, so that the rest of a period is not lost.
    const std::int64_t periods =
        started_ ? std::max<std::int64_t>(0, now_ms - filled_ms_) / fill_ms_ : 0;
    filled_ms_ = started_ ? filled_ms_ + periods * fill_ms_ : now_ms;
    started_ = true;
    const std::int64_t missing = capacity_ - tokens_;
    const bool full = periods >= (missing + fill_count_ - 1) / fill_count_;
    tokens_ = full ? capacity_ : tokens_ + periods * fill_count_;
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }

 private:
  const std::int64_t capacity_, fill_ms_, fill_count_;
  std::int64_t tokens_;
  std::int64_t filled_ms_ = 0;
  bool started_ = false;
};

}  // namespace quorate::server
