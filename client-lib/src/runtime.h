// What a client needs of the world besides its strand: time, chance, connections. One seam, so that
// the simulator can put a virtual world in its place.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "client-lib/src/host_list.h"
#include "client-lib/src/tls.h"
#include "quorate/client.h"
#include "quorate/virtual_world.h"

namespace quorate::client {

class Link;

/// Told of what a link does, on the link's strand. An interface and not a handler for each call:
/// there is a read for every batch of replies.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  /// The stream stands, or cannot.
  virtual void on_open(Link& link, ErrorCode error) = 0;
  /// The bytes are gone when this returns.
  virtual void on_bytes(Link& link, ErrorCode error, ByteView bytes) = 0;
  virtual void on_written(Link& link, ErrorCode error) = 0;
};
using LinkListenerPtr = std::shared_ptr<LinkListener>;

/// One connection to one server, on one strand. Each of open(), read() and write() is answered once
/// by `told`, never from inside the call; after close() perhaps not any more. What is under way
/// keeps the link and its listener alive.
class Link {
 public:
  explicit Link(Host host) : host_(std::move(host)) {}
  virtual ~Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Where a host has several addresses, they are tried in an order drawn from `seed`.
  virtual void open(std::uint64_t seed, LinkListenerPtr told) = 0;
  virtual void read(LinkListenerPtr told) = 0;
  /// All of `writing`, which stays untouched until on_written().
  virtual void write(LinkListenerPtr told) = 0;
  virtual void close() = 0;

  /// `error` of a read or write in words a user can act on.
  virtual ErrorCode meaning(const ErrorCode& error) { return error; }
  virtual bool secured() const { return false; }
  /// Of the server's end, as host() would name it; "" when that is not known.
  virtual std::string address() const { return {}; }

  const Host& host() const { return host_; }

  Bytes writing;  ///< Not empty: a write is under way.

 private:
  Host host_;
};

/// One wait at a time; lives on the strand for which it was made.
class Timer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Handler = asio::any_completion_handler<void(ErrorCode)>;

  virtual ~Timer() = default;
  /// Calls `handler` when it is time; with operation_aborted when cancel(), another wait, the end
  /// of the timer, or the handler's cancellation slot came first.
  virtual void start_wait(TimePoint when, Handler handler) = 0;
  virtual void cancel() = 0;
};

template <asio::completion_token_for<void(ErrorCode)> Token>
auto wait_until(Timer& timer, Timer::TimePoint when, Token&& token) {
  return asio::async_initiate<Token, void(ErrorCode)>(
      [&timer](auto handler, Timer::TimePoint at) { timer.start_wait(at, std::move(handler)); },
      token, when);
}

/// Shared by all that belongs to one client, and outlives it while work of it goes on.
class Runtime {
 public:
  virtual ~Runtime() = default;

  /// Of a clock that never goes back. Any thread.
  virtual Timer::TimePoint now() = 0;
  /// 64 random bits, different in every process. Any thread.
  virtual std::uint64_t draw() = 0;
  virtual std::unique_ptr<Timer> make_timer(const asio::any_io_executor& strand) = 0;
  virtual std::shared_ptr<Link> make_link(const asio::any_io_executor& strand, const Host& host,
                                          const TlsContext& tls, bool verify_host) = 0;
  /// Where no thread but the one that waits runs the strand: what it has to run. Else null.
  virtual VirtualWorld* world() { return nullptr; }
};

/// Sockets, the system's clock and its source of randomness.
std::shared_ptr<Runtime> make_asio_runtime();

/// 32 hexadecimal digits, different every time.
std::string new_guid(Runtime& runtime);
inline std::string new_guid(const Client& client) {
  return new_guid(*runtime_of(client));
}

}  // namespace quorate::client
