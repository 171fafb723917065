#include "consensus/member_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <vector>

namespace quorate::consensus {
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
std::string parse_addresses(Member& member, std::string_view text) {
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

boost::system::result<Member, AddressFault> parse_member(ServerId id, std::string_view value) {
  Member member;
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

namespace {

/// One line of the config text; "" or what is wrong with it.
struct ConfigLines {
  std::vector<Member> members;
  QuorumGroups groups;
  std::int64_t version = 0;

  std::string take(std::string_view key, std::string_view value) {
    if (key == "version") {
      std::uint64_t hex = 0;
      if (!whole(value, hex, 16)) return "version \"" + std::string(value) + "\" is no hex number";
      version = static_cast<std::int64_t>(hex);
      return {};
    }
    const std::size_t dot = key.find('.');
    std::int64_t id = 0;
    if (dot == std::string_view::npos || !whole(key.substr(dot + 1), id, 10)) {
      return "unknown key \"" + std::string(key) + '"';
    }
    const std::string_view kind = key.substr(0, dot);
    if (kind == "server") return take_server(id, value);
    if (kind == "group") return take_group(id, value);
    if (kind != "weight") return "unknown key \"" + std::string(key) + '"';
    std::int64_t weight = 0;
    if (!whole(value, weight, 10) || weight < 0) return std::string(key) + " is no weight";
    groups.weights[{id}] = weight;
    return {};
  }

 private:
  template <class T>
  static bool whole(std::string_view text, T& value, int base) {
    const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return fault == std::errc() && stop == text.data() + text.size();
  }
  std::string take_server(std::int64_t id, std::string_view value) {
    auto member = parse_member(ServerId{id}, value);
    if (!member) return "server." + std::to_string(id) + ": " + member.error().what;
    for (const Member& other : members) {
      if (other.id == member->id) return "server." + std::to_string(id) + " twice";
    }
    members.push_back(*std::move(member));
    return {};
  }
  std::string take_group(std::int64_t id, std::string_view value) {
    auto& group = groups.groups[id];
    while (!value.empty()) {
      const std::size_t colon = value.find(':');
      std::int64_t server = 0;
      if (!whole(trim(value.substr(0, colon)), server, 10)) {
        return "group." + std::to_string(id) + ": expected server ids joined by ':'";
      }
      group.push_back({server});
      value = colon == std::string_view::npos ? std::string_view() : value.substr(colon + 1);
    }
    return {};
  }
};

}  // namespace

std::string check_groups(const std::vector<Member>& members, const QuorumGroups& groups) {
  std::vector<ServerId> grouped;
  for (const auto& [group, ids] : groups.groups) {
    for (const ServerId id : ids) {
      const bool known = std::any_of(members.begin(), members.end(),
                                     [id](const Member& member) { return member.id == id; });
      const std::string where = "group." + std::to_string(group) + " names server " + to_string(id);
      if (!known) return where + ", which has no server." + to_string(id) + " line";
      if (std::find(grouped.begin(), grouped.end(), id) != grouped.end()) {
        return where + " again: a server belongs to one group";
      }
      grouped.push_back(id);
    }
  }
  bool weighty = groups.groups.empty();
  for (const Member& member : members) {
    if (groups.groups.empty() || member.observer) continue;
    if (std::find(grouped.begin(), grouped.end(), member.id) == grouped.end()) {
      return "server." + to_string(member.id) + " is in no group: name it in a group.N line";
    }
    const auto weight = groups.weights.find(member.id);
    weighty = weighty || weight == groups.weights.end() || weight->second > 0;
  }
  return weighty ? "" : "every voter has weight 0: nobody could ever lead";
}

boost::system::result<Ensemble, AddressFault> parse_config_text(std::string_view text) {
  ConfigLines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string line(trim(text.substr(0, end)));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    std::erase(line, '\\');  // Escapes of a properties file: "\:" is a colon.
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) return AddressFault{'"' + line + "\": expected key=value"};
    const std::string_view whole = line;
    std::string wrong = lines.take(trim(whole.substr(0, equals)), trim(whole.substr(equals + 1)));
    if (!wrong.empty()) return AddressFault{std::move(wrong)};
  }
  if (std::string wrong = check_groups(lines.members, lines.groups); !wrong.empty()) {
    return AddressFault{std::move(wrong)};
  }
  const auto voters = std::count_if(lines.members.begin(), lines.members.end(),
                                    [](const Member& member) { return !member.observer; });
  if (voters == 0) return AddressFault{"no participant"};
  if (static_cast<std::size_t>(voters) > kVotersMax) {
    return AddressFault{"more than " + std::to_string(kVotersMax) + " participants"};
  }
  return Ensemble(std::move(lines.members), lines.version, std::move(lines.groups));
}

}  // namespace quorate::consensus
