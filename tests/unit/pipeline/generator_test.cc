#include "examples/pipeline/generator.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "examples/pipeline/log_parser.h"

using namespace pipeline;

namespace {

struct Counted {
  std::uint64_t lines = 0, bad = 0, again = 0, backwards = 0;
  std::map<std::string, std::uint64_t> pages;
  std::map<std::string, std::vector<std::int64_t>> visitors;
};

Counted count(const std::string& text) {
  Counted counted;
  LogParser parser;
  LineSplitter splitter;
  std::set<EventId> ids;
  std::int64_t newest = 0;
  splitter.feed(text, [&](std::string_view line, std::uint64_t) {
    ++counted.lines;
    const auto event = parser.parse(line);
    if (!event) {
      ++counted.bad;
      return;
    }
    counted.again += !ids.insert(event->id).second;
    counted.backwards += event->time_ms < newest;
    newest = std::max(newest, event->time_ms);
    ++counted.pages[std::string(page_of(event->path))];
    counted.visitors[std::string(event->visitor)].push_back(event->time_ms);
  });
  return counted;
}

}  // namespace

TEST_CASE("generator: the same text for a seed, another for another") {
  GeneratorOptions options;
  CHECK(generate_log(500, options) == generate_log(500, options));
  const std::string text = generate_log(500, options);
  options.seed = 2;
  CHECK(generate_log(500, options) != text);
}

TEST_CASE("generator: bad, late and repeated lines in the shares asked for, in both formats") {
  for (const bool json : {false, true}) {
    CAPTURE(json);
    GeneratorOptions options;
    options.json = json;
    options.bad_lines = 0.05;
    options.duplicates = 0.1;
    options.late = 0.1;
    Generator generator(options);
    std::string text;
    for (int i = 0; i < 20'000; ++i) generator.next(text);
    const Counted counted = count(text);
    CHECK(counted.lines == 20'000);
    CHECK(counted.bad == generator.drawn().bad);
    CHECK(counted.bad == doctest::Approx(1'000).epsilon(0.15));
    CHECK(generator.drawn().duplicates == doctest::Approx(1'700).epsilon(0.15));
    // Some first ones are late and still to come; some different hits look alike.
    CHECK(counted.again == doctest::Approx(generator.drawn().duplicates).epsilon(0.02));
    CHECK(generator.drawn().late == doctest::Approx(1'700).epsilon(0.15));
    CHECK(counted.backwards > 2'000);
  }
}

TEST_CASE("generator: few pages have most of the hits, and visitors come for several pages") {
  const Counted counted = count(generate_log(20'000));
  std::vector<std::uint64_t> hits;
  for (const auto& [page, number] : counted.pages) hits.push_back(number);
  std::sort(hits.rbegin(), hits.rend());
  std::uint64_t top = 0;
  for (std::size_t i = 0; i < 20; ++i) top += hits[i];
  CHECK(top > 20'000 * 2 / 5);
  CHECK(hits.size() > 800);
  CHECK(hits.back() <= 3);
  CHECK(counted.visitors.size() > 1'000);
  CHECK(counted.visitors.size() < 8'000);
}

TEST_CASE("generator: event time goes as fast as asked") {
  for (const double rate : {5.0, 1'000.0}) {
    GeneratorOptions options;
    options.events_per_second = rate;
    Generator generator(options);
    std::string text;
    for (int i = 0; i < 20'000; ++i) generator.next(text);
    const double seconds = static_cast<double>(generator.now_ms() - options.start_ms) / 1'000;
    CHECK(20'000 / seconds == doctest::Approx(rate).epsilon(0.25));
  }
}

TEST_CASE("generator: options at their edge do not hang it") {
  GeneratorOptions options;
  options.pages = 0;
  options.visitors_at_once = 0;
  options.events_per_second = 0;
  options.late_by_ms = 0;
  options.late = 1;
  options.duplicates = 1;
  CHECK(count(generate_log(100, options)).lines == 100);
}
