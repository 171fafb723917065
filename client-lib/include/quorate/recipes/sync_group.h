// Blocking faces of leader latch, leader selector, ephemeral node and group membership. No Boost
// header. What a function promises is said of the one of the same name in the header named there.
// Objects go before their client; their destructors do as stop() or leave(). Listeners run on the
// client's I/O thread: they must neither block nor call back into blocking functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "quorate/recipes/leadership.h"
#include "quorate/recipes/member.h"
#include "quorate/sync_client.h"

namespace quorate::client {

class EphemeralNode;
class GroupMembership;
class LeaderLatch;

/// LeaderLatch (recipes/leader_latch.h) for a SyncClient.
class SyncLeaderLatch {
 public:
  using Listener = std::function<void(bool leads, std::int64_t term)>;
  SyncLeaderLatch(SyncClient& client, std::string path, std::string id, Listener changed = {});
  ~SyncLeaderLatch();

  void start();
  void stop();
  bool leads() const;
  std::int64_t term() const;
  /// The term once it leads; Code::RequestTimeout when `limit` passed.
  Reply<std::int64_t> wait(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  SyncClient& client_;
  std::unique_ptr<LeaderLatch> latch_;
};

/// LeaderSelector (recipes/leader_selector.h) for a SyncClient: each term's task runs on a thread
/// of its own and may block. stop() and the destructor wait for a running task.
class SyncLeaderSelector {
 public:
  using Task = std::function<void(const Leadership&)>;
  SyncLeaderSelector(SyncClient& client, std::string path, std::string id, Task task,
                     int priority = 0, bool requeue = true);
  ~SyncLeaderSelector();

  void start();
  void stop();

 private:
  class Terms;
  std::unique_ptr<Terms> terms_;
};

/// EphemeralNode (recipes/ephemeral_node.h) for a SyncClient.
class SyncEphemeralNode {
 public:
  SyncEphemeralNode(SyncClient& client, std::string path, std::string data = "");
  ~SyncEphemeralNode();

  /// Begins, at the first call, and waits until the node is there.
  Status wait(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  void set_data(std::string data);
  bool present() const;
  void stop();

 private:
  SyncClient& client_;
  std::unique_ptr<EphemeralNode> node_;
  bool started_ = false;
};

/// GroupMembership (recipes/group_membership.h) for a SyncClient.
class SyncGroup {
 public:
  SyncGroup(SyncClient& client, std::string path, std::string id);
  ~SyncGroup();

  Status join(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  void leave();
  bool joined() const;
  Reply<std::vector<Member>> members();
  void watch(std::function<void(const std::vector<Member>&)> changed);
  void unwatch();

 private:
  SyncClient& client_;
  std::unique_ptr<GroupMembership> group_;
};

}  // namespace quorate::client
