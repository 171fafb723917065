// Answers from the generation that is active, and goes over to another one when that becomes it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "examples/kappa/generation_view.h"
#include "examples/kappa/places.h"
#include "examples/pipeline/bus.h"
#include "quorate/sync_client.h"

namespace kappa_app {

/// A switch as those who ask see it: <root>/active is written; every Serving hears of it by a
/// watch, lets the old view stand still, and builds the new one from checkpoints and deltas; when
/// that has come as far as the old one in every partition, it takes the old one's place by one
/// assignment. Each question is answered from one view, so there is no mix, no gap, and never
/// fewer hits than before.
class Serving {
 public:
  /// `changed` is called when there is something new to see, at most every `pause`; it must not
  /// block.
  Serving(pipeline::Bus& bus, Places places, PartitionNumber partitions,
          std::function<void()> changed, std::chrono::milliseconds pause);
  ~Serving();

  /// Until stop() (no fault) or the end of the session (Connection: again with a new client; what
  /// there is to answer from stays meanwhile). BadArgument, Damaged: what was read of the active
  /// generation makes no sense.
  pipeline::Result<> follow(qc::SyncClient& store);
  void stop();  ///< Any thread.

  /// What to answer from; null before the first generation was active. Any thread.
  std::shared_ptr<const GenerationView> current() const;
  /// Which generation is active, as last heard; 0: none. Any thread.
  GenerationNumber wanted() const;
  std::string fault() const;  ///< What went wrong last, or "". Any thread.

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace kappa_app
