#include "shell/members.h"

#include <algorithm>
#include <future>
#include <sstream>

#include "shell/four_letter.h"

namespace quorate::shell {

namespace {

constexpr auto kPatience = std::chrono::milliseconds(1500);

void add_once(std::vector<std::string>& all, const std::string& one) {
  if (!one.empty() && std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

/// "host:2888:3888:participant;0.0.0.0:2181" -> "host:2181"; "" without a client port.
std::string client_address(const std::string& member) {
  const std::size_t semicolon = member.find(';');
  if (semicolon == std::string::npos) return "";
  const std::string client = member.substr(semicolon + 1);
  const std::size_t colon = client.rfind(':');
  const std::string port = colon == std::string::npos ? client : client.substr(colon + 1);
  std::string host = colon == std::string::npos ? "" : client.substr(0, colon);
  if (host.empty() || host == "0.0.0.0" || host == "[::]") {
    const std::size_t end = member.starts_with('[') ? member.find(']') + 1 : member.find(':');
    host = member.substr(0, end);
  }
  return host + ":" + port;
}

}  // namespace

std::vector<std::string> client_addresses(Session& session) {
  std::vector<std::string> all;
  auto config = session.remote.get_config();
  std::istringstream lines(config ? config.value.text : "");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("server.")) add_once(all, client_address(line.substr(line.find('=') + 1)));
  }
  if (!all.empty()) return all;
  const std::string servers = session.remote.options().servers;
  std::istringstream hosts(servers.substr(0, servers.find('/')));
  for (std::string host; std::getline(hosts, host, ',');) {
    const std::size_t colon = host.rfind(':');
    const bool port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
    add_once(all, port ? host : host + ":2181");
  }
  return all;
}

bool parse_connection(const std::string& line, ClientConnection& out) {
  const std::size_t slash = line.find('/');
  const std::size_t bracket = line.find('[', slash);
  const std::size_t open = line.find('(', bracket);
  if (slash == std::string::npos || bracket == std::string::npos || open == std::string::npos) {
    return false;
  }
  out.client = line.substr(slash + 1, bracket - slash - 1);
  const auto field = [&](const std::string& name) -> std::string {
    const std::size_t at = line.find(name + "=", open);
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 1;
    return line.substr(begin, line.find_first_of(",)", begin) - begin);
  };
  out.session = field("sid");
  out.established_ms = parse_int64(field("est")).value_or(0);
  out.timeout_ms = parse_int64(field("to")).value_or(0);
  return out.session.starts_with("0x") && out.session != "0x0";
}

const ClientConnection* Connections::find(const std::string& session) const {
  const auto found = std::find_if(all.begin(), all.end(), [&](const ClientConnection& each) {
    return each.session == session;
  });
  return found == all.end() ? nullptr : &*found;
}

std::vector<MemberAnswer> ask_members(const std::vector<std::string>& servers,
                                      const std::vector<std::string>& words) {
  std::vector<std::future<MemberAnswer>> asked;
  for (const std::string& server : servers) {
    asked.push_back(std::async(std::launch::async, [server, &words] {
      MemberAnswer out;
      out.server = server;
      for (const std::string& word : words) {
        std::string fault;
        out.text = four_letter(server, word, kPatience, fault);
        if (!out.text.empty()) {
          out.word = word;
          return out;
        }
        // What hindered the first word is the more telling.
        if (out.fault.empty()) out.fault = fault;
      }
      return out;
    }));
  }
  std::vector<MemberAnswer> answers;
  for (auto& each : asked) answers.push_back(each.get());
  return answers;
}

Connections ask_connections(Session& session) {
  Connections out;
  for (const MemberAnswer& answer : ask_members(client_addresses(session), {"cons"})) {
    if (answer.word.empty()) out.missing.push_back(answer.server + ": " + answer.fault);
    std::istringstream lines(answer.text);
    for (std::string line; std::getline(lines, line);) {
      ClientConnection each;
      each.server = answer.server;
      if (parse_connection(line, each)) out.all.push_back(std::move(each));
    }
  }
  return out;
}

std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      text += row[i] + (last ? "\n" : std::string(widths[i] - row[i].size() + 2, ' '));
    }
  }
  return text;
}

}  // namespace quorate::shell
