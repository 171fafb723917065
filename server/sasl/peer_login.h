// Servers that log in to one another by SASL before anything else (quorum.auth.*): the packets in
// which the tokens travel (zab-protocol section 2.4).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "server/replica/sasl.h"

namespace quorate::server {

/// What links do; nullptr: nothing of the kind.
struct PeerSasl {
  SaslLogin* connects = nullptr;  ///< Links that we open log in (learnerRequireSasl).
  SaslLogin* accepts = nullptr;   ///< Links that others open may (enableSasl).
  bool required = false;          ///< And must (serverRequireSasl).
};

/// A login that did not come to its end, for the log.
struct FailedLogin {
  const char* port;  ///< "quorum" or "election".
  std::string address;
  std::optional<ServerId> server;  ///< As far as that is known.
  bool opened = false;             ///< We have opened the link.
  std::string reason;              ///< Empty: the connection has ended.
  bool again = false;              ///< So did the one before.

  /// A server that stops, or takes another connection, ends the one where it is: nothing to warn
  /// of, unless it goes on. Who lets others log in hears from them what they did not like.
  bool harmless() const { return reason.empty() && !(opened && again); }
  char severity() const { return harmless() ? 'I' : 'W'; }
  std::string line() const;
};

/// One side of one login, between bytes that came and bytes to send: no socket, no clock. Bounded
/// in what it keeps and in how often the other side may go on.
class PeerLogin {
 public:
  enum class State {
    UnderWay,
    Done,    ///< What has come behind it is in rest().
    Failed,  ///< As fault() says; what was appended to `out` is to be sent all the same.
  };

  /// The side that has opened the link. `out` gets what it begins with.
  PeerLogin(SaslLogin& account, Bytes& out);
  /// The other side. One that begins with anything but a login is let through, unless `required`.
  PeerLogin(SaslLogin& users, bool required);

  State take(ByteView bytes, Bytes& out);
  /// Once Done.
  Bytes rest() { return std::move(in_); }
  /// Who has logged in; empty: nobody, and nobody had to.
  const std::string& user() const { return user_; }
  const std::string& fault() const { return fault_; }
  /// Nothing has come yet, and nothing has to.
  bool may_be_plain() const { return !connects_ && !required_ && !begun_ && in_.empty(); }

 private:
  struct Packet {
    std::int32_t status = 0;
    std::string token;
  };
  enum class Found { Nothing, Packet, Fault };

  Found next(Packet& packet);
  State answer(const Packet& packet, Bytes& out);
  State go_on(const Packet& packet, Bytes& out);
  State fail(std::string what);

  const bool connects_;
  const bool required_;
  bool begun_ = false;
  int packets_ = 0;
  std::unique_ptr<SaslConversation> conversation_;
  Bytes in_;
  std::string user_, fault_;
};

}  // namespace quorate::server
