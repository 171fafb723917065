// One session and one place in line, as events on a pipe: the main thread of quorate-run waits for
// them and for signals at once.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "quorate/errors.h"
#include "quorate/recipes/hold.h"
#include "quorate/sync_client.h"
#include "shell/run/arguments.h"

namespace quorate::run {

/// Main thread, but for the callbacks.
class Holder {
 public:
  /// `wake` is the file descriptor that gets a byte whenever something has changed.
  Holder(const Arguments& arguments, int wake);

  /// False when no server was found in time; says why on stderr.
  bool connect();
  /// Stands in line; won() or failed() follows.
  void stand();
  /// The hold, once, when it is ours.
  std::optional<client::Hold> take_won();
  /// Why the place in line was lost; nothing while it stands.
  std::optional<client::ErrorCode> take_failed();
  std::chrono::milliseconds session_timeout() const { return session_timeout_; }
  /// Ends the session: all places in line and holds are given up at once.
  void close() { client_.close(); }

 private:
  struct Shared;
  client::SyncClient client_;
  const Arguments& arguments_;
  std::chrono::milliseconds session_timeout_{0};
  std::shared_ptr<Shared> shared_;
};

}  // namespace quorate::run
