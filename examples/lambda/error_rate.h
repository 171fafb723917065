// The first half of the alert rule: each partition counts hits and errors per slice of event time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "examples/lambda/event_clock.h"
#include "examples/lambda/outbox.h"
#include "examples/lambda/topology.h"

namespace lambda_app {

/// A server's failure. What a visitor asked wrongly (4xx) is not.
inline constexpr std::uint16_t kErrorStatus = 500;

struct ErrorCounts {
  std::uint64_t hits = 0;
  std::uint64_t errors = 0;

  void merge(const ErrorCounts& other) {
    hits += other.hits;
    errors += other.errors;
  }
  friend bool operator==(const ErrorCounts&, const ErrorCounts&) = default;
};

/// What a partition's records in [from, to) add. The ranges of one partition follow each other
/// without gap or overlap, also over a change of its owner: so who has taken one knows a
/// repetition.
struct PartialCounts {
  PartitionNumber partition = 0;
  Offset from = 0;
  Offset to = 0;
  std::int64_t newest_ms = EventClock::kNever;  ///< How far event time has come, all ranges.
  std::map<std::int64_t, ErrorCounts> slices;   ///< By the begin of a slice.

  friend bool operator==(const PartialCounts&, const PartialCounts&) = default;
};
std::string encode(const PartialCounts& counts);
std::optional<PartialCounts> decode_partial_counts(std::string_view bytes);

/// Sends partial counts once they are committed: a range is what lies between two commits, and its
/// counts are in the later one, so a successor repeats them byte for byte.
class ErrorRateOperator : public Operator {
 public:
  ErrorRateOperator(const TaskPlace& place, std::int64_t slice_ms);

  void on(const Tuple& tuple) override;
  void end_of_batch(Offset next) override { counts_.to = next; }
  std::optional<Moment> next_tick() const override { return outbox_.due(); }
  void tick() override { send_committed(); }
  /// Event times all over: a commit before the counts outgrow a record of the bus.
  bool wants_commit() const override { return counts_.slices.size() >= kSlicesMax; }
  void committed(Offset offset) override;
  bool keeps_state() const override { return true; }
  void save(std::string& to) override;
  bool load(std::string_view bytes) override;

 private:
  static constexpr std::size_t kSlicesMax = 10'000;

  void send_committed();

  std::int64_t slice_ms_;
  EventClock clock_;
  PartialCounts counts_;  ///< Since the last commit.
  Outbox outbox_;         ///< Partial counts, encoded.
};

}  // namespace lambda_app
