// What a lock or an election gives to the winner. No Boost header.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace quorate::client {

class Contender;

/// Proof of having won, for one holder. Turns invalid, for good, at the moment the session is
/// suspended, expires or closes, or the znode behind it is deleted. Check valid() before each step
/// that needs it; and pass token() to the resource, which refuses smaller ones than it has seen:
/// only that is safe against a holder that is paused between the check and the step.
/// Any thread. Must not outlive its client.
class Hold {
 public:
  Hold() = default;
  explicit Hold(std::shared_ptr<Contender> contender);
  ~Hold();  ///< As release().
  Hold(Hold&&) noexcept = default;
  Hold& operator=(Hold&& other) noexcept;

  bool valid() const;
  /// Fencing token: czxid of the holder's znode; grows from holder to holder.
  std::int64_t token() const;
  const std::string& node() const;  ///< Path of the holder's znode.

  /// Gives the place up without waiting for it. An invalid hold must be released, too (or
  /// destroyed): its znode may still bar others.
  void release();

 private:
  std::shared_ptr<Contender> contender_;
};

}  // namespace quorate::client
