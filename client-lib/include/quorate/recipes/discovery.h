// Service discovery: instances announce themselves, providers choose one. Guarantees and limits:
// docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quorate/client.h"
#include "quorate/recipes/ephemeral_node.h"
#include "quorate/recipes/service_instance.h"

namespace quorate::client {

/// Announces one instance by the ephemeral znode `base`/service/id, kept in place as EphemeralNode
/// does, for as long as this object and the session live.
class ServiceRegistration {
 public:
  ServiceRegistration(Client& client, const std::string& base, ServiceInstance instance);

  /// Waits until the instance is announced, at most `limit` (0: for ever); completes as
  /// EphemeralNode::async_wait(). May be called again.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_announce(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) {
          start_announce(l, std::move(handler));
        },
        token, limit);
  }
  void start_announce(std::chrono::milliseconds limit, Client::DoneHandler handler);
  /// Changes address, port and metadata; service and id stay. In the background.
  void update(const ServiceInstance& instance) { node_.set_data(encode_instance(instance)); }
  void withdraw() { node_.stop(); }
  bool announced() const { return node_.present(); }

 private:
  EphemeralNode node_;
  bool started_ = false;
};

/// Follows the instances of one service and hands them out. While the session is suspended, and
/// after its end, it goes on with those it knew last: see fresh(). Any thread.
class ServiceProvider {
 public:
  /// Called on the strand with all instances, in the order of their ids, after each change.
  using Listener = std::function<void(const std::vector<ServiceInstance>&)>;

  ServiceProvider(Client& client, const std::string& base, std::string service,
                  Selection selection = Selection::RoundRobin, Listener changed = {});
  ~ServiceProvider();
  ServiceProvider(const ServiceProvider&) = delete;
  ServiceProvider& operator=(const ServiceProvider&) = delete;

  void start();  ///< Once.
  /// Waits until the instances were read once; completes as TreeCache::async_wait().
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_wait(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) { start_wait(l, std::move(handler)); },
        token, limit);
  }
  void start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler);

  /// The next instance by the selection; nothing when there is none.
  std::optional<ServiceInstance> pick();
  std::vector<ServiceInstance> all() const;
  /// This instance did not answer: it is not picked for `pause`, unless all are in that state.
  void note_failure(const std::string& id,
                    std::chrono::milliseconds pause = std::chrono::seconds(10));
  bool fresh() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
