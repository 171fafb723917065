// What locks, elections and memberships give to the winner. No Boost header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace quorate::client {

class Held;

/// Proof of having won, for one holder. Turns invalid, for good, at the moment the session is
/// suspended or expires, its client begins to close, or the znode behind it is deleted. Check
/// valid() before each step that needs it; and pass token() to the resource, which refuses smaller
/// ones than it has seen: only that is safe against a holder that is paused between the check and
/// the step. valid(), token() and node() from any thread. Must not outlive its client.
class Hold {
 public:
  Hold() = default;
  explicit Hold(std::shared_ptr<Held> held);
  ~Hold();  ///< As release().
  Hold(Hold&&) noexcept = default;
  Hold& operator=(Hold&& other) noexcept;

  /// Whether the place is ours beyond doubt; false for an empty Hold. Once false, always false.
  bool valid() const;
  /// Fencing token: czxid of the holder's znode; grows from holder to holder.
  std::int64_t token() const;
  const std::string& node() const;  ///< Path of the holder's znode.

  /// `callback` is called once, on the client's strand (its I/O thread), when valid() has turned
  /// false: at suspension, expiry, deletion or release. At once when it is false already; never for
  /// an empty Hold. It must not block.
  void on_invalid(std::function<void()> callback);

  /// Gives the place up without waiting for it. An invalid hold must be released, too (or
  /// destroyed): its znode may still bar others.
  void release();

 private:
  std::shared_ptr<Held> held_;
};

/// A hold with several owners, all of one process: the place is given up when the last copy goes.
class SharedHold {
 public:
  SharedHold() = default;
  explicit SharedHold(std::shared_ptr<const Hold> hold) : hold_(std::move(hold)) {}

  bool valid() const { return hold_ && hold_->valid(); }  ///< As Hold's, one for all copies.
  std::int64_t token() const { return hold_ ? hold_->token() : 0; }
  /// How many copies there are.
  long depth() const { return hold_.use_count(); }
  /// Gives this copy up.
  void release() { hold_.reset(); }

 private:
  std::shared_ptr<const Hold> hold_;
};

/// Several holds that were won together: valid while every one of them is.
class MultiHold {
 public:
  MultiHold() = default;
  explicit MultiHold(std::vector<Hold> holds) : holds_(std::move(holds)) {}

  bool valid() const {
    for (const Hold& hold : holds_) {
      if (!hold.valid()) return false;
    }
    return !holds_.empty();
  }
  /// In the order of the sorted paths: one token for each resource.
  std::vector<std::int64_t> tokens() const {
    std::vector<std::int64_t> tokens;
    for (const Hold& hold : holds_) tokens.push_back(hold.token());
    return tokens;
  }
  void release() { holds_.clear(); }

 private:
  std::vector<Hold> holds_;
};

}  // namespace quorate::client
