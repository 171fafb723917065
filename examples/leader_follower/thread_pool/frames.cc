#include "examples/leader_follower/thread_pool/frames.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace thread_pool {

namespace {

constexpr int kPatienceMs = 10'000;
constexpr std::size_t kReplyBytesMax = 4u << 20;

std::size_t length_of(std::string_view head) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kFrameHead; ++i) {
    length = length << 8 | static_cast<unsigned char>(head[i]);
  }
  return length;
}

}  // namespace

std::string frame(std::string_view body) {
  std::string bytes;
  bytes.reserve(kFrameHead + body.size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(body.size() >> shift & 0xff);
  }
  return bytes.append(body);
}

bool FrameReader::feed(std::string_view bytes, std::vector<std::string>& bodies) {
  if (!rest_.empty()) {
    rest_.append(bytes);
    bytes = rest_;
  }
  while (bytes.size() >= kFrameHead) {
    const std::size_t length = length_of(bytes);
    if (length > bytes_max_) return false;
    if (bytes.size() < kFrameHead + length) break;
    bodies.emplace_back(bytes.substr(kFrameHead, length));
    bytes.remove_prefix(kFrameHead + length);
  }
  rest_ = std::string(bytes);
  return true;
}

bool send_all(int socket, std::string_view bytes, int patience_ms) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd room{socket, POLLOUT, 0};
      if (::poll(&room, 1, patience_ms) == 0) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

Caller::~Caller() {
  close();
}

void Caller::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool Caller::connect(const std::string& host, std::uint16_t port) {
  close();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    errno = EINVAL;
    return false;
  }
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A silent peer is a lost one.
  const timeval limit{kPatienceMs / 1'000, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (socket_ >= 0 && ::connect(socket_, where, sizeof address) == 0) return true;
  const int fault = errno;
  close();
  errno = fault;
  return false;
}

std::optional<std::string> Caller::call(std::string_view request) {
  FrameReader reader(kReplyBytesMax);
  std::vector<std::string> replies;
  std::array<char, 16 * 1024> buffer;
  if (connected() && send_all(socket_, frame(request), kPatienceMs)) {
    while (replies.empty()) {
      const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      if (!reader.feed({buffer.data(), static_cast<std::size_t>(got)}, replies)) break;
    }
  }
  if (!replies.empty()) return std::move(replies.front());
  close();
  return std::nullopt;
}

}  // namespace thread_pool
