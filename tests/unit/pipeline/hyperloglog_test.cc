#include "examples/pipeline/hyperloglog.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "examples/pipeline/event.h"
#include "examples/pipeline/exact_visitors.h"

using namespace pipeline;

namespace {

HyperLogLog sketch_of_range(std::uint64_t from, std::uint64_t to) {
  HyperLogLog sketch;
  for (std::uint64_t i = from; i < to; ++i) sketch.add(visitor_hash("v" + std::to_string(i)));
  return sketch;
}

std::string encoded(const HyperLogLog& sketch) {
  std::string bytes;
  ByteWriter out(bytes);
  sketch.encode(out);
  return bytes;
}

}  // namespace

TEST_CASE("hyperloglog: within three standard errors, from one to a million") {
  HyperLogLog sketch;
  std::uint64_t added = 0;
  for (const std::uint64_t size :
       {0u, 1u, 10u, 100u, 1'000u, 1'100u, 10'000u, 40'000u, 100'000u, 300'000u, 1'000'000u}) {
    for (; added < size; ++added) sketch.add(visitor_hash("v" + std::to_string(added)));
    CAPTURE(size);
    const double fault = std::abs(static_cast<double>(sketch.count()) - static_cast<double>(size));
    CHECK(fault <= 3 * HyperLogLog::kStandardError * static_cast<double>(size));
  }
}

TEST_CASE("hyperloglog: the error over many sets is the one that is promised") {
  double squares = 0;
  constexpr int kSets = 60;
  constexpr std::uint64_t kSize = 20'000;
  for (int set = 0; set < kSets; ++set) {
    const std::uint64_t from = static_cast<std::uint64_t>(set) * kSize;
    const double off = static_cast<double>(sketch_of_range(from, from + kSize).count()) / kSize - 1;
    squares += off * off;
  }
  // 1.3: with 60 sets the measured deviation itself strays by a tenth.
  CHECK(std::sqrt(squares / kSets) < 1.3 * HyperLogLog::kStandardError);
}

TEST_CASE("hyperloglog: merging is union, whatever the forms; order and repetition say nothing") {
  for (const std::uint64_t middle : {0u, 100u, 900u, 1'500u, 2'900u, 3'000u}) {
    CAPTURE(middle);
    const HyperLogLog whole = sketch_of_range(0, 3'000);
    HyperLogLog left = sketch_of_range(0, middle);
    HyperLogLog right = sketch_of_range(middle > 50 ? middle - 50 : 0, 3'000);
    HyperLogLog swapped = right;
    swapped.merge(left);
    left.merge(right);
    CHECK(left == whole);
    CHECK(swapped == whole);
    left.merge(left);
    CHECK(left == whole);
    CHECK(encoded(left) == encoded(whole));
  }
}

TEST_CASE("hyperloglog: a small sketch is small, and grows into the other form") {
  CHECK(encoded(sketch_of_range(0, 10)).size() < 50);
  CHECK(encoded(sketch_of_range(0, 900)).size() < 3'000);
  CHECK(encoded(sketch_of_range(0, 5'000)).size() < 16'400);
}

TEST_CASE("hyperloglog: what is encoded is decoded; damage is refused") {
  for (const std::uint64_t size : {0u, 1u, 500u, 5'000u}) {
    CAPTURE(size);
    const HyperLogLog sketch = sketch_of_range(0, size);
    const std::string bytes = encoded(sketch);
    ByteReader in(bytes);
    const auto decoded = HyperLogLog::decode(in);
    REQUIRE(decoded);
    CHECK(in.finished());
    CHECK(*decoded == sketch);
    for (std::size_t cut = 0; cut < bytes.size(); cut += 97) {
      ByteReader part(std::string_view(bytes).substr(0, cut));
      CHECK_FALSE(HyperLogLog::decode(part));
    }
  }
  std::string bytes = encoded(sketch_of_range(0, 5'000));
  bytes[100] = 60;  // No hash has a rank of that.
  ByteReader in(bytes);
  CHECK_FALSE(HyperLogLog::decode(in));
}

TEST_CASE("exact visitors: a set, with bytes that do not tell the order") {
  ExactVisitors a, b;
  for (std::uint64_t i = 0; i < 100; ++i) {
    a.add(i * 7'919);
    b.add((99 - i) * 7'919);
    b.add((99 - i) * 7'919);
  }
  CHECK(a == b);
  CHECK(a.count() == 100);
  std::string bytes_a, bytes_b;
  ByteWriter out_a(bytes_a), out_b(bytes_b);
  a.encode(out_a);
  b.encode(out_b);
  CHECK(bytes_a == bytes_b);
  ByteReader in(bytes_a);
  CHECK(ExactVisitors::decode(in) == a);
  ByteReader cut(std::string_view(bytes_a).substr(0, 50));
  CHECK_FALSE(ExactVisitors::decode(cut));
}
