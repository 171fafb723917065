// Operations that are asked again until their outcome is known.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <cstdint>
#include <string>
#include <utility>

#include "quorate/client.h"

namespace quorate::client {

/// The same operations as Client's, tried again while the session lives and `policy` allows:
/// ConnectionLoss and OperationTimeout are no answers here, unless the policy ran out. Where an
/// earlier try may have been carried out, what is found is judged:
///
///  - reads and sync: asked again as they are.
///  - set_data with a version: BadVersion is success if the node is one version further and holds
///    just our data. Where two writers may write the same and only one may win, make it unique.
///  - set_data without one: written again; may count two versions, and may overwrite what another
///    wrote between the tries.
///  - set_acl: as set_data, by the list and its version. A list with entries of the scheme "auth",
///    which the server replaces by others, cannot be recognised: OutcomeUnknown.
///  - remove: NoNode is success, it is gone.
///  - create of a sequential node: a random GUID in front of the name tells our node from others
///    (`_c_GUID-name0000000007`, Curator's form); the owner of an ephemeral one must be our
///    session.
///  - create of an ephemeral node: NodeExists is success if our session owns it and its data is
///  ours.
///  - other creates: NodeExists is OutcomeUnknown, whose node it is cannot be told.
///  - commit: by one operation that tells of all: the create of a sequential node (as above, with a
///    GUID), else of an ephemeral one, else set_data with a version (which must be one further with
///    our data; several further is OutcomeUnknown). A transaction without any of these that creates
///    or removes is OutcomeUnknown when a later try is refused. Found done, the reply has the Stats
///    of now, empty where the node is gone again.
///
/// Handlers and threads as Client's. Cancelled or out of tries: the latest error, and the outcome
/// of a write may be unknown.
class Retry {
 public:
  explicit Retry(const Client& client, RetryPolicy policy = RetryPolicy());

  template <asio::completion_token_for<void(ErrorCode, CreateReply)> Token>
  auto async_create(std::string path, Buffer data, CreateOptions options, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, CreateReply)>(
        [this](auto handler, std::string p, Buffer d, CreateOptions o) {
          start_create(std::move(p), std::move(d), std::move(o), std::move(handler));
        },
        token, std::move(path), std::move(data), std::move(options));
  }
  void start_create(std::string path, Buffer data, CreateOptions options,
                    Client::CreateHandler handler);

  template <asio::completion_token_for<void(ErrorCode, GetDataReply)> Token>
  auto async_get_data(std::string path, Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, GetDataReply)>(
        [this](auto handler, std::string p, Watcher w) {
          start_get_data(std::move(p), std::move(w), std::move(handler));
        },
        token, std::move(path), std::move(watcher));
  }
  template <asio::completion_token_for<void(ErrorCode, GetDataReply)> Token>
  auto async_get_data(std::string path, Token&& token) {
    return async_get_data(std::move(path), Watcher(), std::forward<Token>(token));
  }
  void start_get_data(std::string path, Watcher watcher, Client::GetDataHandler handler);

  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_set_data(std::string path, Buffer data, std::int32_t version, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Stat)>(
        [this](auto handler, std::string p, Buffer d, std::int32_t v) {
          start_set_data(std::move(p), std::move(d), v, std::move(handler));
        },
        token, std::move(path), std::move(data), version);
  }
  void start_set_data(std::string path, Buffer data, std::int32_t version,
                      Client::StatHandler handler);

  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_exists(std::string path, Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Stat)>(
        [this](auto handler, std::string p, Watcher w) {
          start_exists(std::move(p), std::move(w), std::move(handler));
        },
        token, std::move(path), std::move(watcher));
  }
  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_exists(std::string path, Token&& token) {
    return async_exists(std::move(path), Watcher(), std::forward<Token>(token));
  }
  void start_exists(std::string path, Watcher watcher, Client::StatHandler handler);

  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_remove(std::string path, std::int32_t version, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string p, std::int32_t v) {
          start_remove(std::move(p), v, std::move(handler));
        },
        token, std::move(path), version);
  }
  void start_remove(std::string path, std::int32_t version, Client::DoneHandler handler);

  template <asio::completion_token_for<void(ErrorCode, GetChildrenReply)> Token>
  auto async_get_children(std::string path, Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, GetChildrenReply)>(
        [this](auto handler, std::string p, Watcher w) {
          start_get_children(std::move(p), std::move(w), std::move(handler));
        },
        token, std::move(path), std::move(watcher));
  }
  template <asio::completion_token_for<void(ErrorCode, GetChildrenReply)> Token>
  auto async_get_children(std::string path, Token&& token) {
    return async_get_children(std::move(path), Watcher(), std::forward<Token>(token));
  }
  void start_get_children(std::string path, Watcher watcher, Client::GetChildrenHandler handler);

  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_sync(std::string path, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string p) { start_sync(std::move(p), std::move(handler)); },
        token, std::move(path));
  }
  void start_sync(std::string path, Client::DoneHandler handler);

  template <asio::completion_token_for<void(ErrorCode, GetAclReply)> Token>
  auto async_get_acl(std::string path, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, GetAclReply)>(
        [this](auto handler, std::string p) { start_get_acl(std::move(p), std::move(handler)); },
        token, std::move(path));
  }
  void start_get_acl(std::string path, Client::GetAclHandler handler);

  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_set_acl(std::string path, AclList acl, std::int32_t version, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Stat)>(
        [this](auto handler, std::string p, AclList a, std::int32_t v) {
          start_set_acl(std::move(p), std::move(a), v, std::move(handler));
        },
        token, std::move(path), std::move(acl), version);
  }
  void start_set_acl(std::string path, AclList acl, std::int32_t version,
                     Client::StatHandler handler);

  template <asio::completion_token_for<void(ErrorCode, TransactionReply)> Token>
  auto async_commit(Transaction transaction, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, TransactionReply)>(
        [this](auto handler, Transaction t) { start_commit(std::move(t), std::move(handler)); },
        token, std::move(transaction));
  }
  void start_commit(Transaction transaction, Client::CommitHandler handler);

 private:
  std::shared_ptr<Client> client_;  ///< A face of its own: tries may outlive the caller's client.
  RetryPolicy policy_;
};

}  // namespace quorate::client
