// Everything that is known of a set of events, small and mergeable.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/pipeline/event.h"
#include "examples/pipeline/exact_visitors.h"
#include "examples/pipeline/hyperloglog.h"
#include "examples/pipeline/names.h"
#include "examples/pipeline/sessions.h"

namespace pipeline {

/// Length of a bucket of time; buckets begin at full minutes, hours, days of UTC.
enum class Granularity : std::uint8_t { Minute, Hour, Day };

std::int64_t length_ms(Granularity granularity);
/// Begin of the bucket that holds `time_ms`; right for times before 1970, too.
std::int64_t bucket_of(std::int64_t time_ms, Granularity granularity);

/// Summaries can be merged when these are equal.
struct SummaryOptions {
  Granularity granularity = Granularity::Minute;
  std::int64_t session_gap_ms = 30 * 60 * 1000;
  unsigned prefix_depth = 2;  ///< Directories told apart; queries may name prefixes up to that.

  friend bool operator==(const SummaryOptions&, const SummaryOptions&) = default;
};

/// Which events a question is about.
struct Query {
  std::int64_t from_ms = std::numeric_limits<std::int64_t>::min();
  std::int64_t to_ms = std::numeric_limits<std::int64_t>::max();  ///< Exclusive.
  /// "/" for all; else directories, as in "/blog/tags/": begins and ends with '/', at most
  /// prefix_depth deep.
  std::string prefix = "/";
  std::size_t top = 10;  ///< Length of the lists of pages and referrers.
};

/// A number of hits and what they are of.
using Counted = std::pair<std::string, std::uint64_t>;

/// What a summary says to a query. Events count in the bucket of their time. A session counts whole
/// where it begins: with the time and the prefix of its first hit.
struct Answer {
  std::uint64_t hits = 0;
  std::uint64_t bytes = 0;
  std::array<std::uint64_t, 6> status_classes{};  ///< [2] of 2xx, and so on; [0] of all others.
  std::uint64_t visitors = 0;                     ///< Different ones.
  std::uint64_t sessions = 0;
  std::uint64_t session_hits = 0;
  std::int64_t session_ms = 0;      ///< Of all sessions together.
  std::int64_t session_max_ms = 0;  ///< Of the longest.
  /// Most hits first, equal ones in order of bytes. Referrers leave "none" out.
  std::vector<Counted> pages;
  std::vector<Counted> referrers;

  friend bool operator==(const Answer&, const Answer&) = default;
};

/// A commutative monoid: the empty summary, add() and merge(). For any way to deal events out to
/// summaries and any order of merging, the result is the same, and so are its encoded bytes.
///
/// It does not know the ids of its events: the same event added twice counts twice, and summaries
/// that are merged must be of disjoint sets of events. Both is seen to in one place, SeenIds,
/// through which every event goes first (Aggregator); a partition holds all hits of its visitors,
/// so an event and its repetition meet there.
///
/// Memory grows with different pages, referrers and visitors per bucket, not with events. Owned by
/// one thread. `Visitors` is ExactVisitors or HyperLogLog.
template <class Visitors>
class BasicSummary {
 public:
  explicit BasicSummary(SummaryOptions options = {});
  ~BasicSummary();
  BasicSummary(const BasicSummary&);
  BasicSummary& operator=(const BasicSummary&);
  BasicSummary(BasicSummary&&) noexcept;
  BasicSummary& operator=(BasicSummary&&) noexcept;

  void add(const EventView& event);
  /// False, with nothing done, when the options differ.
  [[nodiscard]] bool merge(const BasicSummary& other);
  /// The same events in longer buckets: hours of minutes, days of either. Nothing if `to` is
  /// shorter than this one's.
  std::optional<BasicSummary> rolled_up(Granularity to) const;

  const SummaryOptions& options() const;
  std::uint64_t events() const;  ///< How many were added.

  /// What can be asked: see Query. Bounds that lie inside a bucket are moved to its begin.
  bool can_answer(const Query& query) const;
  /// ENSUREs nothing: a query that cannot be answered has the empty answer.
  Answer answer(const Query& query) const;
  /// One answer per bucket of `step` that has events or begins of sessions, in order of time.
  std::vector<std::pair<std::int64_t, Answer>> series(const Query& query, Granularity step) const;
  /// Prefixes that have events, sorted: what a query may name.
  std::vector<std::string> prefixes() const;

  /// Version byte 1; sorted throughout: equal summaries have equal bytes.
  void encode(std::string& to) const;
  static std::optional<BasicSummary> decode(std::string_view bytes);

 private:
  template <class>
  friend class BasicSummary;
  friend BasicSummary<HyperLogLog> sketch_of(const BasicSummary<ExactVisitors>& exact);
  class State;
  explicit BasicSummary(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

extern template class BasicSummary<ExactVisitors>;
extern template class BasicSummary<HyperLogLog>;

using Summary = BasicSummary<ExactVisitors>;  ///< Of the batch layer: visitors exact.
using SketchSummary =
    BasicSummary<HyperLogLog>;  ///< Of the speed layer: visitors within a percent.

/// The same with sketches for sets: to merge a batch view with a speed view.
SketchSummary sketch_of(const Summary& exact);

}  // namespace pipeline
