#include "examples/leader_follower/thread_pool/sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace thread_pool {

namespace {

constexpr int kBacklog = 1'024;
constexpr int kSlowReaderMs = 5'000;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Connection::~Connection() {
  ::close(socket_);
}

bool Connection::receive(std::vector<std::string>& requests) {
  std::array<char, 64 * 1024> buffer;
  const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  return reader_.feed({buffer.data(), static_cast<std::size_t>(got)}, requests);
}

bool Connection::send(std::string_view reply) {
  return send_all(socket_, frame(reply), kSlowReaderMs);
}

Sockets::Sockets(std::uint16_t port, std::size_t connections_max, std::size_t frame_bytes_max)
    : connections_max_(connections_max), frame_bytes_max_(frame_bytes_max) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener_ < 0) fail("socket");
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const where = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(listener_, where, size) != 0 || ::listen(listener_, kBacklog) != 0 ||
      ::getsockname(listener_, where, &size) != 0) {
    const int fault = errno;
    ::close(listener_);
    errno = fault;
    fail("listen");
  }
  port_ = ntohs(address.sin_port);
  events_.add(listener_, this);
}

Sockets::~Sockets() {
  ::close(listener_);
}

Connection* Sockets::open(void* event) {
  if (event != this) {
    auto* const connection = static_cast<Connection*>(event);
    connection->take();
    return connection;
  }
  accept_all();
  events_.arm(listener_, this);
  return nullptr;
}

void Sockets::accept_all() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto connection = std::make_unique<Connection>(socket, frame_bytes_max_);
    const std::lock_guard lock(mutex_);
    Connection* const known = connection.get();
    if (connections_.size() >= connections_max_) {
      ++refused_;
    } else {
      // Into the table first: another thread may have the connection the moment it is added.
      connections_.emplace(known, std::move(connection));
      known->leave();
      if (!events_.add(socket, known)) {
        ++refused_;
        connections_.erase(known);
      }
    }
  }
}

void Sockets::again(Connection* connection) {
  const int socket = connection->socket();
  connection->leave();  // From here on it may be another thread's.
  events_.arm(socket, connection);
}

void Sockets::drop(Connection* connection) {
  const std::lock_guard lock(mutex_);
  connections_.erase(connection);
}

std::uint64_t Sockets::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace thread_pool
