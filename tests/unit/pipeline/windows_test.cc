#include "examples/pipeline/windows.h"

#include <doctest/doctest.h>

#include <string>
#include <tuple>

using namespace pipeline;

namespace {

struct Sum {
  int value = 0;
  void merge(const Sum& other) { value += other.value; }
};

using Sums = Windows<std::string, Sum>;
using Told = std::tuple<std::string, std::int64_t, std::int64_t, int, Pane>;

bool add(Sums& windows, const std::string& key, std::int64_t time_ms, int value = 1) {
  return windows.add(key, time_ms, [value](Sum& sum) { sum.value += value; });
}

std::vector<Told> told(const std::vector<Sums::Closed>& closed) {
  std::vector<Told> all;
  for (const auto& one : closed) {
    all.emplace_back(one.key, one.span.begin_ms, one.span.end_ms, one.state.value, one.pane);
  }
  return all;
}

}  // namespace

TEST_CASE("spans: tumbling ones do not overlap, sliding ones are size / slide") {
  using Spans = std::vector<WindowSpan>;
  CHECK(windows_of(0, WindowOptions::tumbling(10)) == Spans{{0, 10}});
  CHECK(windows_of(9, WindowOptions::tumbling(10)) == Spans{{0, 10}});
  CHECK(windows_of(-1, WindowOptions::tumbling(10)) == Spans{{-10, 0}});
  CHECK(windows_of(12, WindowOptions::sliding(10, 5)) == Spans{{5, 15}, {10, 20}});
  CHECK(windows_of(10, WindowOptions::sliding(10, 5)) == Spans{{5, 15}, {10, 20}});
  CHECK(windows_of(9, WindowOptions::sliding(10, 4)) == Spans{{0, 10}, {4, 14}, {8, 18}});
  CHECK(windows_of(5, WindowOptions::session(10)) == Spans{{5, 15}});
}

TEST_CASE("watermark: the least of the partitions, less the disorder; never back") {
  Watermark watermark(/*disorder_ms=*/10);
  CHECK(watermark.now() == kNoTime);
  watermark.add_partition(0);
  watermark.add_partition(1);
  watermark.observe(0, 100);
  CHECK(watermark.now() == kNoTime);  // Partition 1 may hold anything.
  watermark.observe(1, 50);
  CHECK(watermark.now() == 40);
  watermark.observe(1, 45);
  CHECK(watermark.now() == 40);
  watermark.observe(1, 300);
  CHECK(watermark.now() == 90);
  watermark.add_partition(2);
  watermark.observe(2, 5);
  CHECK(watermark.now() == 90);
  watermark.observe(0, 400);
  CHECK(watermark.now() == 90);
  watermark.remove_partition(2);
  CHECK(watermark.now() == 290);
}

TEST_CASE("watermark: an idle partition holds nobody back until its next event") {
  Watermark watermark(/*disorder_ms=*/0);
  watermark.observe(0, 10);
  watermark.observe(1, 5);
  watermark.observe(0, 100);
  watermark.set_idle(1);
  CHECK(watermark.now() == 100);
  watermark.observe(1, 20);
  CHECK(watermark.now() == 100);
  watermark.observe(0, 200);
  CHECK(watermark.now() == 100);
  watermark.set_idle(0);
  watermark.set_idle(1);
  CHECK(watermark.now() == 100);
}

TEST_CASE("tumbling: told once the watermark has passed the end, in order, and forgotten") {
  Sums windows(WindowOptions::tumbling(10));
  add(windows, "b", 3);
  add(windows, "a", 4);
  add(windows, "a", 9, 5);
  add(windows, "a", 12);
  CHECK(windows.advance(9).empty());
  CHECK(told(windows.advance(10)) ==
        std::vector<Told>{{"a", 0, 10, 6, Pane::OnTime}, {"b", 0, 10, 1, Pane::OnTime}});
  CHECK(windows.advance(10).empty());
  CHECK(windows.open() == 1);
  CHECK(windows.advance(5).empty());
  CHECK(windows.watermark() == 10);
}

TEST_CASE("late events: counted and routed; within the allowed lateness they correct") {
  std::vector<std::tuple<std::string, std::int64_t, std::int64_t>> late;
  Sums windows(WindowOptions::tumbling(10).with_lateness(20),
               [&late](const std::string& key, std::int64_t time_ms, std::int64_t watermark) {
                 late.emplace_back(key, time_ms, watermark);
               });
  add(windows, "a", 5);
  CHECK(told(windows.advance(15)) == std::vector<Told>{{"a", 0, 10, 1, Pane::OnTime}});
  CHECK(add(windows, "a", 6));
  CHECK(add(windows, "b", 6));  // Its window has not been told yet.
  CHECK(told(windows.advance(15)) ==
        std::vector<Told>{{"a", 0, 10, 2, Pane::Correction}, {"b", 0, 10, 1, Pane::OnTime}});
  CHECK(windows.advance(29).empty());
  CHECK(windows.open() == 2);
  windows.advance(30);
  CHECK(windows.open() == 0);
  CHECK_FALSE(add(windows, "a", 7));
  CHECK(windows.late() == 1);
  REQUIRE(late.size() == 1);
  CHECK(late[0] == std::tuple(std::string("a"), 7, 30));
}

TEST_CASE("sliding: an event counts in every window that still takes it") {
  Sums windows(WindowOptions::sliding(10, 5));
  add(windows, "a", 7);
  CHECK(told(windows.advance(10)) == std::vector<Told>{{"a", 0, 10, 1, Pane::OnTime}});
  CHECK(add(windows, "a", 8));  // Too late for [0, 10), not for [5, 15).
  CHECK(windows.late() == 0);
  CHECK(told(windows.advance(20)) == std::vector<Told>{{"a", 5, 15, 2, Pane::OnTime}});
  CHECK_FALSE(add(windows, "a", 9));
}

TEST_CASE("sessions: grow, join, and end after the gap; keys apart") {
  Sums windows(WindowOptions::session(10));
  add(windows, "a", 0);
  add(windows, "a", 10);  // A pause of the gap does not end it.
  add(windows, "a", 31);
  add(windows, "b", 21);
  CHECK(windows.open() == 3);
  CHECK(told(windows.advance(20)) == std::vector<Told>{{"a", 0, 20, 2, Pane::OnTime}});
  add(windows, "a", 41);
  CHECK(told(windows.advance(60)) ==
        std::vector<Told>{{"b", 21, 31, 1, Pane::OnTime}, {"a", 31, 51, 2, Pane::OnTime}});
  CHECK(windows.open() == 0);
  CHECK_FALSE(add(windows, "a", 45));
}

TEST_CASE("sessions: an event between two makes them one, in any order") {
  for (const auto& times : std::vector<std::vector<std::int64_t>>{
           {0, 20, 10}, {20, 0, 10}, {10, 0, 20}, {0, 10, 20}, {20, 10, 0}}) {
    Sums windows(WindowOptions::session(10));
    for (const std::int64_t time_ms : times) add(windows, "a", time_ms);
    CHECK(told(windows.advance(100)) == std::vector<Told>{{"a", 0, 30, 3, Pane::OnTime}});
  }
}

TEST_CASE("sessions: one that grew after it was told says which it replaces") {
  Sums windows(WindowOptions::session(10).with_lateness(100));
  add(windows, "a", 0);
  add(windows, "a", 20);
  CHECK(windows.advance(40).size() == 2);
  add(windows, "a", 11);  // Touches the second only.
  auto closed = windows.advance(40);
  REQUIRE(told(closed) == std::vector<Told>{{"a", 11, 30, 2, Pane::Correction}});
  CHECK(closed[0].replaces == std::vector<WindowSpan>{{20, 30}});
  add(windows, "a", 5);
  closed = windows.advance(40);
  REQUIRE(told(closed) == std::vector<Told>{{"a", 0, 30, 4, Pane::Correction}});
  CHECK(closed[0].replaces == std::vector<WindowSpan>{{0, 10}, {11, 30}});
  add(windows, "a", 7);
  closed = windows.advance(40);
  REQUIRE(told(closed) == std::vector<Told>{{"a", 0, 30, 5, Pane::Correction}});
  CHECK(closed[0].replaces.empty());
}
