// get, ls, stat, sync: commands that change nothing.
#include <algorithm>

#include "shell/command_table.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

Exit run_get(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  auto reply = session.client.get_data(path, session.printer(arguments.has('w')));
  if (!reply) return session.finish(reply, path);
  std::string text = reply.value.data.value_or("null") + "\n";
  if (arguments.has('s')) text += stat_block(reply.value.stat);
  session.output.out(text);
  return Exit::Ok;
}

/// Depth first, each path on its line. A node that vanishes meanwhile is passed over.
Exit list_recursively(Session& session, const std::string& top, bool watch) {
  std::vector<std::string> to_do{top};
  bool first = true;
  while (!to_do.empty()) {
    const std::string path = std::move(to_do.back());
    to_do.pop_back();
    auto reply = session.client.get_children(path, session.printer(watch));
    if (reply.code == client::Code::NoNode && !first) continue;
    if (!reply) return session.finish(reply, path);
    first = false;
    session.output.out(path + "\n");
    std::vector<std::string>& names = reply.value.children;
    std::sort(names.rbegin(), names.rend());
    for (const std::string& name : names) to_do.push_back(path + (path == "/" ? "" : "/") + name);
  }
  return Exit::Ok;
}

Exit run_ls(Session& session, const Arguments& arguments) {
  const std::string path = arguments.words[0];
  if (arguments.has('R')) return list_recursively(session, path, arguments.has('w'));
  auto reply = session.client.get_children(path, session.printer(arguments.has('w')));
  if (!reply) return session.finish(reply, path);
  std::string text = list_line(std::move(reply.value.children));
  if (arguments.has('s')) text += stat_block(reply.value.stat);
  session.output.out(text);
  return Exit::Ok;
}

Exit run_stat(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  auto reply = session.client.exists(path, session.printer(arguments.has('w')));
  if (!reply) return session.finish(reply, path);
  session.output.out(stat_block(reply.value));
  return Exit::Ok;
}

Exit run_sync(Session& session, const Arguments& arguments) {
  const client::Status status = session.client.sync(arguments.words[0]);
  if (status) {
    session.output.out("Sync is OK\n");
    return Exit::Ok;
  }
  session.output.out("Sync has failed. rc=" + std::to_string(static_cast<int>(status.code)) + "\n");
  return Exit::ErrorAnswer;
}

}  // namespace

std::vector<Command> read_commands() {
  return {
      {"get",
       "[-s] [-w] path",
       "print the data of a node; -s its Stat, too; -w watch it once",
       {{'s'}, {'w'}},
       1,
       1,
       true,
       run_get},
      {"ls",
       "[-s] [-w] [-R] path",
       "list the children; -s Stat of the node; -w watch once; -R all below",
       {{'s'}, {'w'}, {'R'}},
       1,
       1,
       true,
       run_ls},
      {"stat",
       "[-w] path",
       "print the Stat of a node; -w watch it once",
       {{'w'}},
       1,
       1,
       true,
       run_stat},
      {"sync",
       "path",
       "wait until the server has seen all that was committed",
       {},
       1,
       1,
       true,
       run_sync},
  };
}

}  // namespace quorate::shell
