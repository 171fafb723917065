// Leader election: a fair lock whose holder leads. Guarantees and limits: docs/recipes.md.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "quorate/recipes/lock.h"

namespace quorate::client {

/// Candidates at the znode `path`; the longest waiting one leads, until its Hold ends.
class Election {
 public:
  /// `id` is what async_leader() tells others of this candidate.
  Election(Client& client, std::string path, std::string id)
      : lock_(client, std::move(path), std::move(id)) {}

  /// Stands as a candidate, at most `limit` (0: for ever), and completes when elected; errors as
  /// Lock::async_acquire(). The Hold's token is the term: it grows from leader to leader.
  template <asio::completion_token_for<void(ErrorCode, Hold)> Token>
  auto async_lead(std::chrono::milliseconds limit, Token&& token) {
    return lock_.async_acquire(limit, std::forward<Token>(token));
  }

  /// The id of the leader as the connected server knows it; Code::NoNode when there is none.
  template <asio::completion_token_for<void(ErrorCode, std::string)> Token>
  auto async_leader(Token&& token) {
    return lock_.async_holder(std::forward<Token>(token));
  }

 private:
  Lock lock_;
};

}  // namespace quorate::client
