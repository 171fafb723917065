// A login by SASL with the mechanism DIGEST-MD5, as ZooKeeper's servers ask for it (RFC 2831;
// client-protocol section 12). Pure: tokens in, tokens out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quorate/options.h"

namespace quorate::client {

class SaslExchange {
 public:
  /// `nonce`: text that nobody can guess, of letters and digits.
  SaslExchange(const SaslOptions& account, std::string nonce);

  /// The token that begins a login.
  static std::string begin() { return {}; }

  /// What to send in answer to a token of the server; "" ends the login: the server knows the
  /// password, too. Nothing: it does not, or speaks of something else.
  std::optional<std::string> step(std::string_view token);
  /// What the server has to show, once its challenge has been answered.
  std::string proof() const { return hashed(""); }

 private:
  std::optional<std::string> answer(std::string_view challenge);
  std::string hashed(std::string_view method) const;

  const SaslOptions account_;
  const std::string client_nonce_;
  std::string realm_, server_nonce_;
  bool answered_ = false;
};

}  // namespace quorate::client
