#include "client-lib/src/ensemble_config.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace quorate::client {

namespace {

/// Of ids there are no more.
constexpr std::size_t kServersMax = 255;

/// What stands before the first `mark`; `text` keeps what is behind it.
std::string_view cut(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

/// "0.0.0.0", "::" and all other ways to write nothing but zeros.
bool everywhere(std::string_view name) {
  if (name.empty() || name == "0.0.0.0") return true;
  return name.find(':') != std::string_view::npos &&
         name.find_first_not_of("0:") == std::string_view::npos;
}

std::string_view without_brackets(std::string_view name) {
  if (name.size() >= 2 && name.front() == '[' && name.back() == ']') {
    return name.substr(1, name.size() - 2);
  }
  return name;
}

/// The host of "host:2888:3888:participant|host:...".
std::string_view own_host(std::string_view servers) {
  const std::string_view first = servers.substr(0, servers.find('|'));
  if (!first.starts_with('[')) return first.substr(0, first.find(':'));
  return without_brackets(first.substr(0, first.find(']') + 1));
}

/// "2181", "host:2181", "[::]:2181"; ":2181" and "" name no host.
std::optional<Host> client_host(std::string_view client, std::string_view own) {
  const std::size_t colon = client.rfind(':');
  std::string_view name, port = client;
  if (colon != std::string_view::npos) {
    name = without_brackets(client.substr(0, colon));
    port = client.substr(colon + 1);
  }
  if (everywhere(name)) name = own;
  unsigned number = 0;
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (fault != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535 ||
      everywhere(name)) {
    return std::nullopt;
  }
  const Host host{std::string(name), static_cast<std::uint16_t>(number)};
  // Whatever could not stand in a connect string is not connected to.
  const Result<ConnectString> read = parse_connect_string(to_string(host));
  if (!read || !read->chroot.empty() || read->hosts != std::vector<Host>{host}) return std::nullopt;
  return host;
}

std::optional<Host> host_of(std::string_view line, bool secure) {
  const std::string_view own = own_host(cut(line, ';'));
  const std::string_view plain = cut(line, ';');
  const std::string_view client = secure && !line.empty() ? line : plain;
  return client_host(client, own);
}

std::string_view trim(std::string_view text) {
  while (text.ends_with(' ') || text.ends_with('\r')) text.remove_suffix(1);
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

}  // namespace

EnsembleConfig read_ensemble_config(std::string_view text, bool secure) {
  EnsembleConfig config;
  while (!text.empty() && config.hosts.size() < kServersMax) {
    std::string_view value = trim(cut(text, '\n'));
    const std::string_view key = cut(value, '=');
    if (key.starts_with("server.")) {
      std::optional<Host> host = host_of(value, secure);
      if (!host) config.complete = false;
      if (host && !holds(config.hosts, *host)) config.hosts.push_back(std::move(*host));
    } else if (key == "version") {
      std::uint64_t version = 0;
      const char* const last = value.data() + value.size();
      const auto [end, fault] = std::from_chars(value.data(), last, version, 16);
      if (fault == std::errc() && end == last) config.version = version;
    }
  }
  return config;
}

bool same_hosts(const std::vector<Host>& a, const std::vector<Host>& b) {
  return std::is_permutation(a.begin(), a.end(), b.begin(), b.end(),
                             [](const Host& one, const Host& other) { return one == other; });
}

}  // namespace quorate::client
