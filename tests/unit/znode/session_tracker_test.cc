#include "znode/session_tracker.h"

#include <doctest/doctest.h>

#include "znode/data_tree.h"
#include "znode/session_password.h"

namespace quorate::znode {
namespace {

constexpr std::int64_t kTick = 2000;
constexpr SessionId kOne{1}, kTwo{2};

}  // namespace

TEST_CASE("expiry: a silent session lives its timeout and at most one tick more") {
  for (std::int64_t start : {0, 1, 999, 1999, 2000, 12345}) {
    CAPTURE(start);
    SessionTracker tracker(kTick);
    tracker.touch(kOne, 4000, start);
    CHECK(tracker.take_expired(start + 3999).empty());
    CHECK(tracker.take_expired(start + 4000 + kTick) == std::vector<SessionId>{kOne});
    CHECK(tracker.size() == 0);
  }
}

TEST_CASE("expiry: each touch gives a whole timeout; the dead come in order of ids") {
  SessionTracker tracker(kTick);
  tracker.touch(kTwo, 4000, 0);
  tracker.touch(kOne, 4000, 0);
  tracker.touch(kOne, 4000, 5000);
  CHECK(tracker.take_expired(7000) == std::vector<SessionId>{kTwo});
  tracker.touch(kTwo, 4000, 5000);
  CHECK(tracker.take_expired(60000) == std::vector<SessionId>{kOne, kTwo});
  CHECK(tracker.take_expired(90000).empty());
}

TEST_CASE("expiry: a removed session is not reported") {
  SessionTracker tracker(kTick);
  tracker.touch(kOne, 4000, 0);
  tracker.remove(kOne);
  CHECK_FALSE(tracker.contains(kOne));
  CHECK(tracker.take_expired(100000).empty());
}

TEST_CASE("expiry: a session that comes back is reported once, by its newest deadline") {
  SessionTracker tracker(kTick);
  tracker.touch(kOne, 4000, 0);
  tracker.remove(kOne);
  tracker.touch(kOne, 4000, 0);
  for (std::int64_t now = 500; now <= 20000; now += 500) tracker.touch(kOne, 4000, now);
  CHECK(tracker.take_expired(20000).empty());
  tracker.remove(kOne);
  tracker.touch(kOne, 10000, 20000);
  CHECK(tracker.take_expired(29999).empty());
  CHECK(tracker.take_expired(32000) == std::vector<SessionId>{kOne});
  CHECK(tracker.take_expired(60000).empty());
}

TEST_CASE("session ids: server on top, 40 bits of clock, never the container's owner value") {
  CHECK(first_session_id(ServerId{3}, 0x1234567890).value == 0x0312345678900000);
  CHECK(first_session_id(ServerId{1}, 0x7fff1234567890).value == 0x0112345678900000);
  CHECK(first_session_id(ServerId{128}, 0).value == kContainerOwner + 1);
}

TEST_CASE("session password: 16 bytes, the same on every server, another per session") {
  CHECK(session_password(kOne).size() == 16);
  CHECK(session_password(kOne) == session_password(kOne));
  CHECK(session_password(kOne) != session_password(kTwo));
}

}  // namespace quorate::znode
