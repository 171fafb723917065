#include "server/replica/summary.h"

#include <doctest/doctest.h>

#include "server/replica/metrics.h"

namespace quorate::server {

TEST_CASE("summary: count, sum and extremes are exact, negative values are 0") {
  Summary summary;
  for (const std::int64_t value : {7, 3, -5, 1000}) summary.add(value);
  CHECK(summary.count == 4);
  CHECK(summary.sum == 1010);
  CHECK(summary.min == 0);
  CHECK(summary.max == 1000);
  CHECK(summary.average() == doctest::Approx(252.5));
}

TEST_CASE("summary: a quantile is at most an eighth too high and never above the maximum") {
  Summary summary;
  for (std::int64_t value = 1; value <= 100'000; ++value) summary.add(value);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(share);
    const auto exact = static_cast<std::int64_t>(share * 100'000);
    CHECK(summary.quantile(share) >= exact);
    CHECK(summary.quantile(share) <= std::min<std::int64_t>(exact + exact / 8 + 1, 100'000));
  }
  CHECK(Summary().quantile(0.5) == 0);
}

TEST_CASE("summary: huge values count and stay bounded") {
  Summary summary;
  summary.add(INT64_MAX / 2);
  CHECK(summary.count == 1);
  CHECK(summary.quantile(0.5) > 0);
}

TEST_CASE("summary: quantiles forget what two rotations have passed, the rest does not") {
  Summary summary;
  summary.add(1000);
  summary.rotate();
  summary.add(2);
  CHECK(summary.quantile(1.0) == 1000);
  summary.rotate();
  CHECK(summary.quantile(1.0) == 2);
  summary.rotate();
  CHECK(summary.quantile(1.0) == 0);
  CHECK(summary.max == 1000);
  CHECK(summary.count == 2);
}

TEST_CASE("name spaces: by the first part of the path, bounded in number and length") {
  NamespaceTallies tallies;
  tallies.add("/app", 3);
  tallies.add("/app/x/y", 4);
  for (const char* none : {"/", "", "app"}) tallies.add(none, 1);
  tallies.add('/' + std::string(1000, 'x'), 1);
  REQUIRE(tallies.rows().size() == 1);
  CHECK(tallies.rows().at("app").count == 2);
  CHECK(tallies.rows().at("app").sum == 7);
  for (int i = 0; i < 1000; ++i) tallies.add('/' + std::to_string(i), 1);
  CHECK(tallies.rows().size() == NamespaceTallies::kRowsMax);
}

TEST_CASE("responses: least and most start with the first") {
  ReplicaMetrics metrics;
  CHECK(metrics.min_response_bytes == -1);
  metrics.count_response(16);
  metrics.count_response(5);
  metrics.count_response(90);
  metrics.count_response(20);
  CHECK(metrics.last_response_bytes == 20);
  CHECK(metrics.min_response_bytes == 5);
  CHECK(metrics.max_response_bytes == 90);
}

}  // namespace quorate::server
