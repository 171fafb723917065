// quorate-run: runs a command only while a lock is held, or while leading. docs/recipes.md.
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>

#include "quorate/errors.h"
#include "shell/run/arguments.h"
#include "shell/run/child.h"
#include "shell/run/holder.h"

namespace quorate::run {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array kForwarded = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

/// Whether a signal asks a program that does not handle it to end.
bool ends(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

/// Runs the command once or, with --elect, once for each leadership.
class Runner {
 public:
  explicit Runner(Arguments arguments) : arguments_(std::move(arguments)) {
    sigset_t blocked;
    sigemptyset(&blocked);
    for (const int signal : kForwarded) sigaddset(&blocked, signal);
    sigaddset(&blocked, SIGCHLD);
    // Before the client makes its thread, so that every signal comes to the descriptor.
    sigprocmask(SIG_BLOCK, &blocked, &inherited_);
    signals_ = signalfd(-1, &blocked, SFD_NONBLOCK | SFD_CLOEXEC);
    if (pipe2(bell_, O_NONBLOCK | O_CLOEXEC) != 0 || signals_ < 0) {
      std::perror("quorate-run");
      std::exit(kFailed);
    }
  }

  int run() {
    while (true) {
      Holder holder(arguments_, bell_[1]);
      if (!holder.connect()) return kNoServer;
      std::optional<int> code;
      while (!code && !session_over_) code = one_hold(holder);
      holder.close();
      if (code) return *code;
      session_over_ = false;
      say("the session has expired; standing again with a new one");
    }
  }

 private:
  /// From standing in line to the end of the hold. The exit code, or nothing to stand again.
  std::optional<int> one_hold(Holder& holder) {
    holder.stand();
    say("waiting for " + arguments_.path);
    std::optional<client::Hold> hold;
    while (!hold) {
      wait(std::nullopt);
      while (const int signal = next_signal()) {
        if (ends(signal)) return 128 + signal;
      }
      if (const auto error = holder.take_failed()) return on_failure(*error);
      hold = holder.take_won();
    }
    // Suspended before the command ran: nothing is lost yet.
    if (!hold->valid()) return std::nullopt;
    return run_command(*hold, holder);
  }

  std::optional<int> on_failure(const ErrorCode& error) {
    if (error == boost::system::errc::timed_out) {
      say("not obtained in time: " + arguments_.path);
      return kNotObtained;
    }
    if (error == ErrorCode(client::ClientErrc::NodeLost)) return std::nullopt;
    if (error == ErrorCode(Code::SessionExpired)) {
      session_over_ = true;
      return std::nullopt;
    }
    std::fprintf(stderr, "quorate-run: %s: %s\n", arguments_.path.c_str(), error.message().c_str());
    return kFailed;
  }

  std::optional<int> run_command(client::Hold& hold, Holder& holder) {
    say("holding " + arguments_.path + ", token " + std::to_string(hold.token()));
    Child child(arguments_.command, hold.token(), hold.node(), inherited_);
    if (!child.started()) {
      std::perror("quorate-run: fork");
      return kNoCommand;
    }
    std::optional<int> code;
    while (!(code = child.poll()) && hold.valid()) {
      wait(std::nullopt);
      forward(child);
    }
    const bool lost = !code;
    if (lost) say("lost " + arguments_.path + "; stopping the command");
    stop_group(child, holder);
    // Only now may the next one begin.
    hold.release();
    if (!lost) return code;
    if (!arguments_.elect) return kLost;
    return ending_ ? std::optional<int>(128 + ending_) : std::nullopt;
  }

  /// Until no process of the group is left. The grace ends before the server can count the session
  /// as expired: the client takes it as suspended after two thirds of the timeout.
  void stop_group(Child& child, const Holder& holder) {
    if (child.poll() && child.group_gone()) return;
    const auto grace = arguments_.grace.value_or(holder.session_timeout() / 4);
    const auto end = Clock::now() + grace;
    child.send(SIGTERM);
    child.send(SIGCONT);  // A stopped process could not end.
    bool killed = false;
    while (!child.poll() || !child.group_gone()) {
      if (!killed && Clock::now() >= end) {
        child.send(SIGKILL);
        killed = true;
      }
      // Grandchildren are not ours to wait for: their end is only seen by looking.
      wait(std::chrono::milliseconds(10));
      forward(child);
    }
  }

  void forward(Child& child) {
    while (const int signal = next_signal()) {
      if (signal == SIGCHLD) continue;
      if (ends(signal)) ending_ = signal;
      child.send(signal);
    }
  }

  void wait(std::optional<std::chrono::milliseconds> limit) {
    pollfd fds[] = {{signals_, POLLIN, 0}, {bell_[0], POLLIN, 0}};
    const int timeout = limit ? static_cast<int>(limit->count()) : -1;
    if (poll(fds, 2, timeout) < 0 && errno != EINTR) std::perror("quorate-run: poll");
    char bytes[64];
    while (read(bell_[0], bytes, sizeof bytes) > 0) {
    }
  }

  /// 0 when there is none.
  int next_signal() {
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) != sizeof info) return 0;
    return static_cast<int>(info.ssi_signo);
  }

  void say(const std::string& what) const {
    if (!arguments_.quiet) std::fprintf(stderr, "quorate-run: %s\n", what.c_str());
  }

  const Arguments arguments_;
  sigset_t inherited_{};
  int signals_ = -1;
  int bell_[2] = {-1, -1};
  int ending_ = 0;  ///< The latest signal that asked the command to end.
  bool session_over_ = false;
};

std::string default_id() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(getpid());
}

}  // namespace

}  // namespace quorate::run

int main(int argc, char** argv) {
  auto [arguments, complaint] = quorate::run::parse(argc, argv);
  if (!arguments) {
    if (complaint.empty()) return std::fputs(quorate::run::usage(), stdout), 0;
    std::fprintf(stderr, "quorate-run: %s\n%s", complaint.c_str(), quorate::run::usage());
    return quorate::run::kBadUsage;
  }
  if (arguments->id.empty()) arguments->id = quorate::run::default_id();
  quorate::run::Runner runner(std::move(*arguments));
  return runner.run();
}
