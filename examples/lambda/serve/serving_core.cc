#include "examples/lambda/serve/serving_core.h"

#include <algorithm>
#include <utility>

namespace lambda_app {

using pipeline::SketchSummary;

ServingCore::ServingCore(PartitionNumber partitions, Snapshots& snapshots)
    : snapshots_(snapshots), partitions_(partitions) {}

void ServingCore::claimed(PartitionNumber partition, std::int64_t token) {
  if (partition < partitions_.size()) partitions_[partition].claimed(token);
}

bool ServingCore::wants(PartitionNumber partition, std::int64_t token, Offset offset) const {
  return partition < partitions_.size() && partitions_[partition].wants(token, offset);
}

void ServingCore::checkpoint(PartitionNumber partition, std::int64_t token, SpeedParts parts) {
  if (partition >= partitions_.size()) return;
  partitions_[partition].checkpoint(token, std::move(parts));
  after_change(partition);
}

Taken ServingCore::delta(const DeltaPointer& delta) {
  if (delta->partition >= partitions_.size()) return Taken::Known;
  const Taken taken = partitions_[delta->partition].delta(delta);
  if (taken == Taken::Applied && !rebuild_) {
    Snapshots::Growth growth;
    // Below the cut the batch view has it already.
    const Offset cut = batch_ ? batch_->cut(delta->partition) : 0;
    if (delta->from >= cut) {
      growth.added = std::shared_ptr<const SketchSummary>(delta, &delta->summary);
    }
    growth.ends = ends();
    snapshots_.grow(std::move(growth));
  }
  after_change(delta->partition);
  return taken;
}

void ServingCore::generation(BatchPointer batch) {
  const BatchPointer& newest = next_ ? next_ : batch_;
  if (newest && newest->generation.run >= batch->generation.run) return;
  next_ = std::move(batch);
  switch_if_possible();
}

void ServingCore::after_change(PartitionNumber partition) {
  if (partitions_[partition].take_replaced()) {
    rebuild_ = true;
    drift_due_ = true;
  }
  if (!drift_ || !drift_->known) drift_due_ = true;
  switch_if_possible();
}

bool ServingCore::all_cover(const BatchView* batch) const {
  for (PartitionNumber p = 0; p < partitions_.size(); ++p) {
    if (!partitions_[p].covers(batch ? batch->cut(p) : 0)) return false;
  }
  return true;
}

void ServingCore::switch_if_possible() {
  if (!next_ || !all_cover(next_.get())) return;
  batch_ = std::move(next_);
  next_.reset();
  for (PartitionNumber p = 0; p < partitions_.size(); ++p) {
    partitions_[p].cut_at(batch_->cut(p), batch_->previous_cut(p));
    partitions_[p].take_replaced();
  }
  rebuild_ = true;
  drift_due_ = true;
}

std::vector<Offset> ServingCore::ends() const {
  std::vector<Offset> ends;
  for (const ServedPartition& partition : partitions_) ends.push_back(partition.end());
  return ends;
}

/// Nothing if a view cannot be combined with the batch view that is served.
std::optional<Snapshot> ServingCore::combined() {
  if (!all_cover(batch_.get())) return std::nullopt;
  Snapshot snapshot;
  snapshot.batch = batch_;
  snapshot.ends = ends();
  if (batch_) snapshot.speed = SketchSummary(batch_->exact->options());
  for (PartitionNumber p = 0; p < partitions_.size(); ++p) {
    const Offset cut = batch_ ? batch_->cut(p) : 0;
    if (cut >= partitions_[p].end()) continue;
    const std::optional<SketchSummary> part = partitions_[p].parts().since(cut);
    if (!part) return std::nullopt;
    if (!batch_ && snapshot.speed.events() == 0) snapshot.speed = SketchSummary(part->options());
    other_settings_ = !snapshot.speed.merge(*part);
    if (other_settings_) return std::nullopt;
  }
  snapshot.both = batch_ ? batch_->sketch : SketchSummary(snapshot.speed.options());
  other_settings_ = !snapshot.both.merge(snapshot.speed);
  if (other_settings_) return std::nullopt;
  return snapshot;
}

bool ServingCore::publish() {
  if (rebuild_) {
    std::optional<Snapshot> snapshot = combined();
    if (snapshot) {
      snapshots_.replace(std::move(*snapshot));
      rebuild_ = false;
    }
  }
  return snapshots_.publish();
}

std::string ServingCore::waiting_for() const {
  std::string missing;
  const BatchView* wanted = next_ ? next_.get() : batch_.get();
  std::size_t unknown = 0;
  for (PartitionNumber p = 0; p < partitions_.size(); ++p) {
    if (partitions_[p].covers(wanted ? wanted->cut(p) : 0)) continue;
    ++unknown;
    missing += (missing.empty() ? "" : ", ") + std::to_string(p);
  }
  if (unknown > 0) return "the speed views of partitions " + missing;
  if (other_settings_) {
    return "batch and speed layer that count with the same settings (granularity, session gap, "
           "prefix depth)";
  }
  return "";
}

std::uint64_t ServingCore::refused() const {
  std::uint64_t refused = 0;
  for (const ServedPartition& partition : partitions_) refused += partition.refused();
  return refused;
}

std::optional<SketchSummary> ServingCore::added_by_speed() const {
  SketchSummary added(batch_->exact->options());
  for (PartitionNumber p = 0; p < partitions_.size(); ++p) {
    const Offset from = batch_->previous_cut(p), to = batch_->cut(p);
    if (from == to) continue;
    const std::optional<SketchSummary> part = partitions_[p].parts().between(from, to);
    if (!part || !added.merge(*part)) return std::nullopt;
  }
  return added;
}

std::shared_ptr<const Drift> ServingCore::drift() {
  if (!drift_ || drift_due_) drift_ = std::make_shared<const Drift>(new_drift());
  drift_due_ = false;
  return drift_;
}

Drift ServingCore::new_drift() const {
  if (!batch_) return unknown_drift(0, "no batch run was served yet");
  const std::uint64_t run = batch_->generation.run;
  const std::string of_run = "run " + std::to_string(run);
  for (PartitionNumber p = 0; p < partitions_.size(); ++p) {
    if (partitions_[p].end() >= batch_->cut(p)) continue;
    return unknown_drift(run, "the speed layer has not come to the cut of " + of_run + " yet");
  }
  const std::optional<SketchSummary> added = added_by_speed();
  if (added) return drift_of(*batch_, *added);
  return unknown_drift(run, "the speed layer no longer keeps the parts that " + of_run +
                                " has added; the next run tells");
}

}  // namespace lambda_app
