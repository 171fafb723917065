#include "examples/pipeline/sessions.h"

#include <algorithm>
#include <iterator>

namespace pipeline {

namespace {

/// The entry is that of the earlier begin; of equal ones the smaller text, so that the order in
/// which hits come decides nothing.
std::uint32_t entry_of(const Session& a, const Session& b, const Names& names) {
  if (a.begin_ms != b.begin_ms) return a.begin_ms < b.begin_ms ? a.entry : b.entry;
  return a.entry == b.entry || names[a.entry] < names[b.entry] ? a.entry : b.entry;
}

void unite(Session& into, const Session& other, const Names& names) {
  into.entry = entry_of(into, other, names);
  into.begin_ms = std::min(into.begin_ms, other.begin_ms);
  into.end_ms = std::max(into.end_ms, other.end_ms);
  into.hits += other.hits;
}

}  // namespace

void Sessions::add(std::uint64_t visitor, const Session& session, const Names& names) {
  OfVisitor& all = by_visitor_[visitor];
  // From the back: hits mostly come in order.
  auto end = all.end();
  while (end != all.begin() && std::prev(end)->begin_ms > session.end_ms + gap_ms_) --end;
  auto begin = end;
  while (begin != all.begin() && std::prev(begin)->end_ms + gap_ms_ >= session.begin_ms) --begin;
  if (begin == end) {
    all.insert(end, session);
    return;
  }
  unite(*begin, session, names);
  for (auto other = std::next(begin); other != end; ++other) unite(*begin, *other, names);
  all.erase(std::next(begin), end);
}

}  // namespace pipeline
