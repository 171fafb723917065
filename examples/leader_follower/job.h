// One job's znodes, seen through one session.
//
//   /leader_follower/<job>/election    candidates (quorate/recipes/election.h)
//                         /members/M   ephemeral, one per worker
//                         /shards/K    "begin end", byte range of shard K
//                         /plan        "shards bytes digest": written after all shards, once
//                         /assigned/M  numbers of the shards that M is to count
//                         /results/K   counts of shard K; whoever creates it first has counted it
//                         /final/C     chunk C of the final text
//                         /done        "chunks digest lines bad": written last, once
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "quorate/sync_client.h"

namespace leader_follower {

namespace qc = quorate::client;
using qc::Code;

/// Rung by watches and session events, waited for by worker and leader. A ring while nobody waits
/// is kept: the next wait returns at once. Must outlive the client whose watches ring it.
class Bell {
 public:
  void ring();
  void wait(std::chrono::milliseconds at_most);

  /// A one-shot watch that rings, for the place called `name`; none while the one before it has not
  /// rung, so that asking again and again does not pile up watches.
  qc::WatchCallback watch(const std::string& name);

 private:
  // The client's thread rings, the worker's waits: the mutex keeps both members for both.
  std::mutex mutex_;
  std::condition_variable wake_;
  bool rung_ = false;
  std::set<std::string> armed_;
};

struct Done {
  std::uint64_t chunks = 0;
  std::string digest;
  std::uint64_t lines = 0;
  std::uint64_t bad = 0;
};

/// Every function repeats itself while the connection is lost, which is safe for all of them, and
/// otherwise answers with the server's code.
class Job {
 public:
  Job(qc::SyncClient& client, const std::string& name)
      : client_(client), root_("/leader_follower/" + name) {}

  std::string path(const std::string& tail) const { return root_ + "/" + tail; }
  qc::SyncClient& client() { return client_; }

  /// The folders above; they may exist.
  Code make_folders();

  /// Creates the node or finds it there already: NodeExists only when its data differs from `data`.
  /// So a repeated or late write of the same thing is success, and one of another thing is refused.
  Code create_once(const std::string& tail, const std::string& data, qc::CreateMode mode);

  qc::Reply<std::string> read(const std::string& tail);
  /// The node's children; `bell`, if given, rings when they change. The node must exist.
  qc::Reply<std::vector<std::string>> list(const std::string& tail, Bell* bell = nullptr);
  /// Lets `bell` ring when the node, which need not exist, appears, changes or goes.
  Code watch(const std::string& tail, Bell& bell);
  Code write(const std::string& tail, const std::string& data);  ///< Creates or replaces.
  Code remove(const std::string& tail);                          ///< Ok when it is not there.

  /// The closing mark, if the job is done.
  qc::Reply<Done> done();
  /// The final text, checked against the mark's digest.
  qc::Reply<std::string> final_counts(const Done& mark);

 private:
  qc::SyncClient& client_;
  std::string root_;
};

/// "000042": children sort as numbers.
std::string number_name(std::uint64_t number);

}  // namespace leader_follower
