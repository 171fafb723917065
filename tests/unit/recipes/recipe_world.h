// A scripted server and clients on it, all on this thread.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "quorate/client.h"
#include "tests/support/scripted_server.h"

namespace quorate::client {

/// What a call has completed with, once it has.
template <class Value>
struct Outcome {
  std::optional<ErrorCode> error;
  Value value{};
  std::shared_ptr<int> alive = std::make_shared<int>();
  bool done() const { return error.has_value(); }
  bool ok() const { return error.has_value() && !*error; }
};

/// A handler that fills `outcome`, if that is still there: the end of a world completes all that is
/// under way.
template <class Value>
auto into(Outcome<Value>& outcome) {
  return [&outcome, alive = std::weak_ptr(outcome.alive)](ErrorCode error, Value value) {
    if (alive.expired()) return;
    REQUIRE_FALSE(outcome.done());
    outcome.error = error;
    outcome.value = std::move(value);
  };
}
struct Empty {};
inline auto into(Outcome<Empty>& outcome) {
  return [&outcome, alive = std::weak_ptr(outcome.alive)](ErrorCode error) {
    if (alive.expired()) return;
    REQUIRE_FALSE(outcome.done());
    outcome.error = error;
  };
}

class RecipeWorld;
/// Waits for a call that must succeed.
template <class Value>
void must(RecipeWorld& world, Outcome<Value>& outcome);

class RecipeWorld {
 public:
  RecipeWorld() : server(io) {}
  ~RecipeWorld() {
    clients_.clear();
    io.poll();
  }

  /// A client with a session.
  Client& client() {
    ConnectOptions options(server.address());
    options.session_timeout = std::chrono::seconds(10);
    options.seed = clients_.size() + 1;
    clients_.push_back(std::make_unique<Client>(io.get_executor(), options));
    Client& made = *clients_.back();
    std::optional<ErrorCode> done;
    made.async_connect([&](ErrorCode error, ConnectReport) { done = error; });
    run_until([&] { return done.has_value(); });
    REQUIRE_FALSE(*done);
    return made;
  }

  /// Runs what is due until `condition` holds; fails the test after ten seconds.
  void run_until(const std::function<bool()>& condition,
                 std::source_location from = std::source_location::current()) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      const bool in_time = std::chrono::steady_clock::now() < end;
      REQUIRE_MESSAGE(in_time, "waited in vain in line " << from.line());
      io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
    }
  }

  /// Until every client has had an answer to a request made now, and what follows from it is done.
  void settle() {
    for (int round = 0; round < 8; ++round) {
      for (auto& client : clients_) {
        if (client->state() == SessionState::Closed || client->state() == SessionState::Expired) {
          continue;
        }
        std::optional<ErrorCode> done;
        client->async_sync("/", [&](ErrorCode error) { done = error; });
        run_until([&] { return done.has_value(); });
      }
      io.restart();
      io.poll();
    }
  }

  boost::asio::io_context io;
  server::ScriptedServer server;

 private:
  std::vector<std::unique_ptr<Client>> clients_;
};

template <class Value>
void must(RecipeWorld& world, Outcome<Value>& outcome) {
  world.run_until([&] { return outcome.done(); });
  REQUIRE_MESSAGE(outcome.ok(), outcome.error->message());
}

}  // namespace quorate::client
