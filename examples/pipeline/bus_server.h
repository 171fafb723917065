// One process's EmbeddedBus for all processes of the machine (or of others: TCP).
#pragma once

#include <memory>
#include <string>

#include "examples/pipeline/embedded_bus.h"

namespace pipeline {

/// Serves RemoteBus on one thread of its own. A read for which there is nothing yet is kept until
/// an append answers it; so readers in other processes are woken as those in this one are.
class BusServer {
 public:
  /// `address`: "unix:/path/of/socket" (what a killed broker left there is replaced) or
  /// "tcp:127.0.0.1:port", port 0 for a free one. There is no authentication: do not listen where
  /// others can connect.
  static Result<std::unique_ptr<BusServer>> start(EmbeddedBus& bus, const std::string& address);
  ~BusServer();  ///< Closes all connections and waits for its thread.

  const std::string& address() const;  ///< With the port that was chosen.

  static constexpr std::size_t kConnectionsMax = 1'024;

 private:
  class State;
  explicit BusServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace pipeline
