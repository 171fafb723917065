// What a leader selector tells the task of a leader. No Boost header.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "quorate/recipes/hold.h"

namespace quorate::client {

/// One term of office. Copies are of one term. Any thread.
class Leadership {
 public:
  Leadership() = default;
  Leadership(std::shared_ptr<Hold> hold, std::shared_ptr<std::atomic<bool>> outranked)
      : hold_(std::move(hold)), outranked_(std::move(outranked)) {}

  /// False from the moment the session is suspended: the task then has to end.
  bool valid() const { return hold_ && hold_->valid(); }
  std::int64_t term() const { return hold_ ? hold_->token() : 0; }  ///< Fencing token.
  /// A candidate of higher priority waits: the task should end when it suits, to hand over.
  bool outranked() const { return outranked_ && outranked_->load(); }
  /// As Hold::on_invalid().
  void on_invalid(std::function<void()> callback) const {
    if (hold_) hold_->on_invalid(std::move(callback));
  }

 private:
  std::shared_ptr<Hold> hold_;
  std::shared_ptr<std::atomic<bool>> outranked_;
};

}  // namespace quorate::client
