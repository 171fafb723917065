// base: bytes, ids, random numbers, marks.
#include <doctest/doctest.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/ids.h"
#include "base/random.h"

namespace quorate {

TEST_CASE("big endian: what is stored is loaded, in network order") {
  std::byte bytes[8];
  for (std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX,
                             std::int64_t{0x0102030405060708}}) {
    store_be(bytes, value);
    CHECK(load_be<std::int64_t>(bytes) == value);
  }
  CHECK(bytes[0] == std::byte{1});
  CHECK(bytes[7] == std::byte{8});
  store_be(bytes, std::int8_t{-2});
  CHECK(load_be<std::int8_t>(bytes) == -2);
}

TEST_CASE("shared bytes: equal by content, empty by default") {
  const Bytes content = {std::byte{1}, std::byte{2}};
  const SharedBytes one(content), two(content);
  CHECK(one == two);
  CHECK_FALSE(one == SharedBytes());
  CHECK(SharedBytes().empty());
  CHECK(SharedBytes() == SharedBytes(Bytes()));
  CHECK(one.view().size() == 2);
}

TEST_CASE("zxid: epoch above counter, compared as ZooKeeper does, printed in hex") {
  const Zxid zxid = Zxid::make(5, 7);
  CHECK(zxid.epoch() == 5);
  CHECK(zxid.counter() == 7);
  CHECK(to_string(zxid) == "0x500000007");
  CHECK(zxid < Zxid::make(6, 0));
  CHECK(Zxid::make(5, 0xffffffff).next() == Zxid::make(6, 0));
  CHECK(kBlankZxid < Zxid{});
  CHECK(to_string(SessionId{-1}) == "0xffffffffffffffff");
  CHECK(to_string(ServerId{12}) == "12");
}

TEST_CASE("random: one seed, one sequence; ranges are kept; a fork does not disturb") {
  Random a(42), b(42);
  for (int i = 0; i < 1000; ++i) {
    CHECK(a.below(10) == b.below(10));
    const std::int64_t value = a.between(-3, 3);
    CHECK(value == b.between(-3, 3));
    CHECK(value >= -3);
    CHECK(value <= 3);
  }
  CHECK(a.below(0) == 0);
  CHECK_FALSE(a.percent(0));
  CHECK(a.percent(100));
  Random c(1), d(1);
  Random child = c.fork();
  d.next();
  child.next();
  CHECK(c.next() == d.next());
}

TEST_CASE("marks: a situation passed is counted under its name") {
  for (int i = 0; i < 3; ++i) REACHED("base test passes a mark");
  const std::vector<ReachedCount> counts = reached_counts();
  const auto at = std::find_if(counts.begin(), counts.end(), [](const ReachedCount& count) {
    return std::string_view(count.name) == "base test passes a mark";
  });
  REQUIRE(at != counts.end());
  CHECK(at->count == 3);
}

}  // namespace quorate
