// The board of all runs, shared by the threads of one batch worker, which wait for it to change.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "examples/lambda/batch/run_board.h"

namespace lambda_app {

/// Rung by watches, by the session's end and by stop(); nobody who waits here asks now and then.
class BoardWatch {
 public:
  /// `changed` is called after each change, by the thread that brings it, with the board locked: it
  /// must neither block nor call back.
  explicit BoardWatch(const BatchPlace& place, std::function<void(const RunBoard&)> changed = {})
      : board_(place), changed_(std::move(changed)) {}

  void apply(const qc::TreeEvent& event) {
    {
      const std::lock_guard lock(mutex_);
      board_.apply(event, std::chrono::steady_clock::now());
      ++version_;
      if (changed_) changed_(board_);
    }
    bell_.notify_all();
  }
  /// Something else has happened that those who wait may want to know.
  void ring() {
    {
      const std::lock_guard lock(mutex_);
      ++version_;
    }
    bell_.notify_all();
  }
  /// The worker ends, or its session has: all waits end.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      ++version_;
    }
    bell_.notify_all();
  }
  /// From now on nobody is called any more, also not by a thread that is about to.
  void detach() {
    const std::lock_guard lock(mutex_);
    changed_ = {};
  }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

  /// `look(const RunBoard&)` with the board locked; the version it saw.
  template <class Look>
  std::uint64_t read(Look&& look) const {
    const std::lock_guard lock(mutex_);
    look(board_);
    return version_;
  }
  /// Until the board is no longer the one of `version`, or the moment, if there is one, has come.
  void wait_past(std::uint64_t version, std::optional<Moment> until = std::nullopt) {
    std::unique_lock lock(mutex_);
    const auto changed = [&] { return version_ != version || ended_; };
    if (until) {
      bell_.wait_until(lock, *until, changed);
    } else {
      bell_.wait(lock, changed);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable bell_;
  RunBoard board_;
  std::uint64_t version_ = 0;
  bool ended_ = false;
  std::function<void(const RunBoard&)> changed_;
};

}  // namespace lambda_app
