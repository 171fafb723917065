#include "examples/pipeline/web/event_log.h"

#include <doctest/doctest.h>

#include <string>

using namespace pipeline;

TEST_CASE("event log: events are numbered without gaps, and the last ones are kept") {
  EventLog log(3);
  CHECK(log.last() == 0);
  CHECK(log.after(0) == nullptr);
  CHECK(log.keeps_after(0));
  CHECK(!log.keeps_after(1));  // Of another log.
  for (int i = 1; i <= 5; ++i) {
    CHECK(log.add("\"e" + std::to_string(i) + "\"") == static_cast<std::uint64_t>(i));
  }
  CHECK(log.last() == 5);
  CHECK(*log.after(2) == R"({"n":3,"event":"e3"})");
  CHECK(*log.after(4) == R"({"n":5,"event":"e5"})");
  CHECK(log.after(5) == nullptr);
  CHECK(log.after(6) == nullptr);
  CHECK(log.after(1) == nullptr);
  CHECK(!log.keeps_after(1));
  CHECK(log.keeps_after(2));
  CHECK(log.keeps_after(5));
  CHECK(!log.keeps_after(6));
}
