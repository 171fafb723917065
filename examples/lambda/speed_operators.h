// What the speed layer does to the events of one partition; speed_topology.h puts it together.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "examples/lambda/event_clock.h"
#include "examples/lambda/places.h"
#include "examples/lambda/speed_view.h"
#include "examples/lambda/topology.h"
#include "examples/pipeline/seen_ids.h"
#include "examples/pipeline/summary.h"

namespace lambda_app {

/// What all copies have done. Counters only grow; any thread.
struct SpeedCounts {
  std::atomic<std::uint64_t> events{0};      ///< That went into views.
  std::atomic<std::uint64_t> duplicates{0};  ///< Kept back by dedupe.
  std::atomic<std::uint64_t> too_late{0};    ///< The same, because dedupe had forgotten their time.
  std::atomic<std::uint64_t> damaged{0};     ///< Records that are neither event nor mark.
  std::atomic<std::uint64_t> deltas{0};
  std::atomic<std::uint64_t> deltas_lost{0};  ///< Given up while the bus was away.
  std::atomic<std::uint64_t> alerts{0};
};

/// The generation that is served, as the watch of one thread tells the operators of others.
class ServedGeneration {
 public:
  void set(std::optional<Generation> generation);
  /// Raised by every set(); a look at it needs no lock.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// Below this offset nobody asks the speed layer for anything any more: the generation before the
  /// one that is served covers it, and what the latter added can still be laid beside it.
  Offset not_needed_below(PartitionNumber partition) const;

 private:
  mutable std::mutex mutex_;  ///< Keeps the generation.
  std::optional<Generation> generation_;
  std::atomic<std::uint64_t> version_{0};
};

/// A record's value to an event or a mark. What is neither ends here, counted.
class DecodeOperator : public Operator {
 public:
  explicit DecodeOperator(std::shared_ptr<SpeedCounts> counts) : counts_(std::move(counts)) {}
  void on(const Tuple& tuple) override;

 private:
  std::shared_ptr<SpeedCounts> counts_;
};

/// Lets every event pass once. Partitions are keyed by visitor, so a hit and its repetitions meet
/// here.
class DedupeOperator : public Operator {
 public:
  /// Ids of events older than `horizon_ms` before the newest are forgotten; 0 keeps all.
  DedupeOperator(std::int64_t horizon_ms, std::shared_ptr<SpeedCounts> counts)
      : horizon_ms_(horizon_ms), counts_(std::move(counts)), clock_(horizon_ms) {}

  void on(const Tuple& tuple) override;
  bool keeps_state() const override { return true; }
  void save(std::string& to) override { seen_.encode(to); }
  bool load(std::string_view bytes) override;

 private:
  std::int64_t horizon_ms_;
  std::shared_ptr<SpeedCounts> counts_;
  EventClock clock_;
  pipeline::SeenIds seen_;
};

struct AggregateSettings {
  pipeline::SummaryOptions summary;
  std::chrono::milliseconds delta_interval{100};
  /// Of the events in a delta, as they came: it must fit into one record of the bus.
  std::size_t delta_bytes_max = 128u << 10;
};

/// Counts events into the partition's parts and sends what was added as deltas: an interval after
/// the first event of one, or when it is large enough, or at a mark, which ends it and the part.
class AggregateOperator : public Operator {
 public:
  AggregateOperator(const TaskPlace& place, const AggregateSettings& settings,
                    std::shared_ptr<const ServedGeneration> served,
                    std::shared_ptr<SpeedCounts> counts);

  void on(const Tuple& tuple) override;
  void end_of_batch(Offset next) override;
  std::optional<Moment> next_tick() const override;
  void tick() override;
  bool keeps_state() const override { return true; }
  void save(std::string& to) override;
  bool load(std::string_view bytes) override;

  const SpeedParts& parts() const { return parts_; }

 private:
  static constexpr std::size_t kUnsentBytesMax = 16u << 20;

  void begin_delta();
  void flush(bool closes);
  void send_deltas();

  const TaskPlace place_;
  const AggregateSettings settings_;
  const std::shared_ptr<const ServedGeneration> served_;
  const std::shared_ptr<SpeedCounts> counts_;
  SpeedParts parts_;
  SpeedDelta delta_;             ///< Begins where parts_ end.
  std::size_t delta_bytes_ = 0;  ///< Of its events, as they came.
  Moment delta_due_{};           ///< An interval after the first batch of the delta.
  bool due_set_ = false;
  /// Encoded, in order, those the bus did not take at once. They are not part of the state: who
  /// misses one goes to the checkpoint.
  std::deque<std::string> unsent_;
  std::size_t unsent_bytes_ = 0;
  Moment resend_due_{};
  std::uint64_t served_version_ = 0;
};

// --- Broken on purpose: what `lambda speed --bug` deploys for the story
// ---------------------------

/// "drop-errors": takes answers with status 400 and above for noise.
class DropErrorsBug : public Operator {
 public:
  void on(const Tuple& tuple) override {
    if (!tuple.event || tuple.event->status < 400) emit(tuple);
  }
};

/// "count-twice": hands every event on twice.
class CountTwiceBug : public Operator {
 public:
  void on(const Tuple& tuple) override {
    emit(tuple);
    if (tuple.event) emit(tuple);
  }
};

}  // namespace lambda_app
