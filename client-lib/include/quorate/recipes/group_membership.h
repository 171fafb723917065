// Group membership: who is there. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "quorate/client.h"
#include "quorate/recipes/ephemeral_node.h"
#include "quorate/recipes/member.h"

namespace quorate::client {

/// The group at the znode `path`; the znodes are those of kazoo's Party. A member is one ephemeral
/// znode, kept in place as EphemeralNode does.
class GroupMembership {
 public:
  using Listener = std::function<void(const std::vector<Member>&)>;

  GroupMembership(Client& client, std::string path, std::string id);
  ~GroupMembership();  ///< As leave() and unwatch().
  GroupMembership(const GroupMembership&) = delete;
  GroupMembership& operator=(const GroupMembership&) = delete;

  /// Waits until this member is in the group, at most `limit` (0: for ever); completes as
  /// EphemeralNode::async_wait(). May be called again.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_join(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) { start_join(l, std::move(handler)); },
        token, limit);
  }
  void start_join(std::chrono::milliseconds limit, Client::DoneHandler handler);
  void leave();  ///< In the background. Any thread.
  /// As EphemeralNode::present(): others see this member.
  bool joined() const;
  /// Name of this member's znode.
  const std::string& node() const { return node_; }

  /// Who is there as the connected server knows it; nobody when the group has never been used.
  template <asio::completion_token_for<void(ErrorCode, std::vector<Member>)> Token>
  auto async_members(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::vector<Member>)>(
        [this](auto handler) { start_members(std::move(handler)); }, token);
  }
  using MembersHandler = asio::any_completion_handler<void(ErrorCode, std::vector<Member>)>;
  void start_members(MembersHandler handler);

  /// From now on `changed` is told, on the strand, who is there: at first and after each change
  /// (two quick changes may be told as one). One listener; it must not block. Any thread.
  void watch(Listener changed);
  void unwatch();

 private:
  class Watching;
  Client& client_;
  std::string path_;
  std::string node_;
  std::unique_ptr<EphemeralNode> own_;
  bool started_ = false;
  std::shared_ptr<Watching> watching_;
};

}  // namespace quorate::client
