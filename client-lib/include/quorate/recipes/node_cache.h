// Node cache: one znode's data, followed. Guarantees and limits: docs/recipes.md.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "quorate/client.h"
#include "quorate/recipes/cached_node.h"

namespace quorate::client {

/// Follows the znode `path`, which need not exist.
class NodeCache {
 public:
  /// Called on the strand at first and after each change that was seen (quick ones may be seen as
  /// one); must not block.
  using Listener = std::function<void(const CachedNode&)>;

  NodeCache(Client& client, std::string path, Listener changed = {});
  ~NodeCache();  ///< As stop().
  NodeCache(const NodeCache&) = delete;
  NodeCache& operator=(const NodeCache&) = delete;

  void start();  ///< Once. Any thread.
  void stop();   ///< Any thread.

  /// The latest state seen; before the first, a node that does not exist. Any thread.
  CachedNode value() const;
  /// A state has been seen and the session is not suspended: the value lags by no more than the
  /// connected server and the events on their way. Any thread.
  bool fresh() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
