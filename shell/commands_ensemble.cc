// ensemble, sessions, ephemerals, why: who serves, who is connected, who owns what.
#include <algorithm>

#include "shell/acl_text.h"
#include "shell/command_table.h"
#include "shell/four_letter.h"
#include "shell/members.h"
#include "shell/render.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

using client::Code;

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

/// The same facts from mntr's or srvr's names.
std::string fact(const std::map<std::string, std::string>& fields, const char* mntr,
                 const char* srvr) {
  for (const char* name : {mntr, srvr}) {
    if (const auto found = fields.find(name); found != fields.end()) return found->second;
  }
  return "";
}

Exit run_ensemble(Session& session, const Arguments&) {
  const auto answers = ask_members(client_addresses(session), {"srvr"});
  std::vector<std::string> servers;
  for (const MemberAnswer& each : answers) servers.push_back(each.server);
  const auto more = ask_members(servers, {"mntr"});
  std::vector<std::vector<std::string>> rows{
      {"server", "role", "zxid", "avg ms", "max ms", "connections", "outstanding", "nodes"}};
  Json json = Json::array();
  std::string missing;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto srvr = answer_fields(answers[i].text);
    const auto mntr = answer_fields(more[i].text);
    auto fields = srvr;
    fields.insert(mntr.begin(), mntr.end());
    std::string latency = fact(srvr, "Latency min/avg/max", "");
    const std::size_t slash = latency.find('/');
    const std::size_t second = latency.find('/', slash + 1);
    const bool told = second != std::string::npos;
    const std::string average = fact(mntr, "zk_avg_latency", "");
    const std::string average_or = !average.empty() ? average
                                   : told           ? latency.substr(slash + 1, second - slash - 1)
                                                    : "";
    const std::string highest =
        told ? latency.substr(second + 1) : fact(mntr, "zk_max_latency", "");
    const std::string role = fact(fields, "Mode", "zk_server_state");
    rows.push_back({answers[i].server, role.empty() ? "?" : role, or_dash(fact(srvr, "Zxid", "")),
                    or_dash(average_or), or_dash(highest),
                    or_dash(fact(fields, "Connections", "zk_num_alive_connections")),
                    or_dash(fact(fields, "Outstanding", "zk_outstanding_requests")),
                    or_dash(fact(fields, "Node count", "zk_znode_count"))});
    json.push_back({{"server", answers[i].server},
                    {"role", role},
                    {"zxid", fact(srvr, "Zxid", "")},
                    {"latencyAverage", average_or},
                    {"latencyMax", highest},
                    {"connections", fact(fields, "Connections", "zk_num_alive_connections")},
                    {"outstanding", fact(fields, "Outstanding", "zk_outstanding_requests")},
                    {"nodes", fact(fields, "Node count", "zk_znode_count")},
                    {"version", fact(fields, "zk_version", "Zookeeper version")},
                    {"fault", answers[i].fault}});
    if (answers[i].word.empty()) {
      missing += answers[i].server + " did not tell: " + answers[i].fault + "\n";
    } else if (more[i].word.empty()) {
      missing += answers[i].server + " told less: " + more[i].fault + "\n";
    }
  }
  return session.answer(text_table(rows) + (missing.empty() ? "" : "\n" + missing),
                        Json{{"servers", json}});
}

std::string missing_text(const Connections& connections) {
  std::string text;
  for (const std::string& each : connections.missing) text += "not told by " + each + "\n";
  return text;
}

Exit run_sessions(Session& session, const Arguments&) {
  const Connections connections = ask_connections(session);
  std::vector<std::vector<std::string>> rows{{"session", "client", "server", "timeout", "since"}};
  Json json = Json::array();
  for (const ClientConnection& each : connections.all) {
    const bool dated = each.established_ms > 0;
    rows.push_back({each.session, each.client, each.server, std::to_string(each.timeout_ms) + " ms",
                    dated ? local_time(each.established_ms) : "-"});
    json.push_back({{"session", each.session},
                    {"client", each.client},
                    {"server", each.server},
                    {"timeout", each.timeout_ms},
                    {"since", each.established_ms}});
  }
  return session.answer(text_table(rows) + missing_text(connections),
                        Json{{"sessions", json}, {"missing", connections.missing}});
}

Exit run_ephemerals(Session& session, const Arguments& arguments) {
  const std::string top = arguments.word(0, session.directory.empty() ? "/" : session.directory);
  const Connections connections = ask_connections(session);
  const Exit code = walk(session, top, WalkOptions(), [&](Visit& visit) {
    if (visit.stat.ephemeral_owner == 0) return true;
    const std::string owner = hex_value(visit.stat.ephemeral_owner);
    const ClientConnection* found = connections.find(owner);
    const std::string from = found == nullptr ? "not connected" : found->client;
    session.answer(
        visit.path + "  " + owner + "  " + from + "  since " + local_time(visit.stat.ctime) + "\n",
        Json{{"path", visit.path},
             {"session", owner},
             {"client", found == nullptr ? "" : found->client},
             {"since", visit.stat.ctime}});
    return true;
  });
  if (code == Exit::Ok && !session.style().json) session.output.out(missing_text(connections));
  return code;
}

// ---- why ----------------------------------------------------------------------------------------

/// World's entries hold for everybody, others for the identity they name.
bool applies(const client::Acl& acl, const std::vector<client::AuthId>& mine) {
  if (acl.who.scheme == "world" && acl.who.id == "anyone") return true;
  return std::any_of(mine.begin(), mine.end(), [&](const client::AuthId& each) {
    if (each.scheme != acl.who.scheme) return false;
    // A digest is "user:hash" in the list; who am I tells the user alone.
    return each.id == acl.who.id || acl.who.id.starts_with(each.id + ":") || each.scheme == "super";
  });
}

std::int32_t my_perms(const client::AclList& acl, const std::vector<client::AuthId>& mine) {
  std::int32_t perms = 0;
  for (const client::Acl& each : acl) perms |= applies(each, mine) ? each.perms : 0;
  return perms;
}

std::string missing_help(const client::AclList& acl, std::int32_t missing) {
  std::string help;
  for (const client::Acl& each : acl) {
    if ((each.perms & missing) == 0 || each.who.scheme == "world") continue;
    const std::string user = each.who.id.substr(0, each.who.id.find(':'));
    help += "    " + perms_text(each.perms & missing) + " has " + each.who.scheme + ":" + user;
    help += each.who.scheme == "digest" ? "; addauth digest " + user + ":password\n" : "\n";
  }
  return help.empty() ? "    nobody in the list has: " + perms_text(missing) + "\n" : help;
}

/// What this session may do with the node, and who may do the rest.
std::string rights_text(const std::string& path, const client::AclList& acl,
                        const std::vector<client::AuthId>& mine, Json& json) {
  const std::int32_t have = my_perms(acl, mine);
  const std::int32_t missing = client::perm::kAll & ~have;
  json["acl"] = acl_json(acl);
  json["mine"] = perms_text(have);
  json["missing"] = perms_text(missing);
  std::string text = "  you may: " + (have == 0 ? std::string("nothing") : perms_text(have));
  if (missing == 0) return text + " (everything) on " + path + "\n";
  return text + " on " + path + "; missing: " + perms_text(missing) + "\n" +
         missing_help(acl, missing);
}

std::string owner_text(Session& session, const client::Stat& stat, Json& json) {
  if (stat.ephemeral_owner == 0) return "  persistent: it belongs to no session\n";
  const std::string owner = hex_value(stat.ephemeral_owner);
  json["session"] = owner;
  if (stat.ephemeral_owner == static_cast<std::int64_t>(0x8000000000000000)) {
    return "  a container: it goes after its last child\n";
  }
  if ((static_cast<std::uint64_t>(stat.ephemeral_owner) >> 56) == 0xff) {
    return "  with a TTL of " + std::to_string(stat.ephemeral_owner & 0xffffffffff) + " ms\n";
  }
  const Connections connections = ask_connections(session);
  const ClientConnection* found = connections.find(owner);
  std::string text = "  ephemeral: it belongs to session " + owner;
  if (owner == hex_value(session.remote.session_id().value)) {
    text += ", which is this one";
  }
  if (found == nullptr) {
    return text + ", which is connected to no server that told\n" + missing_text(connections);
  }
  json["client"] = found->client;
  json["server"] = found->server;
  json["connectedSince"] = found->established_ms;
  text += "\n  the session is of " + found->client + ", connected to " + found->server;
  if (found->established_ms > 0) text += " since " + local_time(found->established_ms);
  return text + "; timeout " + std::to_string(found->timeout_ms) + " ms\n";
}

std::string age_text(const client::Stat& stat) {
  return "  created " + local_time(stat.ctime) + " (" + rough_duration(now_ms() - stat.ctime) +
         " ago), last changed " + local_time(stat.mtime) + ", version " +
         std::to_string(stat.version) + "\n";
}

Exit run_why(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  auto stat = session.remote.exists(path);
  // Servers from 3.9 on hide even the Stat of what may not be read.
  if (!stat && stat.code != Code::NoAuth) return session.finish(stat, path);
  Json json{{"path", path}};
  std::string text = path + "\n";
  if (stat) {
    json["created"] = stat.value.ctime;
    json["changed"] = stat.value.mtime;
    text += age_text(stat.value) + owner_text(session, stat.value, json);
  } else {
    text += "  you may not read it: who owns it and since when is not told\n";
  }
  const auto mine = session.remote.who_am_i();
  for (const std::string& each : {path, parent_path(path)}) {
    if (each == path || path != "/") {
      auto acl = session.remote.get_acl(each);
      Json rights = Json::object();
      if (acl) {
        text += rights_text(each, acl.value.acl, mine.value, rights);
      } else if (acl.code == Code::NoAuth) {
        text += "  you may neither read nor administer " + each +
                ", so its list is not shown either; addauth an identity that may\n";
        rights["denied"] = true;
      } else {
        return session.finish(acl, each);
      }
      json[each == path ? "rights" : "parentRights"] = rights;
    }
  }
  if (path != "/") text += "  (to create beside it takes c on the parent, to delete it d there)\n";
  return session.answer(text, json);
}

}  // namespace

std::vector<Command> ensemble_commands() {
  return {
      {"ensemble",
       "",
       "a table of all servers: role, zxid, latency, connections",
       "ensemble",
       {},
       0,
       0,
       Paths::None,
       run_ensemble,
       kOurs},
      {"sessions",
       "",
       "a table of the sessions that are connected",
       "sessions",
       {},
       0,
       0,
       Paths::None,
       run_sessions,
       kOurs},
      {"ephemerals",
       "[path]",
       "all ephemeral nodes below a node, with their owners",
       "ephemerals /workers",
       {},
       0,
       1,
       Paths::First,
       run_ephemerals,
       kOurs},
      {"why",
       "path",
       "who owns a node, from where, since when, and what you may do with it",
       "why /workers/worker-0000000003",
       {},
       1,
       1,
       Paths::First,
       run_why,
       kOurs},
  };
}

}  // namespace quorate::shell
