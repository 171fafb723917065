// One worker of a generation: a member of its consumer group until it is told to stop.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "examples/kappa/generations.h"
#include "examples/kappa/places.h"
#include "examples/kappa/view_handler.h"
#include "examples/pipeline/bus.h"
#include "examples/pipeline/consumer.h"

namespace kappa_app {

struct WorkerSettings {
  Places places;
  std::string id;
  std::chrono::milliseconds session_timeout{4'000};
  pipeline::ReadLimits limits;
};

/// Ends from several sides: a signal, or the generation's end. Any thread.
class StopOrder {
 public:
  void stop();
  bool stopped() const;
  /// `consumer` is stopped when the order comes, or has come; null: there is none any more.
  void attach(pipeline::Consumer* consumer);

 private:
  mutable std::mutex mutex_;  ///< Keeps both: a consumer that is attached is there.
  bool stopped_ = false;
  pipeline::Consumer* consumer_ = nullptr;
};

/// What a worker did, as it tells in the end.
struct WorkDone {
  pipeline::ConsumerCounts counts;
  bool retired = false;    ///< It ended because its generation has.
  bool no_server = false;  ///< It ended because there was no server for 30 s; that has been told.
};

/// Works until `order`, or until the generation is retired: then it removes what is left of it. A
/// session that is over costs its partitions, not its life. Faults as Consumer's.
///
/// Two sessions: one for membership, whose end is the loss of the partitions, and a longer one for
/// commits. So the commit of a worker that was paused past its session does reach the server, and
/// what refuses it is its token.
pipeline::Result<WorkDone> work(const WorkerSettings& settings, pipeline::Bus& bus,
                                HandlerSetting& setting, StopOrder& order);

}  // namespace kappa_app
