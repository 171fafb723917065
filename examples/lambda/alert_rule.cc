#include "examples/lambda/alert_rule.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "examples/pipeline/byte_codec.h"

namespace lambda_app {

using namespace pipeline;

namespace {

constexpr std::uint8_t kVersion = 1;
/// Slices of a future that never comes, as a wrong clock makes them, are not kept without end.
constexpr std::size_t kSlicesMax = 100'000;
/// More alerts than one commit brings.
constexpr std::size_t kLookedAt = 1'000;

bool is_time_or_never(std::int64_t time_ms) {
  return time_ms == EventClock::kNever || is_event_time(time_ms);
}

double percent_of(const ErrorCounts& counts) {
  if (counts.hits == 0) return 0;
  return 100.0 * static_cast<double>(counts.errors) / static_cast<double>(counts.hits);
}

}  // namespace

std::string Alert::id() const {
  return "error-rate/" + std::to_string(window.end_ms);
}

std::string to_json(const Alert& alert, const AlertOptions& options) {
  const nlohmann::json object = {{"id", alert.id()},
                                 {"rule", "error-rate"},
                                 {"state", alert.raised ? "raised" : "cleared"},
                                 {"from_ms", alert.window.begin_ms},
                                 {"to_ms", alert.window.end_ms},
                                 {"hits", alert.counts.hits},
                                 {"errors", alert.counts.errors},
                                 {"percent", percent_of(alert.counts)},
                                 {"limit_percent", options.percent}};
  return object.dump();
}

// --- AlertRule ---------------------------------------------------------------------------------

bool AlertRule::add(const PartialCounts& counts, std::int64_t append_ms) {
  Partition& partition = partitions_[counts.partition];
  // A successor repeats what its predecessor had committed: the same ranges. A gap would be what
  // retention has taken before this task came to it.
  if (counts.to <= partition.end || counts.from < partition.end) return false;
  partition.end = counts.to;
  for (const auto& [begin_ms, slice] : counts.slices) {
    // Its last window was told already.
    if (told_ms_ != EventClock::kNever && begin_ms + options_.window_ms <= told_ms_) {
      late_ += slice.hits;
    } else if (slices_.size() < kSlicesMax || slices_.count(begin_ms) != 0) {
      slices_[begin_ms].merge(slice);
    }
  }
  note_time(counts, append_ms);
  return true;
}

void AlertRule::note_time(const PartialCounts& counts, std::int64_t append_ms) {
  Partition& partition = partitions_[counts.partition];
  partition.append_ms = std::max(partition.append_ms, append_ms);
  if (counts.newest_ms != EventClock::kNever) {
    partition.newest_ms = std::max(partition.newest_ms, counts.newest_ms);
    partition.idle = false;
    watermark_.observe(counts.partition, counts.newest_ms);
  }
  for (auto& [number, other] : partitions_) {
    if (other.idle || other.append_ms + options_.idle_ms >= append_ms) continue;
    other.idle = true;
    watermark_.set_idle(number);
  }
}

std::vector<Alert> AlertRule::advance() {
  std::vector<Alert> alerts;
  now_ms_ = std::max(now_ms_, watermark_.now());
  while (!slices_.empty()) {
    const std::int64_t first = slices_.begin()->first;
    std::int64_t end =
        told_ms_ == EventClock::kNever ? first + options_.slide_ms : told_ms_ + options_.slide_ms;
    // Windows without a hit are passed over, but for the one in which an alert ends.
    if (end <= first && !raised_) end = first + options_.slide_ms;
    if (now_ms_ == kNoTime || end > now_ms_) break;
    judge(end, alerts);
  }
  return alerts;
}

void AlertRule::judge(std::int64_t end_ms, std::vector<Alert>& alerts) {
  Alert alert;
  alert.window = {end_ms - options_.window_ms, end_ms};
  const auto begin = slices_.lower_bound(alert.window.begin_ms);
  const auto end = slices_.lower_bound(end_ms);
  for (auto at = begin; at != end; ++at) alert.counts.merge(at->second);
  alert.raised =
      alert.counts.hits >= options_.hits_min && percent_of(alert.counts) > options_.percent;
  if (alert.raised != raised_) {
    raised_ = alert.raised;
    alerts.push_back(alert);
  }
  told_ms_ = end_ms;
  // What no later window holds.
  slices_.erase(slices_.begin(),
                slices_.lower_bound(end_ms + options_.slide_ms - options_.window_ms));
}

void AlertRule::save(ByteWriter& out) const {
  out.fixed64(static_cast<std::uint64_t>(told_ms_));
  out.fixed64(static_cast<std::uint64_t>(now_ms_));
  out.u8(raised_ ? 1 : 0);
  out.varint(late_);
  out.varint(partitions_.size());
  for (const auto& [number, partition] : partitions_) {
    out.varint(number);
    out.varint(partition.end);
    out.fixed64(static_cast<std::uint64_t>(partition.newest_ms));
    out.signed_varint(partition.append_ms);
    out.u8(partition.idle ? 1 : 0);
  }
  out.varint(slices_.size());
  for (const auto& [begin_ms, slice] : slices_) {
    out.signed_varint(begin_ms);
    out.varint(slice.hits);
    out.varint(slice.errors);
  }
}

bool AlertRule::load(ByteReader& in) {
  told_ms_ = static_cast<std::int64_t>(in.fixed64());
  now_ms_ = static_cast<std::int64_t>(in.fixed64());
  if (!is_time_or_never(told_ms_) || !is_time_or_never(now_ms_)) return false;
  raised_ = in.u8() == 1;
  late_ = in.varint();
  const std::size_t partitions = in.count(/*bytes_each=*/12);
  for (std::size_t i = 0; i < partitions; ++i) {
    const std::uint64_t number = in.varint();
    Partition partition;
    partition.end = in.varint();
    partition.newest_ms = static_cast<std::int64_t>(in.fixed64());
    partition.append_ms = in.signed_varint();
    partition.idle = in.u8() == 1;
    if (number >= kPartitionsMax || !is_time_or_never(partition.newest_ms) ||
        !is_event_time(partition.append_ms)) {
      return false;
    }
    partitions_[static_cast<PartitionNumber>(number)] = partition;
  }
  restore_watermark();
  const std::size_t slices = in.count(/*bytes_each=*/3);
  for (std::size_t i = 0; i < slices; ++i) {
    const std::int64_t begin_ms = in.signed_varint();
    if (!is_event_time(begin_ms)) return false;
    ErrorCounts& slice = slices_[begin_ms];
    slice.hits = in.varint();
    slice.errors = in.varint();
  }
  return in.ok();
}

/// All partitions before any time: alone, the first would move the watermark too far.
void AlertRule::restore_watermark() {
  for (const auto& [number, partition] : partitions_) {
    if (partition.newest_ms != EventClock::kNever) watermark_.add_partition(number);
  }
  for (const auto& [number, partition] : partitions_) {
    if (partition.newest_ms != EventClock::kNever) {
      watermark_.observe(number, partition.newest_ms);
    }
  }
  for (const auto& [number, partition] : partitions_) {
    if (partition.idle) watermark_.set_idle(number);
  }
}

// --- AlertOperator -----------------------------------------------------------------------------

void AlertOperator::on(const Tuple& tuple) {
  const auto counts = decode_partial_counts(tuple.value);
  if (!counts) {
    ++counts_->damaged;
    return;
  }
  if (!rule_.add(*counts, tuple.append_ms)) return;
  for (const Alert& alert : rule_.advance()) {
    ++counts_->alerts;
    outbox_.add(to_json(alert, options_));
  }
}

void AlertOperator::save(std::string& to) {
  ByteWriter out(to);
  out.u8(kVersion);
  rule_.save(out);
  outbox_.save(out);
}

bool AlertOperator::load(std::string_view bytes) {
  ByteReader in(bytes);
  look_first_ = true;
  return in.u8() == kVersion && rule_.load(in) && outbox_.load(in) && in.finished();
}

void AlertOperator::committed(Offset /*offset*/) {
  outbox_.committed();
  send_committed();
}

void AlertOperator::send_committed() {
  if (look_first_ && outbox_.due()) {
    const auto sent = last_sent(kLookedAt);
    if (!sent) return outbox_.retry_later();
    outbox_.forget_sent(*sent);
  }
  look_first_ = false;
  // What fails stays in the outbox, which tells when it is due again.
  const Result<> sent =
      outbox_.flush([this](std::span<const std::string> alerts) { return send(alerts); });
  // It may have arrived all the same.
  look_first_ = !sent;
}

}  // namespace lambda_app
