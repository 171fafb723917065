#include "examples/pipeline/summary.h"

#include <algorithm>
#include <map>

#include "examples/pipeline/summary_state.h"

namespace pipeline {

namespace {

std::vector<Counted> top_of(const SummaryCounts32& counts, const Names& names, std::size_t length) {
  std::vector<std::pair<std::string_view, std::uint64_t>> all;
  all.reserve(counts.size());
  for (const auto& [number, hits] : counts) all.emplace_back(names[number], hits);
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(length, all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::vector<Counted> top;
  for (auto at = all.begin(); at != end; ++at) top.emplace_back(at->first, at->second);
  return top;
}

/// What an answer is made of while buckets are still being added.
template <class Visitors>
struct Tally {
  Answer answer;
  Visitors visitors;
  SummaryCounts32 pages;
  SummaryCounts32 referrers;

  void add(const SummaryCell<Visitors>& cell) {
    answer.hits += cell.hits;
    answer.bytes += cell.bytes;
    for (std::size_t i = 0; i < cell.status_classes.size(); ++i) {
      answer.status_classes[i] += cell.status_classes[i];
    }
    visitors.merge(cell.visitors);
  }
  void add(const Session& session) {
    const std::int64_t length = session.end_ms - session.begin_ms;
    ++answer.sessions;
    answer.session_hits += session.hits;
    answer.session_ms += length;
    answer.session_max_ms = std::max(answer.session_max_ms, length);
  }
  Answer finish(const Names& names, std::size_t top) {
    answer.visitors = visitors.count();
    answer.pages = top_of(pages, names, top);
    answer.referrers = top_of(referrers, names, top);
    return std::move(answer);
  }
};

/// Which names a query means, by number; one look per prefix and query.
std::vector<bool> matches(const Names& names, const std::string& prefix) {
  std::vector<bool> match(names.size());
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    match[i] = prefix == "/" || names[i].starts_with(prefix);
  }
  return match;
}

std::pair<std::int64_t, std::int64_t> bounds(const Query& query, Granularity granularity) {
  const auto floor = [granularity](std::int64_t time_ms) {
    if (time_ms < -kTimeMsMax || time_ms > kTimeMsMax) return time_ms;
    return bucket_of(time_ms, granularity);
  };
  return {floor(query.from_ms), floor(query.to_ms)};
}

template <class Visitors>
void tally(const SummaryBucket<Visitors>& bucket, const std::vector<bool>& match,
           Tally<Visitors>& to) {
  for (const auto& [prefix, cell] : bucket.cells) {
    if (match[prefix]) to.add(cell);
  }
  for (const auto& [page, hits] : bucket.pages) {
    // A page that begins with the prefix of a query lies in it, and only such a one does.
    if (match[page]) to.pages[page] += hits;
  }
  for (const auto& [pair, hits] : bucket.referrers) {
    if (match[prefix_in(pair)]) to.referrers[referrer_in(pair)] += hits;
  }
}

/// Tallies by `key_of(begin of bucket)`.
template <class Visitors, class State, class KeyOf>
std::map<std::int64_t, Tally<Visitors>> tallies_of(const State& state, const Query& query,
                                                   KeyOf key_of) {
  std::map<std::int64_t, Tally<Visitors>> tallies;
  const Granularity granularity = state.options.granularity;
  const std::vector<bool> match = matches(state.names, query.prefix);
  const auto [from, to] = bounds(query, granularity);
  for (auto at = state.buckets.lower_bound(from); at != state.buckets.end() && at->first < to;
       ++at) {
    const auto& cells = at->second.cells;
    // None for a bucket that has nothing of this prefix.
    if (std::any_of(cells.begin(), cells.end(),
                    [&match](const auto& entry) { return match[entry.first]; })) {
      tally(at->second, match, tallies[key_of(at->first)]);
    }
  }
  for (const auto& [visitor, all] : state.sessions.by_visitor()) {
    for (const Session& session : all) {
      if (session.begin_ms < from || session.begin_ms >= to || !match[session.entry]) continue;
      tallies[key_of(bucket_of(session.begin_ms, granularity))].add(session);
    }
  }
  return tallies;
}

}  // namespace

std::int64_t length_ms(Granularity granularity) {
  switch (granularity) {
    case Granularity::Minute:
      return 60'000;
    case Granularity::Hour:
      return 3'600'000;
    case Granularity::Day:
      return 86'400'000;
  }
  return 60'000;
}

std::int64_t bucket_of(std::int64_t time_ms, Granularity granularity) {
  const std::int64_t length = length_ms(granularity);
  const std::int64_t rest = time_ms % length;
  return time_ms - (rest < 0 ? rest + length : rest);
}

// --- The face --------------------------------------------------------------------------------

template <class Visitors>
BasicSummary<Visitors>::BasicSummary(SummaryOptions options)
    : state_(std::make_unique<State>(options)) {}
template <class Visitors>
BasicSummary<Visitors>::BasicSummary(std::unique_ptr<State> state) : state_(std::move(state)) {}
template <class Visitors>
BasicSummary<Visitors>::~BasicSummary() = default;
template <class Visitors>
BasicSummary<Visitors>::BasicSummary(const BasicSummary& other)
    : state_(std::make_unique<State>(*other.state_)) {}
template <class Visitors>
BasicSummary<Visitors>& BasicSummary<Visitors>::operator=(const BasicSummary& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}
template <class Visitors>
BasicSummary<Visitors>::BasicSummary(BasicSummary&&) noexcept = default;
template <class Visitors>
BasicSummary<Visitors>& BasicSummary<Visitors>::operator=(BasicSummary&&) noexcept = default;

template <class Visitors>
void BasicSummary<Visitors>::add(const EventView& event) {
  state_->add(event);
}

template <class Visitors>
bool BasicSummary<Visitors>::merge(const BasicSummary& other) {
  if (state_->options != other.state_->options) return false;
  if (this == &other) {
    const BasicSummary copy(other);
    state_->merge(*copy.state_);
  } else {
    state_->merge(*other.state_);
  }
  return true;
}

template <class Visitors>
std::optional<BasicSummary<Visitors>> BasicSummary<Visitors>::rolled_up(Granularity to) const {
  if (to < state_->options.granularity) return std::nullopt;
  SummaryOptions options = state_->options;
  options.granularity = to;
  BasicSummary rolled(options);
  rolled.state_->merge(*state_);
  return rolled;
}

template <class Visitors>
const SummaryOptions& BasicSummary<Visitors>::options() const {
  return state_->options;
}

template <class Visitors>
std::uint64_t BasicSummary<Visitors>::events() const {
  return state_->events;
}

template <class Visitors>
bool BasicSummary<Visitors>::can_answer(const Query& query) const {
  const std::string& prefix = query.prefix;
  return !prefix.empty() && prefix.front() == '/' && prefix.back() == '/' &&
         static_cast<unsigned>(std::count(prefix.begin(), prefix.end(), '/')) <=
             state_->options.prefix_depth + 1;
}

template <class Visitors>
Answer BasicSummary<Visitors>::answer(const Query& query) const {
  if (!can_answer(query)) return {};
  auto tallies = tallies_of<Visitors>(*state_, query, [](std::int64_t) { return std::int64_t{0}; });
  return tallies[0].finish(state_->names, query.top);
}

template <class Visitors>
std::vector<std::pair<std::int64_t, Answer>> BasicSummary<Visitors>::series(
    const Query& query, Granularity step) const {
  std::vector<std::pair<std::int64_t, Answer>> answers;
  if (!can_answer(query)) return answers;
  step = std::max(step, state_->options.granularity);
  auto tallies = tallies_of<Visitors>(
      *state_, query, [step](std::int64_t begin_ms) { return bucket_of(begin_ms, step); });
  for (auto& [begin_ms, tally] : tallies) {
    answers.emplace_back(begin_ms, tally.finish(state_->names, query.top));
  }
  return answers;
}

template <class Visitors>
std::vector<std::string> BasicSummary<Visitors>::prefixes() const {
  std::vector<bool> used(state_->names.size());
  for (const auto& [begin_ms, bucket] : state_->buckets) {
    for (const auto& entry : bucket.cells) used[entry.first] = true;
  }
  std::vector<std::string> prefixes;
  for (std::uint32_t i = 0; i < used.size(); ++i) {
    if (used[i]) prefixes.emplace_back(state_->names[i]);
  }
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

template class BasicSummary<ExactVisitors>;
template class BasicSummary<HyperLogLog>;

SketchSummary sketch_of(const Summary& exact) {
  SketchSummary sketch(exact.options());
  auto& to = *sketch.state_;
  const auto& from = *exact.state_;
  to.names = from.names;
  to.sessions = from.sessions;
  to.events = from.events;
  for (const auto& [begin_ms, bucket] : from.buckets) {
    SummaryBucket<HyperLogLog>& same = to.buckets[begin_ms];
    same.pages = bucket.pages;
    same.referrers = bucket.referrers;
    for (const auto& [prefix, cell] : bucket.cells) {
      SummaryCell<HyperLogLog>& sketched = same.cells[prefix];
      sketched.hits = cell.hits;
      sketched.bytes = cell.bytes;
      sketched.status_classes = cell.status_classes;
      cell.visitors.for_each([&sketched](std::uint64_t hash) { sketched.visitors.add(hash); });
    }
  }
  return sketch;
}

}  // namespace pipeline
