// The one place where duplicates are found.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/event.h"
#include "examples/pipeline/exact_visitors.h"
#include "examples/pipeline/shortcut.h"

namespace pipeline {

/// The ids of all events that were counted, by the minute of their event time: a hit that is sent
/// again has the same id and the same time, so only its own minute is looked into. 10 to 20 bytes
/// per event in memory, 8 encoded; 8 more in memory from the first encode() on, so that the next
/// ones sort only what has come since. Owned by one thread.
class SeenIds {
 public:
  /// False if this event was here before, or is too late.
  bool insert(EventId id, std::int64_t time_ms);

  /// Forgets the minutes before that of `time_ms`, to bound memory. From then on insert() refuses
  /// their events and counts them: an event that cannot be told from a repetition is not counted
  /// twice.
  void forget_before(std::int64_t time_ms);
  bool too_late(std::int64_t time_ms) const;
  std::uint64_t refused_too_late() const { return refused_too_late_; }

  std::uint64_t size() const { return size_; }
  /// Union; the sets may overlap.
  void merge(const SeenIds& other);

  void encode(std::string& to) const;  ///< Equal sets have equal bytes.
  static std::optional<SeenIds> decode(std::string_view bytes);

 private:
  struct Minute {
    boost::unordered_flat_set<EventId, HashedAlready> ids;
    /// Once encoded: the ids in order, but for those that have come since.
    mutable std::vector<EventId> sorted;
    mutable std::vector<EventId> since;
  };
  Minute& minute_of(std::int64_t minute);
  bool add(Minute& minute, EventId id);
  const std::vector<EventId>& in_order(const Minute& minute) const;

  std::map<std::int64_t, Minute> minutes_;
  Shortcut<std::int64_t, Minute> last_;  ///< Most events come in the minute of the one before.
  mutable bool encoded_ = false;         ///< Ever.
  std::int64_t first_minute_ = std::numeric_limits<std::int64_t>::min();
  std::uint64_t size_ = 0;
  std::uint64_t refused_too_late_ = 0;
};

}  // namespace pipeline
