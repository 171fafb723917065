// A login of three words, for tests of those who carry tokens.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "server/replica/sasl.h"

namespace quorate::server {

/// Where "bob:secret" logs in.
class FakeUsers : public SaslLogin {
 public:
  std::unique_ptr<SaslConversation> begin() override { return std::make_unique<Conversation>(); }

 private:
  struct Conversation : SaslConversation {
    SaslStep step(std::string_view token) override {
      if (!std::exchange(asked, true)) return {SaslStep::Kind::Challenge, "who?", {}};
      if (token != "bob:secret") return {SaslStep::Kind::Failed, {}, "wrong user or password"};
      return {SaslStep::Kind::LoggedIn, "proof", "bob"};
    }
    bool asked = false;
  };
};

/// Who logs in with `secret`, and believes whoever shows "proof".
class FakeAccount : public SaslLogin {
 public:
  explicit FakeAccount(std::string secret = "bob:secret") : secret_(std::move(secret)) {}
  std::unique_ptr<SaslConversation> begin() override {
    return std::make_unique<Conversation>(secret_);
  }

 private:
  struct Conversation : SaslConversation {
    explicit Conversation(std::string text) : secret(std::move(text)) {}
    SaslStep step(std::string_view token) override {
      const int now = steps++;
      if (now == 0) return {SaslStep::Kind::Challenge, "", {}};
      if (now == 1 && token == "who?") return {SaslStep::Kind::Challenge, secret, {}};
      if (now == 2 && token == "proof") return {SaslStep::Kind::LoggedIn, {}, "bob"};
      return {SaslStep::Kind::Failed, {}, "no proof"};
    }
    std::string secret;
    int steps = 0;
  };
  const std::string secret_;
};

}  // namespace quorate::server
