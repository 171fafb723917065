// Which of the views that come in is served of one partition. No I/O.
//
// Two kinds of news come by two ways, in any order between them: checkpoints (a znode: token of who
// claimed last, offset, parts) and deltas (the views' topic). The rules:
//  - A delta is refused when a later owner's token is known: a paused owner that wakes up sends to
//    nobody.
//  - A delta is applied only to the view of its own owner, where that ends exactly where the delta
//    begins.
//  - A later owner goes on from the checkpoint, which mostly lies behind what the former had sent
//    already. Its view is built beside, and replaces the old one when it has come as far: what is
//    served never goes back.
//  - A hole (deltas that were never seen) is closed by the next checkpoint behind it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "examples/lambda/speed_view.h"

namespace lambda_app {

using DeltaPointer = std::shared_ptr<const SpeedDelta>;

enum class Taken {
  Applied,  ///< The view that is served ends where the delta does.
  Beside,   ///< It belongs to the view that is built beside, or waits for a checkpoint.
  Known,    ///< Its owner's view has it already.
  Refused,  ///< Of an owner that is not the latest.
};

/// Owned by one thread.
class ServedPartition {
 public:
  /// Deltas that wait for the checkpoint they go on from; beyond that the oldest go, and the next
  /// checkpoint closes the hole.
  static constexpr std::size_t kWaitingMax = 512;

  /// Somebody has claimed the partition, or committed.
  void claimed(std::int64_t token);
  /// There is a view that goes on from a checkpoint of this owner, or of a later one.
  bool has_line_of(std::int64_t token) const;
  /// The parts of this checkpoint would be of use. (They are costly to read.)
  bool wants(std::int64_t token, Offset offset) const;
  /// Parts as committed by the owner with `token`. Of a partition that nobody has claimed yet: 0.
  void checkpoint(std::int64_t token, SpeedParts parts);
  Taken delta(const DeltaPointer& delta);

  /// From now on answers need what is at and behind `cut`; what ends at or below `keep` is not.
  void cut_at(Offset cut, Offset keep);

  bool known() const { return served_.has_value(); }
  const SpeedParts& parts() const { return served_->parts; }  ///< Only when known().
  Offset end() const { return served_ ? served_->parts.end() : 0; }
  /// The parts can be combined with a batch view that ends at `cut`.
  bool covers(Offset cut) const;
  std::int64_t token() const { return newest_; }  ///< Of the latest owner known.
  std::uint64_t refused() const { return refused_; }
  /// Once after each replacement of what is served: it has not only grown.
  bool take_replaced() { return std::exchange(replaced_, false); }

 private:
  struct Line {
    std::int64_t token = 0;
    SpeedParts parts;
  };

  enum class Fit { None, Behind, Beside, Served };

  Fit apply(const SpeedDelta& delta);
  void apply_waiting();
  void promote();

  std::optional<Line> served_;
  std::optional<Line> beside_;
  std::deque<DeltaPointer> waiting_;
  std::int64_t newest_ = 0;
  Offset cut_ = 0;
  std::uint64_t refused_ = 0;
  bool replaced_ = false;
};

}  // namespace lambda_app
