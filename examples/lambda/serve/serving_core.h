// The serving layer's rules: which batch view and which speed views together are one answer. No
// I/O.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "examples/lambda/serve/batch_view.h"
#include "examples/lambda/serve/drift.h"
#include "examples/lambda/serve/served_partition.h"
#include "examples/lambda/serve/snapshots.h"

namespace lambda_app {

/// Owned by one thread. What is to be served goes to `snapshots`; nothing until every partition is
/// known. A new generation is served from the moment on at which the views of all partitions can be
/// combined with it; until then the former one is: no query sees a mix.
class ServingCore {
 public:
  /// `snapshots` must outlive it.
  ServingCore(PartitionNumber partitions, Snapshots& snapshots);

  void claimed(PartitionNumber partition, std::int64_t token);
  bool wants(PartitionNumber partition, std::int64_t token, Offset offset) const;
  void checkpoint(PartitionNumber partition, std::int64_t token, SpeedParts parts);
  Taken delta(const DeltaPointer& delta);  ///< Of a partition that there is.
  /// An older run than the one known is ignored.
  void generation(BatchPointer batch);

  /// Brings `snapshots` up to date and publishes. False: call again soon.
  bool publish();

  /// Why nothing is served, or no new generation; "" when all is well.
  std::string waiting_for() const;
  const BatchPointer& batch() const { return batch_; }
  const BatchPointer& next() const { return next_; }  ///< Loaded, but not served yet.
  const ServedPartition& partition(PartitionNumber number) const { return partitions_[number]; }
  PartitionNumber partitions() const { return static_cast<PartitionNumber>(partitions_.size()); }
  std::uint64_t refused() const;
  /// Of the generation that is served; computed once the views have come to its cuts.
  std::shared_ptr<const Drift> drift();

 private:
  bool all_cover(const BatchView* batch) const;
  std::vector<Offset> ends() const;
  void switch_if_possible();
  std::optional<Snapshot> combined();
  std::optional<pipeline::SketchSummary> added_by_speed() const;
  Drift new_drift() const;
  void after_change(PartitionNumber partition);

  Snapshots& snapshots_;
  std::vector<ServedPartition> partitions_;
  BatchPointer batch_;
  BatchPointer next_;
  bool rebuild_ = true;  ///< What is served has not only grown.
  bool other_settings_ = false;
  std::shared_ptr<const Drift> drift_;
  bool drift_due_ = true;
};

}  // namespace lambda_app
