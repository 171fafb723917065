#include "examples/kappa/generation_view.h"

#include <algorithm>

namespace kappa_app {

using pipeline::Summary;

namespace {
constexpr std::size_t kLatenciesKept = 4'096;
}  // namespace

void Latencies::add(std::int64_t ms) {
  if (newest_.size() < kLatenciesKept) {
    newest_.push_back(ms);
  } else {
    newest_[count_ % kLatenciesKept] = ms;
  }
  ++count_;
}

std::int64_t Latencies::percentile(double share) const {
  if (newest_.empty()) return 0;
  std::vector<std::int64_t> sorted = newest_;
  std::sort(sorted.begin(), sorted.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

GenerationView::GenerationView(Generation generation, PartitionNumber partitions)
    : generation_(std::move(generation)),
      parts_(partitions, Part(generation_.options)),
      merged_(generation_.options),
      ends_(partitions) {}

GenerationView::Took GenerationView::apply(PartitionNumber partition, ViewDelta delta,
                                           std::int64_t now_ms) {
  if (partition >= parts_.size() || delta.summary.options() != generation_.options) {
    return Took::Foreign;
  }
  Part& part = parts_[partition];
  if (delta.to <= part.end) return Took::Known;
  if (delta.from != part.end) {
    // Another owner cuts elsewhere, and a delta cannot be divided: one that begins below the end
    // is of no use, but those behind it are.
    if (delta.from > part.end) {
      if (part.later.size() >= kLaterMax) part.later.clear();  // The next checkpoint has it all.
      const Offset from = delta.from;
      part.later.insert_or_assign(from, std::move(delta));
    }
    return Took::Gap;
  }
  take(partition, delta, now_ms);
  take_later(partition, now_ms);
  return Took::Applied;
}

bool GenerationView::rebase(PartitionNumber partition, Offset offset, Summary summary) {
  if (partition >= parts_.size() || summary.options() != generation_.options) return false;
  Part& part = parts_[partition];
  if (offset <= part.end) return false;
  part.summary = std::move(summary);
  part.end = offset;
  stale_ = true;
  take_later(partition, /*now_ms=*/0);
  return true;
}

void GenerationView::take(PartitionNumber partition, const ViewDelta& delta, std::int64_t now_ms) {
  Part& part = parts_[partition];
  // Options are equal: apply() has looked.
  if (!part.summary.merge(delta.summary)) return;
  part.end = delta.to;
  const std::lock_guard lock(mutex_);
  if (now_ms > 0) latencies_.add(std::max<std::int64_t>(0, now_ms - delta.oldest_append_ms));
  if (stale_) return;  // settle() makes the union anew.
  if (merged_.merge(delta.summary)) ends_[partition] = delta.to;
}

void GenerationView::take_later(PartitionNumber partition, std::int64_t now_ms) {
  Part& part = parts_[partition];
  part.later.erase(part.later.begin(), part.later.lower_bound(part.end));
  for (auto at = part.later.find(part.end); at != part.later.end();
       at = part.later.find(part.end)) {
    const ViewDelta delta = std::move(at->second);
    part.later.erase(at);
    take(partition, delta, now_ms);
  }
}

void GenerationView::settle() {
  if (!stale_) return;
  Summary merged(generation_.options);
  std::vector<Offset> ends;
  for (const Part& part : parts_) {
    // Partitions hold different visitors, so different hits: their union is a sum.
    if (!merged.merge(part.summary)) return;
    ends.push_back(part.end);
  }
  const std::lock_guard lock(mutex_);
  merged_ = std::move(merged);
  ends_ = std::move(ends);
  stale_ = false;
}

std::vector<Offset> GenerationView::ends() const {
  const std::lock_guard lock(mutex_);
  return ends_;
}

bool GenerationView::covers(const std::vector<Offset>& ends) const {
  const std::lock_guard lock(mutex_);
  return ends.size() <= ends_.size() &&
         std::equal(ends.begin(), ends.end(), ends_.begin(),
                    [](Offset wanted, Offset end) { return end >= wanted; });
}

Latencies GenerationView::latencies() const {
  const std::lock_guard lock(mutex_);
  return latencies_;
}

}  // namespace kappa_app
