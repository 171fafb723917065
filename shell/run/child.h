// The command and its process group.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quorate::run {

/// One run of the command, in a process group of its own. When quorate-run itself is killed the
/// kernel kills the command's first process, too.
class Child {
 public:
  /// `mask` is the signal mask the command starts with.
  Child(const std::vector<std::string>& command, std::int64_t token, const std::string& node,
        const sigset_t& mask);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool started() const { return pid_ > 0; }
  /// To every process of the group.
  void send(int signal) const;
  /// The exit code once the first process has ended: its own, or 128 + the signal that ended it.
  std::optional<int> poll();
  /// The first process has ended and no other process of the group is left.
  bool group_gone() const;

 private:
  pid_t pid_ = -1;
  std::optional<int> code_;
};

}  // namespace quorate::run
