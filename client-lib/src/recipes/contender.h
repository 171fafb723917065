// One place in the line of a lock or an election.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quorate/recipes/lock.h"

namespace quorate::client {

/// A child of a lock's znode: its name and place. Sequence numbers are compared in a circle, so
/// that the counter's overflow past 2^31 (pitfall 49) breaks no order.
struct Place {
  std::string name;
  std::int32_t sequence = 0;
};

/// The contenders among `children`, first in line first; others' nodes are skipped.
std::vector<Place> places_in_line(const std::vector<std::string>& children);

/// Lives on the client's strand; valid(), token() and node() may be asked from any thread once the
/// lock was won. Shared by the coroutine that waits in line and the Hold that results.
class Contender : public std::enable_shared_from_this<Contender> {
 public:
  Contender(const Client& client, std::string path, std::string id);

  void start(std::chrono::milliseconds limit, Lock::AcquireHandler handler);
  void cancel(ErrorCode why);

  bool valid() const { return valid_.load(); }
  std::int64_t token() const { return czxid_; }
  const std::string& node() const { return node_; }
  void release();

 private:
  static asio::awaitable<void> run(std::shared_ptr<Contender> self, Lock::AcquireHandler handler);
  static asio::awaitable<void> leave(std::shared_ptr<Contender> self);
  asio::awaitable<ErrorCode> acquire();
  asio::awaitable<ErrorCode> enter();
  asio::awaitable<ErrorCode> find_own();
  asio::awaitable<ErrorCode> await_turn();
  asio::awaitable<ErrorCode> await_leaving(std::string predecessor);
  asio::awaitable<ErrorCode> confirm(std::uint64_t suspensions, bool& won);
  ErrorCode stopped(ErrorCode error) const { return stop_ ? stop_ : error; }
  void on_session(const SessionEvent& event);

  Client client_;  ///< Own face: leaving may take longer than the caller's client lives.
  const std::string path_;
  const std::string id_;
  const std::string prefix_;  ///< Name of our znode before its sequence number; unique to us.
  std::uint64_t listener_ = 0;
  std::string node_;  ///< Path of our znode once known. Not changed after winning.
  std::int64_t czxid_ = 0;
  std::uint64_t suspensions_ = 0;
  ErrorCode stop_;  ///< Why not to go on: cancelled, limit passed.
  asio::cancellation_signal signal_;
  asio::steady_timer limit_;
  std::atomic<bool> valid_{false};  ///< Written on the strand; the promise of Hold::valid().
};

}  // namespace quorate::client
