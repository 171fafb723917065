#include "examples/leader_follower/thread_pool/measured_pool.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "examples/leader_follower/thread_pool/work.h"

namespace thread_pool {

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Usage own_usage() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  Usage usage;
  usage.cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
  usage.waits = static_cast<std::uint64_t>(used.ru_nvcsw);
  usage.preempted = static_cast<std::uint64_t>(used.ru_nivcsw);
  return usage;
}

/// Small values of fixed size: a pipe passes them whole.
template <class T>
bool put(int pipe, const T& value) {
  return ::write(pipe, &value, sizeof value) == static_cast<ssize_t>(sizeof value);
}
template <class T>
bool take(int pipe, T& value) {
  return ::read(pipe, &value, sizeof value) == static_cast<ssize_t>(sizeof value);
}

/// The child: answers every byte of the parent with its usage, until the pipe ends.
[[noreturn]] void serve(PoolKind kind, unsigned threads, std::uint64_t rounds, int in, int out) {
  try {
    PoolOptions options;
    options.threads = threads;
    const auto pool = start_pool(
        kind, options, [rounds](std::string_view request) { return work(request, rounds); });
    put(out, pool->port());
    char asked = 0;
    while (take(in, asked) && put(out, own_usage())) {
    }
  } catch (const std::system_error&) {
    // The parent finds the pipe closed.
  }
  ::_exit(0);
}

}  // namespace

MeasuredPool::MeasuredPool(PoolKind kind, unsigned threads, std::uint64_t rounds) {
  int down[2], up[2];
  if (::pipe(down) != 0 || ::pipe(up) != 0) fail("pipe");
  child_ = ::fork();
  if (child_ < 0) fail("fork");
  if (child_ == 0) {
    ::close(down[1]);
    ::close(up[0]);
    serve(kind, threads, rounds, down[0], up[1]);
  }
  ::close(down[0]);
  ::close(up[1]);
  to_child_ = down[1];
  from_child_ = up[0];
  if (!take(from_child_, port_)) {
    errno = ECHILD;
    fail("the pool did not start");
  }
}

MeasuredPool::~MeasuredPool() {
  ::close(to_child_);
  ::close(from_child_);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Usage MeasuredPool::usage() {
  Usage usage;
  if (!put(to_child_, 'u') || !take(from_child_, usage)) {
    errno = ECHILD;
    fail("the pool has ended");
  }
  return usage;
}

}  // namespace thread_pool
