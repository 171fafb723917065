// What the speed layer knows of one partition, how it is committed, and how it travels to the
// serving layer.
//
// A partition's view is a row of parts, [from, to) each, cut at the marks of batch runs
// (pipeline/cut.h). A query takes the batch view and the parts at or behind its cut. A part stays
// until a later generation than the one that covers it is served: so batch and speed can be laid
// side by side (the drift gauge).
//
// Two ways, one truth: the checkpoint (seconds apart, fenced) is what a successor goes on from;
// deltas (a tenth of a second apart) make queries fresh. A delta says who sent it (token) and what
// it covers; nobody applies it to anything but exactly the view that ends where it begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/bus.h"
#include "examples/pipeline/summary.h"

namespace lambda_app {

using pipeline::Offset;
using pipeline::PartitionNumber;

struct SpeedPart {
  Offset from = 0;
  Offset to = 0;
  pipeline::SketchSummary summary;
};

/// The events of [from, to) of a partition as its owner `token` has counted them. Never across a
/// mark: a delta whose `closes` is set ends at one, and the next begins a part.
struct SpeedDelta {
  PartitionNumber partition = 0;
  std::int64_t token = 0;
  Offset from = 0;
  Offset to = 0;
  bool closes = false;
  std::int64_t newest_append_ms = 0;  ///< Bus time of its newest record: event-to-view latency.
  pipeline::SketchSummary summary;
};
void encode(const SpeedDelta& delta, std::string& to);
std::optional<SpeedDelta> decode_delta(std::string_view bytes);

/// The parts of one partition. Owned by one thread.
class SpeedParts {
 public:
  explicit SpeedParts(pipeline::SummaryOptions options = {}, Offset from = 0);

  /// False, with nothing done, unless the delta begins where these parts end.
  [[nodiscard]] bool apply(const SpeedDelta& delta);
  /// Parts that end at or below `cut` go.
  void forget_below(Offset cut);

  Offset end() const;
  const std::vector<SpeedPart>& parts() const {
    return parts_;
  }  ///< In order, without holes; the last is open.
  /// All parts at or behind `cut`, merged. Nothing if `cut` lies inside a part.
  std::optional<pipeline::SketchSummary> since(Offset cut) const;
  /// All parts in [from, to), merged. Nothing if they do not cover exactly that.
  std::optional<pipeline::SketchSummary> between(Offset from, Offset to) const;

  void encode(std::string& to) const;
  static std::optional<SpeedParts> decode(std::string_view bytes);

 private:
  pipeline::SummaryOptions options_;
  std::vector<SpeedPart> parts_;  ///< Never empty.
};

/// A checkpoint of the group "speed": the parts and the ids that were seen.
struct SpeedState {
  SpeedParts parts;
  pipeline::SeenIds seen;
};
std::string encode(const SpeedState& state);
std::optional<SpeedState> decode_speed_state(std::string_view bytes);

}  // namespace lambda_app
