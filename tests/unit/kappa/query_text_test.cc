// examples/pipeline/program: what a browser asks.
#include "examples/pipeline/program/query_text.h"

#include <doctest/doctest.h>

#include "tests/unit/pipeline/result_text.h"

using namespace pipeline_program;
using pipeline::FaultKind;
using pipeline::Granularity;

TEST_CASE("question: everything is optional, and what is said counts") {
  const auto all = query_of({});
  REQUIRE(all);
  CHECK(all->prefix == "/");
  CHECK(all->top == 10);
  CHECK(all->from_ms < 0);
  const auto some = query_of(
      {{"from", "2026-11-21"}, {"to", "1000"}, {"prefix", "/blog/"}, {"top", "3"}, {"step", "x"}});
  REQUIRE(some);
  CHECK(some->from_ms == 1'795'219'200'000);
  CHECK(some->to_ms == 1'000);
  CHECK(some->prefix == "/blog/");
  CHECK(some->top == 3);
}

TEST_CASE("question: what is wrong is named") {
  for (const Parameters& wrong :
       {Parameters{{"from", "yesterday"}}, Parameters{{"to", "99999999999999999999"}},
        Parameters{{"top", "1001"}}, Parameters{{"top", "-1"}}, Parameters{{"top", ""}},
        Parameters{{"color", "red"}}}) {
    const auto query = query_of(wrong);
    REQUIRE_FALSE(query);
    CHECK(query.error().kind == FaultKind::BadArgument);
    CHECK(query.error().message.find(wrong.begin()->first) != std::string::npos);
  }
}

TEST_CASE("question: step is hour unless it is said") {
  CHECK(*step_of({}) == Granularity::Hour);
  CHECK(*step_of({{"step", "minute"}}) == Granularity::Minute);
  CHECK(*step_of({{"step", "hour"}}) == Granularity::Hour);
  CHECK(*step_of({{"step", "day"}}) == Granularity::Day);
  CHECK_FALSE(step_of({{"step", "week"}}));
}

TEST_CASE("question: times are milliseconds or UTC") {
  CHECK(time_ms_of("0") == 0);
  CHECK(time_ms_of("-5") == -5);
  CHECK(time_ms_of("1970-01-02") == 86'400'000);
  CHECK(time_ms_of("1970-01-01T01:00") == 3'600'000);
  CHECK(time_ms_of("1970-01-01T00:00:07") == 7'000);
  CHECK(time_ms_of("1970-01-01T00:00:07Z") == 7'000);
  for (const char* wrong : {"", "x", "1970-13-01", "1970-01-01T", "1970-01-01Z", "1e3",
                            "9000000000000000001", "1970-01-01T00:00:07+01:00"}) {
    CAPTURE(wrong);
    CHECK_FALSE(time_ms_of(wrong));
  }
}
