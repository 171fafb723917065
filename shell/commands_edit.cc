// edit, txn.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "shell/command_table.h"
#include "shell/data_view.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

// ---- edit ---------------------------------------------------------------------------------------

/// A file for the editor; removed at the end unless what it holds could not be stored.
class Draft {
 public:
  explicit Draft(const std::string& data) {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder == nullptr ? "/tmp" : folder) + "/quorate-edit-XXXXXX";
    const int fd = ::mkstemp(path_.data());
    ok_ = fd >= 0 && ::write(fd, data.data(), data.size()) == static_cast<ssize_t>(data.size());
    if (fd >= 0) ::close(fd);
  }
  ~Draft() {
    if (!keep) std::remove(path_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  bool ok() const { return ok_; }
  const std::string& path() const { return path_; }
  std::string read() const {
    std::ifstream in(path_, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  bool keep = false;

 private:
  std::string path_;
  bool ok_ = false;
};

/// Runs $VISUAL, $EDITOR or vi; false when it says that something is wrong.
bool run_editor(const std::string& file) {
  const char* editor = std::getenv("VISUAL");
  if (editor == nullptr) editor = std::getenv("EDITOR");
  const std::string command = std::string(editor == nullptr ? "vi" : editor) + " '" + file + "'";
  // Ctrl-C belongs to the editor meanwhile; system() sees to it.
  const int status = std::system(command.c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Exit run_edit(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  auto reply = session.remote.get_data(path);
  if (!reply) return session.finish(reply, path);
  const std::string before = reply.value.data.value_or("");
  Draft draft(before);
  if (!draft.ok()) return session.refuse("cannot write " + draft.path(), Exit::ErrorAnswer);
  if (!run_editor(draft.path())) {
    return session.refuse("the editor failed; nothing was changed", Exit::ErrorAnswer);
  }
  std::string after = draft.read();
  // Editors end the last line, which the data did not.
  if (!before.ends_with('\n') && after.ends_with('\n')) after.pop_back();
  if (after == before) return session.answer("nothing was changed\n", Json{{"changed", false}});
  auto stored = session.remote.set_data(path, after, reply.value.stat.version);
  if (stored) {
    return session.answer("version " + std::to_string(stored.value.version) + " stored\n",
                          Json{{"changed", true}, {"stat", stat_json(stored.value)}});
  }
  draft.keep = true;
  const Exit code = session.finish(stored, path);
  session.refuse(stored.code == client::Code::BadVersion
                     ? "someone else has changed it meanwhile; your text is in " + draft.path()
                     : "your text is in " + draft.path(),
                 Exit::ErrorAnswer);
  return code;
}

// ---- txn ----------------------------------------------------------------------------------------

/// Adds one line ("create /a x", "set /a y", "delete /a", "check /a 3"); what is wrong, or "".
std::string add_operation(const Session& session, client::Transaction& transaction,
                          const std::string& line) {
  const std::vector<std::string> words = split_words(line);
  const std::string no_operation =
      "not an operation of a transaction: " + line +
      " (create path [data], set path data [-v version], delete path [-v version], check path "
      "version; then commit or abort)";
  static const std::set<std::string_view> kOperations{"create", "set", "delete", "check"};
  if (!words.empty() && !kOperations.contains(words[0])) return no_operation;
  const std::vector<OptionSpec> options{
      {"v", "version", ""}, {"e", "", ""}, {"s", "", ""}, {"c", "", ""}};
  std::string fault;
  const auto arguments = words.empty()
                             ? std::nullopt
                             : parse_arguments({words.begin() + 1, words.end()}, options, fault);
  if (!arguments) return fault.empty() ? "an operation is missing" : fault;
  if (arguments->words.empty()) return "a path is missing: " + line;
  std::string path = arguments->words[0];
  if (!session.directory.empty()) path = absolute_path(session.directory, path);
  if (fault = path_fault(path, arguments->has("s")); !fault.empty()) return fault;
  const std::optional<int> version =
      parse_int(arguments->value("v", words[0] == "check" ? arguments->word(1, "-1") : "-1"));
  if (!version) return "not a version: " + line;
  const std::size_t count = arguments->words.size();
  client::Buffer data;
  if (count > 1) data = arguments->words[1];
  if (words[0] == "create" && count <= 2) {
    using client::CreateMode;
    const bool s = arguments->has("s");
    CreateMode mode = s ? CreateMode::PersistentSequential : CreateMode::Persistent;
    if (arguments->has("e")) mode = s ? CreateMode::EphemeralSequential : CreateMode::Ephemeral;
    if (arguments->has("c")) mode = CreateMode::Container;
    transaction.create(path, data, mode);
  } else if (words[0] == "set" && count == 2) {
    transaction.set_data(path, data, *version);
  } else if (words[0] == "delete" && count == 1) {
    transaction.remove(path, *version);
  } else if (words[0] == "check" && count == 2) {
    transaction.check(path, *version);
  } else {
    return no_operation;
  }
  return "";
}

std::string path_of(const client::Transaction::Op& op) {
  return std::visit([](const auto& each) { return each.path; }, op);
}

Exit commit(Session& session, client::Transaction transaction) {
  const std::vector<client::Transaction::Op> ops = transaction.ops();
  const auto reply = session.remote.commit(std::move(transaction));
  if (!reply) {
    const std::size_t failed = reply.value.failed;
    if (failed >= ops.size()) return session.finish(reply, "");
    if (!session.style().json) {
      session.output.err("operation " + std::to_string(failed + 1) + " of " +
                         std::to_string(ops.size()) + " failed, so none was carried out:");
    }
    return session.finish(reply, path_of(ops[failed]));
  }
  std::string text;
  Json results = Json::array();
  for (std::size_t i = 0; i < ops.size(); ++i) {
    Json each{{"path", path_of(ops[i])}};
    if (const auto* created = std::get_if<client::CreateReply>(&reply.value.results[i].value)) {
      each["created"] = created->path;
      text += "Created " + created->path + "\n";
    }
    if (const auto* stat = std::get_if<client::Stat>(&reply.value.results[i].value)) {
      each["version"] = stat->version;
    }
    results.push_back(std::move(each));
  }
  return session.answer(text + std::to_string(ops.size()) + " operations carried out together\n",
                        Json{{"results", results}});
}

/// Line by line, until commit or abort.
Exit build_and_commit(Session& session) {
  client::Transaction transaction;
  std::string line;
  while (true) {
    std::cout << "txn " << transaction.size() + 1 << "> " << std::flush;
    if (!std::getline(std::cin, line) || cancel_flag()) {
      std::cin.clear();
      clearerr(stdin);
      return session.refuse("the transaction was given up", Exit::ErrorAnswer);
    }
    const std::vector<std::string> words = split_words(line);
    if (words.empty()) continue;
    if (words[0] == "abort" || words[0] == "quit") {
      return session.answer("the transaction was given up\n", Json{{"committed", false}});
    }
    if (words[0] == "commit") break;
    if (std::string fault = add_operation(session, transaction, line); !fault.empty()) {
      session.output.err(fault);
    }
  }
  if (transaction.empty()) return session.refuse("the transaction is empty", Exit::ErrorAnswer);
  return commit(session, std::move(transaction));
}

Exit run_txn(Session& session, const Arguments& arguments) {
  if (arguments.words.empty()) {
    if (!session.style().interactive) {
      return session.refuse("a transaction without a terminal takes its operations as arguments");
    }
    session.output.out(
        "create, set, delete, check; commit carries them out together, abort does not\n");
    return build_and_commit(session);
  }
  client::Transaction transaction;
  for (const std::string& line : arguments.words) {
    if (std::string fault = add_operation(session, transaction, line); !fault.empty()) {
      return session.refuse(fault);
    }
  }
  return commit(session, std::move(transaction));
}

}  // namespace

std::vector<Command> edit_commands() {
  return {
      {"edit",
       "path",
       "edit the data in $EDITOR; stored only if nobody changed it meanwhile",
       "edit /config/database",
       {},
       1,
       1,
       Paths::First,
       run_edit,
       kOurs},
      {"txn",
       "['operation' ...]",
       "carry several operations out together or not at all; without arguments line by line",
       "txn 'check /config 3' 'set /config new' 'delete /config/old'",
       {},
       0,
       1000,
       Paths::None,
       run_txn,
       kOurs},
  };
}

}  // namespace quorate::shell
