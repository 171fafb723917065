#include "examples/lambda/session_keeper.h"

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "quorate/testing/server.h"

using namespace lambda_app;

namespace {

constexpr auto kPatience = std::chrono::seconds(60);

/// The sessions that a keeper has had, and how many of what was made with them are there.
struct Sessions {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<quorate::SessionId> all;
  int there = 0;

  SessionKeeper::Joined joined() {
    return [this](qc::SyncClient& client) -> std::shared_ptr<void> {
      const std::lock_guard lock(mutex);
      all.push_back(client.session_id());
      ++there;
      changed.notify_all();
      return std::shared_ptr<void>(this, [](void* self) {
        Sessions& sessions = *static_cast<Sessions*>(self);
        const std::lock_guard lock_again(sessions.mutex);
        --sessions.there;
      });
    };
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, [&] { return all.size() >= count && there == 1; });
  }
};

Common common_of(const quorate::testing::Server& server) {
  Common common;
  common.connect = server.connect_string();
  return common;
}

}  // namespace

TEST_CASE("session keeper: a session that is over is followed by another, what was of it is gone") {
  quorate::testing::Server server;
  Sessions sessions;
  {
    const auto keeper = SessionKeeper::start(common_of(server), sessions.joined());
    REQUIRE(keeper);
    for (std::size_t life = 1; life <= 3; ++life) {
      REQUIRE(sessions.wait_for(life));
      if (life < 3) CHECK(server.expire_session(sessions.all.back()));
    }
    CHECK(sessions.all[0] != sessions.all[1]);
  }
  CHECK(sessions.there == 0);
  CHECK_FALSE(server.expire_session(sessions.all.back()));  // Closed.
}

TEST_CASE("session keeper: it can be left while it looks for a server") {
  quorate::testing::Server server;
  Sessions sessions;
  const auto begin = std::chrono::steady_clock::now();
  {
    const auto keeper = SessionKeeper::start(common_of(server), sessions.joined());
    REQUIRE(keeper);
    REQUIRE(sessions.wait_for(1));
    CHECK(server.expire_session(sessions.all.back()));
    server.kill();
  }
  CHECK(sessions.there == 0);
  // Not the 30 s that it would have looked for one.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(25));
}
