// A pool in a process of its own, so that what it costs is known apart from its clients.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "examples/leader_follower/thread_pool/server_pool.h"

namespace thread_pool {

/// What a process has used so far.
struct Usage {
  double cpu_s = 0;
  std::uint64_t waits = 0;      ///< Context switches because it had to wait.
  std::uint64_t preempted = 0;  ///< Context switches because others wanted the CPU.
};

/// Forks: make it before the process has threads. The child answers with work().
class MeasuredPool {
 public:
  /// Throws std::system_error.
  MeasuredPool(PoolKind kind, unsigned threads, std::uint64_t rounds);
  ~MeasuredPool();  ///< Ends the child.
  MeasuredPool(const MeasuredPool&) = delete;
  MeasuredPool& operator=(const MeasuredPool&) = delete;

  std::uint16_t port() const { return port_; }
  Usage usage();

 private:
  int to_child_ = -1, from_child_ = -1;
  pid_t child_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace thread_pool
