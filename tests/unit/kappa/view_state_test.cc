#include "examples/kappa/view_state.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/kappa/hits.h"

using namespace kappa_app;
using pipeline::Aggregator;

namespace {

Aggregator counted() {
  Aggregator aggregator;
  for (const auto& hit : kappa_test::hits(0, 50)) aggregator.add(hit.view());
  return aggregator;
}

template <class Summary>
std::string bytes_of(const Summary& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

}  // namespace

TEST_CASE("a checkpoint's state: view and ids come back, so a hit that comes again is refused") {
  const Aggregator before = counted();
  auto back = decode_view_state(encode(before.summary(), before.seen()));
  REQUIRE(back);
  CHECK(bytes_of(back->summary) == bytes_of(before.summary()));
  CHECK_FALSE(back->seen.insert(kappa_test::hit(7).view().id, kappa_test::hit(7).view().time_ms));
  CHECK(back->seen.insert(kappa_test::hit(51).view().id, kappa_test::hit(51).view().time_ms));
  const auto summary = decode_view_summary(encode(before.summary(), before.seen()));
  REQUIRE(summary);
  CHECK(bytes_of(*summary) == bytes_of(before.summary()));
}

TEST_CASE("a delta comes back; its end is read without the rest") {
  std::string bytes;
  encode(ViewDelta{10, 60, 0x500000003, 1'700'000'000'123, counted().summary()}, bytes);
  const auto back = decode_delta(bytes);
  REQUIRE(back);
  CHECK(back->from == 10);
  CHECK(back->to == 60);
  CHECK(back->token == 0x500000003);
  CHECK(back->oldest_append_ms == 1'700'000'000'123);
  CHECK(bytes_of(back->summary) == bytes_of(counted().summary()));
  CHECK(end_of_delta(bytes) == 60);
}

TEST_CASE("bytes that were cut, or of another version, are no state and no delta") {
  const Aggregator aggregator = counted();
  const std::string state = encode(aggregator.summary(), aggregator.seen());
  for (std::size_t size = 0; size < state.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_view_state(state.substr(0, size)));
    CHECK_FALSE(decode_view_summary(state.substr(0, size)));
  }
  std::string delta;
  encode(ViewDelta{1, 2, 3, 4, aggregator.summary()}, delta);
  for (std::size_t size = 0; size < delta.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_delta(delta.substr(0, size)));
  }
  std::string other = delta;
  other[0] = 9;
  CHECK_FALSE(decode_delta(other));
  CHECK_FALSE(end_of_delta(other));
  std::string empty;
  encode(ViewDelta{5, 5, 3, 4, aggregator.summary()}, empty);
  CHECK_FALSE(decode_delta(empty));
}
