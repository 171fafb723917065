#include "server/replica/read_rounds.h"

#include <doctest/doctest.h>

namespace quorate::server {
namespace {

TEST_CASE(
    "read rounds: a read waits for a round that begins after it, one is under way at a time") {
  ReadRounds rounds;
  CHECK_FALSE(rounds.due());
  CHECK(rounds.covers(0));
  const auto first = rounds.join();
  CHECK(rounds.join() == first);
  CHECK_FALSE(rounds.covers(first));
  CHECK(rounds.due());
  rounds.begun();
  CHECK_FALSE(rounds.due());
  const auto second = rounds.join();
  CHECK(second == first + 1);
  CHECK_FALSE(rounds.due());
  rounds.finished();
  CHECK(rounds.covers(first));
  CHECK_FALSE(rounds.covers(second));
  CHECK(rounds.due());
}

TEST_CASE("read rounds: when service is lost nobody waits, and the next read begins a new round") {
  ReadRounds rounds;
  rounds.join();
  rounds.wait(ConnectionId{1});
  rounds.begun();
  const auto lost = rounds.join();
  rounds.clear();
  CHECK_FALSE(rounds.due());
  CHECK(rounds.take_waiting().empty());
  CHECK(rounds.join() > lost);
  CHECK(rounds.due());
}

}  // namespace
}  // namespace quorate::server
