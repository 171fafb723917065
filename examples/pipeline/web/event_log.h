// The last events of a stream, numbered.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace pipeline {

using EventText = std::shared_ptr<const std::string>;

/// Numbers from 1, without gaps. Any thread.
class EventLog {
 public:
  explicit EventLog(std::size_t kept) : kept_(kept) {}

  /// Wraps `json` as {"n":N,"event":json}; the number.
  std::uint64_t add(const std::string& json);
  std::uint64_t last() const;
  /// The event after `number`; none if there is none yet, or it is no longer kept.
  EventText after(std::uint64_t number) const;
  /// All events after `number` can still be had.
  bool keeps_after(std::uint64_t number) const;

 private:
  mutable std::mutex mutex_;  ///< Publishers add, the sockets' thread reads: a post per event would
                              ///< be a queue without a bound.
  std::size_t kept_;
  std::deque<EventText> events_;  ///< The last of them is number last_.
  std::uint64_t last_ = 0;
};

}  // namespace pipeline
