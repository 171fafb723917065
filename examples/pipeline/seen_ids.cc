#include "examples/pipeline/seen_ids.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "examples/pipeline/summary.h"

namespace pipeline {

namespace {

constexpr std::uint8_t kVersion = 1;

std::int64_t number_of_minute(std::int64_t time_ms) {
  return bucket_of(time_ms, Granularity::Minute) / length_ms(Granularity::Minute);
}

/// As fixed64() of each.
void append(const std::vector<EventId>& ids, std::string& to) {
  if constexpr (std::endian::native == std::endian::little) {
    to.append(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(EventId));
  } else {
    ByteWriter out(to);
    for (const EventId id : ids) out.fixed64(id);
  }
}

}  // namespace

SeenIds::Minute& SeenIds::minute_of(std::int64_t minute) {
  if (Minute* last = last_.find(minute)) return *last;
  return last_.set(minute, minutes_[minute]);
}

bool SeenIds::add(Minute& minute, EventId id) {
  if (!minute.ids.insert(id).second) return false;
  if (encoded_) minute.since.push_back(id);
  ++size_;
  return true;
}

bool SeenIds::too_late(std::int64_t time_ms) const {
  return number_of_minute(time_ms) < first_minute_;
}

bool SeenIds::insert(EventId id, std::int64_t time_ms) {
  const std::int64_t minute = number_of_minute(time_ms);
  if (minute < first_minute_) {
    ++refused_too_late_;
    return false;
  }
  return add(minute_of(minute), id);
}

void SeenIds::forget_before(std::int64_t time_ms) {
  const std::int64_t minute = number_of_minute(time_ms);
  if (minute <= first_minute_) return;
  first_minute_ = minute;
  const auto end = minutes_.lower_bound(minute);
  for (auto at = minutes_.begin(); at != end; ++at) size_ -= at->second.ids.size();
  minutes_.erase(minutes_.begin(), end);
  last_.clear();
}

void SeenIds::merge(const SeenIds& other) {
  for (const auto& [number, theirs] : other.minutes_) {
    Minute& mine = minute_of(number);
    for (const EventId id : theirs.ids) add(mine, id);
  }
  if (other.first_minute_ > first_minute_) {
    forget_before(other.first_minute_ * length_ms(Granularity::Minute));
  }
}

const std::vector<EventId>& SeenIds::in_order(const Minute& minute) const {
  std::vector<EventId>& sorted = minute.sorted;
  if (!encoded_) {
    sorted.assign(minute.ids.begin(), minute.ids.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  std::sort(minute.since.begin(), minute.since.end());
  const auto before = static_cast<std::ptrdiff_t>(sorted.size());
  sorted.insert(sorted.end(), minute.since.begin(), minute.since.end());
  std::inplace_merge(sorted.begin(), sorted.begin() + before, sorted.end());
  minute.since.clear();
  return sorted;
}

void SeenIds::encode(std::string& to) const {
  ByteWriter out(to);
  out.u8(kVersion);
  out.fixed64(static_cast<std::uint64_t>(first_minute_));
  out.varint(minutes_.size());
  for (const auto& [number, minute] : minutes_) {
    const std::vector<EventId>& ids = in_order(minute);
    out.signed_varint(number);
    out.varint(ids.size());
    append(ids, to);
  }
  encoded_ = true;
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
    auto& ids = seen.minutes_[minute].ids;
    ids.reserve(count);
    for (std::size_t k = 0; k < count; ++k) ids.insert(in.fixed64());
  }
  for (const auto& [number, minute] : seen.minutes_) seen.size_ += minute.ids.size();
  return in.finished() ? std::optional(std::move(seen)) : std::nullopt;
}

}  // namespace pipeline
