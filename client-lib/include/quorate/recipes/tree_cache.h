// Tree cache: a znode and all below it, followed by one persistent recursive watch. Guarantees and
// limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "quorate/client.h"
#include "quorate/recipes/cached_node.h"

namespace quorate::client {

/// Follows the tree at the znode `path`, which need not exist. Needs ZooKeeper 3.6 or later. Nodes
/// that this client may not read are left out.
class TreeCache {
 public:
  /// Called on the strand; must not block.
  using Listener = std::function<void(const TreeEvent&)>;

  TreeCache(Client& client, std::string path, Listener changed = {});
  ~TreeCache();  ///< As stop().
  TreeCache(const TreeCache&) = delete;
  TreeCache& operator=(const TreeCache&) = delete;

  void start();  ///< Once. Any thread.
  void stop();   ///< Any thread.

  /// Waits until the whole tree has been read once, at most `limit` (0: for ever). Completes with
  /// no error, timed_out, operation_canceled, or why it has ended (SessionExpired, Closed, NoAuth,
  /// ...).
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_wait(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) { start_wait(l, std::move(handler)); },
        token, limit);
  }
  void start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler);

  /// Any thread. A node that is not in the cache does not `exists`.
  CachedNode value(const std::string& path) const;
  /// Names of the children in the cache, sorted. Any thread.
  std::vector<std::string> children(const std::string& path) const;
  /// Everything, by path. Any thread.
  std::map<std::string, CachedNode> snapshot() const;
  /// The tree was read and the session has not been suspended since. Any thread.
  bool fresh() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
