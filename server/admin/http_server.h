// The admin pages: ZooKeeper's commands, metrics and health over HTTP, on a thread of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "server/admin/facts.h"
#include "server/admin/restore_upload.h"
#include "server/admin/tree_spool.h"
#include "server/config/config.h"

namespace quorate::server {

/// Runs a job on the event loop, soon. Any thread.
using AskLoop = std::function<void(std::function<void(AdminSource&)> job)>;

/// Bounded in every direction: connections, bytes of a request, time for one. Whatever comes over
/// the port, the worst is a closed connection.
class HttpServer {
 public:
  /// `config` outlives the server.
  HttpServer(const Config& config, AskLoop ask, OpenSnapshotFile open_file,
             OpenReceivedSnapshot open_received);
  ~HttpServer();  ///< stop()

  /// Opens the ports that the configuration asks for: the admin port, and one for /metrics alone
  /// where the Prometheus provider is chosen. A port that cannot be opened is a warning that names
  /// its key. Starts the thread if there is anything to do.
  void start();
  /// Ends all connections and the thread.
  void stop();

  std::uint16_t admin_port() const;    ///< 0: not open.
  std::uint16_t metrics_port() const;  ///< 0: not open.

  struct Core;

 private:
  std::shared_ptr<Core> core_;
  std::thread thread_;
};

}  // namespace quorate::server
