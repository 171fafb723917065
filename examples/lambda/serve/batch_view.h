// What a run of the batch layer has made, as loaded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/lambda/places.h"
#include "examples/pipeline/summary.h"

namespace lambda_app {

/// A generation with its file, and what the one before it had: immutable, so that any thread reads
/// it.
struct BatchView {
  Generation generation;
  std::shared_ptr<const pipeline::Summary> exact;
  /// Null: its file is gone, so nothing can be said of what the run has added.
  std::shared_ptr<const pipeline::Summary> previous;
  pipeline::SketchSummary sketch;  ///< `exact` as something to merge with the speed view.

  pipeline::Offset cut(pipeline::PartitionNumber partition) const {
    return at(generation.cuts, partition);
  }
  pipeline::Offset previous_cut(pipeline::PartitionNumber partition) const {
    return generation.previous_run == 0 ? 0 : at(generation.previous_cuts, partition);
  }

 private:
  static pipeline::Offset at(const std::vector<pipeline::Offset>& cuts,
                             pipeline::PartitionNumber partition) {
    return partition < cuts.size() ? cuts[partition] : 0;
  }
};
using BatchPointer = std::shared_ptr<const BatchView>;

/// Reads the files that `generation` names from `folder`; of `loaded` (may be null) it takes what
/// it has already. Faults: Storage (gone: mostly a later generation is served), Damaged.
pipeline::Result<BatchPointer> load_batch(const Generation& generation, const std::string& folder,
                                          const BatchPointer& loaded);

}  // namespace lambda_app
