#include "client-lib/src/recipes/contender.h"

#include <doctest/doctest.h>

using namespace quorate::client;

namespace {

std::vector<std::string> names(const std::vector<Place>& line) {
  std::vector<std::string> out;
  for (const Place& place : line) out.push_back(place.name);
  return out;
}

}  // namespace

TEST_CASE("line: ordered by sequence number, not by name; nodes of other kinds are skipped") {
  CHECK(names(places_in_line({"f__lock__0000000002", "a__lock__0000000010", "z__lock__0000000001",
                              "other", "x__lock__", "y__lock__12x"},
                             {"__lock__"})) == std::vector<std::string>{"z__lock__0000000001",
                                                                        "f__lock__0000000002",
                                                                        "a__lock__0000000010"});
}

TEST_CASE("line: the order holds when the counter overflows (pitfall 49)") {
  CHECK(names(places_in_line({"a__lock__-2147483648", "b__lock__2147483647", "c__lock__-2147483647",
                              "d__lock__2147483646"},
                             {"__lock__"})) ==
        std::vector<std::string>{"d__lock__2147483646", "b__lock__2147483647",
                                 "a__lock__-2147483648", "c__lock__-2147483647"});
}
