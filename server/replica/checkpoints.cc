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
  applied_ = true;
}

bool Checkpoints::quiet_due(std::int64_t now_ms) {
  if (std::exchange(applied_, false)) applied_at_ms_ = now_ms;
  return log_bytes_ >= limits_.quiet_log_bytes && now_ms - applied_at_ms_ >= limits_.quiet_ms;
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
    const bool quiet = quiet_due(now_ms);
    if (!in_flight_.empty() || (due < 1 && !wanted_ && !from_scratch_ && !quiet)) return;
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
  Renewal renewal{tree.last_applied(), std::nullopt};
  if (fuzzy_until <= renewal.zxid) renewal.digest = tree.digest();
  in_flight_.push_back(renewal);
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
  if (in_flight_.empty() || in_flight_.front().zxid != zxid) return false;
  if (zxid >= current_) digest_ = in_flight_.front().digest;
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
  end_copies();
  from_scratch_ = false;
  current_ = zxid;
  digest_.reset();
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

void Checkpoints::copy(std::shared_ptr<TreeSink> sink, Zxid least, std::int64_t now_ms) {
  const LinkId name{--last_copy_};
  begin(name, least, now_ms);
  sendings_.at(name).sink = std::move(sink);
}

/// The moment that copies are waited for may never come in a tree that has been replaced.
void Checkpoints::end_copies() {
  std::vector<LinkId> copies;
  for (const auto& [link, sending] : sendings_) {
    if (!sending.sink) continue;
    sending.sink->end({});
    copies.push_back(link);
  }
  for (const LinkId link : copies) drop(link);
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
    if (done && !done->ok) disk_.drop_snapshot(done->link);
    TreeSink* sink = at->second.sink.get();
    if (done && sink != nullptr) sink->end({done->ok, done->zxid, at->second.digest});
    if (done && sink == nullptr) ended.push_back(*done);
    at = done ? sendings_.erase(at) : std::next(at);
  }
  return ended;
}

void Checkpoints::send(LinkId link, Sending& sending, Piece piece, Zxid fuzzy_until) {
  const bool first = !std::exchange(sending.started, true);
  if (sending.sink) {
    if (first && piece.zxid == current_) sending.digest = digest_;
    if (!piece.bytes.empty()) sending.sink->add(std::move(piece.bytes));
    return;
  }
  if (first) links_.send(link, snap_packet(piece.zxid, fuzzy_until));
  if (!piece.bytes.empty()) links_.send_raw(link, std::move(piece.bytes));
}

bool Checkpoints::has_room(LinkId link, const Sending& sending) const {
  return sending.sink ? sending.sink->has_room() : links_.queued_bytes(link) < kQueuedBytesMax;
}

std::optional<consensus::TransferDone> Checkpoints::advance(LinkId link, Sending& sending,
                                                            std::int64_t now_ms, Zxid fuzzy_until) {
  if (sending.piece) {
    Piece piece = *std::exchange(sending.piece, std::nullopt);
    sending.moved_ms = now_ms;
    if (!piece.ok || piece.zxid < sending.least) {
      return consensus::TransferDone{link, piece.zxid, /*ok=*/false};
    }
    const consensus::TransferDone done{link, piece.zxid, /*ok=*/true};
    const bool last = piece.last;
    send(link, sending, std::move(piece), fuzzy_until);
    if (last) return done;
  }
  if (sending.sink && sending.sink->abandoned()) {
    return consensus::TransferDone{link, sending.least, /*ok=*/false};
  }
  if (waits(sending)) {
    sending.moved_ms = now_ms;
    return std::nullopt;
  }
  if (now_ms - sending.moved_ms > stall_ms_) {
    return consensus::TransferDone{link, sending.least, /*ok=*/false};
  }
  if (!sending.asked && has_room(link, sending)) {
    sending.asked = true;
    disk_.read_snapshot(link);
  }
  return std::nullopt;
}

}  // namespace quorate::server
