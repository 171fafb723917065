#include "examples/lambda/places.h"

#include <doctest/doctest.h>

#include <string>

#include "examples/lambda/registration.h"

using namespace lambda_app;

namespace {

Generation generation() {
  Generation made;
  made.run = 4;
  made.cuts = {10, 20};
  made.file = "batch-4.view";
  made.made_ms = 99;
  made.events = 30;
  made.previous_run = 3;
  made.previous_cuts = {5, 20};
  made.previous_file = "batch-3.view";
  return made;
}

/// `json` with the first `from` in it replaced.
std::string with(std::string json, const std::string& from, const std::string& to) {
  const std::size_t at = json.find(from);
  REQUIRE(at != std::string::npos);
  return json.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("places: a worker's node says what it was given") {
  const Worker worker{"speed", "a", 123, 456, "bug=\"x\""};
  const auto again = worker_of(to_json(worker));
  REQUIRE(again);
  CHECK(again->role == "speed");
  CHECK(again->id == "a");
  CHECK(again->pid == 123);
  CHECK(again->started_ms == 456);
  CHECK(again->note == "bug=\"x\"");
  CHECK(worker_of(to_json(Worker{"a", "\xff", 1, 1, ""})));  // No UTF-8: replaced.
}

TEST_CASE("places: a generation says what it was given") {
  const auto again = generation_of(to_json(generation()));
  REQUIRE(again);
  CHECK(again->run == 4);
  CHECK(again->cuts == std::vector<pipeline::Offset>{10, 20});
  CHECK(again->file == "batch-4.view");
  CHECK(again->made_ms == 99);
  CHECK(again->events == 30);
  CHECK(again->previous_run == 3);
  CHECK(again->previous_cuts == std::vector<pipeline::Offset>{5, 20});
  CHECK(again->previous_file == "batch-3.view");
  CHECK(generation_of(to_json(Generation{})));
}

TEST_CASE("places: what is no generation is refused") {
  const std::string good = to_json(generation());
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{"), std::string("{}"), good + "x",
        with(good, "\"run\":4", "\"run\":-4"), with(good, "\"run\":4", "\"run\":\"4\""),
        with(good, "\"run\":4", "\"run\":4.5"), with(good, "[10,20]", "[10,\"20\"]"),
        with(good, "[10,20]", "7"), with(good, "[10,20]", "[10]"),  // Fewer than before.
        with(good, "[5,20]", "[5,21]"),                             // Beyond what follows it.
        with(good, "\"previous_run\":3", "\"previous_run\":4"),
        with(good, "batch-4.view", "../batch-4.view"),
        with(good, "\"events\":30", "\"event\":30")}) {
    CAPTURE(bad);
    CHECK_FALSE(generation_of(bad));
  }
}

TEST_CASE("places: what is no worker or count of refusals is refused") {
  const std::string good = to_json(Worker{"speed", "a", 123, 456, ""});
  for (const std::string& bad : {std::string(), std::string("null"), with(good, "123", "-1"),
                                 with(good, "\"a\"", "7"), with(good, "\"note\"", "\"nota\"")}) {
    CAPTURE(bad);
    CHECK_FALSE(worker_of(bad));
  }
  CHECK(refused_of(to_json(Refused{3, "hits 2: late"}))->count == 3);
  for (const char* bad : {"", "{}", R"({"count":-1,"last":""})", R"({"count":1})"}) {
    CAPTURE(bad);
    CHECK_FALSE(refused_of(bad));
  }
}
