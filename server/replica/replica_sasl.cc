// SASL on the port for clients: op 102 (spec: client-protocol 12). A login belongs to a connection,
// so nothing of it goes through the log; leaders, learners and read-only servers serve it alike.
#include <utility>

#include "server/replica/replica_impl.h"
#include "znode/auth.h"
#include "znode/proto/records.h"

namespace quorate::server {

/// Answered as soon as it is read, like an auth packet.
void Replica::Impl::on_sasl(Connection& connection, std::int32_t cxid, ByteView body) {
  JuteReader in(body);
  const Buffer token = in.buffer();
  // ZooKeeper has no answer to either.
  if (in.finish() || !token) return close(connection);
  // No login is configured: the client goes on without an identity.
  if (ports.sasl == nullptr) return answer_sasl(connection, cxid, Code::Ok, {});
  SaslStep step = sasl_step(connection, *token);
  if (step.ends()) {
    connection.sasl_over = true;
    connection.sasl.reset();
  }
  using Kind = SaslStep::Kind;
  if (step.kind == Kind::LoggedIn) {
    znode::add_sasl(options.auth, std::move(step.text), connection.identities);
  }
  if (step.kind == Kind::LoggedIn || step.kind == Kind::Challenge) {
    return answer_sasl(connection, cxid, Code::Ok, step.token);
  }
  ++metrics.auth_failures;
  ports.observer.note('W', "sasl-login-failed session=" + to_string(connection.session) +
                               " address=" + connection.identities.front().id + " reason=\"" +
                               step.text + '"');
  const bool required = znode::requires_sasl(options.auth);
  if (options.sasl_failed_stay && !required) return answer_sasl(connection, cxid, Code::Ok, {});
  answer_sasl(connection, cxid, required ? Code::SessionClosedRequireSaslAuth : Code::AuthFailed,
              {});
  close(connection);
}

SaslStep Replica::Impl::sasl_step(Connection& connection, const std::string& token) {
  if (connection.sasl_over) {
    return {SaslStep::Kind::Failed, {}, "a login on this connection has ended already"};
  }
  if (connection.sasl == nullptr) connection.sasl = ports.sasl->begin();
  return connection.sasl->step(token);
}

void Replica::Impl::answer_sasl(Connection& connection, std::int32_t cxid, Code code,
                                const Buffer& token) {
  connections.send(connection, [&](JuteWriter& out) {
    encode(out, ReplyHeader{cxid, Zxid{}, code});
    out.buffer(token);
  });
}

}  // namespace quorate::server
