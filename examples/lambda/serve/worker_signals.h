// The demo's buttons: a worker is killed, or paused until its session is over.
#pragma once

#include <chrono>
#include <string>

#include "examples/lambda/places.h"
#include "examples/lambda/serve/parked.h"
#include "examples/pipeline/web/web_server.h"

namespace lambda_app {

/// Any thread.
class WorkerSignals {
 public:
  /// `pause`: how long a pause is; longer than the session's timeout, so that a zombie wakes up.
  explicit WorkerSignals(std::chrono::milliseconds pause) : pause_(pause) {}

  /// `worker` as it is registered under `name`. Only a process of this user that runs this very
  /// program and command is signalled; another that got its number by chance is left alone: 409.
  pipeline::WebResponse kill(const std::string& name, const Worker& worker);
  pipeline::WebResponse pause(const std::string& name, const Worker& worker);
  bool paused(const std::string& name) const { return parked_.holds(name); }

 private:
  const std::chrono::milliseconds pause_;
  Parked parked_;
};

}  // namespace lambda_app
