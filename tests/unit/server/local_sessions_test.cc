#include "server/replica/local_sessions.h"

#include <doctest/doctest.h>

namespace quorate::server {
namespace {

constexpr SessionId kOne{1}, kTwo{2};

TEST_CASE("local sessions: live for their timeout after they were last heard of") {
  LocalSessions sessions(1000);
  CHECK(sessions.create(kOne, 4000, 0));
  CHECK(sessions.create(kTwo, 4000, 0));
  CHECK(sessions.touch(kOne, 4000, 3000));
  CHECK_FALSE(sessions.touch(SessionId{3}, 4000, 3000));
  CHECK(sessions.take_expired(5000) == std::vector<SessionId>{kTwo});
  CHECK_FALSE(sessions.touch(kTwo, 4000, 5000));
  CHECK(sessions.size() == 1);
  sessions.regrant(6000);
  CHECK(sessions.take_expired(9000).empty());
  CHECK(sessions.take_expired(11000) == std::vector<SessionId>{kOne});
}

TEST_CASE("local sessions: removed ones do not expire, and none outlives clear()") {
  LocalSessions sessions(1000);
  sessions.create(kOne, 4000, 0);
  sessions.create(kTwo, 4000, 0);
  sessions.remove(kOne);
  CHECK_FALSE(sessions.touch(kOne, 4000, 0));
  sessions.clear();
  CHECK(sessions.size() == 0);
  CHECK(sessions.take_expired(100'000).empty());
}

TEST_CASE("local sessions: one that becomes the ensemble's is local no more, and awaited") {
  LocalSessions sessions(1000);
  sessions.create(kOne, 4000, 0);
  sessions.create(kTwo, 5000, 0);
  CHECK(sessions.begin_upgrade(kOne) == 4000);
  CHECK_FALSE(sessions.begin_upgrade(kOne).has_value());
  CHECK_FALSE(sessions.contains(kOne));
  CHECK(sessions.upgrading(kOne));
  CHECK(sessions.list() == std::vector<std::pair<SessionId, std::int32_t>>{{kTwo, 5000}});
  CHECK(sessions.take_expired(5000).empty());
  CHECK(sessions.upgraded(kOne));
  CHECK_FALSE(sessions.upgraded(kOne));
  CHECK_FALSE(sessions.upgrading(kOne));
}

TEST_CASE("local sessions: what became of an upgrade is in doubt without a leader") {
  LocalSessions sessions(1000);
  sessions.create(kOne, 4000, 0);
  sessions.begin_upgrade(kOne);
  sessions.doubt_upgrades();
  CHECK_FALSE(sessions.upgrading(kOne));
  CHECK(sessions.in_doubt(kOne));
  CHECK_FALSE(sessions.upgraded(kOne));
  sessions.settle_upgrades();
  CHECK_FALSE(sessions.in_doubt(kOne));
}

TEST_CASE("local sessions: there is a limit") {
  LocalSessions sessions(1000);
  for (std::size_t i = 1; i <= LocalSessions::kMax; ++i) {
    REQUIRE(sessions.create(SessionId{static_cast<std::int64_t>(i)}, 4000, 0));
  }
  CHECK_FALSE(sessions.create(SessionId{-1}, 4000, 0));
}

}  // namespace
}  // namespace quorate::server
