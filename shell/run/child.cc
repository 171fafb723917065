#include "shell/run/child.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shell/run/arguments.h"

namespace quorate::run {

namespace {

/// The terminal follows the group that may read from it.
void give_terminal(pid_t group) {
  if (isatty(STDIN_FILENO) == 0 || tcgetpgrp(STDIN_FILENO) < 0) return;
  sigset_t only, before;
  sigemptyset(&only);
  sigaddset(&only, SIGTTOU);
  sigprocmask(SIG_BLOCK, &only, &before);
  tcsetpgrp(STDIN_FILENO, group);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

[[noreturn]] void become(std::vector<char*> words, pid_t parent, const sigset_t& mask) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kLost);  // It died before the kernel was asked to tell us.
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvp(words[0], words.data());
  std::fprintf(stderr, "quorate-run: %s: %s\n", words[0], std::strerror(errno));
  _exit(kNoCommand);
}

}  // namespace

Child::Child(const std::vector<std::string>& command, std::int64_t token, const std::string& node,
             const sigset_t& mask) {
  // Before the fork: this process has threads, so the child may not allocate.
  setenv("QUORATE_FENCING_TOKEN", std::to_string(token).c_str(), 1);
  setenv("QUORATE_LOCK_NODE", node.c_str(), 1);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(std::move(words), parent, mask);
  if (pid_ < 0) return;
  setpgid(pid_, pid_);  // Here, too: whoever is first.
  give_terminal(pid_);
}

void Child::send(int signal) const {
  if (pid_ > 0) kill(-pid_, signal);
}

std::optional<int> Child::poll() {
  if (code_ || pid_ <= 0) return code_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  give_terminal(getpgrp());
  return code_;
}

bool Child::group_gone() const {
  return code_ && kill(-pid_, 0) != 0 && errno == ESRCH;
}

}  // namespace quorate::run
