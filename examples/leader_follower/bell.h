// How watches and session events wake the threads that wait for them.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "quorate/sync_client.h"

namespace leader_follower {

namespace qc = quorate::client;
using qc::Code;

/// Rung by watches, session events and signals, waited for by one thread. A ring while nobody waits
/// is kept: the next wait returns at once. Must outlive the client whose watches ring it.
class Bell {
 public:
  void ring();
  void wait();  ///< Without a time limit: whatever can matter rings.

  /// A one-shot watch that rings, for the place called `name`; none while the one before it has not
  /// rung, so that asking again and again does not pile up watches.
  qc::WatchCallback watch(const std::string& name);
  /// The watch on `name` has not rung: what was read when it was made still holds.
  bool armed(const std::string& name) const;
  /// The watch could not be set.
  void disarm(const std::string& name);

 private:
  // The client's thread rings, another one waits: the mutex keeps both members for both.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool rung_ = false;
  std::set<std::string> armed_;
};

}  // namespace leader_follower
