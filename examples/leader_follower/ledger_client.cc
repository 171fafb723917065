#include "examples/leader_follower/ledger_client.h"

#include <chrono>
#include <thread>
#include <utility>

#include "examples/leader_follower/text.h"

namespace leader_follower {

namespace {

/// Between two tries to reach a ledger that is away: nobody tells when it is back.
constexpr std::chrono::milliseconds kRetryInterval{100};

}  // namespace

bool take_address(const std::string& text, std::string& host, std::uint16_t& port) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  host = text.substr(0, colon);
  return take_number(std::string_view(text).substr(colon + 1), port) && port != 0;
}

LedgerClient::LedgerClient(const std::string& address, std::string pool,
                           std::function<bool()> give_up)
    : pool_(std::move(pool)), give_up_(std::move(give_up)) {
  take_address(address, host_, port_);
}

std::string LedgerClient::ask(const std::string& question) {
  if (!caller_.connected() && !caller_.connect(host_, port_)) return "";
  return caller_.call(question).value_or("");
}

Entry LedgerClient::insist(const std::string& question) {
  while (true) {
    const std::string answer = ask(question);
    if (answer == "ok") return Entry::Free;
    if (answer.starts_with("applied ")) return Entry::Applied;
    if (answer.starts_with("stale ")) return Entry::Stale;
    if (!answer.empty() || give_up_()) return Entry::GaveUp;
    std::this_thread::sleep_for(kRetryInterval);
  }
}

std::string LedgerClient::head(const std::string& what, const Claim& claim) const {
  return what + " " + pool_ + "/" + claim.job + " " + std::to_string(claim.token) + " " +
         claim.member;
}

Entry LedgerClient::begin(const Claim& claim) {
  return insist(head("begin", claim));
}

Entry LedgerClient::apply(const Claim& claim, const std::string& counts) {
  return insist(head("apply", claim) + "\n" + counts);
}

}  // namespace leader_follower
