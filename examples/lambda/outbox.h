// What an operator has to send once the state that it follows from is committed.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "examples/pipeline/byte_codec.h"
#include "examples/pipeline/result.h"

namespace lambda_app {

/// Texts lie in the operator's state from the commit that decides on them to the sending that
/// succeeds. So a successor sends what its predecessor may not have sent: each at least once, the
/// same bytes every time, and nothing that was not committed. Owned by one thread.
class Outbox {
 public:
  void add(std::string text) { texts_.push_back(std::move(text)); }

  /// Everything in it: part of the state that will be committed.
  void save(pipeline::ByteWriter& out);
  /// What a predecessor has left is committed, so it may be sent.
  bool load(pipeline::ByteReader& in);
  /// What was saved last is committed.
  void committed() { ready_ = saved_; }

  /// Sends what may be sent by `send(span of texts) -> Result<>`; what fails stays, and is due
  /// again in a second.
  template <class Send>
  pipeline::Result<> flush(Send&& send) {
    if (ready_ == 0) return {};
    const std::vector<std::string> texts(texts_.begin(), texts_.begin() + offset(ready_));
    pipeline::Result<> sent = send(std::span<const std::string>(texts));
    if (!sent) {
      retry_later();
      return sent;
    }
    texts_.erase(texts_.begin(), texts_.begin() + offset(ready_));
    saved_ -= ready_;
    ready_ = 0;
    return {};
  }
  /// What was read back from where flush() sends it needs not be sent again.
  void forget_sent(const std::vector<std::string>& sent);
  void retry_later() { due_ = std::chrono::steady_clock::now() + std::chrono::seconds(1); }
  /// When flush() has something to do.
  std::optional<std::chrono::steady_clock::time_point> due() const {
    return ready_ > 0 ? std::optional(due_) : std::nullopt;
  }
  bool has_uncommitted() const { return texts_.size() > saved_; }

 private:
  static std::ptrdiff_t offset(std::size_t size) { return static_cast<std::ptrdiff_t>(size); }

  std::deque<std::string> texts_;
  std::size_t saved_ = 0;  ///< The first so many are in the state that was made last.
  std::size_t ready_ = 0;  ///< The first so many are committed.
  std::chrono::steady_clock::time_point due_{};
};

}  // namespace lambda_app
