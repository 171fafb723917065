#include "examples/lambda/alert_rule.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "examples/pipeline/byte_codec.h"

using namespace lambda_app;

namespace {

constexpr std::int64_t kSlice = 10'000;

AlertOptions options() {
  AlertOptions made;
  made.window_ms = 3 * kSlice;
  made.slide_ms = kSlice;
  made.percent = 10;
  made.hits_min = 10;
  made.disorder_ms = 0;
  made.idle_ms = 1'000;
  return made;
}

/// The counts of slice number `slice`, and of nothing else.
PartialCounts counts_of(PartitionNumber partition, Offset from, int slice, std::uint64_t hits,
                        std::uint64_t errors) {
  PartialCounts counts;
  counts.partition = partition;
  counts.from = from;
  counts.to = from + 1;
  counts.slices[slice * kSlice] = {hits, errors};
  counts.newest_ms = slice * kSlice + kSlice - 1;
  return counts;
}

std::string told(const std::vector<Alert>& alerts) {
  std::string text;
  for (const Alert& alert : alerts) {
    text += (alert.raised ? '+' : '-') + std::to_string(alert.window.end_ms / kSlice) + ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("alert rule: a window above the limit raises once, the next below it clears once") {
  struct Row {
    const char* what;
    std::vector<ErrorCounts> slices;  ///< Hits and errors, one slice after the other.
    const char* expected;             ///< Crossings by the number of the slice where they end.
  };
  for (const Row& row : {
           Row{"never", {{100, 0}, {100, 9}, {100, 10}, {100, 10}, {100, 0}, {1, 0}}, ""},
           Row{"just at the limit", {{100, 10}, {100, 10}, {100, 10}, {1, 0}}, ""},
           Row{"at once", {{100, 11}, {100, 0}, {1, 0}}, "+1 -2 "},
           Row{"over the sum of a window", {{50, 0}, {50, 8}, {50, 8}, {50, 8}, {1, 0}}, "+3 "},
           Row{"too few hits", {{5, 5}, {4, 0}, {0, 0}, {1, 0}}, ""},
           Row{"as many as must be", {{5, 5}, {5, 0}, {0, 0}, {1, 0}}, "+2 "},
           Row{"up, down and up",
               {{100, 50}, {0, 0}, {0, 0}, {90, 0}, {0, 0}, {0, 0}, {90, 90}, {1, 0}},
               "+1 -4 +7 "},
       }) {
    CAPTURE(row.what);
    AlertRule rule(options());
    std::string all;
    for (std::size_t i = 0; i < row.slices.size(); ++i) {
      const ErrorCounts& slice = row.slices[i];
      CHECK(rule.add(counts_of(0, i, static_cast<int>(i), slice.hits, slice.errors), 0));
      all += told(rule.advance());
    }
    CHECK(all == row.expected);
  }
}

TEST_CASE("alert rule: a window is told when all partitions have passed its end") {
  AlertRule rule(options());
  CHECK(rule.add(counts_of(0, 0, 0, 50, 50), 0));
  CHECK(rule.add(counts_of(1, 0, 0, 50, 50), 0));
  CHECK(told(rule.advance()).empty());
  CHECK(rule.add(counts_of(0, 1, 1, 1, 0), 10));
  CHECK(told(rule.advance()).empty());
  CHECK(rule.add(counts_of(1, 1, 1, 1, 0), 20));
  CHECK(told(rule.advance()) == "+1 ");
}

TEST_CASE("alert rule: a partition that says nothing while others do holds nobody up") {
  AlertRule rule(options());
  CHECK(rule.add(counts_of(0, 0, 0, 50, 50), 0));
  CHECK(rule.add(counts_of(1, 0, 0, 50, 50), 500));
  CHECK(rule.add(counts_of(0, 1, 1, 1, 0), 1'400));
  CHECK(told(rule.advance()).empty());
  CHECK(rule.add(counts_of(0, 2, 2, 1, 0), 1'600));  // Partition 1 is 1100 ms behind.
  CHECK(told(rule.advance()) == "+1 ");
}

TEST_CASE("alert rule: a range that comes again changes nothing") {
  AlertRule rule(options());
  CHECK(rule.add(counts_of(0, 0, 0, 10, 1), 0));
  CHECK_FALSE(rule.add(counts_of(0, 0, 0, 10, 10), 0));
  CHECK(rule.add(counts_of(0, 1, 1, 10, 1), 0));
  CHECK_FALSE(rule.add(counts_of(0, 0, 0, 10, 10), 0));
  CHECK(rule.add(counts_of(0, 2, 2, 10, 0), 0));
  CHECK(told(rule.advance()).empty());
}

TEST_CASE("alert rule: late counts go into the windows that are not told yet") {
  AlertRule rule(options());
  CHECK(rule.add(counts_of(0, 0, 0, 20, 0), 0));
  CHECK(rule.add(counts_of(0, 1, 2, 1, 0), 0));
  CHECK(told(rule.advance()).empty());             // Windows up to 2 are told.
  CHECK(rule.add(counts_of(0, 2, 1, 20, 20), 0));  // Too late for the window that ends at 2.
  CHECK(rule.add(counts_of(0, 3, 3, 1, 0), 0));
  CHECK(told(rule.advance()) == "+3 ");
  CHECK(rule.late() == 0);
  CHECK(rule.add(counts_of(0, 4, 0, 7, 7), 0));  // Its last window ended at 3.
  CHECK(rule.late() == 7);
}

TEST_CASE("alert rule: a leap of years is one step; an alert ends in between") {
  AlertRule rule(options());
  CHECK(rule.add(counts_of(0, 0, 0, 50, 50), 0));
  CHECK(rule.add(counts_of(0, 1, 30'000'000, 50, 50), 0));
  CHECK(rule.add(counts_of(0, 2, 30'000'001, 0, 0), 0));
  CHECK(told(rule.advance()) == "+1 -4 +30000001 ");
}

TEST_CASE("alert rule: one that was saved goes on as the one that was not") {
  std::mt19937 random(5);
  AlertRule whole(options());
  auto parts = std::make_unique<AlertRule>(options());
  std::map<PartitionNumber, Offset> next;
  for (int i = 0; i < 2'000; ++i) {
    const auto partition = static_cast<PartitionNumber>(random() % 3);
    const int slice = std::max(0, i / 10 - static_cast<int>(random() % 4));
    const std::uint64_t hits = random() % 20;
    const PartialCounts counts =
        counts_of(partition, next[partition]++, slice, hits, hits * (random() % 5) / 20);
    CHECK(whole.add(counts, i * 40) == parts->add(counts, i * 40));
    CHECK(told(whole.advance()) == told(parts->advance()));
    if (i % 7 != 0) continue;
    std::string bytes;
    pipeline::ByteWriter out(bytes);
    parts->save(out);
    parts = std::make_unique<AlertRule>(options());
    pipeline::ByteReader in(bytes);
    REQUIRE(parts->load(in));
    CHECK(in.finished());
  }
  CHECK(whole.late() > 0);
}

TEST_CASE("alert: the same crossing has the same id; JSON says which window") {
  Alert alert{true, {10'000, 40'000}, {200, 30}};
  CHECK(alert.id() == "error-rate/40000");
  const auto json = nlohmann::json::parse(to_json(alert, options()));
  CHECK(json["id"] == "error-rate/40000");
  CHECK(json["state"] == "raised");
  CHECK(json["from_ms"] == 10'000);
  CHECK(json["hits"] == 200);
  CHECK(json["percent"] == 15.0);
  alert.raised = false;
  CHECK(nlohmann::json::parse(to_json(alert, options()))["state"] == "cleared");
}

TEST_CASE("partial counts: what is encoded is decoded; other bytes are refused") {
  PartialCounts counts = counts_of(3, 17, -2, 9, 4);
  counts.slices[50'000] = {1, 0};
  const std::string bytes = encode(counts);
  CHECK(decode_partial_counts(bytes) == counts);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_partial_counts(std::string_view(bytes).substr(0, size)));
  }
  std::mt19937 random(1);
  for (int round = 0; round < 5'000; ++round) {
    std::string other = bytes;
    other[random() % other.size()] = static_cast<char>(random());
    if (const auto decoded = decode_partial_counts(other)) CHECK(decoded->from <= decoded->to);
    AlertRule rule(options());
    pipeline::ByteReader in(other);
    static_cast<void>(rule.load(in));
  }
}
