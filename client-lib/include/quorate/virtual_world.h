// Time, chance and connections that are not the system's: what a client lives in when a test
// decides what happens. quorate/testing/fake.h has one. No Boost header.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "quorate/options.h"

namespace quorate::client {

/// The client's end of one connection of a VirtualWorld. Told in turns of the world's own, never
/// from inside a call of it.
class VirtualEnd {
 public:
  virtual ~VirtualEnd() = default;
  /// Once: the connection stands, or cannot.
  virtual void connected(bool ok) = 0;
  virtual void arrived(std::span<const std::byte> bytes) = 0;
  /// The other side has closed; behind all that arrived.
  virtual void ended() = 0;
  /// The world is over: lets go of whoever waits to be told something.
  virtual void forget() = 0;
};

/// What the clients in it ask of a world. Everything happens on one thread at a time: the one that
/// gives the world its turns, or one of start_thread().
class VirtualWorld {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Connection = std::uint64_t;

  virtual ~VirtualWorld() = default;

  /// Of a clock that never goes back.
  virtual TimePoint now() = 0;
  /// 64 random bits.
  virtual std::uint64_t draw() = 0;
  /// A turn when it is `when`, or the next one when that has passed.
  virtual void at(TimePoint when, std::function<void()> action) = 0;

  /// A connection to the host that connect strings call so. `end` is kept until close().
  virtual Connection connect(const std::string& host, std::uint16_t port,
                             std::shared_ptr<VirtualEnd> end) = 0;
  virtual void send(Connection connection, std::span<const std::byte> bytes) = 0;
  virtual void close(Connection connection) = 0;

  // ---- Blocking clients: they have no thread of their own here
  /// From now on every turn ends with calls of `poll`, which runs one thing that is ready, until it
  /// says that there was none.
  virtual void add_loop(const void* owner, std::function<bool()> poll) = 0;
  virtual void remove_loop(const void* owner) = 0;
  /// Gives turns until `done`. Throws when that does not come.
  virtual void run_until(const std::function<bool()>& done) = 0;
  /// For work that blocks: a thread that runs while no other does, and lets the others go on in
  /// run_until(). Begins in a turn of its own.
  virtual void start_thread(std::function<void()> body) = 0;
};

/// For ConnectOptions::runtime. TlsOptions do not matter there.
std::shared_ptr<Runtime> make_virtual_runtime(std::shared_ptr<VirtualWorld> world);

}  // namespace quorate::client
