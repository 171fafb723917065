#include <doctest/doctest.h>

#include "examples/leader_follower/leader.h"

using namespace leader_follower;

namespace {

std::set<std::uint64_t> numbers(std::uint64_t count) {
  std::set<std::uint64_t> out;
  for (std::uint64_t i = 0; i < count; ++i) out.insert(i);
  return out;
}

}  // namespace

TEST_CASE("assignment: every open shard has exactly one owner, and no one has many more") {
  const Assignment now = assign(numbers(10), {"a", "b", "c"}, {});
  std::set<std::uint64_t> seen;
  std::size_t total = 0;
  for (const auto& [member, owned] : now) {
    CHECK(owned.size() <= 4);
    total += owned.size();
    seen.insert(owned.begin(), owned.end());
  }
  CHECK(total == 10);
  CHECK(seen == numbers(10));
}

TEST_CASE("assignment: a dead member's shards go to the living, who keep their own") {
  const Assignment before = assign(numbers(9), {"a", "b", "c"}, {});
  const Assignment now = assign(numbers(9), {"a", "c"}, before);
  CHECK(now.size() == 2);
  for (const char* member : {"a", "c"}) {
    for (const std::uint64_t number : before.at(member)) CHECK(now.at(member).count(number) == 1);
  }
  CHECK(now.at("a").size() + now.at("c").size() == 9);
}

TEST_CASE("assignment: a newcomer gets a fair part; finished shards are nobody's") {
  const Assignment before = assign(numbers(8), {"a"}, {});
  const Assignment now = assign({4, 5, 6, 7}, {"a", "b"}, before);
  CHECK(now.at("a").size() == 2);
  CHECK(now.at("b").size() == 2);
}

TEST_CASE("assignment: bounded per member, so that its znode stays small") {
  const Assignment now = assign(numbers(5'000), {"a", "b"}, {});
  CHECK(now.at("a").size() == kAssignedMax);
  CHECK(encode_numbers(now.at("a")).size() < kZnodeBytesMax);
  CHECK(decode_numbers(encode_numbers(now.at("a"))) == now.at("a"));
  CHECK(assign(numbers(3), {}, {}).empty());
}
