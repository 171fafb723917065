#include "examples/pipeline/summary.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/generator.h"
#include "examples/pipeline/log_parser.h"

using namespace pipeline;

namespace {

constexpr std::int64_t kMinute = 60'000;

std::vector<Event> generated(std::uint64_t lines, std::uint64_t seed = 3) {
  GeneratorOptions options;
  options.seed = seed;
  options.pages = 60;
  options.visitors_at_once = 40;
  std::vector<Event> events;
  LogParser parser;
  LineSplitter splitter;
  std::set<EventId> ids;
  splitter.feed(generate_log(lines, options), [&](std::string_view line, std::uint64_t) {
    const auto event = parser.parse(line);
    if (event && ids.insert(event->id).second) events.emplace_back(*event);
  });
  return events;
}

template <class Visitors>
std::string encoded(const BasicSummary<Visitors>& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

Summary summary_of(const std::vector<Event>& events, SummaryOptions options = {}) {
  Summary summary(options);
  for (const Event& event : events) summary.add(event.view());
  return summary;
}

EventView hit(std::string_view visitor, std::int64_t time_ms, std::string_view path = "/a/x") {
  EventView event;
  event.time_ms = time_ms;
  event.visitor = visitor;
  event.path = path;
  event.status = 200;
  event.bytes = 10;
  return event;
}

/// The slow, obvious way to the same answer.
Answer obvious_answer(const std::vector<Event>& events, const Query& query, std::int64_t gap_ms) {
  Answer answer;
  std::map<std::string, std::uint64_t> pages, referrers;
  std::set<std::string> visitors;
  std::map<std::string, std::vector<std::pair<std::int64_t, std::string>>> times;
  const auto in_prefix = [&query](std::string_view page) {
    return query.prefix == "/" || page.starts_with(query.prefix);
  };
  for (const Event& event : events) {
    const EventView view = event.view();
    const std::string page(page_of(view.path));
    times[std::string(view.visitor)].emplace_back(view.time_ms, prefix_of(page, 2));
    if (view.time_ms < query.from_ms || view.time_ms >= query.to_ms || !in_prefix(page)) continue;
    ++answer.hits;
    answer.bytes += view.bytes;
    ++answer.status_classes[view.status / 100u < 6 ? view.status / 100u : 0];
    visitors.insert(std::string(view.visitor));
    ++pages[page];
    if (!view.referrer.empty()) ++referrers[std::string(view.referrer)];
  }
  for (auto& [visitor, all] : times) {
    std::sort(all.begin(), all.end());
    for (std::size_t begin = 0, at = 1; at <= all.size(); ++at) {
      if (at < all.size() && all[at].first - all[at - 1].first <= gap_ms) continue;
      if (all[begin].first >= query.from_ms && all[begin].first < query.to_ms &&
          in_prefix(all[begin].second)) {
        const std::int64_t length = all[at - 1].first - all[begin].first;
        ++answer.sessions;
        answer.session_hits += at - begin;
        answer.session_ms += length;
        answer.session_max_ms = std::max(answer.session_max_ms, length);
      }
      begin = at;
    }
  }
  answer.visitors = visitors.size();
  const auto top = [&query](const std::map<std::string, std::uint64_t>& counts) {
    std::vector<Counted> rows(counts.begin(), counts.end());
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Counted& a, const Counted& b) { return a.second > b.second; });
    rows.resize(std::min(rows.size(), query.top));
    return rows;
  };
  answer.pages = top(pages);
  answer.referrers = top(referrers);
  return answer;
}

}  // namespace

TEST_CASE("buckets: begin at full minutes, hours and days, before 1970, too") {
  CHECK(bucket_of(0, Granularity::Minute) == 0);
  CHECK(bucket_of(59'999, Granularity::Minute) == 0);
  CHECK(bucket_of(-1, Granularity::Minute) == -60'000);
  CHECK(bucket_of(-60'000, Granularity::Minute) == -60'000);
  CHECK(bucket_of(86'400'000 + 3'600'000 + 5, Granularity::Hour) == 86'400'000 + 3'600'000);
  CHECK(bucket_of(86'400'000 + 5, Granularity::Day) == 86'400'000);
}

TEST_CASE("answers: those of the slow, obvious way, for times and prefixes of all kinds") {
  const std::vector<Event> events = generated(4'000);
  const Summary summary = summary_of(events);
  std::set<std::string> prefixes{"/", "/none/"};
  for (const std::string& prefix : summary.prefixes()) prefixes.insert(prefix);
  CHECK(prefixes.count("/blog/tags/") == 1);
  std::int64_t first = events.front().view().time_ms;
  for (const Event& event : events) first = std::min(first, event.view().time_ms);
  first = bucket_of(first, Granularity::Minute);
  for (const std::string& prefix : prefixes) {
    CAPTURE(prefix);
    Query query;
    query.prefix = prefix;
    CHECK(summary.answer(query) == obvious_answer(events, query, 30 * kMinute));
    query.from_ms = first + 2 * kMinute;
    query.to_ms = first + 9 * kMinute;
    query.top = 3;
    CHECK(summary.answer(query) == obvious_answer(events, query, 30 * kMinute));
  }
}

TEST_CASE("answers: a series has the answer of each of its steps, and of no other") {
  const std::vector<Event> events = generated(2'000);
  const Summary summary = summary_of(events);
  for (const Granularity step : {Granularity::Minute, Granularity::Hour, Granularity::Day}) {
    Query query;
    query.prefix = "/blog/";
    std::uint64_t hits = 0;
    for (const auto& [begin_ms, answer] : summary.series(query, step)) {
      Query one = query;
      one.from_ms = begin_ms;
      one.to_ms = begin_ms + length_ms(step);
      CHECK(answer == obvious_answer(events, one, 30 * kMinute));
      CHECK(answer.hits > 0);
      hits += answer.hits;
    }
    CHECK(hits == summary.answer(query).hits);
  }
}

TEST_CASE("answers: prefixes that are no directories, or too deep, cannot be asked") {
  const Summary summary = summary_of(generated(100));
  for (const char* prefix : {"", "blog", "/blog", "blog/", "/a/b/c/"}) {
    CAPTURE(prefix);
    Query query;
    query.prefix = prefix;
    CHECK_FALSE(summary.can_answer(query));
    CHECK(summary.answer(query) == Answer{});
  }
}

TEST_CASE("summary: equal bytes for any order of events and any way to deal them out and merge") {
  std::vector<Event> events = generated(3'000);
  const std::string expected = encoded(summary_of(events));
  std::mt19937 random(7);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(events.begin(), events.end(), random);
    CHECK(encoded(summary_of(events)) == expected);
    std::vector<Summary> parts(5);
    for (const Event& event : events) parts[random() % parts.size()].add(event.view());
    while (parts.size() > 1) {  // A tree of merges, in whatever order.
      std::shuffle(parts.begin(), parts.end(), random);
      REQUIRE(parts[0].merge(parts.back()));
      parts.pop_back();
    }
    CHECK(encoded(parts[0]) == expected);
  }
}

TEST_CASE("summary: nothing is neutral; other options do not merge") {
  const Summary summary = summary_of(generated(500));
  Summary merged;
  REQUIRE(merged.merge(summary));
  REQUIRE(merged.merge(Summary()));
  CHECK(encoded(merged) == encoded(summary));
  SummaryOptions other;
  other.session_gap_ms = 1;
  CHECK_FALSE(merged.merge(Summary(other)));
  CHECK(encoded(merged) == encoded(summary));
}

TEST_CASE("roll-up: hours of minutes are the hours of the events; never back") {
  const std::vector<Event> events = generated(3'000);
  const Summary minutes = summary_of(events);
  for (const Granularity to : {Granularity::Hour, Granularity::Day}) {
    SummaryOptions options;
    options.granularity = to;
    const auto rolled = minutes.rolled_up(to);
    REQUIRE(rolled);
    CHECK(encoded(*rolled) == encoded(summary_of(events, options)));
    CHECK_FALSE(rolled->rolled_up(Granularity::Minute));
    const auto days = rolled->rolled_up(Granularity::Day);
    REQUIRE(days);
    CHECK(encoded(*days) == encoded(*minutes.rolled_up(Granularity::Day)));
  }
}

TEST_CASE("summary: what is encoded is decoded; cut anywhere it is refused") {
  const Summary summary = summary_of(generated(300));
  const std::string bytes = encoded(summary);
  const auto decoded = Summary::decode(bytes);
  REQUIRE(decoded);
  CHECK(encoded(*decoded) == bytes);
  CHECK(decoded->events() == summary.events());
  CHECK(decoded->answer({}) == summary.answer({}));
  for (std::size_t size = 0; size < bytes.size(); size += 13) {
    CHECK_FALSE(Summary::decode(std::string_view(bytes).substr(0, size)));
  }
  CHECK_FALSE(Summary::decode(bytes + "x"));
  std::mt19937 random(5);
  for (int i = 0; i < 2'000;
       ++i) {  // Any byte may be any other: no crash, and what decodes encodes.
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (const auto odd = Summary::decode(damaged)) CHECK(odd->options().prefix_depth <= 16);
  }
}

TEST_CASE("sketch: of a summary, as if its events had been sketched at once") {
  const std::vector<Event> events = generated(2'000);
  SketchSummary sketched;
  for (const Event& event : events) sketched.add(event.view());
  const Summary exact = summary_of(events);
  CHECK(encoded(sketch_of(exact)) == encoded(sketched));
  Answer from_sketch = sketched.answer({});
  const Answer from_exact = exact.answer({});
  CHECK(static_cast<double>(from_sketch.visitors) ==
        doctest::Approx(static_cast<double>(from_exact.visitors)).epsilon(0.03));
  from_sketch.visitors = from_exact.visitors;
  CHECK(from_sketch == from_exact);
}

TEST_CASE("sessions: a pause longer than the gap ends one, one of the gap does not") {
  const std::int64_t gap = 30 * kMinute;
  Summary summary;
  summary.add(hit("v", 0));
  summary.add(hit("v", gap));
  summary.add(hit("v", 2 * gap + 1));
  summary.add(hit("w", 5));
  const Answer answer = summary.answer({});
  CHECK(answer.sessions == 3);
  CHECK(answer.session_hits == 4);
  CHECK(answer.session_ms == gap);
  CHECK(answer.session_max_ms == gap);
}

TEST_CASE("sessions: a late hit joins two; an early one moves begin and prefix") {
  const std::int64_t gap = 30 * kMinute;
  Summary summary;
  summary.add(hit("v", 0, "/a/x"));
  summary.add(hit("v", 2 * gap, "/b/x"));
  CHECK(summary.answer({}).sessions == 2);
  summary.add(hit("v", gap, "/c/x"));
  CHECK(summary.answer({}).sessions == 1);
  Query query;
  query.prefix = "/a/";
  CHECK(summary.answer(query).sessions == 1);
  summary.add(hit("v", -5, "/b/x"));
  CHECK(summary.answer(query).sessions == 0);
  query.prefix = "/b/";
  CHECK(summary.answer(query).session_hits == 4);
  query.from_ms = 0;
  CHECK(summary.answer(query).sessions == 0);
}

TEST_CASE("sessions: of hits in one millisecond the smallest prefix is the entry") {
  for (const bool swapped : {false, true}) {
    Summary summary;
    summary.add(hit("v", 0, swapped ? "/b/x" : "/a/x"));
    summary.add(hit("v", 0, swapped ? "/a/x" : "/b/x"));
    Query query;
    query.prefix = "/a/";
    CHECK(summary.answer(query).sessions == 1);
  }
}

TEST_CASE("aggregator: an event that comes again changes nothing, also in a successor") {
  const std::vector<Event> events = generated(1'000);
  Aggregator aggregator;
  for (const Event& event : events) CHECK(aggregator.add(event.view()));
  const std::string expected = encoded(aggregator.summary());
  for (const Event& event : events) CHECK_FALSE(aggregator.add(event.view()));
  CHECK(aggregator.refused() == events.size());
  CHECK(encoded(aggregator.summary()) == expected);

  std::string bytes;
  aggregator.encode(bytes);
  auto successor = Aggregator::decode(bytes);
  REQUIRE(successor);
  for (const Event& event : events) CHECK_FALSE(successor->add(event.view()));
  CHECK(encoded(successor->summary()) == expected);
  CHECK_FALSE(Aggregator::decode(bytes.substr(1)));

  CHECK(successor->take_summary().events() == events.size());
  CHECK(successor->summary().events() == 0);
  CHECK_FALSE(successor->add(events[0].view()));
}

TEST_CASE(
    "layers: batch up to any cut and speed behind it answer as one, repetitions across it too") {
  std::vector<Event> events = generated(1'500);
  std::mt19937 random(9);
  for (int i = 0; i < 400; ++i) events.push_back(events[random() % 1'000]);
  std::shuffle(events.begin(), events.end(), random);
  SketchAggregator whole;
  for (const Event& event : events) whole.add(event.view());
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{700}, events.size()}) {
    CAPTURE(cut);
    Aggregator batch;
    SketchAggregator speed;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (i == cut) speed.take_summary();  // Now the batch has it.
      if (i < cut) batch.add(events[i].view());
      speed.add(events[i].view());
    }
    if (cut == events.size()) speed.take_summary();
    SketchSummary served = sketch_of(batch.summary());
    REQUIRE(served.merge(speed.summary()));
    CHECK(encoded(served) == encoded(whole.summary()));
  }
}
