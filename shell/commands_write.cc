// create, set, delete, deleteall.
#include <algorithm>

#include "shell/command_table.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

using client::CreateMode;

std::int32_t version_of(const Arguments& arguments) {
  const auto given = arguments.options.find('v');
  if (given == arguments.options.end()) return client::kAnyVersion;
  return parse_int(given->second).value_or(client::kAnyVersion);
}

CreateMode mode_of(const Arguments& arguments) {
  if (arguments.has('e')) {
    return arguments.has('s') ? CreateMode::EphemeralSequential : CreateMode::Ephemeral;
  }
  return arguments.has('s') ? CreateMode::PersistentSequential : CreateMode::Persistent;
}

Exit run_create(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  client::Buffer data;  // No data given: null, as zkCli creates it.
  if (arguments.words.size() > 1) data = arguments.words[1];
  auto reply = session.client.create(path, std::move(data), mode_of(arguments));
  if (!reply) return session.finish(reply, path);
  session.output.err("Created " + reply.value.path);
  return Exit::Ok;
}

Exit run_set(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  auto reply = session.client.set_data(path, arguments.words[1], version_of(arguments));
  if (!reply) return session.finish(reply, path);
  if (arguments.has('s')) session.output.out(stat_block(reply.value));
  return Exit::Ok;
}

Exit run_delete(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  return session.finish(session.client.remove(path, version_of(arguments)), path);
}

/// Children first. What others create meanwhile makes the delete of its parent fail, and is told.
Exit run_deleteall(Session& session, const Arguments& arguments) {
  std::vector<std::string> paths{arguments.words[0]};
  for (std::size_t at = 0; at < paths.size(); ++at) {
    const std::string path = paths[at];
    auto reply = session.client.get_children(path);
    if (reply.code == client::Code::NoNode && at > 0) continue;
    if (!reply) return session.finish(reply, path);
    for (const std::string& name : reply.value.children) {
      paths.push_back(path + (path == "/" ? "" : "/") + name);
    }
  }
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    const client::Status status = session.client.remove(*path);
    if (status || status.code == client::Code::NoNode) continue;
    session.finish(status, *path);
    session.output.err("Failed to delete some node(s) in the subtree!");
    return Exit::ErrorAnswer;
  }
  return Exit::Ok;
}

}  // namespace

std::vector<Command> write_commands() {
  return {
      {"create",
       "[-s] [-e] path [data]",
       "create a node; -s numbered by the server; -e ephemeral",
       {{'s'}, {'e'}},
       1,
       2,
       true,
       run_create},
      {"delete",
       "[-v version] path",
       "delete a node without children",
       {{'v', true}},
       1,
       1,
       true,
       run_delete},
      {"deleteall", "path", "delete a node and all below it", {}, 1, 1, true, run_deleteall},
      {"set",
       "path data [-s] [-v version]",
       "replace the data of a node; -s print its new Stat",
       {{'s'}, {'v', true}},
       2,
       2,
       true,
       run_set},
  };
}

}  // namespace quorate::shell
