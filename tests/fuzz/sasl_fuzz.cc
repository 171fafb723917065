// Any text as a JAAS file; any bytes as the tokens of a login by SASL, of a client or of a server.
#include <string>
#include <vector>

#include "base/ensure.h"
#include "server/config/sasl_rules.h"
#include "server/sasl/digest_login.h"
#include "server/sasl/digest_response.h"
#include "server/sasl/peer_login.h"
#include "tests/fuzz/input.h"

using namespace quorate;

namespace {

void read_file(const std::string& text) {
  server::SaslConfig sasl;
  sasl.section = "Server";
  std::vector<server::ConfigNotice> notices;
  const auto fault = server::read_jaas_users(sasl, {"jaas", text}, notices);
  if (fault) ENSURE(!fault->what.empty() && fault->line > 0);
  server::QuorumAuthConfig servers;
  servers.server_section = "QuorumServer";
  servers.learner_section = "QuorumLearner";
  const auto missing = server::read_jaas_servers(servers, {"jaas", text}, notices);
  ENSURE(missing ? !missing->what.empty()
                 : !servers.users.empty() && !servers.user.empty() && !servers.password.empty());
}

/// What was understood is understood again, and means the same.
void read_response(const std::string& token) {
  std::string fault;
  const auto response = server::parse_digest_response(token, server::kClientsLogin, fault);
  ENSURE(response.has_value() == fault.empty());
  if (!response) return;
  const auto again = server::parse_digest_response(response->text(), server::kClientsLogin, fault);
  ENSURE(again && again->text() == response->text());
}

/// Nobody knows the password: whatever is sent, nobody gets in.
void log_in(test::FuzzInput& input) {
  static std::string fault;
  static const auto login =
      server::open_digest_login({{"bob", "7f3a9c51e0b24d68"}}, server::kClientsLogin, fault);
  ENSURE(login != nullptr);
  const auto conversation = login->begin();
  std::string nonce;
  while (!input.empty()) {
    std::string token(as_text(input.piece(input.u16())));
    const std::size_t mark = token.find("NONCE");
    if (mark != std::string::npos) token.replace(mark, 5, nonce);
    const server::SaslStep step = conversation->step(token);
    ENSURE(step.kind != server::SaslStep::Kind::LoggedIn);
    if (step.ends()) return;
    if (step.token) nonce = server::digest_directive(*step.token, "nonce").value_or("");
  }
}

/// As above, in the packets of servers; nor does anybody prove to know it to the side that asks.
void log_in_server(test::FuzzInput& input) {
  static std::string fault;
  static const auto users =
      server::open_digest_login({{"zk", "7f3a9c51e0b24d68"}}, server::kServersLogin, fault);
  static const auto account =
      server::open_digest_account("zk", "7f3a9c51e0b24d68", server::kServersLogin, fault);
  ENSURE(users != nullptr && account != nullptr);
  Bytes out;
  const int kind = input.u8() % 3;
  server::PeerLogin login = kind == 0 ? server::PeerLogin(*account, out)
                                      : server::PeerLogin(*users, /*required=*/kind == 1);
  std::size_t sent = 0;
  while (!input.empty()) {
    const ByteView piece = input.piece(input.u16());
    sent += piece.size();
    const auto state = login.take(piece, out);
    if (state == server::PeerLogin::State::Done) {
      ENSURE(kind == 2 && login.user().empty() && login.rest().size() == sent);
      return;
    }
    if (state == server::PeerLogin::State::Failed) {
      ENSURE(!login.fault().empty());
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  switch (input.u8() % 4) {
    case 0:
      read_file(std::string(as_text(input.rest())));
      break;
    case 1:
      read_response(std::string(as_text(input.rest())));
      break;
    case 2:
      log_in(input);
      break;
    default:
      log_in_server(input);
  }
  return 0;
}
