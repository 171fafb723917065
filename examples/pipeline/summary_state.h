// The private part of BasicSummary: what it holds, and how that grows. summary.cc has answers and
// face, summary_codec.cc the bytes.
#pragma once

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "examples/pipeline/names.h"
#include "examples/pipeline/sessions.h"
#include "examples/pipeline/shortcut.h"
#include "examples/pipeline/summary.h"

namespace pipeline {

inline constexpr unsigned kPrefixDepthMax = 16;
inline constexpr std::uint32_t kNoName = std::numeric_limits<std::uint32_t>::max();

using SummaryCounts32 = boost::unordered_flat_map<std::uint32_t, std::uint64_t>;
using SummaryCounts64 = boost::unordered_flat_map<std::uint64_t, std::uint64_t>;

/// Events of one bucket and one path prefix.
template <class Visitors>
struct SummaryCell {
  std::uint64_t hits = 0;
  std::uint64_t bytes = 0;
  std::array<std::uint64_t, 6> status_classes{};
  Visitors visitors;

  void merge(const SummaryCell& other) {
    hits += other.hits;
    bytes += other.bytes;
    for (std::size_t i = 0; i < status_classes.size(); ++i) {
      status_classes[i] += other.status_classes[i];
    }
    visitors.merge(other.visitors);
  }
};

/// Keys are numbers of the summary's Names.
template <class Visitors>
struct SummaryBucket {
  boost::unordered_flat_map<std::uint32_t, SummaryCell<Visitors>> cells;  ///< By prefix.
  SummaryCounts32 pages;
  SummaryCounts64 referrers;  ///< By prefix << 32 | referrer.
};

inline std::uint64_t pair_key(std::uint32_t prefix, std::uint32_t referrer) {
  return static_cast<std::uint64_t>(prefix) << 32 | referrer;
}
inline std::uint32_t prefix_in(std::uint64_t key) {
  return static_cast<std::uint32_t>(key >> 32);
}
inline std::uint32_t referrer_in(std::uint64_t key) {
  return static_cast<std::uint32_t>(key);
}

inline std::size_t status_class(std::uint16_t status) {
  return status >= 100 && status < 600 ? status / 100u : 0u;
}

template <class Visitors>
class BasicSummary<Visitors>::State {
 public:
  using BucketType = SummaryBucket<Visitors>;

  explicit State(SummaryOptions wanted) : options(wanted), sessions(wanted.session_gap_ms) {
    options.prefix_depth = std::min(options.prefix_depth, kPrefixDepthMax);
  }

  BucketType& bucket_at(std::int64_t begin_ms) {
    if (BucketType* last = last_.find(begin_ms)) return *last;
    return last_.set(begin_ms, buckets[begin_ms]);
  }

  std::uint32_t prefix_of_page(std::uint32_t page) {
    if (page >= prefixes_.size()) prefixes_.resize(page + 1, kNoName);
    if (prefixes_[page] == kNoName) {
      prefixes_[page] = names.number_of(prefix_of(names[page], options.prefix_depth));
    }
    return prefixes_[page];
  }

  void add(const EventView& event) {
    const std::uint32_t page = names.number_of(page_of(event.path));
    const std::uint32_t prefix = prefix_of_page(page);
    const std::uint64_t visitor = visitor_hash(event.visitor);
    BucketType& bucket = bucket_at(bucket_of(event.time_ms, options.granularity));
    SummaryCell<Visitors>& cell = bucket.cells[prefix];
    ++cell.hits;
    cell.bytes += event.bytes;
    ++cell.status_classes[status_class(event.status)];
    cell.visitors.add(visitor);
    ++bucket.pages[page];
    if (!event.referrer.empty()) {
      ++bucket.referrers[pair_key(prefix, names.number_of(event.referrer))];
    }
    sessions.add(visitor, {event.time_ms, event.time_ms, 1, prefix}, names);
    ++events;
  }

  /// Adds the events of another state, whose granularity may be finer.
  template <class Others>
  void merge(const Others& other) {
    std::vector<std::uint32_t> mine(other.names.size());
    for (std::uint32_t i = 0; i < mine.size(); ++i) mine[i] = names.number_of(other.names[i]);
    for (const auto& [begin_ms, from] : other.buckets) {
      BucketType& bucket = bucket_at(bucket_of(begin_ms, options.granularity));
      for (const auto& [prefix, cell] : from.cells) bucket.cells[mine[prefix]].merge(cell);
      for (const auto& [page, hits] : from.pages) bucket.pages[mine[page]] += hits;
      for (const auto& [key, hits] : from.referrers) {
        bucket.referrers[pair_key(mine[prefix_in(key)], mine[referrer_in(key)])] += hits;
      }
    }
    for (const auto& [visitor, all] : other.sessions.by_visitor()) {
      for (Session session : all) {
        session.entry = mine[session.entry];
        sessions.add(visitor, session, names);
      }
    }
    events += other.events;
  }

  SummaryOptions options;
  Names names;
  std::map<std::int64_t, BucketType> buckets;
  Sessions sessions;
  std::uint64_t events = 0;

 private:
  std::vector<std::uint32_t> prefixes_;  ///< Of a page, by its number; kNoName if not asked yet.
  Shortcut<std::int64_t, BucketType> last_;
};

}  // namespace pipeline
