#include "tests/client/proxy.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "tests/client/live.h"

namespace quorate::client::live {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

tcp::endpoint target() {
  const std::string& text = servers();
  const std::size_t colon = text.rfind(':');
  return {asio::ip::make_address(text.substr(0, colon)),
          static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)))};
}

/// One packet with its length; empty at the end of the connection.
asio::awaitable<Bytes> read_packet(tcp::socket& from) {
  Bytes packet(4);
  auto [cut, four] = co_await asio::async_read(from, asio::buffer(packet), kAwait);
  if (cut) co_return Bytes();
  packet.resize(4 + static_cast<std::size_t>(load_be<std::int32_t>(packet.data())));
  auto [ended, rest] = co_await asio::async_read(from, asio::buffer(packet) + 4, kAwait);
  if (ended) co_return Bytes();
  co_return packet;
}

}  // namespace

struct Proxy::Pair {
  explicit Pair(tcp::socket accepted)
      : client(std::move(accepted)), server(client.get_executor()) {}
  tcp::socket client;
  tcp::socket server;
  std::optional<std::int32_t> lose_xid;
};

Proxy::Proxy() : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  port_ = acceptor_.local_endpoint().port();
  asio::co_spawn(context_, accept(), asio::detached);
  thread_ = std::thread([this] { context_.run(); });
}

Proxy::~Proxy() {
  context_.stop();
  thread_.join();
}

void Proxy::lose_reply(OpCode op) {
  const std::lock_guard lock(mutex_);
  lose_ = op;
}

bool Proxy::wanted(OpCode op) {
  const std::lock_guard lock(mutex_);
  if (lose_ != op) return false;
  lose_.reset();
  return true;
}

void Proxy::cut() {
  asio::post(context_, [this] {
    while (!pairs_.empty()) close(*pairs_.begin());
  });
}

void Proxy::close(const PairPtr& pair) {
  const PairPtr kept = pair;
  boost::system::error_code ignored;
  kept->client.close(ignored);
  kept->server.close(ignored);
  pairs_.erase(kept);
}

asio::awaitable<void> Proxy::accept() {
  while (true) {
    auto [error, socket] = co_await acceptor_.async_accept(kAwait);
    if (error) co_return;
    ++connections_;
    if (refuse_) continue;
    auto pair = std::make_shared<Pair>(std::move(socket));
    auto [unreached] = co_await pair->server.async_connect(target(), kAwait);
    if (unreached) continue;
    pairs_.insert(pair);
    asio::co_spawn(context_, upstream(pair), asio::detached);
    asio::co_spawn(context_, downstream(pair), asio::detached);
  }
}

asio::awaitable<void> Proxy::upstream(PairPtr pair) {
  for (bool handshake = true; true; handshake = false) {
    const Bytes packet = co_await read_packet(pair->client);
    if (packet.empty()) break;
    if (!handshake && wanted(static_cast<OpCode>(load_be<std::int32_t>(packet.data() + 8)))) {
      pair->lose_xid = load_be<std::int32_t>(packet.data() + 4);
    }
    auto [error, count] = co_await asio::async_write(pair->server, asio::buffer(packet), kAwait);
    if (error) break;
  }
  close(pair);
}

asio::awaitable<void> Proxy::downstream(PairPtr pair) {
  for (bool handshake = true; true; handshake = false) {
    const Bytes packet = co_await read_packet(pair->server);
    if (packet.empty()) break;
    if (!handshake && pair->lose_xid == load_be<std::int32_t>(packet.data() + 4)) break;
    auto [error, count] = co_await asio::async_write(pair->client, asio::buffer(packet), kAwait);
    if (error) break;
  }
  close(pair);
}

}  // namespace quorate::client::live
