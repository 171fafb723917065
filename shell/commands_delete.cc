// deleteall and its old name rmr.
#include "shell/command_table.h"
#include "shell/path_list.h"
#include "shell/pipeline.h"
#include "shell/progress.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

constexpr std::size_t kPreviewed = 10;
constexpr std::size_t kNews = 500;  ///< Nodes between two looks at the clock.

/// All paths of the subtree, parents first; what nobody can delete is left out.
Exit collect(Session& session, const std::string& top, PathList& paths) {
  WalkOptions options;
  options.stat = false;
  options.skip_system = true;
  Progress progress(session.output, "look");
  return walk(session, top, options, [&](Visit& visit) {
    if (visit.path != "/") paths.add(visit.path, visit.depth);
    if (paths.size() % kNews == 0) progress.show(paths.size(), 0, 0);
    return true;
  });
}

/// Told what would go and asked; -y and zkCli's habits ask nothing.
Exit agree(Session& session, const Arguments& arguments, const PathList& paths) {
  if (session.style().zkcli || arguments.has("y") || session.sure) return Exit::Ok;
  std::string preview;
  for (std::size_t i = 0; i < paths.size() && i < kPreviewed; ++i)
    preview += "  " + paths.path(i) + "\n";
  if (paths.size() > kPreviewed) {
    preview += "  and " + std::to_string(paths.size() - kPreviewed) + " more\n";
  }
  if (!session.style().json) session.output.err(preview.substr(0, preview.size() - 1));
  if (!session.style().interactive) {
    return session.refuse(std::to_string(paths.size()) + " nodes would go; say -y to delete them");
  }
  if (session.confirm("Delete these " + std::to_string(paths.size()) + " nodes?")) return Exit::Ok;
  return session.refuse("nothing was deleted", Exit::ErrorAnswer);
}

Exit run_deleteall(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  const auto batch = parse_int(arguments.value("b", "1000"));
  if (!batch || *batch <= 0) return session.refuse("not a batch size: " + arguments.value("b"));
  PathList paths(path);
  if (const Exit code = collect(session, path, paths); code != Exit::Ok) return code;
  if (arguments.has("n")) {
    return session.answer(std::to_string(paths.size()) + " nodes would be deleted\n",
                          Json{{"path", path}, {"nodes", paths.size()}, {"deleted", false}});
  }
  if (paths.size() == 0) return session.answer("", Json{{"path", path}, {"deleted", 0}});
  if (const Exit code = agree(session, arguments, paths); code != Exit::Ok) return code;
  Pipeline pipeline(session.remote, client::Code::NoNode, static_cast<std::size_t>(*batch));
  Progress progress(session.output, "deleteall");
  // Children first: the server does one session's requests in their order.
  for (std::size_t i = paths.size(); i-- > 0;) {
    const std::string each = paths.path(i);
    const bool going = pipeline.start(each, [&](client::Client& face, Pipeline::Done done) {
      face.start_remove(each, client::kAnyVersion, std::move(done));
    });
    if (!going) break;
    const std::size_t gone = paths.size() - i;
    if (gone % kNews == 0) progress.show(gone, gone, paths.size());
  }
  const Pipeline::Outcome outcome = pipeline.finish();
  if (outcome.failed > 0) {
    session.finish(outcome.first, outcome.first_path);
    return session.refuse("Failed to delete some node(s) in the subtree!", Exit::ErrorAnswer);
  }
  if (cancel_flag()) return Exit::ErrorAnswer;
  const bool told = session.style().terminal && !session.style().zkcli;
  return session.answer(told ? std::to_string(outcome.succeeded) + " nodes deleted\n" : "",
                        Json{{"path", path}, {"deleted", outcome.succeeded}});
}

}  // namespace

std::vector<Command> delete_commands() {
  const std::vector<OptionSpec> options{{"b", "batchsize", "deletes on their way at once (1000)"},
                                        {"y", "", "yes, without being asked"},
                                        {"n", "", "count only"}};
  return {
      {"deleteall", "path [-b batchsize] [-y] [-n]", "delete a node and all below it",
       "deleteall /app/old -n", options, 1, 1, Paths::First, run_deleteall},
      {"rmr", "path [-b batchsize] [-y] [-n]", "the old name of deleteall", "rmr /app/old", options,
       1, 1, Paths::First, run_deleteall},
  };
}

}  // namespace quorate::shell
