// Pushed configuration: one text that all processes follow. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "quorate/client.h"
#include "quorate/recipes/config_snapshot.h"

namespace quorate::client {

/// The configuration in the znode `path`, which need not exist. A reader keeps the last text that
/// it has accepted, whatever happens to the servers or to the znode.
class PushedConfig {
 public:
  /// On the strand; must not block. False keeps the text that was accepted before.
  using Accept = std::function<bool(const ConfigSnapshot&)>;

  /// `accept` is asked for each text that was seen, the first included; it is also where to apply
  /// it.
  PushedConfig(Client& client, std::string path, Accept accept);
  ~PushedConfig();
  PushedConfig(const PushedConfig&) = delete;
  PushedConfig& operator=(const PushedConfig&) = delete;

  void start();  ///< Once. Any thread.

  /// The text accepted last; version -1 before the first. Any thread.
  ConfigSnapshot current() const;
  /// The latest text seen was refused, or the znode is gone, or the session suspended: there may be
  /// a newer one. Any thread.
  bool stale() const;

  /// Replaces the text, once also when the reply is lost, if its version is still `seen`; -1
  /// creates it. Completes with
  ///  - no error         and the new version;
  ///  - Code::BadVersion, NodeExists   somebody else has changed it: read, decide, try again;
  ///  - SessionExpired   while the outcome was unknown; NoAuth, ...
  template <asio::completion_token_for<void(ErrorCode, std::int32_t)> Token>
  auto async_publish(std::string text, std::int32_t seen, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::int32_t)>(
        [this](auto handler, std::string t, std::int32_t s) {
          start_publish(std::move(t), s, std::move(handler));
        },
        token, std::move(text), seen);
  }
  using PublishHandler = asio::any_completion_handler<void(ErrorCode, std::int32_t)>;
  void start_publish(std::string text, std::int32_t seen, PublishHandler handler);

 private:
  class State;
  Client& client_;
  std::string path_;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
