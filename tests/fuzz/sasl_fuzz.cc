// Any text as a JAAS file; any bytes as the tokens of a login by SASL.
#include <string>
#include <vector>

#include "base/ensure.h"
#include "server/config/sasl_rules.h"
#include "server/sasl/digest_login.h"
#include "server/sasl/digest_response.h"
#include "tests/fuzz/input.h"

using namespace quorate;

namespace {

void read_file(const std::string& text) {
  server::SaslConfig sasl;
  sasl.section = "Server";
  std::vector<server::ConfigNotice> notices;
  const auto fault = server::read_jaas_users(sasl, "jaas", text, notices);
  if (fault) ENSURE(!fault->what.empty() && fault->line > 0);
}

/// What was understood is understood again, and means the same.
void read_response(const std::string& token) {
  std::string fault;
  const auto response = server::parse_digest_response(token, fault);
  ENSURE(response.has_value() == fault.empty());
  if (!response) return;
  const auto again = server::parse_digest_response(response->text(), fault);
  ENSURE(again && again->text() == response->text());
}

/// Nobody knows the password: whatever is sent, nobody gets in.
void log_in(test::FuzzInput& input) {
  static std::string fault;
  static const auto login = server::open_digest_login({{"bob", "7f3a9c51e0b24d68"}}, fault);
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  switch (input.u8() % 3) {
    case 0:
      read_file(std::string(as_text(input.rest())));
      break;
    case 1:
      read_response(std::string(as_text(input.rest())));
      break;
    default:
      log_in(input);
  }
  return 0;
}
