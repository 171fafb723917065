// The one aggregation function: batch and speed layer count with this and nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "examples/pipeline/seen_ids.h"
#include "examples/pipeline/summary.h"

namespace pipeline {

/// Events in, summary out; an event that comes again changes nothing. This is where duplicates end:
/// all hits of a visitor, and so all repetitions of one, must go through the same aggregator (or
/// its successor, with its state). Partitions keyed by visitor see to that, in the bus as in the
/// shuffle of a batch. Owned by one thread.
template <class Visitors>
class BasicAggregator {
 public:
  explicit BasicAggregator(SummaryOptions options = {}) : summary_(options) {}

  /// False if the event was here before, or is older than what seen() remembers.
  bool add(const EventView& event) {
    if (!seen_.insert(event.id, event.time_ms)) {
      ++refused_;
      return false;
    }
    summary_.add(event);
    return true;
  }

  const BasicSummary<Visitors>& summary() const { return summary_; }
  SeenIds& seen() { return seen_; }
  const SeenIds& seen() const { return seen_; }
  std::uint64_t refused() const { return refused_; }  ///< By this object, so not in encode().

  /// Takes the summary out and goes on with an empty one; what was seen stays seen.
  BasicSummary<Visitors> take_summary() {
    BasicSummary<Visitors> taken = std::move(summary_);
    summary_ = BasicSummary<Visitors>(taken.options());
    return taken;
  }

  /// Summary and ids: all that a successor needs.
  void encode(std::string& to) const;
  static std::optional<BasicAggregator> decode(std::string_view bytes);

 private:
  BasicSummary<Visitors> summary_;
  SeenIds seen_;
  std::uint64_t refused_ = 0;
};

extern template class BasicAggregator<ExactVisitors>;
extern template class BasicAggregator<HyperLogLog>;

using Aggregator = BasicAggregator<ExactVisitors>;
using SketchAggregator = BasicAggregator<HyperLogLog>;

}  // namespace pipeline
