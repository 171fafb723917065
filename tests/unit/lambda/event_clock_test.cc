#include "examples/lambda/event_clock.h"

#include <doctest/doctest.h>

using lambda_app::EventClock;

TEST_CASE("event clock: it follows the newest, and one leap is not believed") {
  EventClock clock(/*jump_ms_max=*/1'000);
  CHECK(clock.now_ms() == EventClock::kNever);
  clock.observe(-5'000'000);
  CHECK(clock.now_ms() == -5'000'000);
  clock.observe(-4'999'000);
  clock.observe(-4'999'500);  // Late.
  CHECK(clock.now_ms() == -4'999'000);
  for (int i = 0; i < 10 * EventClock::kBelieved; ++i) {
    clock.observe(70'000'000);
    clock.observe(-4'999'000);  // The others go on as before.
  }
  CHECK(clock.now_ms() == -4'999'000);
}

TEST_CASE("event clock: a leap that all events make is believed") {
  EventClock clock(/*jump_ms_max=*/1'000, /*now_ms=*/0);
  for (int i = 1; i < EventClock::kBelieved; ++i) clock.observe(50'000);
  CHECK(clock.now_ms() == 0);
  clock.observe(50'000);
  CHECK(clock.now_ms() == 50'000);
}
