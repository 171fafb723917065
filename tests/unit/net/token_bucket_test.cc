#include "server/net/token_bucket.h"

#include <doctest/doctest.h>

namespace quorate::server {

TEST_CASE("token bucket: capacity 0 is no limit") {
  TokenBucket bucket(0, 1, 1);
  for (int i = 0; i < 1000; ++i) CHECK(bucket.take(5));
}

TEST_CASE("token bucket: as many as its capacity at once, then as many as have come back") {
  TokenBucket bucket(/*capacity=*/3, /*fill_ms=*/10, /*fill_count=*/2);
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(1000));
  CHECK_FALSE(bucket.take(1009));
  CHECK(bucket.take(1010));
  CHECK(bucket.take(1010));
  CHECK_FALSE(bucket.take(1019));
  // However long it rests, it never holds more than its capacity.
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(99999));
  CHECK_FALSE(bucket.take(99999));
}

}  // namespace quorate::server
