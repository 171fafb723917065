// Summaries as bytes: names sorted, so that their numbers, and all that is sorted by them, say
// nothing of the order in which events came.
#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/pipeline/byte_codec.h"
#include "examples/pipeline/summary_state.h"

namespace pipeline {

namespace {

constexpr std::uint8_t kVersion = 1;

/// Keys of a hash map in order: encodings must not depend on the order of insertion.
template <class Map>
auto sorted_keys(const Map& map) {
  std::vector<typename Map::key_type> keys;
  keys.reserve(map.size());
  for (const auto& entry : map) keys.push_back(entry.first);
  std::sort(keys.begin(), keys.end());
  return keys;
}

// --- Out -------------------------------------------------------------------------------------

template <class Visitors>
SummaryBucket<Visitors> renumbered(const SummaryBucket<Visitors>& bucket,
                                   const std::vector<std::uint32_t>& to) {
  SummaryBucket<Visitors> same;
  for (const auto& [prefix, cell] : bucket.cells) same.cells.emplace(to[prefix], cell);
  for (const auto& [page, hits] : bucket.pages) same.pages.emplace(to[page], hits);
  for (const auto& [key, hits] : bucket.referrers) {
    same.referrers.emplace(pair_key(to[prefix_in(key)], to[referrer_in(key)]), hits);
  }
  return same;
}

template <class Visitors>
void encode_bucket(const SummaryBucket<Visitors>& bucket, ByteWriter& out) {
  out.varint(bucket.cells.size());
  for (const std::uint32_t prefix : sorted_keys(bucket.cells)) {
    const SummaryCell<Visitors>& cell = bucket.cells.at(prefix);
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
    out.varint(prefix_in(key));
    out.varint(referrer_in(key));
    out.varint(bucket.referrers.at(key));
  }
}

void encode_sessions(const Sessions& sessions, const std::vector<std::uint32_t>& order,
                     ByteWriter& out) {
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

template <class State>
void encode_state(const State& state, ByteWriter& out) {
  const Names& names = state.names;
  std::vector<std::uint32_t> by_text(names.size());
  std::iota(by_text.begin(), by_text.end(), 0);
  std::sort(by_text.begin(), by_text.end(),
            [&names](std::uint32_t a, std::uint32_t b) { return names[a] < names[b]; });
  std::vector<std::uint32_t> order(names.size());
  for (std::uint32_t i = 0; i < by_text.size(); ++i) order[by_text[i]] = i;

  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(state.options.granularity));
  out.signed_varint(state.options.session_gap_ms);
  out.varint(state.options.prefix_depth);
  out.varint(state.events);
  out.varint(names.size());
  for (const std::uint32_t number : by_text) out.string(names[number]);
  out.varint(state.buckets.size());
  for (const auto& [begin_ms, bucket] : state.buckets) {
    out.signed_varint(begin_ms);
    encode_bucket(renumbered(bucket, order), out);
  }
  encode_sessions(state.sessions, order, out);
}

// --- In --------------------------------------------------------------------------------------

template <class Visitors>
bool decode_cells(ByteReader& in, std::size_t names_size, SummaryBucket<Visitors>& bucket) {
  const std::size_t cells = in.count(/*bytes_each=*/10);
  for (std::size_t i = 0; i < cells; ++i) {
    const std::uint64_t prefix = in.varint();
    if (prefix >= names_size) return false;
    SummaryCell<Visitors>& cell = bucket.cells[static_cast<std::uint32_t>(prefix)];
    cell.hits = in.varint();
    cell.bytes = in.varint();
    for (std::uint64_t& hits : cell.status_classes) hits = in.varint();
    auto visitors = Visitors::decode(in);
    if (!visitors) return false;
    cell.visitors = std::move(*visitors);
  }
  return true;
}

template <class Visitors>
bool decode_bucket(ByteReader& in, std::size_t names_size, SummaryBucket<Visitors>& bucket) {
  if (!decode_cells(in, names_size, bucket)) return false;
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

bool decode_sessions(ByteReader& in, const Names& names, Sessions& sessions) {
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

/// Behind version and options.
template <class State>
bool decode_state(ByteReader& in, State& state) {
  state.events = in.varint();
  const std::size_t texts = in.count(/*bytes_each=*/1);
  for (std::size_t i = 0; i < texts; ++i) state.names.number_of(in.string());
  // Fewer if one came twice: then numbers do not mean what they say.
  if (!in.ok() || state.names.size() != texts) return false;
  const std::size_t count = in.count(/*bytes_each=*/4);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t begin_ms = in.signed_varint();
    if (begin_ms < -2 * kTimeMsMax || begin_ms > kTimeMsMax) return false;
    if (!decode_bucket(in, state.names.size(), state.buckets[begin_ms])) return false;
  }
  return decode_sessions(in, state.names, state.sessions) && in.finished();
}

std::optional<SummaryOptions> decode_options(ByteReader& in) {
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
  return options;
}

}  // namespace

template <class Visitors>
void BasicSummary<Visitors>::encode(std::string& to) const {
  ByteWriter out(to);
  encode_state(*state_, out);
}

template <class Visitors>
std::optional<BasicSummary<Visitors>> BasicSummary<Visitors>::decode(std::string_view bytes) {
  ByteReader in(bytes);
  const auto options = decode_options(in);
  if (!options) return std::nullopt;
  BasicSummary summary(*options);
  if (!decode_state(in, *summary.state_)) return std::nullopt;
  return summary;
}

template void BasicSummary<ExactVisitors>::encode(std::string& to) const;
template void BasicSummary<HyperLogLog>::encode(std::string& to) const;
template std::optional<Summary> BasicSummary<ExactVisitors>::decode(std::string_view bytes);
template std::optional<SketchSummary> BasicSummary<HyperLogLog>::decode(std::string_view bytes);

}  // namespace pipeline
