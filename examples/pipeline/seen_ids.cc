#include "examples/pipeline/seen_ids.h"

#include <algorithm>
#include <vector>

#include "examples/pipeline/summary.h"

namespace pipeline {

namespace {

constexpr std::uint8_t kVersion = 1;

std::int64_t minute_of(std::int64_t time_ms) {
  return bucket_of(time_ms, Granularity::Minute) / length_ms(Granularity::Minute);
}

}  // namespace

SeenIds::Ids& SeenIds::ids_of(std::int64_t minute) {
  if (Ids* last = last_.find(minute)) return *last;
  return last_.set(minute, minutes_[minute]);
}

bool SeenIds::too_late(std::int64_t time_ms) const {
  return minute_of(time_ms) < first_minute_;
}

bool SeenIds::insert(EventId id, std::int64_t time_ms) {
  const std::int64_t minute = minute_of(time_ms);
  if (minute < first_minute_) {
    ++refused_too_late_;
    return false;
  }
  if (!ids_of(minute).insert(id).second) return false;
  ++size_;
  return true;
}

void SeenIds::forget_before(std::int64_t time_ms) {
  const std::int64_t minute = minute_of(time_ms);
  if (minute <= first_minute_) return;
  first_minute_ = minute;
  const auto end = minutes_.lower_bound(minute);
  for (auto at = minutes_.begin(); at != end; ++at) size_ -= at->second.size();
  minutes_.erase(minutes_.begin(), end);
  last_.clear();
}

void SeenIds::merge(const SeenIds& other) {
  for (const auto& [minute, ids] : other.minutes_) {
    Ids& mine = ids_of(minute);
    const std::size_t before = mine.size();
    mine.insert(ids.begin(), ids.end());
    size_ += mine.size() - before;
  }
  if (other.first_minute_ > first_minute_) {
    forget_before(other.first_minute_ * length_ms(Granularity::Minute));
  }
}

void SeenIds::encode(std::string& to) const {
  ByteWriter out(to);
  out.u8(kVersion);
  out.fixed64(static_cast<std::uint64_t>(first_minute_));
  out.varint(minutes_.size());
  std::vector<EventId> sorted;
  for (const auto& [minute, ids] : minutes_) {
    sorted.assign(ids.begin(), ids.end());
    std::sort(sorted.begin(), sorted.end());
    out.signed_varint(minute);
    out.varint(sorted.size());
    for (const EventId id : sorted) out.fixed64(id);
  }
}

std::optional<SeenIds> SeenIds::decode(std::string_view bytes) {
  constexpr std::int64_t kMinuteMax = kTimeMsMax / 60'000 + 1;
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  SeenIds seen;
  seen.first_minute_ = static_cast<std::int64_t>(in.fixed64());
  const bool nothing_forgotten = seen.first_minute_ == std::numeric_limits<std::int64_t>::min();
  if (seen.first_minute_ > kMinuteMax || (seen.first_minute_ < -kMinuteMax && !nothing_forgotten)) {
    return std::nullopt;
  }
  const std::size_t minutes = in.count(/*bytes_each=*/2);
  for (std::size_t i = 0; i < minutes && in.ok(); ++i) {
    const std::int64_t minute = in.signed_varint();
    if (minute < -kMinuteMax || minute > kMinuteMax) return std::nullopt;
    const std::size_t count = in.count(/*bytes_each=*/8);
    Ids& ids = seen.minutes_[minute];
    ids.reserve(count);
    for (std::size_t k = 0; k < count; ++k) ids.insert(in.fixed64());
  }
  for (const auto& [minute, ids] : seen.minutes_) seen.size_ += ids.size();
  return in.finished() ? std::optional(std::move(seen)) : std::nullopt;
}

}  // namespace pipeline
