#include "tests/differential/link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace quorate::differential {

namespace {
constexpr std::chrono::seconds kPatience{10};

[[noreturn]] void give_up(const Address& address, const char* what) {
  std::fprintf(stderr, "no connection to %s:%u: %s: %s\n", address.host.c_str(),
               static_cast<unsigned>(address.port), what, std::strerror(errno));
  std::exit(2);
}
}  // namespace

Link::Link(const Address& address) {
  fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd_ < 0) give_up(address, "socket");
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(address.port);
  if (::inet_pton(AF_INET, address.host.c_str(), &where.sin_addr) != 1) {
    give_up(address, "not an IPv4 address");
  }
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    give_up(address, "connect");
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Link::~Link() {
  if (fd_ >= 0) ::close(fd_);
}

void Link::send(ByteView bytes) {
  while (!bytes.empty() && !closed_) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return;  // What the server said before it closed is still to be read.
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

void Link::send_packet(ByteView body) {
  Bytes packet;
  append_frame(packet, [&](JuteWriter& out) { out.raw(body); });
  send(packet);
}

void Link::take_arrived() {
  std::byte chunk[65536];
  const ssize_t got = ::recv(fd_, chunk, sizeof chunk, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    closed_ = true;
    return;
  }
  ErrorCode fault =
      reader_.feed(ByteView(chunk, static_cast<std::size_t>(got)), [&](ByteView packet) {
        packets_.emplace_back(packet.begin(), packet.end());
        return true;
      });
  if (fault) closed_ = true;
}

bool wait_until(std::span<Link* const> links, const std::function<bool()>& reached) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::vector<pollfd> polled;
  while (!reached()) {
    polled.clear();
    std::vector<Link*> open;
    for (Link* link : links) {
      if (link->closed_) continue;
      polled.push_back({link->fd_, POLLIN, 0});
      open.push_back(link);
    }
    if (open.empty() || std::chrono::steady_clock::now() > deadline) return false;
    if (::poll(polled.data(), polled.size(), /*timeout=*/200) < 0 && errno != EINTR) return false;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (polled[i].revents != 0) open[i]->take_arrived();
    }
  }
  return true;
}

}  // namespace quorate::differential
