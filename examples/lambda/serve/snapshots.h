// What queries read: one state of all views, which does not change while anybody reads it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "examples/lambda/serve/batch_view.h"

namespace lambda_app {

struct Snapshot {
  std::uint64_t number = 0;            ///< Grows with each change that was published.
  BatchPointer batch;                  ///< Null: no run was served yet.
  std::vector<pipeline::Offset> ends;  ///< Per partition: the speed view has all below.
  pipeline::SketchSummary speed;       ///< At and behind the cuts of `batch`.
  pipeline::SketchSummary both;        ///< Batch and speed, merged.
};

/// Two copies of the latest snapshot: one is read, the other is brought up to date and then takes
/// its place. So a delta costs a merge into each, not a copy of everything, and neither side waits
/// for the other: while a slow query still reads the copy whose turn it is, changes gather.
/// take() from any thread, the rest from one.
class Snapshots {
 public:
  /// Of one change: what to add, and where the views end then.
  struct Growth {
    std::shared_ptr<const pipeline::SketchSummary> added;  ///< Null: only the ends move.
    std::vector<pipeline::Offset> ends;
  };

  /// Changes that gather while a copy is busy; beyond that they are merged to one.
  static constexpr std::size_t kGatheredMax = 64;

  void replace(Snapshot snapshot);
  void grow(Growth growth);
  /// Makes changes visible. False: some are not yet, as the copy is being read; try again soon.
  bool publish();
  bool pending() const { return !fresh_.empty() || next_ != nullptr; }

  /// Null before the first. Hold it as long as one answer takes.
  std::shared_ptr<const Snapshot> take() const;

 private:
  struct Copy {
    std::unique_ptr<Snapshot> snapshot;
    std::size_t readers = 0;  ///< Under mutex_.
  };

  static void apply(const std::vector<Growth>& changes, Snapshot& to);
  static void gather(std::vector<Growth>& changes);

  mutable std::mutex mutex_;  ///< Keeps which copy is read, and by how many.
  mutable Copy copies_[2];
  int front_ = -1;
  std::vector<Growth> behind_;      ///< In the front copy, but not in the other.
  std::vector<Growth> fresh_;       ///< In neither.
  std::unique_ptr<Snapshot> next_;  ///< Takes the place of both.
  bool back_is_older_ = true;       ///< The other copy is of before a replacement.
  std::uint64_t number_ = 0;
};

}  // namespace lambda_app
