#include "server/replica/link_stream.h"

#include <utility>

namespace quorate::server {

namespace {
/// Header, identities and what else a packet may hold beside its data.
constexpr std::size_t kPacketOverheadMax = 1u << 20;

Zxid fuzzy_until_in(const consensus::QuorumPacket& snap) {
  if (!snap.data || snap.data->size() != sizeof(std::int64_t)) return Zxid{};
  return Zxid{load_be<std::int64_t>(snap.data->view().data())};
}
}  // namespace

consensus::QuorumPacket snap_packet(Zxid zxid, Zxid fuzzy_until) {
  consensus::QuorumPacket packet;
  packet.type = consensus::PacketType::Snap;
  packet.zxid = zxid;
  if (fuzzy_until > zxid) {
    Bytes data(sizeof(std::int64_t));
    store_be(data.data(), fuzzy_until.value);
    packet.data = SharedBytes(std::move(data));
  }
  return packet;
}

ErrorCode LinkStream::feed(ByteView bytes, const OnPacket& on_packet) {
  if (partial_.empty()) {
    if (ErrorCode fault = consume(bytes, on_packet)) return fault;
    append(partial_, bytes);
  } else {
    append(partial_, bytes);
    ByteView rest = partial_;
    ErrorCode fault = consume(rest, on_packet);
    if (fault) return fault;
    partial_.erase(partial_.begin(), partial_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  }
  if (partial_.size() > max_field_ + kPacketOverheadMax) {
    return make_error_code(consensus::CodecError::Malformed);
  }
  if (partial_.empty() && partial_.capacity() > kPacketOverheadMax) partial_.shrink_to_fit();
  return {};
}

ErrorCode LinkStream::consume(ByteView& input, const OnPacket& on_packet) {
  while (true) {
    if (reader_) {
      if (ErrorCode fault = feed_tree(input)) return fault;
      if (reader_) return {};
    }
    auto packet = consensus::take_packet(input, max_field_);
    if (!packet) return packet.error();
    if (!*packet) return {};
    if ((*packet)->type == consensus::PacketType::Snap) {
      reader_ = std::make_unique<znode::SnapStreamReader>(max_field_);
      snap_zxid_ = (*packet)->zxid;
      snap_fuzzy_until_ = fuzzy_until_in(**packet);
    }
    on_packet(std::move(**packet));
  }
}

ErrorCode LinkStream::feed_tree(ByteView& input) {
  if (ErrorCode fault = reader_->feed(input)) return fault;
  if (!reader_->done()) return {};
  Result<znode::DataTree> tree = reader_->take(snap_zxid_);
  if (!tree) return tree.error();
  received_.emplace(ReceivedTree{snap_zxid_, std::move(*tree), snap_fuzzy_until_, reader_->packs(),
                                 reader_->take_pack()});
  reader_.reset();
  return {};
}

std::optional<Zxid> LinkStream::awaited_tree() const {
  if (reader_ || received_) return snap_zxid_;
  return std::nullopt;
}

std::optional<LinkStream::ReceivedTree> LinkStream::take_tree() {
  return std::exchange(received_, std::nullopt);
}

}  // namespace quorate::server
