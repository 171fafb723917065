// How a worker reaches the ledger.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "examples/leader_follower/board.h"
#include "examples/leader_follower/thread_pool/frames.h"

namespace leader_follower {

/// What the ledger said of an effect.
enum class Entry {
  Free,     ///< begin: nobody has done it. apply: done.
  Applied,  ///< Somebody had done it, perhaps this one, whose reply was lost. Nothing was changed.
  Stale,    ///< The asker is late. Nothing was changed.
  GaveUp,   ///< No ledger and nobody who waits for it any more, or it is none.
};

/// Repeats each question until it is answered: all may be asked twice. One thread.
class LedgerClient {
 public:
  /// `address` is "HOST:PORT", HOST an IPv4 address. `pool` keeps pools with one ledger apart.
  LedgerClient(const std::string& address, std::string pool, std::function<bool()> give_up);

  Entry begin(const Claim& claim);
  Entry apply(const Claim& claim, const std::string& counts);
  /// The answer to any question; "" when there is no ledger now. Asked once.
  std::string ask(const std::string& question);

 private:
  Entry insist(const std::string& question);
  std::string head(const std::string& what, const Claim& claim) const;

  std::string host_;
  std::uint16_t port_ = 0;
  std::string pool_;
  std::function<bool()> give_up_;
  thread_pool::Caller caller_;
};

/// "HOST:PORT" taken apart; false when it is not that.
bool take_address(const std::string& text, std::string& host, std::uint16_t& port);

}  // namespace leader_follower
