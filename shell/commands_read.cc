// get, ls, ls2, stat, sync, getEphemerals, getAllChildrenNumber: commands that change nothing.
#include <algorithm>

#include "shell/command_table.h"
#include "shell/data_view.h"
#include "shell/render.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

/// The old form "get path watch".
bool old_watch(Session& session, const Arguments& arguments, const std::string& usage) {
  if (arguments.words.size() < 2) return arguments.has("w");
  const std::string name = usage.substr(0, usage.find(' '));
  session.output.err("'" + name + " path [watch]' has been deprecated. Please use '" + usage +
                     "' instead.");
  return true;
}

std::string data_text(const Session& session, const Arguments& arguments,
                      const client::Buffer& data) {
  if (arguments.has("b")) return (data ? to_base64(*data) : "null") + "\n";
  if (arguments.has("x")) return data ? hex_dump(*data) : "null\n";
  const bool looked_at = session.style().terminal && !session.style().zkcli && !arguments.has("a");
  return looked_at ? data_for_people(data) : data.value_or("null") + "\n";
}

Exit run_get(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  const bool watch = old_watch(session, arguments, "get [-s] [-w] path");
  auto reply = session.remote.get_data(path, session.printer(watch));
  if (!reply) return session.finish(reply, path);
  Json json{{"path", path}};
  put_data(json, reply.value.data);
  json["stat"] = stat_json(reply.value.stat);
  if (session.style().json) return session.answer("", json);
  std::string text = data_text(session, arguments, reply.value.data);
  if (arguments.has("s") || arguments.has("h")) {
    text += stat_block(reply.value.stat, arguments.has("h"));
  }
  return session.answer(text, json);
}

/// zkCli's order: all children of a node together, then what is below each of them.
Exit list_recursively(Session& session, const std::string& top, bool watch) {
  WalkOptions options;
  options.watch = session.printer(watch);
  options.names = true;
  options.stat = false;
  const auto show = [&](const std::string& path) {
    session.answer(path + "\n", [&] { return Json{{"path", path}}; });
  };
  return walk(session, top, options, [&](Visit& visit) {
    if (visit.depth == 0) show(visit.path);
    for (const std::string& name : visit.names) show(child_path(visit.path, name));
    return true;
  });
}

/// Names under one another in columns of a screen, for a person.
std::string ls_text(const Session& session, std::vector<std::string> names) {
  if (!session.style().terminal || session.style().zkcli) return list_line(std::move(names));
  if (names.size() <= 12) return list_line(std::move(names));
  std::sort(names.begin(), names.end());
  std::string out;
  for (const std::string& name : names) out += name + "\n";
  return out + colour::grey(session.style(), std::to_string(names.size()) + " children") + "\n";
}

Exit run_ls(Session& session, const Arguments& arguments) {
  const std::string path = arguments.word(0, session.directory);
  if (path.empty()) return session.refuse("ls: an argument is missing");
  const bool watch = old_watch(session, arguments, "ls [-w] path");
  if (arguments.has("R")) return list_recursively(session, path, watch);
  auto reply = session.remote.get_children(path, session.printer(watch));
  if (!reply) return session.finish(reply, path);
  std::sort(reply.value.children.begin(), reply.value.children.end());
  if (session.style().json) {
    Json json{{"path", path}, {"children", std::move(reply.value.children)}};
    if (arguments.has("s")) json["stat"] = stat_json(reply.value.stat);
    return session.answer("", json);
  }
  std::string text = ls_text(session, std::move(reply.value.children));
  if (arguments.has("s")) text += stat_block(reply.value.stat);
  return session.answer(text, Json());
}

Exit run_ls2(Session& session, const Arguments& arguments) {
  Arguments with_stat = arguments;
  with_stat.options["s"];
  return run_ls(session, with_stat);
}

Exit run_stat(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  const bool watch = old_watch(session, arguments, "stat [-w] path");
  auto reply = session.remote.exists(path, session.printer(watch));
  if (!reply) return session.finish(reply, path);
  return session.answer(stat_block(reply.value, arguments.has("h")),
                        Json{{"path", path}, {"stat", stat_json(reply.value)}});
}

Exit run_sync(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  const Status status = session.remote.sync(path);
  if (status) return session.answer("Sync is OK\n", Json{{"path", path}, {"synced", true}});
  if (session.style().json) return session.finish(status, path);
  session.output.out("Sync has failed. rc=" + std::to_string(static_cast<int>(status.code)) + "\n");
  return Exit::ErrorAnswer;
}

Exit run_get_ephemerals(Session& session, const Arguments& arguments) {
  const std::string path = arguments.word(0, "/");
  auto reply = session.remote.get_ephemerals(path);
  if (!reply) return session.finish(reply, path);
  std::sort(reply.value.begin(), reply.value.end());
  const Json json{{"path", path}, {"ephemerals", reply.value}};
  return session.answer(list_line(std::move(reply.value)), json);
}

Exit run_count(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  auto reply = session.remote.get_all_children_number(path);
  if (!reply) return session.finish(reply, path);
  return session.answer(std::to_string(reply.value) + "\n",
                        Json{{"path", path}, {"count", reply.value}});
}

const OptionSpec kStat{"s", "", "print the Stat, too"};
const OptionSpec kWatch{"w", "", "watch it once"};
const OptionSpec kHuman{"h", "", "Stat with epochs, dates that sort and ages"};

}  // namespace

std::vector<Command> read_commands() {
  return {
      {"get",
       "[-s] [-w] [-b] [-x] [-h] [-a] path",
       "print the data of a node",
       "get -s /config/database",
       {kStat,
        kWatch,
        kHuman,
        {"b", "", "data as base64"},
        {"x", "", "data as a hex dump"},
        {"a", "", "on a terminal, too: all of it and not rearranged"}},
       1,
       2,
       Paths::First,
       run_get},
      {"ls",
       "[-s] [-w] [-R] path",
       "list the children of a node",
       "ls -R /config",
       {kStat, kWatch, {"R", "", "all nodes below, a path a line"}},
       0,
       2,
       Paths::First,
       run_ls},
      {"ls2",
       "path",
       "list the children and print the Stat; ls -s",
       "ls2 /config",
       {kWatch},
       1,
       2,
       Paths::First,
       run_ls2},
      {"stat",
       "[-w] [-h] path",
       "print the Stat of a node",
       "stat -h /config",
       {kWatch, kHuman},
       1,
       2,
       Paths::First,
       run_stat},
      {"sync",
       "path",
       "wait until the server has seen all that was committed",
       "sync /",
       {},
       1,
       1,
       Paths::First,
       run_sync},
      {"getEphemerals",
       "[path]",
       "list this session's ephemeral nodes whose path begins so",
       "getEphemerals /workers",
       {},
       0,
       1,
       Paths::First,
       run_get_ephemerals},
      {"getAllChildrenNumber",
       "path",
       "count all nodes below a node",
       "getAllChildrenNumber /",
       {},
       1,
       1,
       Paths::First,
       run_count},
  };
}

}  // namespace quorate::shell
