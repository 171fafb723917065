// The drift gauge: the newest batch run and the speed layer have counted the same events, each in
// its way. Laid side by side they must say the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/lambda/serve/batch_view.h"

namespace lambda_app {

struct HourDrift {
  std::int64_t hour_ms = 0;  ///< Of the events.
  std::int64_t batch_hits = 0, speed_hits = 0;
  std::int64_t batch_bytes = 0, speed_bytes = 0;
  std::int64_t visitors = 0;           ///< Of the hour, all that is known of it: exact.
  std::int64_t visitors_estimate = 0;  ///< The same by the sketches of the speed layer.
};

struct Drift {
  bool known = false;
  std::string reason;      ///< Why it is not known.
  std::uint64_t run = 0;   ///< Whose events are compared: those the run has added.
  std::uint64_t hits = 0;  ///< Sum over the hours of what the two differ by. 0: they agree.
  std::uint64_t bytes = 0;
  std::uint64_t visitors = 0;    ///< Likewise; of an estimate, so some percent are no fault.
  std::vector<HourDrift> hours;  ///< With events in either.
};

Drift unknown_drift(std::uint64_t run, std::string reason);

/// `speed`: the speed layer's parts between the cuts of the run before and of this one.
Drift drift_of(const BatchView& batch, const pipeline::SketchSummary& speed);

}  // namespace lambda_app
