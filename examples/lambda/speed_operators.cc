#include "examples/lambda/speed_operators.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

namespace lambda_app {

using namespace pipeline;

// --- ServedGeneration --------------------------------------------------------------------------

void ServedGeneration::set(std::optional<Generation> generation) {
  const std::lock_guard lock(mutex_);
  generation_ = std::move(generation);
  version_.fetch_add(1, std::memory_order_release);
}

Offset ServedGeneration::not_needed_below(PartitionNumber partition) const {
  const std::lock_guard lock(mutex_);
  if (!generation_ || generation_->previous_run == 0) return 0;
  const std::vector<Offset>& cuts = generation_->previous_cuts;
  return partition < cuts.size() ? cuts[partition] : 0;
}

// --- Decode, dedupe ----------------------------------------------------------------------------

void DecodeOperator::on(const Tuple& tuple) {
  Tuple decoded = tuple;
  decoded.mark = decode_cut(tuple.value);
  if (!decoded.mark) decoded.event = decode_event(tuple.value);
  if (decoded.mark || decoded.event) {
    emit(decoded);
  } else {
    ++counts_->damaged;
  }
}

void DedupeOperator::on(const Tuple& tuple) {
  if (!tuple.event) return emit(tuple);
  const EventView& event = *tuple.event;
  if (horizon_ms_ > 0) {
    clock_.observe(event.time_ms);
    seen_.forget_before(clock_.now_ms() - horizon_ms_);
  }
  if (seen_.insert(event.id, event.time_ms)) return emit(tuple);
  ++(seen_.too_late(event.time_ms) ? counts_->too_late : counts_->duplicates);
}

bool DedupeOperator::load(std::string_view bytes) {
  auto seen = SeenIds::decode(bytes);
  if (!seen) return false;
  seen_ = std::move(*seen);
  return true;
}

// --- Aggregate ---------------------------------------------------------------------------------

AggregateOperator::AggregateOperator(const TaskPlace& place, const AggregateSettings& settings,
                                     std::shared_ptr<const ServedGeneration> served,
                                     std::shared_ptr<SpeedCounts> counts)
    : place_(place),
      settings_(settings),
      served_(std::move(served)),
      counts_(std::move(counts)),
      parts_(settings.summary, place.from) {
  begin_delta();
}

bool AggregateOperator::load(std::string_view bytes) {
  auto parts = SpeedParts::decode(bytes);
  // Views with, say, another session gap cannot go on in this one.
  if (!parts || parts->parts().back().summary.options() != parts_.parts().back().summary.options())
    return false;
  parts_ = std::move(*parts);
  begin_delta();
  return true;
}

void AggregateOperator::begin_delta() {
  delta_ = SpeedDelta();
  delta_.partition = place_.partition;
  delta_.token = place_.token;
  delta_.from = delta_.to = parts_.end();
  delta_.summary = SketchSummary(settings_.summary);
  delta_bytes_ = 0;
  due_set_ = false;
}

void AggregateOperator::on(const Tuple& tuple) {
  if (tuple.mark) {
    delta_.to = std::max(delta_.to, tuple.offset);
    return flush(/*closes=*/true);
  }
  // Before the event, not behind it: an operator in front may hand on several of one record.
  if (delta_bytes_ >= settings_.delta_bytes_max && tuple.offset >= delta_.to)
    flush(/*closes=*/false);
  delta_.summary.add(*tuple.event);
  delta_.newest_append_ms = std::max(delta_.newest_append_ms, tuple.append_ms);
  delta_bytes_ += tuple.value.size();
  delta_.to = std::max(delta_.to, tuple.offset + 1);
}

void AggregateOperator::end_of_batch(Offset next) {
  if (!due_set_) {
    due_set_ = true;
    delta_due_ = std::chrono::steady_clock::now() + settings_.delta_interval;
  }
  delta_.to = std::max(delta_.to, next);
}

std::optional<Operator::Moment> AggregateOperator::next_tick() const {
  std::optional<Moment> due;
  if (delta_.to > delta_.from) due = delta_due_;
  if (!unsent_.empty() && (!due || resend_due_ < *due)) due = resend_due_;
  return due;
}

void AggregateOperator::tick() {
  const Moment now = std::chrono::steady_clock::now();
  if (!unsent_.empty() && resend_due_ <= now) send_deltas();
  if (delta_.to > delta_.from && delta_due_ <= now) flush(/*closes=*/false);
}

void AggregateOperator::save(std::string& to) {
  flush(/*closes=*/false);
  parts_.encode(to);
}

void AggregateOperator::flush(bool closes) {
  if (delta_.from == delta_.to && !closes) return;
  delta_.closes = closes;
  counts_->events += delta_.summary.events();
  if (!parts_.apply(delta_)) std::abort();  // It was begun where they end.
  encode(delta_, unsent_.emplace_back());
  unsent_bytes_ += unsent_.back().size();
  begin_delta();
  if (unsent_.size() == 1 || resend_due_ <= std::chrono::steady_clock::now()) send_deltas();
  if (const std::uint64_t version = served_->version(); version != served_version_) {
    served_version_ = version;
    parts_.forget_below(served_->not_needed_below(place_.partition));
  }
}

void AggregateOperator::send_deltas() {
  const std::vector<std::string> deltas(unsent_.begin(), unsent_.end());
  const Result<> sent = send(deltas);
  if (!sent && unsent_bytes_ <= kUnsentBytesMax) {
    resend_due_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    return;
  }
  (sent ? counts_->deltas : counts_->deltas_lost) += unsent_.size();
  unsent_.clear();
  unsent_bytes_ = 0;
}

}  // namespace lambda_app
