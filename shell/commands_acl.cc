// getAcl, setAcl, addauth, whoami.
#include "shell/acl_text.h"
#include "shell/command_table.h"
#include "shell/pipeline.h"
#include "shell/render.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

Exit run_get_acl(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  auto reply = session.remote.get_acl(path);
  if (!reply) return session.finish(reply, path);
  std::string text = acl_lines(reply.value.acl);
  if (arguments.has("s")) text += stat_block(reply.value.stat);
  return session.answer(text, Json{{"path", path},
                                   {"acl", acl_json(reply.value.acl)},
                                   {"stat", stat_json(reply.value.stat)}});
}

Exit set_recursively(Session& session, const std::string& top, const client::AclList& acl,
                     std::int32_t version) {
  Pipeline pipeline(session.remote);
  WalkOptions options;
  options.stat = false;
  const Exit walked = walk(session, top, options, [&](Visit& visit) {
    return pipeline.start(visit.path, [&](client::Client& face, Pipeline::Done done) {
      face.start_set_acl(visit.path, acl, version,
                         [done](client::ErrorCode error, client::Stat) { done(error); });
    });
  });
  const Pipeline::Outcome outcome = pipeline.finish();
  if (walked != Exit::Ok) return walked;
  if (outcome.failed > 0) return session.finish(outcome.first, outcome.first_path);
  return session.answer("", Json{{"path", top}, {"changed", outcome.succeeded}});
}

Exit run_set_acl(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  const std::int32_t version =
      parse_int(arguments.value("v")).value_or(static_cast<int>(client::kAnyVersion));
  ParsedAcl parsed = parse_acl(arguments.words[1]);
  for (const std::string& fault : parsed.faults) session.refuse(fault);
  if (!parsed.faults.empty() && !session.style().zkcli) return Exit::Usage;
  if (parsed.acl.empty()) return session.refuse("Acl is not valid : null", Exit::ErrorAnswer);
  if (arguments.has("R")) return set_recursively(session, path, parsed.acl, version);
  auto reply = session.remote.set_acl(path, std::move(parsed.acl), version);
  if (!reply) return session.finish(reply, path);
  return session.answer(arguments.has("s") ? stat_block(reply.value) : "",
                        Json{{"path", path}, {"stat", stat_json(reply.value)}});
}

Exit run_addauth(Session& session, const Arguments& arguments) {
  const std::string& scheme = arguments.words[0];
  const Status status = session.remote.add_auth(scheme, arguments.word(1));
  if (!status) return session.finish(status, "");
  return session.answer("", Json{{"scheme", scheme}});
}

Exit run_whoami(Session& session, const Arguments&) {
  auto reply = session.remote.who_am_i();
  if (!reply) return session.finish(reply, "");
  std::string text = "Auth scheme: User\n";
  Json json = Json::array();
  for (const client::AuthId& each : reply.value) {
    text += each.scheme + ": " + each.id + "\n";
    json.push_back({{"scheme", each.scheme}, {"user", each.id}});
  }
  return session.answer(text, Json{{"identities", json}});
}

}  // namespace

std::vector<Command> acl_commands() {
  return {
      {"getAcl",
       "[-s] path",
       "print who may do what with a node",
       "getAcl /config",
       {{"s", "", "print the Stat, too"}},
       1,
       1,
       Paths::First,
       run_get_acl},
      {"setAcl",
       "[-s] [-v version] [-R] path acl",
       "replace who may do what with a node; acl is scheme:id:perms,... with perms of cdrwa",
       "setAcl /config world:anyone:r,digest:admin:x1nq8J5GOJVPY6zgzhtTtA9izLc=:cdrwa",
       {{"s", "", "print the new Stat"},
        {"v", "version", "only if this is its aclVersion"},
        {"R", "", "all nodes below, too"}},
       2,
       2,
       Paths::First,
       run_set_acl},
      {"addauth",
       "scheme [auth]",
       "prove an identity for the rest of this session",
       "addauth digest user:password",
       {},
       1,
       2,
       Paths::None,
       run_addauth},
      {"whoami",
       "",
       "print the identities of this session",
       "whoami",
       {},
       0,
       0,
       Paths::None,
       run_whoami},
  };
}

}  // namespace quorate::shell
