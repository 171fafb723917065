// create, set, delete.
#include "shell/acl_text.h"
#include "shell/command_table.h"
#include "shell/data_view.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

using client::CreateMode;
constexpr std::int64_t kTtlMax = 0xffffffffffLL;

std::int32_t version_of(const Arguments& arguments) {
  return parse_int(arguments.value("v")).value_or(client::kAnyVersion);
}

std::string create_fault(const Arguments& arguments) {
  const bool e = arguments.has("e");
  if (arguments.has("c") && (e || arguments.has("s"))) {
    return "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.";
  }
  if (!arguments.has("t")) return "";
  if (e || arguments.has("c")) return "TTLs cannot be used with Ephemeral znodes";
  const auto ttl = parse_int64(arguments.value("t"));
  if (!ttl || *ttl <= 0 || *ttl > kTtlMax) {
    return "ttl must be positive and cannot be larger than: " + std::to_string(kTtlMax);
  }
  return "";
}

CreateMode mode_of(const Arguments& arguments) {
  const bool s = arguments.has("s");
  if (arguments.has("c")) return CreateMode::Container;
  if (arguments.has("t")) {
    return s ? CreateMode::PersistentSequentialWithTtl : CreateMode::PersistentWithTtl;
  }
  if (arguments.has("e")) return s ? CreateMode::EphemeralSequential : CreateMode::Ephemeral;
  return s ? CreateMode::PersistentSequential : CreateMode::Persistent;
}

/// Fills `acl` from the fourth word. With zkCli's habits a list that is partly wrong is used.
Exit take_acl(Session& session, const std::string& text, client::AclList& acl) {
  ParsedAcl parsed = parse_acl(text);
  for (const std::string& fault : parsed.faults) session.refuse(fault);
  acl = std::move(parsed.acl);
  if (!session.style().zkcli) return parsed.faults.empty() ? Exit::Ok : Exit::Usage;
  if (!acl.empty()) return Exit::Ok;
  session.output.err("KeeperErrorCode = InvalidACL\nAcl is not valid : null");
  return Exit::ErrorAnswer;
}

Exit run_create(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  if (std::string fault = create_fault(arguments); !fault.empty()) return session.refuse(fault);
  client::Buffer data;  // No data given: null, as zkCli creates it.
  if (arguments.words.size() > 1) data = arguments.words[1];
  if (data && arguments.has("b")) {
    data = from_base64(*data);
    if (!data) return session.refuse("not base64: " + arguments.words[1]);
  }
  client::CreateOptions options(mode_of(arguments));
  options.ttl = std::chrono::milliseconds(parse_int64(arguments.value("t", "0")).value_or(0));
  if (arguments.words.size() > 3) return Exit::Usage;
  if (arguments.words.size() == 3) {
    if (const Exit fault = take_acl(session, arguments.words[2], options.acl); fault != Exit::Ok) {
      return fault;
    }
  }
  auto reply = session.remote.create(path, std::move(data), std::move(options));
  if (!reply) {
    const bool no_ttl = reply.code == client::Code::Unimplemented && arguments.has("t");
    const Exit code = session.finish(reply, path);
    if (no_ttl && !session.style().zkcli && !session.style().json) {
      session.output.err(
          "nodes with a TTL need zookeeper.extendedTypesEnabled=true at every server");
    }
    return code;
  }
  if (session.style().json) return session.answer("", Json{{"created", reply.value.path}});
  // zkCli says so on stderr, and scripts look for it there.
  session.output.err("Created " + reply.value.path);
  return Exit::Ok;
}

Exit run_set(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  client::Buffer data = arguments.words[1];
  if (arguments.has("b")) {
    data = from_base64(arguments.words[1]);
    if (!data) return session.refuse("not base64: " + arguments.words[1]);
  }
  auto reply = session.remote.set_data(path, std::move(data), version_of(arguments));
  if (!reply) return session.finish(reply, path);
  return session.answer(arguments.has("s") ? stat_block(reply.value) : "",
                        Json{{"path", path}, {"stat", stat_json(reply.value)}});
}

Exit run_delete(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  std::int32_t version = version_of(arguments);
  if (arguments.words.size() > 1) {
    session.output.err(
        "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' "
        "instead.");
    const std::optional<int> given = parse_int(arguments.words[1]);
    if (!given) return session.refuse("not a version: " + arguments.words[1]);
    version = *given;
  }
  const Status status = session.remote.remove(path, version);
  if (!status) return session.finish(status, path);
  return session.answer("", Json{{"deleted", path}});
}

}  // namespace

std::vector<Command> write_commands() {
  return {
      {"create",
       "[-s] [-e] [-c] [-t ttl] path [data] [acl]",
       "create a node",
       "create -e -s /workers/worker- busy world:anyone:r",
       {{"s", "", "numbered by the server"},
        {"e", "", "ephemeral: goes with this session"},
        {"c", "", "container: goes after its last child"},
        {"t", "ttl", "goes when it was left alone for so many milliseconds"},
        {"b", "", "data is base64"}},
       1,
       3,
       Paths::First,
       run_create},
      {"delete",
       "[-v version] path",
       "delete a node without children",
       "delete -v 3 /config/old",
       {{"v", "version", "only if this is its version"}},
       1,
       2,
       Paths::First,
       run_delete},
      {"set",
       "path data [-s] [-v version] [-b]",
       "replace the data of a node",
       "set -s /config/database host=db1",
       {{"s", "", "print the new Stat"},
        {"v", "version", "only if this is its version"},
        {"b", "", "data is base64"}},
       2,
       2,
       Paths::First,
       run_set},
  };
}

}  // namespace quorate::shell
