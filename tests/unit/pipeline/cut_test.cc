#include "examples/pipeline/cut.h"

#include <doctest/doctest.h>

#include "examples/pipeline/event.h"

using namespace pipeline;

TEST_CASE("a cut is read as what was written, and nothing else is one") {
  for (const std::uint64_t run : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    std::string bytes;
    encode(Cut{run}, bytes);
    CHECK(decode_cut(bytes) == Cut{run});
    CHECK_FALSE(decode_event(bytes));
    CHECK_FALSE(decode_cut(std::string_view(bytes).substr(1)));
    CHECK_FALSE(decode_cut(bytes + "x"));
  }
  EventView event;
  event.visitor = "v";
  event.path = "/";
  event.status = 200;
  std::string bytes;
  encode(event, bytes);
  CHECK_FALSE(decode_cut(bytes));
  CHECK_FALSE(decode_cut(""));
}
