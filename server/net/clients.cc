#include "server/net/clients.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "server/net/client_connection.h"

namespace quorate::server {

namespace asio = boost::asio;

SocketClients::SocketClients(asio::io_context& io, const ClientPortConfig& port,
                             const LimitsConfig& limits, Inbox& inbox)
    : io_(io),
      port_(port),
      limits_(limits),
      inbox_(inbox),
      acceptor_(
          io,
          [this](ByteStream::Socket socket, const asio::ip::tcp::endpoint& from) {
            on_socket(std::move(socket), from);
          },
          [this](const std::string& text) {
            inbox_.note('W', "client-accept error=\"" + text + '"');
          }),
      read_buffer_(kReadBufferBytes) {}

SocketClients::~SocketClients() = default;

ErrorCode SocketClients::listen() {
  return acceptor_.listen(port_.address, static_cast<std::uint16_t>(port_.port),
                          static_cast<int>(port_.backlog));
}

void SocketClients::start() {
  acceptor_.start();
}
void SocketClients::stop_accepting() {
  acceptor_.stop();
}

bool SocketClients::admits(const std::string& address) const {
  if (port_.max_total > 0 && static_cast<std::int64_t>(connections_.size()) >= port_.max_total) {
    return false;
  }
  const auto found = by_address_.find(address);
  return port_.max_per_address == 0 || found == by_address_.end() ||
         found->second < port_.max_per_address;
}

void SocketClients::on_socket(ByteStream::Socket socket, const asio::ip::tcp::endpoint& from) {
  std::string address = address_text(from.address());
  if (!admits(address)) {
    // The socket closes as it leaves this scope. Said once per sweep, with the count.
    ++refused_;
    return;
  }
  ++by_address_[address];
  const ConnectionId id{++last_id_};
  auto connection = std::make_unique<ClientConnection>(*this, id, std::move(address), from.port(),
                                                       std::move(socket));
  connection->opened_ms = now_ms_;
  connection->start();
  connections_.emplace(id, std::move(connection));
}

ClientConnection* SocketClients::find(ConnectionId connection) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : found->second.get();
}

void SocketClients::erase(ConnectionId connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  const auto count = by_address_.find(found->second->address());
  if (--count->second == 0) by_address_.erase(count);
  if (leaving_.empty()) asio::post(io_, [this] { leaving_.clear(); });
  leaving_.push_back(std::move(found->second));
  connections_.erase(found);
}

void SocketClients::send(ConnectionId connection, ByteView frames) {
  ClientConnection* found = find(connection);
  if (found == nullptr) return;
  found->stream().write(frames);
  if (!found->unflushed) unflushed_.push_back(connection);
  found->unflushed = true;
}

void SocketClients::flush() {
  for (const ConnectionId connection : unflushed_) {
    ClientConnection* found = find(connection);
    if (found == nullptr) continue;
    found->unflushed = false;
    found->stream().flush();
  }
  unflushed_.clear();
}

void SocketClients::close(ConnectionId connection) {
  ClientConnection* found = find(connection);
  if (found == nullptr) return;
  found->finish();
  erase(connection);
}

void SocketClients::close_all() {
  while (!connections_.empty()) close(connections_.begin()->first);
}

void SocketClients::pause(ConnectionId connection) {
  if (ClientConnection* found = find(connection)) found->stream().pause();
}

void SocketClients::resume(ConnectionId connection) {
  if (ClientConnection* found = find(connection)) found->stream().resume();
}

void SocketClients::sweep(std::int64_t now_ms) {
  now_ms_ = now_ms;
  if (refused_ > 0) {
    inbox_.note('W', "client-refused count=" + std::to_string(refused_) +
                         " reason=\"too many connections (maxClientCnxns, maxCnxns)\"");
    refused_ = 0;
  }
  std::vector<ConnectionId> silent;
  for (const auto& [id, connection] : connections_) {
    if (connection->fresh() && now_ms - connection->opened_ms > port_.sessionless_timeout_ms) {
      silent.push_back(id);
    }
  }
  for (const ConnectionId id : silent) close(id);
}

}  // namespace quorate::server
