#include "shell/render.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace quorate::shell {

namespace {

std::string formatted_time(std::int64_t ms, const char* format) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, format, &local);
  return std::string(text, size);
}

/// Java's Date.toString(): EEE MMM dd HH:mm:ss zzz yyyy.
std::string java_date(std::int64_t ms) {
  return formatted_time(ms, "%a %b %d %H:%M:%S %Z %Y");
}

std::string zxid_text(std::int64_t zxid, bool human) {
  if (!human) return hex_value(zxid);
  return hex_value(zxid) + " (epoch " + std::to_string(zxid >> 32) + ", txn " +
         std::to_string(zxid & 0xffffffff) + ")";
}

std::string time_text(std::int64_t ms, bool human) {
  if (!human) return java_date(ms);
  return local_time(ms) + " (" + rough_duration(now_ms() - ms) + " ago)";
}

std::string watcher(const std::string& event) {
  return "\nWATCHER::\n\nWatchedEvent " + event + "\n";
}

const char* state_word(client::SessionState state) {
  using client::SessionState;
  switch (state) {
    case SessionState::Connecting:
      return "";
    case SessionState::Connected:
    case SessionState::Reconnected:
      return "SyncConnected";
    case SessionState::Suspended:
      return "Disconnected";
    case SessionState::Expired:
      return "Expired";
    case SessionState::Closed:
      return "Closed";
    case SessionState::AuthFailed:
      return "AuthFailed";
    case SessionState::ReadOnly:
      return "ConnectedReadOnly";
  }
  return "";
}

}  // namespace

std::string hex_value(std::int64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string local_time(std::int64_t ms) {
  return formatted_time(ms, "%Y-%m-%d %H:%M:%S");
}

std::string rough_duration(std::int64_t ms) {
  const std::int64_t s = std::max<std::int64_t>(0, ms / 1000);
  if (s < 120) return std::to_string(s) + " s";
  if (s < 7200) return std::to_string(s / 60) + " min";
  if (s < 172800) return std::to_string(s / 3600) + " h";
  return std::to_string(s / 86400) + " d";
}

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string stat_block(const client::Stat& stat, bool human) {
  std::string out;
  const auto line = [&](const char* name, const std::string& value) {
    out += std::string(name) + " = " + value + "\n";
  };
  line("cZxid", zxid_text(stat.czxid, human));
  line("ctime", time_text(stat.ctime, human));
  line("mZxid", zxid_text(stat.mzxid, human));
  line("mtime", time_text(stat.mtime, human));
  line("pZxid", zxid_text(stat.pzxid, human));
  line("cversion", std::to_string(stat.cversion));
  line("dataVersion", std::to_string(stat.version));
  line("aclVersion", std::to_string(stat.aversion));
  line("ephemeralOwner", hex_value(stat.ephemeral_owner));
  line("dataLength", std::to_string(stat.data_length));
  line("numChildren", std::to_string(stat.num_children));
  return out;
}

Json stat_json(const client::Stat& stat) {
  // Ids as zkCli shows them: they do not fit into a double.
  return Json{{"cZxid", hex_value(stat.czxid)},
              {"ctime", stat.ctime},
              {"mZxid", hex_value(stat.mzxid)},
              {"mtime", stat.mtime},
              {"pZxid", hex_value(stat.pzxid)},
              {"cversion", stat.cversion},
              {"dataVersion", stat.version},
              {"aclVersion", stat.aversion},
              {"ephemeralOwner", hex_value(stat.ephemeral_owner)},
              {"dataLength", stat.data_length},
              {"numChildren", stat.num_children}};
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

Json event_json(const client::WatchEvent& event) {
  Json out{{"event", name_of(event.type)}, {"state", name_of(event.state)}, {"path", event.path}};
  if (event.zxid >= 0) out["zxid"] = hex_value(event.zxid);
  return out;
}

std::string session_block(const client::SessionEvent& event) {
  const std::string state = state_word(event.state);
  return state.empty() ? "" : watcher("state:" + state + " type:None path:null");
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
    case Code::ReconfigInProgress:
      return "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)";
    case Code::NewConfigNoQuorum:
      return "No quorum of new config is connected and up-to-date with the leader of last "
             "committed config: let the new members sync as learners first, then try again";
    case Code::SystemError:
      return message;  // Found by our client, which says it in words.
    default:
      return "KeeperErrorCode = " + std::string(keeper_name(code)) +
             (path.empty() ? "" : " for " + path);
  }
}

std::string no_connection_text(const std::string& servers,
                               const client::Reply<client::Connected>& attempt) {
  std::string text = "Cannot connect to " + servers + ": " + attempt.message;
  for (const auto& [server, reason] : attempt.value.failures) {
    text += "\n  tried " + server + ": " + reason;
  }
  if (text.find("TLS") != std::string::npos) {
    text += "\nFor a TLS port: quorate-shell --ca FILE [--cert FILE --key FILE] -server host:port";
  }
  if (attempt.code == Code::AuthFailed) {
    return text +
           "\nThe server does not let this user in: check --sasl-user and the password; its "
           "log says which it is, or that it has no logins";
  }
  return text +
         "\nTo start servers on this machine: scripts/quickstart, or: quorate-server zoo.cfg"
         "\nTo use others: quorate-shell -server host:port[,host:port...]";
}

}  // namespace quorate::shell
