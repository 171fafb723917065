// config, reconfig, version.
#include <fstream>
#include <sstream>

#include "shell/command_table.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string piece; std::getline(in, piece, at);) {
    if (!piece.empty()) out.push_back(piece);
  }
  return out;
}

/// "version client1,client2" of a configuration's text; " " of none.
std::string client_line(const std::string& text) {
  std::string version;
  std::string clients;
  for (const std::string& line : split(text, '\n')) {
    if (line.starts_with("version=")) version = line.substr(8);
    if (!line.starts_with("server.")) continue;
    const std::size_t semicolon = line.find(';');
    if (semicolon == std::string::npos) continue;
    clients += (clients.empty() ? "" : ",") + line.substr(semicolon + 1);
  }
  return version + " " + clients;
}

Json config_json(const client::ConfigReply& config) {
  Json members = Json::object();
  Json json;
  for (const std::string& line : split(config.text, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    if (line.starts_with("server.")) {
      members[line.substr(7, equals - 7)] = line.substr(equals + 1);
    } else {
      json[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  json["servers"] = members;
  json["stat"] = stat_json(config.stat);
  return json;
}

Exit run_config(Session& session, const Arguments& arguments) {
  auto reply = session.remote.get_config(session.printer(arguments.has("w")));
  if (!reply) return session.finish(reply, "/zookeeper/config");
  std::string text = arguments.has("c") ? client_line(reply.value.text) : reply.value.text;
  text += "\n";
  if (arguments.has("s")) text += stat_block(reply.value.stat);
  return session.answer(text, config_json(reply.value));
}

/// The "server.N=..." lines of a file, as a dynamic configuration file has them.
std::string read_members(const std::string& file, std::vector<std::string>& members) {
  std::ifstream in(file);
  if (!in) return "cannot read " + file;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("server.")) members.push_back(line);
  }
  return members.empty() ? file + " names no server.N=..." : "";
}

Exit run_reconfig(Session& session, const Arguments& arguments) {
  client::ReconfigOptions options;
  options.joining = split(arguments.value("add"), ',');
  options.leaving = split(arguments.value("remove"), ',');
  options.new_members = split(arguments.value("members"), ',');
  if (arguments.has("file")) {
    if (!options.new_members.empty()) return session.refuse("either -file or -members");
    std::string fault = read_members(arguments.value("file"), options.new_members);
    if (!fault.empty()) return session.refuse(fault);
  }
  const bool partly = !options.joining.empty() || !options.leaving.empty();
  if (partly && !options.new_members.empty()) {
    return session.refuse("either all members (-file, -members) or changes (-add, -remove)");
  }
  if (!partly && options.new_members.empty()) return session.refuse("no change is named");
  if (arguments.has("v")) {
    const auto version = parse_int64(arguments.value("v"), 16);
    if (!version) return session.refuse("not a hexadecimal version: " + arguments.value("v"));
    options.from_config = *version;
  }
  auto reply = session.remote.reconfig(std::move(options));
  if (!reply) return session.finish(reply, "");
  std::string text = "Committed new configuration:\n" + reply.value.text + "\n";
  if (arguments.has("s")) text += stat_block(reply.value.stat);
  return session.answer(text, config_json(reply.value));
}

Exit run_version(Session& session, const Arguments&) {
  const std::string own = "Quorate shell " QUORATE_VERSION;
  if (session.style().zkcli) {
    session.output.out("ZooKeeper CLI version: 3.9.5, built on " + own + "\n");
    return Exit::Ok;
  }
  return session.answer(own + ", with the commands of ZooKeeper 3.9\n",
                        Json{{"version", QUORATE_VERSION}, {"commands", "3.9"}});
}

}  // namespace

std::vector<Command> config_commands() {
  return {
      {"config",
       "[-c] [-w] [-s]",
       "print the members of the ensemble",
       "config -c",
       {{"c", "", "the version and the addresses for clients, on one line"},
        {"w", "", "watch it once"},
        {"s", "", "print the Stat, too"}},
       0,
       0,
       Paths::None,
       run_config},
      {"reconfig",
       "[-s] [-v version] [[-file path] | [-members server.N=...[,...]]] | "
       "[-add server.N=...[,...]] [-remove id[,...]]",
       "change the members of the ensemble",
       "reconfig -remove 3 -add server.5=host5:2888:3888;2181",
       {{"s", "", "print the Stat, too"},
        {"v", "version", "only if this is the configuration's version, in hexadecimal"},
        {"file", "path", "all new members, from a file"},
        {"members", "members", "all new members"},
        {"add", "members", "those who join"},
        {"remove", "ids", "those who leave"}},
       0,
       0,
       Paths::None,
       run_reconfig},
      {"version",
       "",
       "print the version of this shell",
       "version",
       {},
       0,
       0,
       Paths::None,
       run_version,
       kOffline},
  };
}

}  // namespace quorate::shell
