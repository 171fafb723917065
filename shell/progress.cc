#include "shell/progress.h"

#include <algorithm>

namespace quorate::shell {

namespace {

constexpr std::size_t kBarWidth = 20;
constexpr auto kPause = std::chrono::milliseconds(200);
constexpr double kSecondsToTell = 1.0;

}  // namespace

std::string progress_line(const std::string& verb, std::size_t nodes, double part, double seconds) {
  const std::string count = verb + ": " + std::to_string(nodes) + " nodes";
  if (part <= 0) return count;
  part = std::min(part, 1.0);
  const auto full = static_cast<std::size_t>(part * kBarWidth);
  const std::string percent = std::to_string(static_cast<int>(part * 100));
  std::string line = "[" + std::string(full, '#') + std::string(kBarWidth - full, '-') + "] " +
                     std::string(3 - std::min<std::size_t>(3, percent.size()), ' ') + percent +
                     "%  " + count;
  if (seconds < kSecondsToTell) return line;
  const double left = seconds / part - seconds;
  return line + ", " + std::to_string(static_cast<long>(left + 0.5)) + " s left";
}

void Progress::show(std::size_t nodes, std::size_t done, std::size_t total) {
  const Clock::time_point now = Clock::now();
  if (now - shown_ < kPause) return;
  shown_ = now;
  const double part = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
  output_.progress(
      progress_line(verb_, nodes, part, std::chrono::duration<double>(now - begin_).count()));
}

}  // namespace quorate::shell
