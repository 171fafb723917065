#include "server/net/client_connection.h"

#include <algorithm>
#include <utility>

#include "server/net/clients.h"

namespace quorate::server {

ClientConnection::ClientConnection(SocketClients& clients, ConnectionId id, std::string address,
                                   std::uint16_t remote_port, ByteStream::Socket socket)
    : clients_(clients),
      id_(id),
      address_(std::move(address)),
      remote_port_(remote_port),
      stream_(std::make_shared<ByteStream>(
          std::move(socket), *this, clients.read_buffer_,
          static_cast<std::size_t>(clients.limits_.client_out_bytes_max))),
      frames_(static_cast<std::int32_t>(clients.limits_.max_buffer)) {}

ClientConnection::~ClientConnection() {
  stream_->abandon();
}

void ClientConnection::on_bytes(ByteView bytes) {
  if (fresh_) {
    const std::size_t taken = std::min(bytes.size(), head_.size() - head_size_);
    std::copy_n(bytes.begin(), taken, head_.begin() + head_size_);
    head_size_ = static_cast<std::uint8_t>(head_size_ + taken);
    bytes = bytes.subspan(taken);
    if (head_size_ < head_.size()) return;
    if (answer_word(head_)) return;
    fresh_ = false;
    clients_.inbox_.on_client_open(id_, {.address = address_, .port = remote_port_});
    if (!take_frames(head_)) return;
  }
  if (take_frames(bytes)) clients_.inbox_.pump();
}

bool ClientConnection::answer_word(ByteView head) {
  const auto answer = clients_.inbox_.on_four_letter_word(as_text(head));
  if (!answer) return false;
  stream_->write(as_bytes(*answer));
  clients_.close(id_);
  return true;
}

bool ClientConnection::take_frames(ByteView bytes) {
  const ErrorCode fault = frames_.feed(bytes, [this](ByteView frame) {
    clients_.inbox_.on_client_frame(id_, frame);
    return true;
  });
  if (fault) on_end("packet length out of range");
  return !fault;
}

void ClientConnection::on_end(const std::string&) {
  const bool told = !fresh_;
  clients_.erase(id_);
  if (!told) return;
  clients_.inbox_.on_client_closed(id_);
  clients_.inbox_.pump();
}

}  // namespace quorate::server
