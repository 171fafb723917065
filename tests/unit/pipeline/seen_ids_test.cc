#include "examples/pipeline/seen_ids.h"

#include <doctest/doctest.h>

using namespace pipeline;

namespace {

std::string encoded(const SeenIds& seen) {
  std::string bytes;
  seen.encode(bytes);
  return bytes;
}

}  // namespace

TEST_CASE("seen ids: an id is new once in its minute, and known in copies") {
  SeenIds seen;
  CHECK(seen.insert(7, 0));
  CHECK_FALSE(seen.insert(7, 59'999));
  CHECK(seen.insert(7, 60'000));
  CHECK(seen.insert(7, -1));
  CHECK(seen.size() == 3);
  SeenIds copy = seen;
  CHECK(copy.insert(8, -1));
  CHECK(seen.insert(8, -1));
  CHECK_FALSE(copy.insert(7, 0));
  SeenIds moved = std::move(copy);
  CHECK_FALSE(moved.insert(8, -1));
}

TEST_CASE("seen ids: what was forgotten is refused and counted, never counted twice") {
  SeenIds seen;
  seen.insert(1, 0);
  seen.insert(2, 60'000);
  seen.forget_before(60'001);
  CHECK(seen.size() == 1);
  CHECK(seen.too_late(59'999));
  CHECK_FALSE(seen.too_late(60'000));
  CHECK_FALSE(seen.insert(1, 0));
  CHECK_FALSE(seen.insert(3, 59'999));
  CHECK(seen.refused_too_late() == 2);
  CHECK_FALSE(seen.insert(2, 60'000));
  seen.forget_before(0);  // Not back.
  CHECK(seen.too_late(0));
  auto decoded = SeenIds::decode(encoded(seen));
  REQUIRE(decoded);
  CHECK_FALSE(decoded->insert(3, 59'999));
  SeenIds other;
  other.insert(4, 0);
  other.merge(*decoded);
  CHECK(other.too_late(0));
  CHECK(other.size() == 1);
}

TEST_CASE("seen ids: union of sets; bytes say nothing of the order") {
  SeenIds a, b, both;
  for (EventId id = 0; id < 500; ++id) {
    const std::int64_t time_ms = static_cast<std::int64_t>(id % 7) * 60'000;
    if (id % 3 != 0) a.insert(id, time_ms);
    if (id % 2 == 0) b.insert(499 - id, static_cast<std::int64_t>((499 - id) % 7) * 60'000);
    if (id % 3 != 0) both.insert(id, time_ms);
  }
  for (EventId id = 0; id < 500; id += 2) {
    both.insert(499 - id, static_cast<std::int64_t>((499 - id) % 7) * 60'000);
  }
  SeenIds ab = a, ba = b;
  ab.merge(b);
  ba.merge(a);
  CHECK(encoded(ab) == encoded(both));
  CHECK(encoded(ba) == encoded(both));
  CHECK(ab.size() == both.size());

  const std::string bytes = encoded(both);
  auto decoded = SeenIds::decode(bytes);
  REQUIRE(decoded);
  CHECK(encoded(*decoded) == bytes);
  CHECK(decoded->size() == both.size());
  for (std::size_t size = 0; size < bytes.size(); size += 11) {
    CHECK_FALSE(SeenIds::decode(std::string_view(bytes).substr(0, size)));
  }
}

TEST_CASE("seen ids: encoding in between changes nothing, in copies and unions neither") {
  SeenIds often, once, other;
  for (EventId id = 0; id < 3'000; ++id) {
    const EventId mixed = id * 0x9E3779B97F4A7C15u;
    const std::int64_t time_ms = static_cast<std::int64_t>(mixed >> 61) * 60'000;
    CHECK(often.insert(mixed, time_ms));
    CHECK(once.insert(mixed, time_ms));
    if (id % 400 == 0) CHECK(SeenIds::decode(encoded(often))->size() == id + 1);
    if (id == 2'000) often = SeenIds(often);
    if (id % 2 == 0) other.insert(mixed + 1, time_ms);
  }
  often.merge(other);
  once.merge(other);
  CHECK(encoded(often) == encoded(once));
  often.forget_before(3 * 60'000);
  once.forget_before(3 * 60'000);
  CHECK(often.insert(5, 4 * 60'000));
  CHECK(once.insert(5, 4 * 60'000));
  CHECK(encoded(often) == encoded(once));
}
