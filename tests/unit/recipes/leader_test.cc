#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "quorate/recipes/election.h"
#include "quorate/recipes/leader_latch.h"
#include "quorate/recipes/leader_selector.h"
#include "tests/unit/recipes/recipe_world.h"

using namespace quorate::client;
using namespace std::chrono_literals;
using quorate::Code;
using quorate::ErrorCode;
using quorate::OpCode;

namespace {

/// A task that leads until the test lets it end.
struct Office {
  explicit Office(Client& client) : end(client.get_executor()) {
    end.expires_at(boost::asio::steady_timer::time_point::max());
  }
  boost::asio::steady_timer end;
  Leadership leadership;
  int terms = 0;
  bool running = false;

  LeaderSelector::Task task() {
    return [this](Leadership given) { return lead(*this, given); };
  }
  static boost::asio::awaitable<void> lead(Office& self, Leadership given) {
    self.leadership = given;
    self.running = true;
    ++self.terms;
    boost::system::error_code ended;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ended);
    co_await self.end.async_wait(token);
    self.running = false;
  }
};

}  // namespace

TEST_CASE("election: one leads, the others know who, the term grows") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Election at_a(a, "/e", "a"), at_b(b, "/e", "b");
  Outcome<Hold> first, second;
  at_a.async_lead(0ms, into(first));
  must(world, first);
  at_b.async_lead(0ms, into(second));
  world.settle();
  Outcome<std::string> who;
  at_b.async_leader(into(who));
  must(world, who);
  CHECK(who.value == "a");
  world.server.expire(a.session_id());
  must(world, second);
  CHECK_FALSE(first.value.valid());
  CHECK(second.value.token() > first.value.token());
}

TEST_CASE("latch: leads, loses it at the suspension, and stands again by itself with a new term") {
  RecipeWorld world;
  Client& client = world.client();
  std::vector<std::pair<bool, std::int64_t>> told;
  LeaderLatch latch(client, "/latch", "me",
                    [&](bool leads, std::int64_t term) { told.emplace_back(leads, term); });
  latch.start();
  Outcome<std::int64_t> term;
  latch.async_wait(0ms, into(term));
  must(world, term);
  CHECK(latch.leads());
  CHECK(latch.term() == term.value);
  world.server.cut();
  world.run_until([&] { return client.state() == SessionState::Suspended; });
  CHECK_FALSE(latch.leads());
  CHECK(latch.term() == 0);
  world.run_until([&] { return latch.leads(); });
  CHECK(latch.term() > term.value);
  world.run_until([&] { return told.size() == 3; });
  CHECK(told[0] == std::pair(true, term.value));
  CHECK(told[1] == std::pair(false, term.value));
  CHECK(told[2] == std::pair(true, latch.term()));
  latch.stop();
  world.run_until([&] { return world.server.children("/latch").empty(); });
  CHECK_FALSE(latch.leads());
}

TEST_CASE("latch: a wait that ends by its limit leaves the candidate in line") {
  RecipeWorld world;
  Client& client = world.client();
  LeaderLatch first(client, "/latch", "a"), second(client, "/latch", "b");
  first.start();
  world.run_until([&] { return first.leads(); });
  second.start();
  Outcome<std::int64_t> term;
  second.async_wait(20ms, into(term));
  world.run_until([&] { return term.done(); });
  CHECK(*term.error == ErrorCode(boost::asio::error::timed_out));
  first.stop();
  world.run_until([&] { return second.leads(); });
}

TEST_CASE("latch: it ends with the session and says why") {
  RecipeWorld world;
  Client& client = world.client();
  LeaderLatch latch(client, "/latch", "a");
  latch.start();
  world.run_until([&] { return latch.leads(); });
  world.server.expire(client.session_id());
  world.run_until([&] { return client.state() == SessionState::Expired; });
  Outcome<std::int64_t> term;
  latch.async_wait(0ms, into(term));
  world.run_until([&] { return term.done(); });
  CHECK(*term.error == ErrorCode(Code::SessionExpired));
}

TEST_CASE("selector: when the task returns the next in line leads, and the former stands again") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Office at_a(a), at_b(b);
  LeaderSelector select_a(a, "/s", "a", at_a.task()), select_b(b, "/s", "b", at_b.task());
  select_a.start();
  world.run_until([&] { return at_a.running; });
  select_b.start();
  world.settle();
  CHECK_FALSE(at_b.running);
  at_a.end.cancel();
  world.run_until([&] { return at_b.running; });
  CHECK(at_b.leadership.valid());
  CHECK(at_b.leadership.term() > at_a.leadership.term());
  world.settle();
  at_b.end.cancel();
  world.run_until([&] { return at_a.terms == 2; });
}

TEST_CASE("selector: a candidate of higher priority is not deposing, but next; then it leads on") {
  RecipeWorld world;
  Client& client = world.client();
  Office low(client), middle(client), high(client);
  LeaderSelector select_low(client, "/s", "low", low.task(), LeaderSelector::Options(1));
  LeaderSelector select_middle(client, "/s", "middle", middle.task(), LeaderSelector::Options(2));
  LeaderSelector select_high(client, "/s", "high", high.task(), LeaderSelector::Options(3));
  select_low.start();
  world.run_until([&] { return low.running; });
  CHECK_FALSE(low.leadership.outranked());
  select_middle.start();
  world.run_until([&] { return low.leadership.outranked(); });
  world.settle();
  select_high.start();
  world.settle();
  CHECK(low.leadership.valid());
  CHECK_FALSE(middle.running);
  CHECK_FALSE(high.running);
  low.end.cancel();
  world.run_until([&] { return high.running; });
  world.settle();
  CHECK(middle.terms == 0);
  CHECK(low.terms == 1);
  select_high.stop();
  world.run_until([&] { return !high.leadership.valid(); });
  high.end.cancel();
  world.run_until([&] { return middle.running; });
}

TEST_CASE("selector: the task is told at once when the session is suspended") {
  RecipeWorld world;
  Client& client = world.client();
  Office office(client);
  LeaderSelector selector(client, "/s", "a", office.task());
  selector.start();
  world.run_until([&] { return office.running; });
  office.leadership.on_invalid([&] { office.end.cancel(); });
  world.settle();
  world.server.cut();
  world.run_until([&] { return office.terms == 2 && office.running; });
  CHECK(office.leadership.valid());
  selector.stop();
  world.run_until([&] { return !office.leadership.valid(); });
  office.end.cancel();
  world.run_until([&] { return world.server.children("/s").empty(); });
}
