#include "server/testing/reserved_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/system/system_category.hpp>
#include <cerrno>

namespace quorate::testing {

ReservedPort::~ReservedPort() {
  if (socket_ >= 0) ::close(socket_);
}

ErrorCode ReservedPort::take(std::uint16_t port) {
  const auto fault = [] { return ErrorCode(errno, boost::system::system_category()); };
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return fault();
  // As the server's own: only so may both be bound.
  const int on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(socket_, raw, size) != 0) return fault();
  if (::getsockname(socket_, raw, &size) != 0) return fault();
  port_ = ntohs(address.sin_port);
  return {};
}

}  // namespace quorate::testing
