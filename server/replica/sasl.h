// How a client proves who it is by SASL: the replica carries tokens, a port knows what they mean.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "znode/proto/types.h"

namespace quorate::server {

/// What a token of a client has led to.
struct SaslStep {
  enum class Kind {
    Challenge,  ///< `token` goes to the client, which has more to say.
    LoggedIn,   ///< `token` goes to the client, which is `text` from now on.
    Refused,    ///< As `text` says; the conversation is where it was.
    Failed,     ///< As `text` says; the conversation is over.
  };
  Kind kind = Kind::Failed;
  Buffer token;
  std::string text;

  bool ends() const { return kind == Kind::LoggedIn || kind == Kind::Failed; }
};

/// One login of one connection. Bounded in steps and in memory; asks nobody, so that a step takes
/// well below a millisecond.
class SaslConversation {
 public:
  virtual ~SaslConversation() = default;
  /// Not called again after a step that ends().
  virtual SaslStep step(std::string_view token) = 0;
};

/// Where the clients of a server log in.
class SaslLogin {
 public:
  virtual ~SaslLogin() = default;
  virtual std::unique_ptr<SaslConversation> begin() = 0;
};

}  // namespace quorate::server
