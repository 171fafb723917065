#include "server/replica/checkpoints.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/ensure.h"
#include "server/replica/link_stream.h"

namespace quorate::server {

namespace {

/// Above so many bytes waiting on the link no further piece is read from disk: a slow learner holds
/// the stream back, not this server's memory.
constexpr std::size_t kQueuedBytesMax = 1u << 20;

/// Between two slices, so that requests hardly notice.
constexpr std::int64_t kSlicePauseMs = 4;
/// Above so many bytes that wait for the disk nothing is encoded.
constexpr std::size_t kBacklogMax = 2u << 20;

constexpr std::int64_t kFirstRetryMs = 1000;
constexpr std::int64_t kLastRetryMs = 60000;

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

void Checkpoints::renew_if_due(znode::DataTree& tree, Zxid fuzzy_until, std::int64_t now_ms) {
  double due =
      std::max({static_cast<double>(tree.dirty_bytes()) / static_cast<double>(limits_.dirty_bytes),
                static_cast<double>(log_bytes_) / static_cast<double>(limits_.log_bytes),
                static_cast<double>(records_) / static_cast<double>(limits_.records)});
  if (!in_flight_.empty()) disk_.hurry_checkpoint(due);
  // Behind with the last one, or a learner waits: slices follow each other without a pause.
  const bool pauses = from_scratch_ || (due < 1 && !awaited());
  if (now_ms < not_before_ms_ && pauses) return;
  if (!znode::checkpoint_under_way(tree)) {
    if (!in_flight_.empty() || (due < 1 && !wanted_ && !from_scratch_)) return;
    begin_renewal(tree, fuzzy_until);
  }
  if (disk_.checkpoint_backlog() >= kBacklogMax) return;
  not_before_ms_ = now_ms + kSlicePauseMs;
  disk_.checkpoint(znode::next_portion(tree, limits_.slice));
}

bool Checkpoints::awaited() const {
  return std::any_of(sendings_.begin(), sendings_.end(),
                     [this](const auto& one) { return waits(one.second); });
}

bool Checkpoints::hurries(const znode::DataTree& tree) const {
  const bool may_go_on = znode::checkpoint_under_way(tree) || (wanted_ && in_flight_.empty());
  return awaited() && may_go_on && !from_scratch_ && disk_.checkpoint_backlog() < kBacklogMax;
}

void Checkpoints::begin_renewal(znode::DataTree& tree, Zxid fuzzy_until) {
  log_bytes_ = 0;
  records_ = 0;
  wanted_ = false;
  znode::begin_checkpoint(tree, fuzzy_until, std::exchange(from_scratch_, false));
  in_flight_.push_back(tree.last_applied());
}

void Checkpoints::renew_at_once(znode::DataTree& tree, Zxid fuzzy_until) {
  if (znode::checkpoint_under_way(tree)) disk_.checkpoint(znode::next_portion(tree, {}));
  if (tree.dirty_count() == 0 && !from_scratch_) return;
  begin_renewal(tree, fuzzy_until);
  disk_.checkpoint(znode::next_portion(tree, {}));
}

void Checkpoints::lost(znode::DataTree& tree, std::int64_t now_ms) {
  // What was frozen is dirty no more; a checkpoint from scratch marks it again.
  znode::abandon_checkpoint(tree);
  in_flight_.clear();
  from_scratch_ = true;
  retry_ms_ = std::clamp(retry_ms_ * 2, kFirstRetryMs, kLastRetryMs);
  not_before_ms_ = now_ms + retry_ms_;
}

bool Checkpoints::on_checkpointed(Zxid zxid) {
  if (in_flight_.empty() || in_flight_.front() != zxid) return false;
  in_flight_.pop_front();
  current_ = std::max(current_, zxid);
  exists_ = true;
  retry_ms_ = 0;
  return true;
}

void Checkpoints::replaced(Zxid zxid) {
  // What was on its way belonged to the generation before: it may never be answered.
  if (!in_flight_.empty()) REACHED("checkpoint overtaken by a tree");
  in_flight_.clear();
  from_scratch_ = false;
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

std::vector<consensus::TransferDone> Checkpoints::advance(std::int64_t now_ms, Zxid fuzzy_until) {
  for (LinkId link : std::exchange(dropped_, {})) disk_.drop_snapshot(link);
  std::vector<consensus::TransferDone> ended;
  for (auto at = sendings_.begin(); at != sendings_.end();) {
    auto done = advance(at->first, at->second, now_ms, fuzzy_until);
    if (done) ended.push_back(*done);
    if (done && !done->ok) disk_.drop_snapshot(done->link);
    at = done ? sendings_.erase(at) : std::next(at);
  }
  return ended;
}

std::optional<consensus::TransferDone> Checkpoints::advance(LinkId link, Sending& sending,
                                                            std::int64_t now_ms, Zxid fuzzy_until) {
  if (sending.piece) {
    Piece piece = *std::exchange(sending.piece, std::nullopt);
    sending.moved_ms = now_ms;
    if (!piece.ok || piece.zxid < sending.least) {
      return consensus::TransferDone{link, piece.zxid, /*ok=*/false};
    }
    if (!sending.started) links_.send(link, snap_packet(piece.zxid, fuzzy_until));
    sending.started = true;
    if (!piece.bytes.empty()) links_.send_raw(link, std::move(piece.bytes));
    if (piece.last) return consensus::TransferDone{link, piece.zxid, /*ok=*/true};
  }
  if (waits(sending)) {
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
