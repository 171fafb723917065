// A session for a program whose own work does not depend on having one.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "examples/lambda/places.h"
#include "quorate/sync_client.h"

namespace lambda_app {

/// Holds a session, and gets another when it is over, on a thread of its own.
class SessionKeeper {
 public:
  /// What lives as long as one session: made with it, gone before its client is. Called by the
  /// keeper's thread; may block.
  using Joined = std::function<std::shared_ptr<void>(qc::SyncClient&)>;

  /// Nothing, with a word on standard error, if no server answers within 30 s.
  static std::unique_ptr<SessionKeeper> start(const Common& common, Joined joined);
  ~SessionKeeper();  ///< Closes the session.
  SessionKeeper(const SessionKeeper&) = delete;
  SessionKeeper& operator=(const SessionKeeper&) = delete;

 private:
  SessionKeeper(const Common& common, Joined joined)
      : common_(common), joined_(std::move(joined)) {}
  bool connect();
  void run();

  const Common common_;
  const Joined joined_;
  std::mutex mutex_;  ///< Keeps all below, for the keeper's thread, the client's and the owner's.
  std::condition_variable changed_;
  std::shared_ptr<qc::SyncClient> client_;
  bool over_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lambda_app
