// cp, mv, diff: two subtrees, perhaps of two ensembles.
#include <algorithm>
#include <memory>

#include "shell/acl_text.h"
#include "shell/command_table.h"
#include "shell/data_view.h"
#include "shell/path_list.h"
#include "shell/pipeline.h"
#include "shell/progress.h"
#include "shell/render.h"
#include "shell/transfer.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

using client::Code;

/// A subtree up to this size is moved by one transaction.
constexpr std::size_t kAtomicNodesMax = 500;
constexpr std::size_t kAtomicBytesMax = 512 * 1024;
constexpr std::size_t kNews = 500;  ///< Nodes between two looks at the clock.

/// Where the second path is: this session's ensemble, or with --to another one.
struct Other {
  std::unique_ptr<Remote> own;
  Remote* remote = nullptr;
};

Exit open_other(Session& session, const Arguments& arguments, Other& other) {
  other.remote = &session.remote;
  if (!arguments.has("to")) return Exit::Ok;
  other.own = std::make_unique<Remote>(Remote::Listener());
  client::ConnectOptions options = session.remote.options();
  options.servers = arguments.value("to");
  const auto connected = other.own->connect(options);
  if (!connected) {
    return session.refuse(no_connection_text(options.servers, connected), Exit::NoConnection);
  }
  other.remote = other.own.get();
  return Exit::Ok;
}

/// "/a/b/c" below "/a" as seen from "/x": "/x/b/c".
std::string moved_path(const std::string& path, const std::string& from, const std::string& to) {
  const std::string rest = from == "/" ? path : path.substr(from.size());
  if (rest.empty() || rest == "/") return to;
  return (to == "/" ? "" : to) + rest;
}

struct Copied {
  std::size_t nodes = 0;
  std::size_t ephemerals = 0;
  std::size_t hidden = 0;  ///< ACLs with digests that this session is not shown.
};

void overwrite(client::Client& face, const std::string& path, client::Buffer data,
               Pipeline::Done done) {
  face.start_set_data(
      path, std::move(data), client::kAnyVersion,
      [done = std::move(done)](client::ErrorCode error, client::Stat) { done(error); });
}

/// With `replace`, what is there gets the data.
void create(client::Client& face, const std::string& path, Visit& visit, bool replace,
            Pipeline::Done done) {
  client::CreateOptions options;
  if (!visit.acl.empty()) options.acl = std::move(visit.acl);
  client::Buffer again = replace ? visit.data : client::Buffer();
  face.start_create(path, std::move(visit.data), std::move(options),
                    [&face, path, replace, again = std::move(again), done = std::move(done)](
                        client::ErrorCode error, const client::CreateReply&) mutable {
                      if (!replace || to_code(error) != Code::NodeExists) return done(error);
                      overwrite(face, path, std::move(again), std::move(done));
                    });
}

/// Creates what the walk finds, parents first, many at once.
Exit copy_tree(Session& session, Remote& target, const std::string& from, const std::string& to,
               bool replace, Copied& copied) {
  WalkOptions options;
  options.data = true;
  options.acl = true;
  options.skip_system = true;
  Pipeline pipeline(target);
  Progress progress(session.output, "copy");
  const std::size_t total = nodes_foreseen(session, from);
  Status unreadable;
  std::string unreadable_path;
  const Exit walked = walk(session, from, options, [&](Visit& visit) {
    if (visit.code != Code::Ok) {
      unreadable.code = visit.code;
      unreadable_path = visit.path;
      return false;
    }
    if (visit.stat.ephemeral_owner != 0) {
      ++copied.ephemerals;  // It would be this session's, and go with it.
      return true;
    }
    const std::string path = moved_path(visit.path, from, to);
    copied.hidden += has_hidden_digest(visit.acl) ? 1 : 0;
    ++copied.nodes;
    if (copied.nodes % kNews == 0) progress.show(copied.nodes, copied.nodes, total);
    return pipeline.start(path, [&](client::Client& face, Pipeline::Done done) {
      if (path == "/") return overwrite(face, path, std::move(visit.data), std::move(done));
      create(face, path, visit, replace, std::move(done));
    });
  });
  const Pipeline::Outcome outcome = pipeline.finish();
  if (outcome.failed > 0) return session.finish(outcome.first, outcome.first_path);
  if (!unreadable.ok()) return session.finish(unreadable, unreadable_path);
  return walked;
}

/// Before anything is written: the target must be free and no part of the source.
Exit check_target(Session& session, const Arguments& arguments, Remote& target) {
  const std::string& from = arguments.words[0];
  const std::string& to = arguments.words[1];
  const bool same = &target == &session.remote;
  if (same && (to == from || to.starts_with(from == "/" ? from : from + "/"))) {
    return session.refuse(to + " is a part of " + from);
  }
  if (arguments.has("f") || to == "/") return Exit::Ok;
  auto exists = target.exists(to);
  if (exists)
    return session.refuse("Node already exists: " + to + "; -f overwrites", Exit::ErrorAnswer);
  return exists.code == Code::NoNode ? Exit::Ok : session.finish(exists, to);
}

Exit count_only(Session& session, const std::string& from, const std::string& to) {
  std::size_t nodes = 0;
  std::int64_t bytes = 0;
  WalkOptions options;
  options.skip_system = true;
  const Exit code = walk(session, from, options, [&](Visit& visit) {
    nodes += visit.stat.ephemeral_owner == 0 ? 1 : 0;
    bytes += visit.stat.data_length;
    return true;
  });
  if (code != Exit::Ok) return code;
  return session.answer(
      std::to_string(nodes) + " nodes, " + std::to_string(bytes) + " bytes would go to " + to +
          "\n",
      Json{{"from", from}, {"to", to}, {"nodes", nodes}, {"bytes", bytes}, {"done", false}});
}

Exit answer_copied(Session& session, const Arguments& arguments, const Copied& copied,
                   const char* verb) {
  std::string text = std::to_string(copied.nodes) + " nodes " + verb + "\n";
  if (copied.ephemerals > 0) {
    text += std::to_string(copied.ephemerals) + " ephemeral nodes left out\n";
  }
  tell_hidden(session, copied.hidden);
  return session.answer(text, Json{{"from", arguments.words[0]},
                                   {"to", arguments.words[1]},
                                   {"nodes", copied.nodes},
                                   {"ephemeralsLeftOut", copied.ephemerals},
                                   {"done", true}});
}

Exit run_cp(Session& session, const Arguments& arguments) {
  Other other;
  if (const Exit code = open_other(session, arguments, other); code != Exit::Ok) return code;
  if (const Exit code = check_target(session, arguments, *other.remote); code != Exit::Ok) {
    return code;
  }
  if (arguments.has("n")) return count_only(session, arguments.words[0], arguments.words[1]);
  Copied copied;
  const Exit code = copy_tree(session, *other.remote, arguments.words[0], arguments.words[1],
                              arguments.has("f"), copied);
  return code == Exit::Ok ? answer_copied(session, arguments, copied, "copied") : code;
}

/// What a move needs to know of the source beforehand.
struct Source {
  explicit Source(const std::string& top) : versions(top) {}
  std::vector<Visit> nodes;  ///< Empty when there are too many for one transaction.
  PathList versions;
  std::size_t bytes = 0;
  Status unreadable;  ///< What cannot be moved, and why.
  std::string unreadable_path;
  std::string ephemeral;
  std::string hidden;
};

Exit read_source(Session& session, const std::string& from, Source& source) {
  WalkOptions options;
  options.data = true;
  options.acl = true;
  bool small = true;
  return walk(session, from, options, [&](Visit& visit) {
    if (visit.code != Code::Ok) {
      source.unreadable.code = visit.code;
      source.unreadable_path = visit.path;
      return false;
    }
    if (visit.stat.ephemeral_owner != 0) {
      source.ephemeral = visit.path;
      return false;
    }
    if (has_hidden_digest(visit.acl)) {
      source.hidden = visit.path;
      return false;
    }
    source.versions.add(visit.path, visit.depth, visit.stat.version);
    source.bytes += visit.path.size() + visit.data.value_or("").size() + 100;
    small = small && source.versions.size() <= kAtomicNodesMax && source.bytes < kAtomicBytesMax;
    if (small) {
      source.nodes.push_back(std::move(visit));
    } else {
      source.nodes.clear();
    }
    return true;
  });
}

/// All at once, and only if nobody changed the data meanwhile.
Exit move_at_once(Session& session, const Arguments& arguments, Source& source) {
  client::Transaction transaction;
  for (Visit& visit : source.nodes) {
    client::CreateOptions create;
    if (!visit.acl.empty()) create.acl = std::move(visit.acl);
    transaction.create(moved_path(visit.path, arguments.words[0], arguments.words[1]),
                       std::move(visit.data), std::move(create));
  }
  const PathList& versions = source.versions;
  for (std::size_t i = versions.size(); i-- > 0;) {
    transaction.remove(versions.path(i), versions.version(i));
  }
  const auto reply = session.remote.commit(std::move(transaction));
  if (!reply) {
    const std::size_t count = source.nodes.size();
    const std::size_t failed = reply.value.failed;
    const std::string path = failed < count       ? arguments.words[1]
                             : failed < 2 * count ? versions.path(2 * count - 1 - failed)
                                                  : arguments.words[0];
    return session.finish(reply, path);
  }
  return answer_copied(session, arguments, Copied{source.nodes.size(), 0, 0}, "moved, all at once");
}

Exit delete_moved(Session& session, const Source& source) {
  Pipeline pipeline(session.remote, Code::NoNode);
  Progress progress(session.output, "delete");
  const PathList& versions = source.versions;
  for (std::size_t i = versions.size(); i-- > 0;) {
    const std::string path = versions.path(i);
    const bool going = pipeline.start(path, [&](client::Client& face, Pipeline::Done done) {
      face.start_remove(path, versions.version(i), std::move(done));
    });
    if (!going) break;
    const std::size_t gone = versions.size() - i;
    if (gone % kNews == 0) progress.show(gone, gone, versions.size());
  }
  const Pipeline::Outcome outcome = pipeline.finish();
  if (outcome.failed == 0) return Exit::Ok;
  session.refuse("all was copied, but not all of the source could be deleted", Exit::ErrorAnswer);
  return session.finish(outcome.first, outcome.first_path);
}

Exit run_mv(Session& session, const Arguments& arguments) {
  Other other;
  if (const Exit code = open_other(session, arguments, other); code != Exit::Ok) return code;
  if (const Exit code = check_target(session, arguments, *other.remote); code != Exit::Ok) {
    return code;
  }
  if (arguments.words[0] == "/") return session.refuse("/ cannot be moved");
  if (arguments.has("n")) return count_only(session, arguments.words[0], arguments.words[1]);
  Source source(arguments.words[0]);
  if (const Exit code = read_source(session, arguments.words[0], source); code != Exit::Ok) {
    return code;
  }
  if (!source.ephemeral.empty()) {
    return session.refuse(source.ephemeral + " is ephemeral: it belongs to a session and stays",
                          Exit::ErrorAnswer);
  }
  if (!source.unreadable.ok()) return session.finish(source.unreadable, source.unreadable_path);
  if (!source.hidden.empty()) {
    return session.refuse(source.hidden +
                              " has an ACL with a digest that is hidden from you, so it " +
                              "cannot be moved with it; addauth as one who may change the ACL",
                          Exit::ErrorAnswer);
  }
  const bool here = other.remote == &session.remote;
  if (here && !source.nodes.empty()) return move_at_once(session, arguments, source);
  Copied copied;
  Exit code = copy_tree(session, *other.remote, arguments.words[0], arguments.words[1],
                        /*replace=*/false, copied);
  // With the versions that were read: what was changed since is not lost.
  if (code == Exit::Ok) code = delete_moved(session, source);
  return code == Exit::Ok ? answer_copied(session, arguments, copied, "moved") : code;
}

// ---- diff ---------------------------------------------------------------------------------------

/// The order of a walk: component by component, so '/' sorts before everything else.
bool walks_before(const std::string& a, const std::string& b) {
  const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (at.first == a.end() || at.second == b.end()) return at.first == a.end() && a != b;
  if (*at.first == '/' || *at.second == '/') return *at.first == '/';
  return static_cast<unsigned char>(*at.first) < static_cast<unsigned char>(*at.second);
}

class Differ {
 public:
  Differ(Session& session, bool with_acl, bool with_data)
      : session_(session), with_acl_(with_acl), with_data_(with_data) {}

  void only_in(char side, const std::string& path) {
    const bool first = side == '-';
    const std::string text = std::string(1, side) + " " + path;
    tell((first ? colour::red(session_.style(), text) : colour::green(session_.style(), text)),
         Json{{"path", path}, {"difference", first ? "only in the first" : "only in the second"}});
  }

  void compare(const std::string& path, const Visit& a, const Visit& b) {
    if (a.data != b.data) {
      Json json{{"path", path}, {"difference", "data"}};
      std::string text = colour::blue(session_.style(), "! " + path) + "  data";
      if (with_data_) {
        text += "\n  < " + shown(a.data) + "\n  > " + shown(b.data);
        json["first"] = shown(a.data);
        json["second"] = shown(b.data);
      }
      tell(text, json);
    }
    if (with_acl_ && a.acl != b.acl) {
      tell(colour::blue(session_.style(), "! " + path) + "  acl",
           Json{{"path", path}, {"difference", "acl"}});
    }
  }

  std::size_t found = 0;

 private:
  static std::string shown(const client::Buffer& data) {
    std::string text = data_for_people(data);
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }
  void tell(const std::string& text, const Json& json) {
    ++found;
    session_.answer(text + "\n", json);
  }

  Session& session_;
  bool with_acl_;
  bool with_data_;
};

/// As diff: code 1 when they differ.
Exit run_diff(Session& session, const Arguments& arguments) {
  Other other;
  if (const Exit code = open_other(session, arguments, other); code != Exit::Ok) return code;
  const std::string& from = arguments.words[0];
  const std::string& to = arguments.words[1];
  WalkOptions options;
  options.data = true;
  options.acl = arguments.has("a");
  options.skip_system = true;
  const Output::Gathering gathering(session.output);
  options.on_wait = [&session] { session.output.flush(); };
  Walk first(session.remote, from, options);
  Walk second(*other.remote, to, options);
  Differ differ(session, arguments.has("a"), arguments.has("d"));
  Visit a;
  Visit b;
  bool more_a = first.next(a);
  bool more_b = second.next(b);
  while (more_a || more_b) {
    const std::string path_a = more_a ? moved_path(a.path, from, "/") : "";
    const std::string path_b = more_b ? moved_path(b.path, to, "/") : "";
    const bool a_first = more_a && (!more_b || walks_before(path_a, path_b));
    const bool b_first = more_b && (!more_a || walks_before(path_b, path_a));
    // An end that is none: the rest cannot be compared.
    if (!first.fault().ok() || !second.fault().ok()) break;
    if (a_first) {
      differ.only_in('-', path_a);
    } else if (b_first) {
      differ.only_in('+', path_b);
    } else {
      differ.compare(path_a, a, b);
    }
    if (!b_first) more_a = first.next(a);
    if (!a_first) more_b = second.next(b);
  }
  if (!first.fault().ok()) return session.finish(first.fault(), first.fault_path());
  if (!second.fault().ok()) return session.finish(second.fault(), second.fault_path());
  return differ.found > 0 ? Exit::ErrorAnswer : Exit::Ok;
}

const OptionSpec kTo{"to", "servers", "the second path is at this ensemble"};
const OptionSpec kDry{"n", "", "count only"};

}  // namespace

std::vector<Command> copy_commands() {
  return {
      {"cp",
       "[--to servers] [-f] [-n] path newpath",
       "copy a subtree with data and ACLs; ephemeral nodes are left out",
       "cp --to zoo2:2181 /config /config",
       {kTo, {"f", "", "overwrite the data of what is there"}, kDry},
       2,
       2,
       Paths::FirstTwo,
       run_cp,
       kOurs},
      {"mv",
       "[--to servers] [-n] path newpath",
       "move a subtree; up to 500 nodes of one ensemble all at once",
       "mv /config/old /config/new",
       {kTo, kDry},
       2,
       2,
       Paths::FirstTwo,
       run_mv,
       kOurs},
      {"diff",
       "[--to servers] [-a] [-d] path otherpath",
       "compare two subtrees; code 1 when they differ",
       "diff --to zoo2:2181 -a /config /config",
       {kTo, {"a", "", "compare ACLs, too"}, {"d", "", "print the data that differs"}},
       2,
       2,
       Paths::FirstTwo,
       run_diff,
       kOurs},
  };
}

}  // namespace quorate::shell
