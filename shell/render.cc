#include "shell/render.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace quorate::shell {

namespace {

std::string hex_value(std::int64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

/// Java's Date.toString(): EEE MMM dd HH:mm:ss zzz yyyy.
std::string java_date(std::int64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%a %b %d %H:%M:%S %Z %Y", &local);
  return std::string(text, size);
}

std::string watcher(const std::string& event) {
  return "\nWATCHER::\n\nWatchedEvent " + event + "\n";
}

}  // namespace

std::string stat_block(const client::Stat& stat) {
  std::string out;
  const auto line = [&](const char* name, const std::string& value) {
    out += std::string(name) + " = " + value + "\n";
  };
  line("cZxid", hex_value(stat.czxid));
  line("ctime", java_date(stat.ctime));
  line("mZxid", hex_value(stat.mzxid));
  line("mtime", java_date(stat.mtime));
  line("pZxid", hex_value(stat.pzxid));
  line("cversion", std::to_string(stat.cversion));
  line("dataVersion", std::to_string(stat.version));
  line("aclVersion", std::to_string(stat.aversion));
  line("ephemeralOwner", hex_value(stat.ephemeral_owner));
  line("dataLength", std::to_string(stat.data_length));
  line("numChildren", std::to_string(stat.num_children));
  return out;
}

std::string list_line(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string out = "[";
  for (const std::string& name : names) {
    if (out.size() > 1) out += ", ";
    out += name;
  }
  return out + "]\n";
}

std::string watch_block(const client::WatchEvent& event) {
  const bool none = event.type == client::EventType::None;
  std::string text = std::string("state:") + name_of(event.state) + " type:" + name_of(event.type) +
                     " path:" + (none ? "null" : event.path);
  if (event.zxid >= 0) text += " zxid: " + std::to_string(event.zxid);
  return watcher(text);
}

std::string session_block(const client::SessionEvent& event) {
  const char* state = nullptr;
  switch (event.state) {
    case client::SessionState::Connecting:
      return "";
    case client::SessionState::Connected:
    case client::SessionState::Reconnected:
      state = "SyncConnected";
      break;
    case client::SessionState::Suspended:
      state = "Disconnected";
      break;
    case client::SessionState::ReadOnly:
      state = "ConnectedReadOnly";
      break;
    case client::SessionState::AuthFailed:
      state = "AuthFailed";
      break;
    case client::SessionState::Expired:
      state = "Expired";
      break;
    case client::SessionState::Closed:
      state = "Closed";
      break;
  }
  return watcher(std::string("state:") + state + " type:None path:null");
}

std::string error_line(client::Code code, const std::string& message, const std::string& path) {
  using client::Code;
  switch (code) {
    case Code::NoNode:
      return "Node does not exist: " + path;
    case Code::NodeExists:
      return "Node already exists: " + path;
    case Code::NotEmpty:
      return "Node not empty: " + path;
    case Code::NoChildrenForEphemerals:
      return "Ephemerals cannot have children: " + path;
    case Code::BadVersion:
      return "version No is not valid : " + path;
    case Code::NoAuth:
      return "Insufficient permission : " + path;
    case Code::InvalidAcl:
      return "Acl is not valid : " + path;
    case Code::BadArguments:
      return "Arguments are not valid : " + path;
    case Code::NotReadOnly:
      return "Not a read-only call: " + path;
    case Code::QuotaExceeded:
      return "Quota has exceeded : " + path;
    case Code::SystemError:
      return message;  // Found by our client, which says it in words.
    default:
      return "KeeperErrorCode = " + std::string(keeper_name(code)) + " for " + path;
  }
}

}  // namespace quorate::shell
