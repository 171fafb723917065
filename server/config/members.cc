#include "server/config/members.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <vector>

namespace quorate::server {
namespace {

constexpr const char* kForm =
    "expected host:quorumPort:electionPort[:participant|:observer][;[clientAddress:]clientPort]";

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint32_t port = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (fault != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  if (port == 0 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

/// Splits at colons outside of square brackets; brackets are taken off. Nothing when they do not
/// match.
std::optional<std::vector<std::string>> split_address(std::string_view text) {
  std::vector<std::string> parts(1);
  bool bracket = false;
  for (const char c : text) {
    if (c == '[' && !bracket && parts.back().empty()) {
      bracket = true;
    } else if (c == ']' && bracket) {
      bracket = false;
    } else if (c == ':' && !bracket) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (bracket) return std::nullopt;
  return parts;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : '[' + host + ']';
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string no_port(const std::string& text) {
  return '"' + text + "\" is no port: expected a whole number from 1 to 65535";
}

/// The part before ';'. Returns what is wrong, or "".
std::string parse_addresses(consensus::Member& member, std::string_view text) {
  if (text.find('|') != std::string_view::npos) {
    return "more than one address per server is not available (multiAddress.enabled); give one";
  }
  const auto parts = split_address(text);
  if (!parts || parts->size() < 3 || parts->size() > 4 || parts->front().empty()) {
    return '"' + std::string(text) + "\": " + kForm + ", an IPv6 address in square brackets";
  }
  const auto quorum = parse_port((*parts)[1]);
  const auto election = parse_port((*parts)[2]);
  if (!quorum) return no_port((*parts)[1]);
  if (!election) return no_port((*parts)[2]);
  if (*quorum == *election) {
    return "quorum port and election port are both " + (*parts)[1] + "; they must differ";
  }
  member.host = (*parts)[0];
  member.quorum_port = *quorum;
  member.election_port = *election;
  if (parts->size() == 4) {
    const std::string role = lower((*parts)[3]);
    if (role != "participant" && role != "observer") {
      return '"' + (*parts)[3] + "\" is no role: expected participant or observer";
    }
    member.observer = role == "observer";
  }
  return {};
}

}  // namespace

boost::system::result<HostPort, AddressFault> parse_host_port(std::string_view text) {
  const auto parts = split_address(trim(text));
  if (!parts || parts->size() > 2) {
    return AddressFault{'"' + std::string(text) +
                        "\": expected [address:]port, an IPv6 address in square brackets"};
  }
  const auto port = parse_port(parts->back());
  if (!port) return AddressFault{no_port(parts->back())};
  return HostPort{parts->size() == 2 ? parts->front() : std::string(), *port};
}

boost::system::result<consensus::Member, AddressFault> parse_member(ServerId id,
                                                                    std::string_view value) {
  consensus::Member member;
  member.id = id;
  const std::size_t semicolon = value.find(';');
  if (std::string wrong = parse_addresses(member, trim(value.substr(0, semicolon)));
      !wrong.empty()) {
    return AddressFault{std::move(wrong)};
  }
  if (semicolon == std::string_view::npos) return member;
  // Newer trees put a TLS client address behind a second ';'.
  std::string_view client = value.substr(semicolon + 1);
  client = client.substr(0, client.find(';'));
  auto address = parse_host_port(client);
  if (!address) return AddressFault{"client part " + address.error().what};
  const std::string host = address->host.empty() ? "0.0.0.0" : address->host;
  member.client_address = bracketed(host) + ':' + std::to_string(address->port);
  return member;
}

}  // namespace quorate::server
