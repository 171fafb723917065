#include "consensus/ensemble.h"

#include <doctest/doctest.h>

namespace quorate::consensus {
namespace {

Member member(std::int64_t id, bool observer = false) {
  return {{id}, "10.0.0." + std::to_string(id), 2888, 3888, observer, ""};
}

}  // namespace

TEST_CASE("a quorum is more than half of the voters; repeats and non-voters do not count") {
  const Ensemble four({member(4), member(1), member(3), member(2), member(9, true)});
  CHECK(four.voter_count() == 4);
  CHECK_FALSE(four.is_quorum({{1}, {2}}));
  CHECK(four.is_quorum({{1}, {2}, {3}}));
  CHECK_FALSE(four.is_quorum({{1}, {2}, {2}, {1}}));
  CHECK_FALSE(four.is_quorum({{1}, {2}, {9}, {7}}));
  CHECK(Ensemble({member(1)}).is_quorum({{1}}));
  CHECK_FALSE(Ensemble().is_quorum({}));
}

TEST_CASE("members are found by id and observers are no voters") {
  const Ensemble ensemble({member(2), member(1, true)});
  CHECK(ensemble.find({1})->observer);
  CHECK(ensemble.find({3}) == nullptr);
  CHECK_FALSE(ensemble.is_voter({1}));
  CHECK(ensemble.is_voter({2}));
  CHECK(ensemble.voters() == std::vector<ServerId>{{2}});
}

TEST_CASE("config text: ascending ids, version in hex, no newline at the end") {
  Member with_client = member(1);
  with_client.client_address = "0.0.0.0:2181";
  Member six = member(3, true);
  six.host = "fe80::1";
  CHECK(Ensemble({six, with_client}, 0x1000000a).text() ==
        "server.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181\n"
        "server.3=[fe80::1]:2888:3888:observer\n"
        "version=1000000a");
}

}  // namespace quorate::consensus
