// A worker's side of one partition: events in, checkpoints and deltas out.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "examples/kappa/code.h"
#include "examples/kappa/generation.h"
#include "examples/kappa/view_state.h"
#include "examples/pipeline/consumer.h"

namespace kappa_app {

/// What the handlers of one worker have met. Any thread.
struct HandlerCounts {
  std::atomic<std::uint64_t> events{0};      ///< Counted: not left out by the code, no repetition.
  std::atomic<std::uint64_t> unreadable{0};  ///< Records that are neither event nor mark.
  std::atomic<std::uint64_t> deltas{0};      ///< Sent.
  std::atomic<std::uint64_t> unsent{0};      ///< Too large for a record, or the bus refused.
  std::atomic<std::int64_t> slowest_commit_ms{0};  ///< From encoding to Quorate's answer...
  std::atomic<std::int64_t> slowest_state_ms{0};   ///< ... and that of it which holds up events.
};

/// What all handlers of one worker share. Outlives them.
struct HandlerSetting {
  Generation generation;
  const Code* code = nullptr;
  pipeline::Bus* bus = nullptr;
  std::string views_topic;
  /// A partition that is further behind sends no deltas: nobody asks a generation that replays, and
  /// who wants to know reads its checkpoints.
  std::uint64_t quiet_lag = 20'000;
  /// From the first record of a delta until it is sent: the price of fewer, larger ones.
  std::chrono::milliseconds delta_interval{50};
  /// At least this from one commit of a partition to the next.
  std::chrono::milliseconds commit_interval{200};
  /// A commit makes bytes of the whole view, which grows with the log, and holds up what comes
  /// meanwhile; they are written beside. So a worker writes no more than this on the average, and
  /// has a commit on its way for no more than this share of the time: they become rarer as views
  /// become larger.
  std::size_t commit_bytes_per_s = 2u << 20;
  double commit_share = 0.2;
  std::chrono::milliseconds pause{0};  ///< After each batch; makes a replay slow, for tests.
  HandlerCounts counts;
  std::atomic<unsigned> partitions{0};  ///< That the worker has now.
  /// When the next commit's turn is: one after the other, so that none waits for all. Handlers'
  /// thread.
  std::chrono::steady_clock::time_point turn_at;
};

class ViewHandler : public pipeline::PartitionHandler {
 public:
  using Clock = std::chrono::steady_clock;

  /// Goes on from `last`; null if its state is damaged or of another generation.
  static std::unique_ptr<ViewHandler> make(HandlerSetting& setting, PartitionNumber partition,
                                           std::int64_t token, const pipeline::Checkpoint& last);

  ~ViewHandler() override { --setting_.partitions; }

  void handle(const pipeline::Batch& batch) override;
  std::string state() override;
  void committed(Offset offset) override;
  std::optional<Clock::time_point> commit_at() const override {
    return urgent_ ? commit_at_ : std::max(commit_at_, setting_.turn_at);
  }
  std::optional<Clock::time_point> next_tick() const override { return send_at_; }
  void tick() override;

 private:
  ViewHandler(HandlerSetting& setting, PartitionNumber partition, std::int64_t token);
  void add(const pipeline::StoredRecord& record);
  void send();
  pipeline::Summary take_part();

  HandlerSetting& setting_;
  const PartitionNumber partition_;
  const std::int64_t token_;
  pipeline::Aggregator part_;  ///< Counts [from_, to_) and knows the ids of all of [0, to_).
  pipeline::Summary total_;    ///< [0, from_).
  Offset from_ = 0;
  Offset to_ = 0;
  std::int64_t oldest_append_ms_ = 0;         ///< Of what the next delta tells.
  std::optional<Clock::time_point> send_at_;  ///< Of the next delta, if there is something to tell.
  bool caught_up_ = false;                    ///< Was once, since it was taken.
  bool urgent_ = false;                       ///< Commits out of turn, the next time.
  Clock::time_point commit_at_;               ///< Not before.
  Clock::time_point commit_began_;
  std::size_t commit_bytes_ = 0;
};

}  // namespace kappa_app
