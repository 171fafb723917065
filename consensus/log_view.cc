#include "consensus/log_view.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"

namespace quorate::consensus {

bool continues(Zxid last, Zxid next) {
  if (next.epoch() > last.epoch()) return next.counter() == 1;
  return next.epoch() == last.epoch() && last.counter() != 0xffffffffu && next == last.next();
}

LogView::LogView(Limits limits, Zxid base, std::vector<LogRecord> records, Zxid applied)
    : limits_(limits), base_(base), synced_(base), committed_(applied), applied_(applied) {
  for (LogRecord& record : records) append(std::move(record));
  if (applied > last()) reset(applied);  // The checkpoint is ahead of the log: the log is spent.
  synced_ = last();
  ENSURE(applied_ >= base_);
  ENSURE(holds(applied_));
  evict();
}

bool LogView::follows(Zxid zxid) const {
  return continues(last(), zxid);
}

void LogView::append(LogRecord record) {
  ENSURE(follows(record.zxid));
  bytes_ += record.bytes.size();
  records_.push_back(std::move(record));
}

void LogView::mark_synced(Zxid zxid) {
  ENSURE(zxid <= last());
  synced_ = std::max(synced_, zxid);
}

bool LogView::truncate(Zxid after) {
  if (after < applied_ || !holds(after)) return false;
  while (!records_.empty() && records_.back().zxid > after) {
    bytes_ -= records_.back().bytes.size();
    records_.pop_back();
  }
  ENSURE(last() == after);
  ENSURE(committed_ <= after);
  synced_ = std::min(synced_, after);
  return true;
}

void LogView::reset(Zxid zxid) {
  records_.clear();
  bytes_ = 0;
  base_ = synced_ = committed_ = applied_ = zxid;
}

void LogView::commit(Zxid zxid) {
  ENSURE(zxid >= committed_);
  ENSURE(zxid <= last());
  committed_ = zxid;
}

std::vector<LogRecord> LogView::take_appliable() {
  const Zxid until = std::min(committed_, synced_);
  if (until <= applied_) return {};
  const std::size_t from = index_after(applied_);
  const std::size_t to = index_after(until);
  std::vector<LogRecord> taken(records_.begin() + static_cast<std::ptrdiff_t>(from),
                               records_.begin() + static_cast<std::ptrdiff_t>(to));
  applied_ = until;
  evict();
  return taken;
}

const LogRecord* LogView::find(Zxid zxid) const {
  const std::size_t at = index_after(zxid);
  return at > 0 && records_[at - 1].zxid == zxid ? &records_[at - 1] : nullptr;
}

const LogRecord* LogView::next_after(Zxid zxid) const {
  const std::size_t at = index_after(zxid);
  return at < records_.size() ? &records_[at] : nullptr;
}

std::size_t LogView::index_after(Zxid zxid) const {
  if (zxid >= last()) return records_.size();
  // Within an epoch records count up by one from the first, so the last one tells where any other
  // stands: no search for what nearly everybody asks about.
  if (zxid.epoch() == last().epoch()) {
    const std::size_t behind = last().counter() - zxid.counter();
    return behind < records_.size() ? records_.size() - behind : 0;
  }
  const auto found =
      std::upper_bound(records_.begin(), records_.end(), zxid,
                       [](Zxid wanted, const LogRecord& record) { return wanted < record.zxid; });
  return static_cast<std::size_t>(found - records_.begin());
}

void LogView::hold_from(std::optional<Zxid> zxid) {
  hold_from_ = zxid;
  evict();
}

void LogView::evict() {
  const Zxid limit = hold_from_ ? std::min(applied_, *hold_from_) : applied_;
  while ((records_.size() > limits_.records || bytes_ > limits_.bytes) && !records_.empty() &&
         records_.front().zxid <= limit) {
    base_ = records_.front().zxid;
    bytes_ -= records_.front().bytes.size();
    records_.pop_front();
  }
}

void LogView::check() const {
  ENSURE(base_ <= applied_);
  ENSURE(applied_ <= committed_);
  ENSURE(committed_ <= last());
  ENSURE(applied_ <= synced_);
  ENSURE(synced_ <= last());
  ENSURE(holds(applied_));
  ENSURE(holds(committed_));
  ENSURE(holds(synced_));
  Zxid before = base_;
  std::size_t bytes = 0;
  for (const LogRecord& record : records_) {
    ENSURE(continues(before, record.zxid));
    before = record.zxid;
    bytes += record.bytes.size();
  }
  ENSURE(bytes == bytes_);
}

}  // namespace quorate::consensus
