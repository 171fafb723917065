#include "examples/pipeline/summary.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <type_traits>

#include "examples/pipeline/shortcut.h"

namespace pipeline {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr unsigned kPrefixDepthMax = 16;
constexpr std::uint32_t kUnknown = std::numeric_limits<std::uint32_t>::max();

using Counts32 = boost::unordered_flat_map<std::uint32_t, std::uint64_t>;
using Counts64 = boost::unordered_flat_map<std::uint64_t, std::uint64_t>;

/// Events of one bucket and one path prefix.
template <class Visitors>
struct Cell {
  std::uint64_t hits = 0;
  std::uint64_t bytes = 0;
  std::array<std::uint64_t, 6> status_classes{};
  Visitors visitors;

  void merge(const Cell& other) {
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
struct Bucket {
  boost::unordered_flat_map<std::uint32_t, Cell<Visitors>> cells;  ///< By prefix.
  Counts32 pages;
  Counts64 referrers;  ///< By prefix << 32 | referrer.
};

std::uint64_t pair_key(std::uint32_t prefix, std::uint32_t referrer) {
  return static_cast<std::uint64_t>(prefix) << 32 | referrer;
}

std::size_t status_class(std::uint16_t status) {
  return status >= 100 && status < 600 ? status / 100u : 0u;
}

std::vector<Counted> top_of(const Counts32& counts, const Names& names, std::size_t length) {
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
  Counts32 pages;
  Counts32 referrers;

  void add(const Cell<Visitors>& cell) {
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

/// Keys of a hash map in order: encodings must not depend on the order of insertion.
template <class Map>
auto sorted_keys(const Map& map) {
  std::vector<typename Map::key_type> keys;
  keys.reserve(map.size());
  for (const auto& entry : map) keys.push_back(entry.first);
  std::sort(keys.begin(), keys.end());
  return keys;
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

template <class Visitors>
class BasicSummary<Visitors>::State {
 public:
  using BucketType = Bucket<Visitors>;

  explicit State(SummaryOptions wanted) : options(wanted), sessions(wanted.session_gap_ms) {
    options.prefix_depth = std::min(options.prefix_depth, kPrefixDepthMax);
  }

  BucketType& bucket_at(std::int64_t begin_ms) {
    if (BucketType* last = last_.find(begin_ms)) return *last;
    return last_.set(begin_ms, buckets[begin_ms]);
  }

  std::uint32_t prefix_of_page(std::uint32_t page) {
    if (page >= prefixes_.size()) prefixes_.resize(page + 1, kUnknown);
    if (prefixes_[page] == kUnknown) {
      prefixes_[page] = names.number_of(prefix_of(names[page], options.prefix_depth));
    }
    return prefixes_[page];
  }

  void add(const EventView& event) {
    const std::uint32_t page = names.number_of(page_of(event.path));
    const std::uint32_t prefix = prefix_of_page(page);
    const std::uint64_t visitor = visitor_hash(event.visitor);
    BucketType& bucket = bucket_at(bucket_of(event.time_ms, options.granularity));
    Cell<Visitors>& cell = bucket.cells[prefix];
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
        bucket.referrers[pair_key(mine[key >> 32], mine[key & kUnknown])] += hits;
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

  /// Which prefixes a query means, by number; one look per prefix and query.
  std::vector<bool> matches(const std::string& prefix) const {
    std::vector<bool> match(names.size());
    for (std::uint32_t i = 0; i < names.size(); ++i) {
      match[i] = prefix == "/" || names[i].starts_with(prefix);
    }
    return match;
  }

  /// Tallies by `key_of(begin of bucket, or time)`.
  template <class KeyOf>
  std::map<std::int64_t, Tally<Visitors>> tallies_of(const Query& query, KeyOf key_of) const {
    std::map<std::int64_t, Tally<Visitors>> tallies;
    const std::vector<bool> match = matches(query.prefix);
    const auto [from, to] = bounds(query);
    for (auto at = buckets.lower_bound(from); at != buckets.end() && at->first < to; ++at) {
      const BucketType& bucket = at->second;
      // None for a bucket that has nothing of this prefix.
      if (std::none_of(bucket.cells.begin(), bucket.cells.end(),
                       [&match](const auto& entry) { return match[entry.first]; })) {
        continue;
      }
      Tally<Visitors>& tally = tallies[key_of(at->first)];
      for (const auto& [prefix, cell] : bucket.cells) {
        if (match[prefix]) tally.add(cell);
      }
      for (const auto& [page, hits] : bucket.pages) {
        // A page that begins with the prefix of a query lies in it, and only such a one does.
        if (match[page]) tally.pages[page] += hits;
      }
      for (const auto& [pair, hits] : bucket.referrers) {
        if (match[pair >> 32]) tally.referrers[pair & kUnknown] += hits;
      }
    }
    for (const auto& [visitor, all] : sessions.by_visitor()) {
      for (const Session& session : all) {
        if (session.begin_ms < from || session.begin_ms >= to || !match[session.entry]) continue;
        tallies[key_of(bucket_of(session.begin_ms, options.granularity))].add(session);
      }
    }
    return tallies;
  }

  std::pair<std::int64_t, std::int64_t> bounds(const Query& query) const {
    const auto floor = [this](std::int64_t time_ms) {
      if (time_ms < -kTimeMsMax || time_ms > kTimeMsMax) return time_ms;
      return bucket_of(time_ms, options.granularity);
    };
    return {floor(query.from_ms), floor(query.to_ms)};
  }

  void encode(ByteWriter& out) const;
  bool decode(ByteReader& in);

  SummaryOptions options;
  Names names;
  std::map<std::int64_t, BucketType> buckets;
  Sessions sessions;
  std::uint64_t events = 0;

 private:
  static void encode_bucket(const BucketType& bucket, ByteWriter& out);
  static bool decode_bucket(ByteReader& in, std::size_t names_size, BucketType& bucket);
  void encode_sessions(const std::vector<std::uint32_t>& order, ByteWriter& out) const;
  bool decode_sessions(ByteReader& in);
  BucketType renumbered(const BucketType& bucket, const std::vector<std::uint32_t>& to) const;

  std::vector<std::uint32_t> prefixes_;  ///< Of a page, by its number; kUnknown if not asked yet.
  Shortcut<std::int64_t, BucketType> last_;
};

// --- Encoding: names sorted, so that their numbers, and all that is sorted by them, say nothing of
// the order in which events came.

template <class Visitors>
void BasicSummary<Visitors>::State::encode(ByteWriter& out) const {
  std::vector<std::uint32_t> by_text(names.size());
  std::iota(by_text.begin(), by_text.end(), 0);
  std::sort(by_text.begin(), by_text.end(),
            [this](std::uint32_t a, std::uint32_t b) { return names[a] < names[b]; });
  std::vector<std::uint32_t> order(names.size());
  for (std::uint32_t i = 0; i < by_text.size(); ++i) order[by_text[i]] = i;

  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(options.granularity));
  out.signed_varint(options.session_gap_ms);
  out.varint(options.prefix_depth);
  out.varint(events);
  out.varint(names.size());
  for (const std::uint32_t number : by_text) out.string(names[number]);
  out.varint(buckets.size());
  for (const auto& [begin_ms, bucket] : buckets) {
    out.signed_varint(begin_ms);
    encode_bucket(renumbered(bucket, order), out);
  }
  encode_sessions(order, out);
}

template <class Visitors>
typename BasicSummary<Visitors>::State::BucketType BasicSummary<Visitors>::State::renumbered(
    const BucketType& bucket, const std::vector<std::uint32_t>& to) const {
  BucketType same;
  for (const auto& [prefix, cell] : bucket.cells) same.cells.emplace(to[prefix], cell);
  for (const auto& [page, hits] : bucket.pages) same.pages.emplace(to[page], hits);
  for (const auto& [key, hits] : bucket.referrers) {
    same.referrers.emplace(pair_key(to[key >> 32], to[key & kUnknown]), hits);
  }
  return same;
}

template <class Visitors>
void BasicSummary<Visitors>::State::encode_bucket(const BucketType& bucket, ByteWriter& out) {
  out.varint(bucket.cells.size());
  for (const std::uint32_t prefix : sorted_keys(bucket.cells)) {
    const Cell<Visitors>& cell = bucket.cells.at(prefix);
    out.varint(prefix);
    out.varint(cell.hits);
    out.varint(cell.bytes);
    for (const std::uint64_t hits : cell.status_classes) out.varint(hits);
    cell.visitors.encode(out);
  }
  out.varint(bucket.pages.size());
  for (const std::uint32_t page : sorted_keys(bucket.pages)) {
    out.varint(page);
    out.varint(bucket.pages.at(page));
  }
  out.varint(bucket.referrers.size());
  for (const std::uint64_t key : sorted_keys(bucket.referrers)) {
    out.varint(key >> 32);
    out.varint(key & kUnknown);
    out.varint(bucket.referrers.at(key));
  }
}

template <class Visitors>
void BasicSummary<Visitors>::State::encode_sessions(const std::vector<std::uint32_t>& order,
                                                    ByteWriter& out) const {
  out.varint(sessions.by_visitor().size());
  for (const std::uint64_t visitor : sorted_keys(sessions.by_visitor())) {
    const Sessions::OfVisitor& all = sessions.by_visitor().at(visitor);
    out.fixed64(visitor);
    out.varint(all.size());
    for (const Session& session : all) {
      out.signed_varint(session.begin_ms);
      out.varint(static_cast<std::uint64_t>(session.end_ms - session.begin_ms));
      out.varint(session.hits);
      out.varint(order[session.entry]);
    }
  }
}

template <class Visitors>
bool BasicSummary<Visitors>::State::decode(ByteReader& in) {
  events = in.varint();
  const std::size_t texts = in.count(/*bytes_each=*/1);
  for (std::size_t i = 0; i < texts; ++i) names.number_of(in.string());
  // Fewer if one came twice: then numbers do not mean what they say.
  if (!in.ok() || names.size() != texts) return false;
  const std::size_t count = in.count(/*bytes_each=*/4);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t begin_ms = in.signed_varint();
    if (begin_ms < -2 * kTimeMsMax || begin_ms > kTimeMsMax) return false;
    if (!decode_bucket(in, names.size(), buckets[begin_ms])) return false;
  }
  return decode_sessions(in) && in.finished();
}

template <class Visitors>
bool BasicSummary<Visitors>::State::decode_bucket(ByteReader& in, std::size_t names_size,
                                                  BucketType& bucket) {
  const std::size_t cells = in.count(/*bytes_each=*/10);
  for (std::size_t i = 0; i < cells; ++i) {
    const std::uint64_t prefix = in.varint();
    if (prefix >= names_size) return false;
    Cell<Visitors>& cell = bucket.cells[static_cast<std::uint32_t>(prefix)];
    cell.hits = in.varint();
    cell.bytes = in.varint();
    for (std::uint64_t& hits : cell.status_classes) hits = in.varint();
    auto visitors = Visitors::decode(in);
    if (!visitors) return false;
    cell.visitors = std::move(*visitors);
  }
  const std::size_t pages = in.count(/*bytes_each=*/2);
  for (std::size_t i = 0; i < pages; ++i) {
    const std::uint64_t page = in.varint();
    if (page >= names_size) return false;
    bucket.pages[static_cast<std::uint32_t>(page)] = in.varint();
  }
  const std::size_t referrers = in.count(/*bytes_each=*/3);
  for (std::size_t i = 0; i < referrers; ++i) {
    const std::uint64_t prefix = in.varint();
    const std::uint64_t referrer = in.varint();
    if (prefix >= names_size || referrer >= names_size) return false;
    bucket.referrers[pair_key(static_cast<std::uint32_t>(prefix),
                              static_cast<std::uint32_t>(referrer))] = in.varint();
  }
  return in.ok();
}

template <class Visitors>
bool BasicSummary<Visitors>::State::decode_sessions(ByteReader& in) {
  const std::size_t visitors = in.count(/*bytes_each=*/13);
  for (std::size_t i = 0; i < visitors; ++i) {
    const std::uint64_t visitor = in.fixed64();
    const std::size_t count = in.count(/*bytes_each=*/4);
    for (std::size_t k = 0; k < count; ++k) {
      Session session;
      session.begin_ms = in.signed_varint();
      const std::uint64_t length = in.varint();
      session.hits = static_cast<std::uint32_t>(in.varint());
      const std::uint64_t entry = in.varint();
      if (!in.ok() || entry >= names.size() || session.begin_ms < -kTimeMsMax ||
          session.begin_ms > kTimeMsMax || length > 2 * kTimeMsMax) {
        return false;
      }
      session.end_ms = session.begin_ms + static_cast<std::int64_t>(length);
      session.entry = static_cast<std::uint32_t>(entry);
      sessions.add(visitor, session, names);
    }
  }
  return in.ok();
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
  auto tallies = state_->tallies_of(query, [](std::int64_t) { return std::int64_t{0}; });
  return tallies[0].finish(state_->names, query.top);
}

template <class Visitors>
std::vector<std::pair<std::int64_t, Answer>> BasicSummary<Visitors>::series(
    const Query& query, Granularity step) const {
  std::vector<std::pair<std::int64_t, Answer>> answers;
  if (!can_answer(query)) return answers;
  step = std::max(step, state_->options.granularity);
  auto tallies = state_->tallies_of(
      query, [step](std::int64_t begin_ms) { return bucket_of(begin_ms, step); });
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

template <class Visitors>
void BasicSummary<Visitors>::encode(std::string& to) const {
  ByteWriter out(to);
  state_->encode(out);
}

template <class Visitors>
std::optional<BasicSummary<Visitors>> BasicSummary<Visitors>::decode(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  SummaryOptions options;
  const std::uint8_t granularity = in.u8();
  options.granularity = static_cast<Granularity>(granularity);
  options.session_gap_ms = in.signed_varint();
  const std::uint64_t depth = in.varint();
  options.prefix_depth = static_cast<unsigned>(depth);
  if (!in.ok() || granularity > 2 || depth > kPrefixDepthMax || options.session_gap_ms < 0 ||
      options.session_gap_ms > kTimeMsMax) {
    return std::nullopt;
  }
  BasicSummary summary(options);
  if (!summary.state_->decode(in)) return std::nullopt;
  return summary;
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
    Bucket<HyperLogLog>& same = to.buckets[begin_ms];
    same.pages = bucket.pages;
    same.referrers = bucket.referrers;
    for (const auto& [prefix, cell] : bucket.cells) {
      Cell<HyperLogLog>& sketched = same.cells[prefix];
      sketched.hits = cell.hits;
      sketched.bytes = cell.bytes;
      sketched.status_classes = cell.status_classes;
      cell.visitors.for_each([&sketched](std::uint64_t hash) { sketched.visitors.add(hash); });
    }
  }
  return sketch;
}

}  // namespace pipeline
