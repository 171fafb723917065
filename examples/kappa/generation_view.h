// What a generation says of all partitions, as those see it who answer from it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "examples/kappa/generation.h"
#include "examples/kappa/view_state.h"

namespace kappa_app {

/// The newest latencies, as percentiles.
class Latencies {
 public:
  void add(std::int64_t ms);
  std::uint64_t count() const { return count_; }
  /// Of the newest 4,096; 0 without any. `share` from 0 to 1.
  std::int64_t percentile(double share) const;

 private:
  std::vector<std::int64_t> newest_;
  std::uint64_t count_ = 0;
};

/// All partitions' views and their union. Goes forward only: a partition's end never falls, so
/// neither does the number of hits. One thread changes it, any thread asks.
class GenerationView {
 public:
  GenerationView(Generation generation, PartitionNumber partitions);

  const Generation& generation() const { return generation_; }

  // --- The one thread that follows the generation ---

  enum class Took {
    Applied,
    Known,    ///< The view holds these events already.
    Gap,      ///< What lies before is missing; kept until a checkpoint or another delta fills it.
    Foreign,  ///< Of other options or no such partition: not of this generation.
  };
  Took apply(PartitionNumber partition, ViewDelta delta, std::int64_t now_ms = 0);
  /// A checkpoint: the view of [0, offset). False if it is no step forward, or foreign.
  bool rebase(PartitionNumber partition, Offset offset, pipeline::Summary summary);
  /// As far as the partition's own view is; those who ask see it after settle().
  Offset end(PartitionNumber partition) const { return parts_[partition].end; }
  /// Lets those who ask see what was rebased. Costs as much as all partitions' views are large, if
  /// there is something.
  void settle();

  // --- Any thread ---

  /// `ask(summary, ends)` while nothing changes: all that one call sees is of one moment. Keep it
  /// short: the view waits for it.
  template <class Ask>
  auto ask(Ask&& ask) const {
    const std::lock_guard lock(mutex_);
    return std::forward<Ask>(ask)(std::as_const(merged_), std::as_const(ends_));
  }
  std::vector<Offset> ends() const;
  /// Of every partition, at least as far as `ends`.
  bool covers(const std::vector<Offset>& ends) const;
  Latencies latencies() const;  ///< From append to view, of what came as deltas.

 private:
  struct Part {
    explicit Part(const pipeline::SummaryOptions& options) : summary(options) {}
    Offset end = 0;
    pipeline::Summary summary;
    std::map<Offset, ViewDelta> later;  ///< By begin; behind a gap. At most kLaterMax.
  };
  static constexpr std::size_t kLaterMax = 1'000;

  void take(PartitionNumber partition, const ViewDelta& delta, std::int64_t now_ms);
  void take_later(PartitionNumber partition, std::int64_t now_ms);

  const Generation generation_;
  std::vector<Part> parts_;  ///< The following thread's.
  bool stale_ = false;       ///< Also its: parts_ are ahead of merged_.

  mutable std::mutex
      mutex_;  ///< Keeps merged_ and ends_ of one moment: all parts, each to its end.
  pipeline::Summary merged_;
  std::vector<Offset> ends_;
  Latencies latencies_;
};

}  // namespace kappa_app
