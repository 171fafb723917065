#include "examples/kappa/generation.h"

#include <doctest/doctest.h>

#include <string>

using namespace kappa_app;

namespace {

Generation some() {
  Generation generation;
  generation.number = 7;
  generation.options.granularity = pipeline::Granularity::Hour;
  generation.options.session_gap_ms = 600'000;
  generation.options.prefix_depth = 3;
  generation.code = "v2";
  generation.made_ms = 1'700'000'000'000;
  return generation;
}

}  // namespace

TEST_CASE("a generation's text says all of it, and comes back") {
  for (const bool retired : {false, true}) {
    Generation generation = some();
    generation.retired = retired;
    const auto back = generation_of(to_json(generation));
    REQUIRE(back);
    CHECK(back->number == 7);
    CHECK(back->same_as(generation));
    CHECK(back->made_ms == generation.made_ms);
    CHECK(back->retired == retired);
  }
}

TEST_CASE(
    "a generation is another one when its options or its code differ, not when its age does") {
  Generation other = some();
  other.made_ms = 5;
  CHECK(some().same_as(other));
  other.options.session_gap_ms = 1;
  CHECK_FALSE(some().same_as(other));
  other = some();
  other.options.prefix_depth = 1;
  CHECK_FALSE(some().same_as(other));
  other = some();
  other.code = "v1";
  CHECK_FALSE(some().same_as(other));
}

TEST_CASE("a text that is no generation is nothing") {
  const std::string good = to_json(some());
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(generation_of(good.substr(0, size)));
  }
  for (
      const char* text :
      {"[]", "{}", "7", "null", R"({"generation":0})", R"({"generation":-1,"code":"v1"})",
       R"({"generation":1,"session_gap_ms":"x","prefix_depth":2,"granularity":"minute","code":"v1","state":"running"})",
       R"({"generation":1,"session_gap_ms":5,"prefix_depth":2,"granularity":"year","code":"v1","state":"running"})",
       R"({"generation":1,"session_gap_ms":5,"prefix_depth":2,"granularity":"minute","code":"v1","state":"asleep"})"}) {
    CAPTURE(text);
    CHECK_FALSE(generation_of(text));
  }
}

TEST_CASE("the active generation's text comes back; what is none is nothing") {
  const Active active{3, 2, 1'700'000'000'000, "me"};
  CHECK(active_of(to_json(active)) == active);
  CHECK(active_of(to_json(Active{})) == Active{});
  CHECK_FALSE(active_of(""));
  CHECK_FALSE(active_of("{}"));
  CHECK_FALSE(active_of("[1]"));
}

TEST_CASE("standing: retired before all, then active and previous, then by lag") {
  Generation generation = some();
  const Active other{1, 2, 0, ""};
  CHECK(standing_of(generation, other, 1'001, 1'000) == Standing::Replaying);
  CHECK(standing_of(generation, other, 1'000, 1'000) == Standing::CaughtUp);
  CHECK(standing_of(generation, {7, 2, 0, ""}, 5'000, 1'000) == Standing::Active);
  CHECK(standing_of(generation, {1, 7, 0, ""}, 0, 1'000) == Standing::Previous);
  generation.retired = true;
  CHECK(standing_of(generation, {7, 2, 0, ""}, 0, 1'000) == Standing::Retired);
}
