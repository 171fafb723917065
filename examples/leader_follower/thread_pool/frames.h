// Requests and replies on a stream: four bytes of length, the greatest first, then the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thread_pool {

inline constexpr std::size_t kFrameHead = 4;

std::string frame(std::string_view body);

/// Cuts a stream into frames. Owned by whoever has the connection.
class FrameReader {
 public:
  explicit FrameReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Appends the bodies that are complete now to `bodies`. False: a frame longer than allowed.
  bool feed(std::string_view bytes, std::vector<std::string>& bodies);

 private:
  std::size_t bytes_max_;
  std::string rest_;  ///< The begin of a frame, shorter than one.
};

/// Writes all of it, waiting up to `patience_ms` at a time for a peer that reads slowly; false when
/// that is gone or too slow.
bool send_all(int socket, std::string_view bytes, int patience_ms);

/// One blocking connection to a pool on this machine, for clients that ask one thing at a time.
class Caller {
 public:
  Caller() = default;
  ~Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  /// An IPv4 address. False with errno set.
  bool connect(const std::string& host, std::uint16_t port);
  /// The reply; nothing when the connection is lost, which ends it.
  std::optional<std::string> call(std::string_view request);
  bool connected() const { return socket_ >= 0; }
  void close();

 private:
  int socket_ = -1;
};

}  // namespace thread_pool
