#include "examples/pipeline/bus_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "examples/pipeline/bus_protocol.h"
#include "examples/pipeline/byte_codec.h"

namespace pipeline {

namespace {

using Clock = std::chrono::steady_clock;

/// poll(2) until the deadline, signals or not; true if one of `fds` is ready.
template <std::size_t N>
bool poll_until(std::array<pollfd, N>& fds, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const int wait = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
    const int ready = ::poll(fds.data(), fds.size(), wait);
    if (ready > 0) return true;
    if (ready == 0 && left.count() <= 3'600'000) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// A connected socket, or -1 with errno.
int connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int why = errno;
  ::close(fd);
  errno = why;
  return -1;
}

int connect_tcp(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    errno = EHOSTUNREACH;
    return -1;
  }
  int fd = -1;
  int why = EHOSTUNREACH;
  for (const addrinfo* at = found; at != nullptr && fd < 0; at = at->ai_next) {
    fd = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
      why = errno;
      ::close(fd);
      fd = -1;
    }
  }
  ::freeaddrinfo(found);
  if (fd >= 0) {
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  errno = why;
  return fd;
}

std::string reason(int code) {
  return std::system_category().message(code);
}

}  // namespace

WakeFd::WakeFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

WakeFd::~WakeFd() {
  ::close(fd_);
}

void WakeFd::ring() {
  const std::uint64_t one = 1;
  // A counter that is full is rung already.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

bool WakeFd::take() {
  std::uint64_t rings = 0;
  return ::read(fd_, &rings, sizeof rings) == sizeof rings;
}

bool WakeFd::wait(Clock::time_point deadline) {
  std::array<pollfd, 1> fds{pollfd{fd_, POLLIN, 0}};
  poll_until(fds, deadline);
  return take();
}

Result<> BusSocket::connect(const std::string& where, Clock::time_point deadline, WakeFd* wake) {
  if (fd_ >= 0) return {};
  const Result<BusAddress> address = parse_bus_address(where);
  if (!address) return address.error();
  std::chrono::milliseconds pause(10);
  while (true) {
    fd_ = address->path.empty() ? connect_tcp(address->host, address->port)
                                : connect_unix(address->path);
    if (fd_ >= 0) return {};
    const int why = errno;
    if (Clock::now() + pause > deadline) {
      return Fault{FaultKind::Connection, "no broker at " + where + ": " + reason(why) +
                                              "; pipeline-tool broker --data FOLDER --listen " +
                                              where + " starts one"};
    }
    std::array<pollfd, 1> fds{pollfd{wake != nullptr ? wake->fd() : -1, POLLIN, 0}};
    if (poll_until(fds, Clock::now() + pause)) {
      return Fault{FaultKind::Connection, "no broker at " + where + " yet"};
    }
    pause = std::min(pause * 2, std::chrono::milliseconds(250));
  }
}

void BusSocket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string BusSocket::send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t now = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) return reason(errno);
    sent += static_cast<std::size_t>(now);
  }
  return "";
}

BusSocket::Waited BusSocket::wait_readable(Clock::time_point deadline, WakeFd* wake) {
  std::array<pollfd, 2> fds{pollfd{fd_, POLLIN, 0},
                            pollfd{wake != nullptr ? wake->fd() : -1, POLLIN, 0}};
  if (!poll_until(fds, deadline)) return Waited::TimedOut;
  if (fds[0].revents != 0) return Waited::Readable;
  return wake != nullptr && wake->take() ? Waited::Woken : Waited::TimedOut;
}

std::string BusSocket::receive_exactly(char* to, std::size_t size, Clock::time_point deadline) {
  while (size > 0) {
    if (wait_readable(deadline, nullptr) == Waited::TimedOut) return "no answer in time";
    const ssize_t now = ::recv(fd_, to, size, 0);
    if (now < 0 && errno == EINTR) continue;
    if (now == 0) return "the connection was closed";
    if (now < 0) return reason(errno);
    to += now;
    size -= static_cast<std::size_t>(now);
  }
  return "";
}

std::string BusSocket::receive(std::string& body, Clock::time_point deadline) {
  std::array<char, 4> head{};
  if (std::string why = receive_exactly(head.data(), head.size(), deadline); !why.empty()) {
    return why;
  }
  const std::uint32_t size = ByteReader({head.data(), head.size()}).fixed32();
  if (size > kFrameBytesMax) return "what answers is no broker";
  body.resize(size);
  return receive_exactly(body.data(), body.size(), deadline);
}

}  // namespace pipeline
