#include "examples/kappa/generation_view.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/kappa/hits.h"

using namespace kappa_app;
using pipeline::Summary;
using pipeline::SummaryOptions;
using Took = GenerationView::Took;

namespace {

Generation generation() {
  Generation one;
  one.number = 1;
  return one;
}

/// The hits [from, to); an offset is a hit's number here.
Summary summary_of(Offset from, Offset to, const SummaryOptions& options = {}) {
  Summary summary(options);
  for (const auto& hit : kappa_test::hits(from, to)) summary.add(hit.view());
  return summary;
}

ViewDelta delta(Offset from, Offset to) {
  return {from, to, /*token=*/1, /*oldest_append_ms=*/1'000, summary_of(from, to)};
}

std::string bytes_of(const Summary& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

std::string bytes_of(const GenerationView& view) {
  return view.ask([](const Summary& summary, const auto&) { return bytes_of(summary); });
}

}  // namespace

TEST_CASE("view: deltas one behind the other make the same bytes as all hits counted at once") {
  GenerationView view(generation(), 1);
  CHECK(view.apply(0, delta(0, 10)) == Took::Applied);
  CHECK(view.apply(0, delta(10, 11)) == Took::Applied);
  CHECK(view.apply(0, delta(11, 40)) == Took::Applied);
  CHECK(view.ends() == std::vector<Offset>{40});
  CHECK(bytes_of(view) == bytes_of(summary_of(0, 40)));
}

TEST_CASE("view: what it holds already changes nothing, whoever sends it") {
  GenerationView view(generation(), 1);
  view.apply(0, delta(0, 20));
  CHECK(view.apply(0, delta(0, 20)) == Took::Known);
  CHECK(view.apply(0, delta(5, 20)) == Took::Known);
  CHECK(view.apply(0, delta(0, 3)) == Took::Known);
  CHECK(view.ends() == std::vector<Offset>{20});
  CHECK(bytes_of(view) == bytes_of(summary_of(0, 20)));
}

TEST_CASE("view: a delta that begins inside is of no use, those behind it wait for a checkpoint") {
  GenerationView view(generation(), 1);
  view.apply(0, delta(0, 20));
  CHECK(view.apply(0, delta(15, 30)) == Took::Gap);
  CHECK(view.apply(0, delta(30, 35)) == Took::Gap);
  CHECK(view.apply(0, delta(35, 50)) == Took::Gap);
  CHECK(view.ends() == std::vector<Offset>{20});
  CHECK(view.rebase(0, 30, summary_of(0, 30)));
  CHECK(view.end(0) == 50);
  CHECK(view.ends() == std::vector<Offset>{20});  // Nobody sees it before it is settled.
  view.settle();
  CHECK(view.ends() == std::vector<Offset>{50});
  CHECK(bytes_of(view) == bytes_of(summary_of(0, 50)));
}

TEST_CASE("view: the missing delta fills the gap before any checkpoint does") {
  GenerationView view(generation(), 1);
  CHECK(view.apply(0, delta(10, 20)) == Took::Gap);
  CHECK(view.apply(0, delta(20, 30)) == Took::Gap);
  CHECK(view.apply(0, delta(0, 10)) == Took::Applied);
  CHECK(view.ends() == std::vector<Offset>{30});
  CHECK(bytes_of(view) == bytes_of(summary_of(0, 30)));
}

TEST_CASE("view: never goes back to an older checkpoint") {
  GenerationView view(generation(), 1);
  view.apply(0, delta(0, 20));
  CHECK_FALSE(view.rebase(0, 10, summary_of(0, 10)));
  CHECK_FALSE(view.rebase(0, 20, summary_of(0, 20)));
  view.settle();
  CHECK(view.ends() == std::vector<Offset>{20});
}

TEST_CASE("view: a delta after a checkpoint that is not settled yet is not lost and not doubled") {
  GenerationView view(generation(), 2);
  CHECK(view.rebase(0, 20, summary_of(0, 20)));
  CHECK(view.apply(0, delta(20, 25)) == Took::Applied);
  ViewDelta other = delta(100, 130);
  other.from = 0;
  other.to = 30;
  CHECK(view.apply(1, std::move(other)) == Took::Applied);
  view.settle();
  CHECK(view.apply(0, delta(25, 26)) == Took::Applied);
  CHECK(view.ends() == std::vector<Offset>{26, 30});
  Summary expected = summary_of(0, 26);
  CHECK(expected.merge(summary_of(100, 130)));
  CHECK(bytes_of(view) == bytes_of(expected));
}

TEST_CASE("view: refuses what is of another generation's options, or of no partition") {
  GenerationView view(generation(), 1);
  SummaryOptions other;
  other.session_gap_ms = 1;
  ViewDelta foreign = delta(0, 5);
  foreign.summary = summary_of(0, 5, other);
  CHECK(view.apply(0, std::move(foreign)) == Took::Foreign);
  CHECK_FALSE(view.rebase(0, 5, summary_of(0, 5, other)));
  CHECK(view.apply(1, delta(0, 5)) == Took::Foreign);
  CHECK(view.ends() == std::vector<Offset>{0});
}

TEST_CASE("view: covers ends when each partition has come as far") {
  GenerationView view(generation(), 2);
  view.apply(0, delta(0, 10));
  CHECK(view.covers({10, 0}));
  CHECK(view.covers({}));
  CHECK_FALSE(view.covers({11, 0}));
  CHECK_FALSE(view.covers({10, 1}));
  CHECK_FALSE(view.covers({10, 0, 0}));
}

TEST_CASE("view: more that waits behind a gap than fits is left to the next checkpoint") {
  GenerationView view(generation(), 1);
  for (Offset from = 1; from <= 1'001; ++from) view.apply(0, delta(from, from + 1));
  CHECK(view.rebase(0, 1'001, summary_of(0, 1'001)));
  view.settle();
  CHECK(view.ends() == std::vector<Offset>{1'002});
}

TEST_CASE("latencies: percentiles of the newest") {
  Latencies latencies;
  CHECK(latencies.percentile(0.5) == 0);
  for (std::int64_t ms = 1; ms <= 100; ++ms) latencies.add(ms);
  CHECK(latencies.percentile(0) == 1);
  CHECK(latencies.percentile(0.5) == 51);
  CHECK(latencies.percentile(0.99) == 100);
  CHECK(latencies.percentile(1) == 100);
  for (int i = 0; i < 4'096; ++i) latencies.add(7);
  CHECK(latencies.percentile(1) == 7);
  CHECK(latencies.count() == 4'196);
}
