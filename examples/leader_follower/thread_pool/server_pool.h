// Two ways for threads to share the work of one server, behind one interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace thread_pool {

/// Called on several threads at once, but for one connection never; replies go out in the order of
/// its requests. Must not throw.
using Handler = std::function<std::string(std::string_view request)>;

enum class PoolKind {
  LeaderFollowers,    ///< Every thread waits, reads, works and writes, in turns.
  HalfSyncHalfAsync,  ///< One thread waits and reads; a queue; the others work and write.
};

/// "leader/followers", "half-sync/half-async".
const char* name_of(PoolKind kind);

struct PoolOptions {
  std::uint16_t port = 0;  ///< 0: a free one.
  unsigned threads = 4;    ///< In all; of a half-sync/half-async pool one reads. 2 or more.
  std::size_t connections_max = 1'024;  ///< One more is closed at once.
  std::size_t frame_bytes_max = 1u << 20;
  std::size_t queue_max =
      1'024;  ///< Half-sync/half-async: connections with work; then it reads no more.
};

/// A server on 127.0.0.1 that answers frames (frames.h) until it is destroyed.
class ServerPool {
 public:
  virtual ~ServerPool() = default;

  virtual std::uint16_t port() const = 0;
  virtual std::uint64_t requests() const = 0;  ///< Answered so far.
  virtual std::uint64_t refused_connections() const = 0;
  virtual std::uint64_t queue_waits() const = 0;  ///< How often the reader found the queue full.
};

/// Throws std::system_error when the port cannot be had.
std::unique_ptr<ServerPool> start_pool(PoolKind kind, PoolOptions options, Handler handler);

}  // namespace thread_pool
