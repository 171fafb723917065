#include "server/replica/checkpoints.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/ensure.h"

namespace quorate::server {

namespace {

/// Above so many bytes waiting on the link no further piece is read from disk: a slow learner holds
/// the stream back, not this server's memory.
constexpr std::size_t kQueuedBytesMax = 1u << 20;

consensus::QuorumPacket snap_packet(Zxid zxid) {
  consensus::QuorumPacket packet;
  packet.type = consensus::PacketType::Snap;
  packet.zxid = zxid;
  return packet;
}

}  // namespace

Checkpoints::Checkpoints(CheckpointLimits limits, Zxid current, std::int64_t stall_ms, Disk& disk,
                         Links& links)
    : limits_(limits),
      disk_(disk),
      links_(links),
      current_(current),
      exists_(current > Zxid{0}),
      stall_ms_(stall_ms) {}

void Checkpoints::applied(std::size_t bytes) {
  log_bytes_ += bytes;
  ++records_;
}

void Checkpoints::renew_if_due(znode::DataTree& tree, Zxid fuzzy_until) {
  if (!in_flight_.empty()) return;
  bool due = tree.dirty_bytes() >= limits_.dirty_bytes || log_bytes_ >= limits_.log_bytes ||
             records_ >= limits_.records;
  if (due || wanted_) renew(tree, fuzzy_until);
}

void Checkpoints::renew(znode::DataTree& tree, Zxid fuzzy_until) {
  log_bytes_ = 0;
  records_ = 0;
  wanted_ = false;
  znode::CheckpointBatch batch = znode::encode_checkpoint(tree, fuzzy_until);
  in_flight_.push_back(batch.zxid);
  disk_.checkpoint(std::move(batch));
}

bool Checkpoints::on_checkpointed(Zxid zxid) {
  if (in_flight_.empty() || in_flight_.front() != zxid) return false;
  in_flight_.pop_front();
  current_ = std::max(current_, zxid);
  exists_ = true;
  return true;
}

void Checkpoints::replaced(Zxid zxid) {
  // What was on its way belonged to the generation before: it may never be answered.
  if (!in_flight_.empty()) REACHED("checkpoint overtaken by a tree");
  in_flight_.clear();
  current_ = zxid;
  exists_ = true;
  log_bytes_ = 0;
  records_ = 0;
}

void Checkpoints::begin(LinkId link, Zxid least, std::int64_t now_ms) {
  Sending sending;
  sending.least = least;
  sending.moved_ms = now_ms;
  sendings_.insert_or_assign(link, std::move(sending));
  if (!exists_ || current_ < least) wanted_ = true;
}

void Checkpoints::on_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok) {
  auto at = sendings_.find(link);
  if (at == sendings_.end()) return;
  at->second.asked = false;
  at->second.piece = Piece{zxid, std::move(piece), last, ok};
}

void Checkpoints::drop(LinkId link) {
  auto at = sendings_.find(link);
  if (at == sendings_.end()) return;
  if (at->second.asked || at->second.started) dropped_.push_back(link);
  sendings_.erase(at);
}

std::vector<consensus::TransferDone> Checkpoints::advance(std::int64_t now_ms) {
  for (LinkId link : std::exchange(dropped_, {})) disk_.drop_snapshot(link);
  std::vector<consensus::TransferDone> ended;
  for (auto at = sendings_.begin(); at != sendings_.end();) {
    auto done = advance(at->first, at->second, now_ms);
    if (done) ended.push_back(*done);
    if (done && !done->ok) disk_.drop_snapshot(done->link);
    at = done ? sendings_.erase(at) : std::next(at);
  }
  return ended;
}

std::optional<consensus::TransferDone> Checkpoints::advance(LinkId link, Sending& sending,
                                                            std::int64_t now_ms) {
  if (sending.piece) {
    Piece piece = *std::exchange(sending.piece, std::nullopt);
    sending.moved_ms = now_ms;
    if (!piece.ok || piece.zxid < sending.least) {
      return consensus::TransferDone{link, piece.zxid, /*ok=*/false};
    }
    if (!sending.started) links_.send(link, snap_packet(piece.zxid));
    sending.started = true;
    if (!piece.bytes.empty()) links_.send_raw(link, std::move(piece.bytes));
    if (piece.last) return consensus::TransferDone{link, piece.zxid, /*ok=*/true};
  }
  bool waits_for_checkpoint = !exists_ || current_ < sending.least;
  if (waits_for_checkpoint) {
    sending.moved_ms = now_ms;
    return std::nullopt;
  }
  if (now_ms - sending.moved_ms > stall_ms_) {
    return consensus::TransferDone{link, sending.least, /*ok=*/false};
  }
  bool room = links_.queued_bytes(link) < kQueuedBytesMax;
  if (!sending.asked && room) {
    sending.asked = true;
    disk_.read_snapshot(link);
  }
  return std::nullopt;
}

}  // namespace quorate::server
