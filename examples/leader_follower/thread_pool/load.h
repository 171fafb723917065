// Clients for a pool: each asks, waits for the reply, checks it, asks again.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace thread_pool {

struct Load {
  std::uint16_t port = 0;
  unsigned connections = 1;
  /// Requests, taken in turn, and what must come back.
  std::vector<std::pair<std::string, std::string>> questions;
};

struct LoadResult {
  std::uint64_t requests = 0;
  std::uint64_t wrong = 0;  ///< Replies that were not the expected ones.
  std::uint64_t lost = 0;   ///< Connections that ended.
  double seconds = 0;
  double p50_us = 0, p99_us = 0;
};

/// All connections of a load, driven by the calling thread alone.
class Clients {
 public:
  /// Throws std::system_error when a connection cannot be made.
  explicit Clients(Load load);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  /// Asks for so long; requests that are under way at the end count for the next run.
  LoadResult run(std::chrono::milliseconds length);

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    int socket = -1;
    std::size_t question = 0;
    std::string reply;  ///< What has arrived of it.
    Clock::time_point asked;
  };

  void ask(Client& client);
  void hear(Client& client, LoadResult& result);

  Load load_;
  int epoll_ = -1;
  std::size_t next_ = 0;
  std::vector<Client> clients_;
  std::vector<std::uint32_t> nanoseconds_;  ///< Of one run; bounded by kSamplesMax.
};

/// The sample below which `percent` of them lie; sorts them partly. 0 without samples.
double percentile_us(std::vector<std::uint32_t>& nanoseconds, double percent);

}  // namespace thread_pool
