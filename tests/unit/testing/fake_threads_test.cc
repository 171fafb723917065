// Threads of a fake ensemble's own.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "quorate/recipes/sync_group.h"
#include "quorate/recipes/sync_lock.h"
#include "quorate/sync_client.h"
#include "quorate/testing/fake.h"

namespace quorate::testing {
namespace {

using namespace std::chrono_literals;
using client::Leadership;
using client::SyncClient;
using client::SyncLeaderSelector;
using client::SyncLock;
using Lines = std::vector<std::string>;

struct Connected : SyncClient {
  explicit Connected(FakeEnsemble& fake) : SyncClient(options_of(fake)) { REQUIRE(connect().ok()); }
  static client::ConnectOptions options_of(FakeEnsemble& fake) {
    client::ConnectOptions options = fake.options();
    options.session_timeout = 10s;
    return options;
  }
};

/// A leader that works until it must not, and says so.
SyncLeaderSelector::Task leading(FakeEnsemble& fake, Lines& log, const std::string& name) {
  return [&fake, &log, name](const Leadership& leadership) {
    log.push_back(name + " leads");
    while (leadership.valid() && !leadership.outranked()) fake.advance(10ms);
    log.push_back(name + (leadership.outranked() ? " gives way" : " stops"));
  };
}

}  // namespace

TEST_CASE("fake threads: one that waits for a lock lets its holder go on, and gets it") {
  FakeEnsemble fake;
  Connected mine(fake), other(fake);
  Lines log;
  auto held = SyncLock(mine, "/lock").acquire(1s);
  REQUIRE(held.ok());
  fake.start_thread([&] {
    auto next = SyncLock(other, "/lock").acquire(1min);
    log.push_back(next.ok() ? "other has it" : next.message);
  });
  fake.advance(5s);
  CHECK(log.empty());
  CHECK(mine.exists("/lock").ok());
  held.value.release();
  fake.advance(1s);
  CHECK(log == Lines{"other has it"});
}

TEST_CASE("fake threads: several take turns, by the fake's clock alone, the same every time") {
  const auto run = [] {
    FakeEnsemble fake;
    Connected client(fake);
    client.create("/sum", "0");
    Lines log;
    for (const char* name : {"ann", "ben", "cleo"}) {
      fake.start_thread([&, name] {
        for (int round = 0; round < 3; ++round) {
          auto held = SyncLock(client, "/lock", name).acquire(1min);
          REQUIRE(held.ok());
          const int sum = std::stoi(*client.get_data("/sum").value.data);
          fake.advance(7ms);
          client.set_data("/sum", std::to_string(sum + 1));
          log.push_back(name + std::to_string(fake.elapsed().count()));
        }
      });
    }
    fake.run_until([&] { return log.size() == 9; });
    CHECK(fake.get("/sum") == "9");
    return log;
  };
  const Lines first = run();
  CHECK(first == run());
}

TEST_CASE("fake threads: waits end in time") {
  FakeEnsemble fake;
  std::vector<std::chrono::milliseconds> ends;
  for (const auto span : {300ms, 100ms, 200ms}) {
    fake.start_thread([&, span] {
      fake.advance(span);
      ends.push_back(fake.elapsed());
    });
  }
  fake.advance(150ms);
  CHECK(ends == std::vector<std::chrono::milliseconds>{100ms});
  fake.advance(1s);
  CHECK(ends == std::vector<std::chrono::milliseconds>{100ms, 200ms, 300ms});
}

TEST_CASE("fake threads: what one throws comes out where the test lets time pass") {
  FakeEnsemble fake;
  fake.start_thread([&] {
    fake.advance(1s);
    throw std::runtime_error("no");
  });
  fake.advance(500ms);
  CHECK_THROWS_WITH(fake.advance(1s), "no");
  fake.advance(1s);
}

TEST_CASE(
    "fake threads: one that waits when the fake ends is told so; one not begun never begins") {
  std::string said;
  bool begun = false;
  {
    FakeEnsemble fake;
    fake.start_thread([&] {
      try {
        fake.run_until([] { return false; });
      } catch (const FakeError& error) {
        said = error.what();
      }
    });
    fake.advance(1s);
    fake.start_thread([&] { begun = true; });
  }
  CHECK(said.find("ended before a thread") != std::string::npos);
  CHECK_FALSE(begun);
}

TEST_CASE("selector in a fake: its task runs while it leads, and stops when the session expires") {
  FakeEnsemble fake;
  Lines log;
  auto here = std::make_unique<Connected>(fake);
  Connected there(fake);
  SyncLeaderSelector first(*here, "/leader", "here", leading(fake, log, "here"));
  SyncLeaderSelector second(there, "/leader", "there", leading(fake, log, "there"));
  first.start();
  fake.advance(1s);
  second.start();
  fake.advance(1s);
  CHECK(log == Lines{"here leads"});
  fake.expire(here->session_id());
  fake.advance(1s);
  CHECK(log.size() == 3);
  second.stop();
  CHECK(log.back() == "there stops");
  first.stop();
  CHECK(log.size() == 4);
}

TEST_CASE("selector in a fake: hands over round robin, and gives way to a greater priority") {
  FakeEnsemble fake;
  Lines log;
  Connected a(fake), b(fake);
  const auto one_term = [&](const std::string& name) {
    return [&, name](const Leadership& leadership) {
      CHECK(leadership.valid());
      log.push_back(name);
      fake.advance(100ms);
    };
  };
  {
    SyncLeaderSelector first(a, "/round", "a", one_term("a"));
    SyncLeaderSelector second(b, "/round", "b", one_term("b"));
    first.start();
    second.start();
    fake.run_until([&] { return log.size() >= 4; });
  }
  CHECK(log[0] != log[1]);
  CHECK(log[0] == log[2]);
  CHECK(log[1] == log[3]);

  log.clear();
  SyncLeaderSelector low(a, "/ranks", "a", leading(fake, log, "low"), /*priority=*/1);
  SyncLeaderSelector high(b, "/ranks", "b", leading(fake, log, "high"), /*priority=*/2);
  low.start();
  fake.advance(1s);
  high.start();
  fake.advance(1s);
  CHECK(log == Lines{"low leads", "low gives way", "high leads"});
}

TEST_CASE("selector in a fake: a suspension that the leader survives ends its term") {
  FakeEnsemble fake;
  Lines log;
  Connected client(fake);
  SyncLeaderSelector selector(client, "/leader", "here", leading(fake, log, "here"));
  selector.start();
  fake.advance(1s);
  fake.cut();
  fake.advance(1s);
  CHECK(log == Lines{"here leads", "here stops", "here leads"});
}

}  // namespace quorate::testing
