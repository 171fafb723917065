// Visits a subtree with many reads on their way at once and bounded memory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shell/command_table.h"

namespace quorate::shell {

struct WalkOptions {
  bool data = false;                                     ///< Fill Visit::data.
  bool stat = true;                                      ///< Fill Visit::stat; with data always.
  bool acl = false;                                      ///< Fill Visit::acl.
  std::size_t depth_max = static_cast<std::size_t>(-1);  ///< 0: the top alone.
  bool names = false;                                    ///< Fill Visit::names.
  client::Watcher watch;                                 ///< Set on the children of each node.
  std::size_t flying_max = 256;                          ///< Nodes on their way at once.
  bool skip_system = false;  ///< Leaves /zookeeper out unless it is the top.
  std::string after;  ///< Passes over what comes before this node, but for the nodes above it.
  std::function<void()> on_wait;  ///< Called before the walk waits for the server.
};

struct Visit {
  std::string path;
  std::size_t depth = 0;                 ///< 0 for the top.
  client::Code code = client::Code::Ok;  ///< NoAuth where the node may not be read.
  client::Stat stat;
  client::Buffer data;
  client::AclList acl;
  std::vector<std::string> names;  ///< Of the children, sorted.
  bool last = false;               ///< Of its siblings.
  std::size_t children = 0;
};

/// The nodes of a subtree one by one, parents before children, siblings by name. Nodes that vanish
/// meanwhile are passed over.
class Walk {
 public:
  Walk(Remote& remote, const std::string& top, const WalkOptions& options);
  ~Walk();
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  /// False at the end, at Ctrl-C and at an error about the top or one that is no node's own fault.
  bool next(Visit& visit);
  /// What ended it early, and what that was about.
  const Status& fault() const;
  const std::string& fault_path() const;

 private:
  class Walker;
  std::unique_ptr<Walker> walker_;
};

/// How many nodes a walk of this subtree will visit, where a person wants to see how far it is and
/// the server can tell (ZooKeeper 3.6); else 0.
std::size_t nodes_foreseen(Session& session, const std::string& top);

/// Calls `visit` for each node until it says false. An error is told and returned.
Exit walk(Session& session, const std::string& top, const WalkOptions& options,
          const std::function<bool(Visit&)>& visit);
/// The same at another ensemble.
Exit walk(Session& session, Remote& remote, const std::string& top, const WalkOptions& options,
          const std::function<bool(Visit&)>& visit);

}  // namespace quorate::shell
