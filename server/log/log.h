// Log lines: key=value text with ids, one line per event, rate-limited, in front of spdlog.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace quorate::server::log {

/// Where lines go: standard error, or the file when `path` is not empty. Until the first call they
/// go to standard error, and so they do when the file cannot be opened. Call before threads start.
void open(std::string_view path, bool debug);
/// Lines go nowhere from now on. Call before threads start.
void discard();

/// The first word names the event ("leading epoch=5 zxid=0x500000000"). Of one event at most
/// kLinesPerSecond lines leave per second; the next one that does carries suppressed=N. Any thread.
void debug(std::string_view text);
void info(std::string_view text);
void warn(std::string_view text);   ///< Service lost, or a peer misbehaves.
void error(std::string_view text);  ///< A person must act. Written out at once.

/// By the letter of Observer::note: 'I', 'W', 'E'; others are debug.
void write(char severity, std::string_view text);

/// A line of the audit log, under the word "audit". No limit, no number left out. Any thread.
void audit(std::string_view line);

void flush();

inline constexpr std::uint32_t kLinesPerSecond = 20;

/// The limiter itself, apart so that it can be tested without a clock. Not for several threads.
class RateLimit {
 public:
  RateLimit();
  ~RateLimit();
  /// Whether the line may leave at this moment; `suppressed` tells how many of its event did not
  /// since the last that did.
  bool admit(std::string_view text, std::int64_t now_ms, std::uint64_t& suppressed);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::server::log
