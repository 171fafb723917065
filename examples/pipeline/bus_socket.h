// A blocking connection to a broker that another thread can interrupt.
#pragma once

#include <chrono>
#include <string>

#include "examples/pipeline/result.h"

namespace pipeline {

/// A flag that can be waited for together with a socket: an eventfd.
class WakeFd {
 public:
  WakeFd();
  ~WakeFd();
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  void ring();  ///< Any thread.
  bool take();  ///< Whether it was rung since; clears it.
  /// Until it is rung, which is taken, or the moment has come.
  bool wait(std::chrono::steady_clock::time_point deadline);
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// Owned by one thread.
class BusSocket {
 public:
  BusSocket() = default;
  ~BusSocket() { close(); }
  BusSocket(const BusSocket&) = delete;
  BusSocket& operator=(const BusSocket&) = delete;

  /// Nothing to do if it is connected. Else tries until `deadline`, at least once, with pauses that
  /// grow: a broker that is being started again cannot tell when it is there. A ring of `wake` ends
  /// that (and is left for the caller to take).
  Result<> connect(const std::string& address, std::chrono::steady_clock::time_point deadline,
                   WakeFd* wake);
  void close();

  /// What went wrong, or "".
  std::string send(const std::string& bytes);
  /// One frame's body.
  std::string receive(std::string& body, std::chrono::steady_clock::time_point deadline);

  enum class Waited { Readable, Woken, TimedOut };
  /// A ring is taken.
  Waited wait_readable(std::chrono::steady_clock::time_point deadline, WakeFd* wake);

 private:
  std::string receive_exactly(char* to, std::size_t size,
                              std::chrono::steady_clock::time_point deadline);

  int fd_ = -1;
};

}  // namespace pipeline
