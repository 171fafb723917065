// Visits: the hits of one visitor with no pause longer than a gap between them.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>

#include "examples/pipeline/exact_visitors.h"
#include "examples/pipeline/names.h"

namespace pipeline {

/// From first to last hit, so a visit of one hit has length 0.
struct Session {
  std::int64_t begin_ms = 0;
  std::int64_t end_ms = 0;
  std::uint32_t hits = 0;
  std::uint32_t entry = 0;  ///< Prefix of the first page, a number of Names; where several hits
                            ///< share the first millisecond, the smallest text.
};

/// The visits of all visitors as intervals. Two that lie within the gap of each other are one, so
/// merging is exact, associative and commutative: however the hits were dealt out, the intervals of
/// the union are the unions of the intervals. Owned by one thread.
class Sessions {
 public:
  using OfVisitor = boost::container::small_vector<Session, 1>;  ///< In order of time.

  explicit Sessions(std::int64_t gap_ms) : gap_ms_(gap_ms) {}

  /// A hit at `session.begin_ms`, or an interval of them; `session.entry` is a number of `names`.
  void add(std::uint64_t visitor, const Session& session, const Names& names);

  std::int64_t gap_ms() const { return gap_ms_; }
  const boost::unordered_flat_map<std::uint64_t, OfVisitor, HashedAlready>& by_visitor() const {
    return by_visitor_;
  }

 private:
  std::int64_t gap_ms_;
  boost::unordered_flat_map<std::uint64_t, OfVisitor, HashedAlready> by_visitor_;
};

}  // namespace pipeline
