// Persistent ephemeral node: a znode that is there as long as the session is. Guarantees and
// limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "quorate/client.h"

namespace quorate::client {

/// Keeps the ephemeral znode `path` in place: made anew whenever somebody deletes it. Where another
/// session has a node there (mostly what a former run of this program left) it waits until that is
/// gone. It ends with the session; a new client needs a new object.
class EphemeralNode {
 public:
  EphemeralNode(Client& client, std::string path, std::string data = "");
  ~EphemeralNode();  ///< As stop().
  EphemeralNode(const EphemeralNode&) = delete;
  EphemeralNode& operator=(const EphemeralNode&) = delete;

  void start();                     ///< Once. Any thread.
  void stop();                      ///< Deletes the node in the background. Any thread.
  void set_data(std::string data);  ///< Takes effect in the background. Any thread.

  /// The node is known to be there and ours. False from the moment the session is suspended until
  /// the node has been seen again. Any thread.
  bool present() const;
  const std::string& path() const;

  /// Waits until the node is there with the latest data, at most `limit` (0: for ever).
  ///
  /// Completes with:
  ///  - no error;
  ///  - timed_out, operation_canceled   it goes on trying;
  ///  - SessionExpired, Closed, NoAuth, ...   why it has ended.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_wait(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) { start_wait(l, std::move(handler)); },
        token, limit);
  }
  void start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
