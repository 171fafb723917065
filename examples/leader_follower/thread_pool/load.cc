#include "examples/leader_follower/thread_pool/load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "examples/leader_follower/thread_pool/frames.h"

namespace thread_pool {

namespace {

constexpr std::size_t kSamplesMax = 4'000'000;
constexpr int kPatienceMs = 1'000;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int fault = errno;
    ::close(socket);
    errno = fault;
    fail("connect");
  }
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

}  // namespace

double percentile_us(std::vector<std::uint32_t>& nanoseconds, double percent) {
  if (nanoseconds.empty()) return 0;
  const auto rank =
      static_cast<std::size_t>(percent / 100.0 * static_cast<double>(nanoseconds.size()));
  const auto at =
      nanoseconds.begin() + static_cast<std::ptrdiff_t>(std::min(rank, nanoseconds.size() - 1));
  std::nth_element(nanoseconds.begin(), at, nanoseconds.end());
  return *at / 1'000.0;
}

Clients::Clients(Load load) : load_(std::move(load)) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) fail("epoll_create1");
  clients_.resize(load_.connections);  // Never again: the events point at its elements.
  for (Client& client : clients_) {
    client.socket = connect_to(load_.port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.socket, &event) != 0) fail("epoll_ctl");
  }
  for (Client& client : clients_) ask(client);
}

Clients::~Clients() {
  for (const Client& client : clients_) {
    if (client.socket >= 0) ::close(client.socket);
  }
  ::close(epoll_);
}

void Clients::ask(Client& client) {
  client.question = next_++ % load_.questions.size();
  client.reply.clear();
  client.asked = Clock::now();
  send_all(client.socket, frame(load_.questions[client.question].first), kPatienceMs);
}

void Clients::hear(Client& client, LoadResult& result) {
  std::array<char, 4'096> buffer;
  const ssize_t got = ::recv(client.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    ++result.lost;
    ::close(client.socket);
    client.socket = -1;
    return;
  }
  client.reply.append(buffer.data(), static_cast<std::size_t>(got));
  const std::string expected = frame(load_.questions[client.question].second);
  if (client.reply.size() < expected.size()) return;
  ++result.requests;
  result.wrong += client.reply != expected;
  const auto took = std::chrono::nanoseconds(Clock::now() - client.asked).count();
  if (nanoseconds_.size() < kSamplesMax) {
    nanoseconds_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(took, 4'000'000'000)));
  }
  ask(client);
}

LoadResult Clients::run(std::chrono::milliseconds length) {
  LoadResult result;
  nanoseconds_.clear();
  const auto begin = Clock::now();
  const auto end = begin + length;
  std::array<epoll_event, 64> ready;
  while (Clock::now() < end && result.lost < clients_.size()) {
    const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), 10);
    for (int i = 0; i < count; ++i) {
      hear(*static_cast<Client*>(ready[static_cast<std::size_t>(i)].data.ptr), result);
    }
  }
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  result.p50_us = percentile_us(nanoseconds_, 50);
  result.p99_us = percentile_us(nanoseconds_, 99);
  return result;
}

}  // namespace thread_pool
