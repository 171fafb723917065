// export, import: a subtree as a file and back.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>

#include "shell/command_table.h"
#include "shell/render.h"
#include "shell/transfer.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

using client::Code;

constexpr std::size_t kPortionBytesMax = 512 * 1024;

Exit run_export(Session& session, const Arguments& arguments) {
  const std::string& top = arguments.words[0];
  const std::string file = arguments.words[1];
  const bool to_stdout = file == "-";
  // Not under its own name until it is whole.
  const std::string half = file + ".part";
  std::ofstream out;
  if (!to_stdout) {
    out.open(half, std::ios::binary | std::ios::trunc);
    if (!out) return session.refuse("cannot write " + half, Exit::ErrorAnswer);
  }
  const auto write = [&](const std::string& text) {
    if (to_stdout) {
      session.output.out(text);
    } else {
      out << text;
    }
  };
  WalkOptions options;
  options.data = true;
  options.acl = true;
  options.skip_system = true;
  std::size_t nodes = 0;
  Status unreadable;
  std::string unreadable_path;
  write(transfer_head(top));
  Exit code = walk(session, top, options, [&](Visit& visit) {
    if (visit.code != Code::Ok) {
      unreadable.code = visit.code;
      unreadable_path = visit.path;
      return false;
    }
    write(transfer_line(visit, top));
    if (++nodes % 5000 == 0) session.output.progress(std::to_string(nodes) + " nodes exported");
    return true;
  });
  if (!unreadable.ok()) code = session.finish(unreadable, unreadable_path);
  if (code == Exit::Ok) write(transfer_end(nodes));
  if (to_stdout) return code;
  out.close();
  if (code == Exit::Ok && (!out || std::rename(half.c_str(), file.c_str()) != 0)) {
    code = session.refuse("cannot write " + file, Exit::ErrorAnswer);
  }
  if (code != Exit::Ok) {
    std::remove(half.c_str());
    return code;
  }
  return session.answer(std::to_string(nodes) + " nodes exported to " + file + "\n",
                        Json{{"path", top}, {"file", file}, {"nodes", nodes}});
}

/// Writes portions of nodes, each of them whole or not at all, and notes how far it came.
class Importer {
 public:
  Importer(Session& session, std::string top, std::string note, bool replace,
           std::size_t portion_max)
      : session_(session),
        top_(std::move(top)),
        note_(std::move(note)),
        replace_(replace),
        portion_max_(portion_max) {}

  /// What an earlier run has noted; the nodes before it are passed over.
  void resume() {
    std::ifstream in(note_);
    std::string path;
    std::size_t done = 0;
    if (in >> done && std::getline(in >> std::ws, path) && path == top_) skip_ = done;
    resumed_ = true;
  }

  Exit add(TransferNode node) {
    ++read_;
    if (read_ <= skip_) return Exit::Ok;
    if (node.ephemeral) {
      ++ephemerals;  // It belonged to a session.
      return Exit::Ok;
    }
    bytes_ += node.path.size() + top_.size() + node.data.value_or("").size() + 100;
    portion_.push_back(std::move(node));
    if (portion_.size() < portion_max_ && bytes_ < kPortionBytesMax) return Exit::Ok;
    return flush();
  }

  Exit flush() {
    if (portion_.empty()) return Exit::Ok;
    std::vector<bool> there(portion_.size(), false);
    if (portion_.front().path.empty() && top_ == "/") there[0] = true;
    Reply<client::TransactionReply> reply = commit(there);
    if (reply.code == Code::NodeExists && (replace_ || resumed_)) {
      const Exit code = look_for_existing(there);
      if (code != Exit::Ok) return code;
      if (!replace_ && !all(there)) return tell(reply);
      reply = commit(there);
    }
    if (!reply) return tell(reply);
    nodes += portion_.size();
    portion_.clear();
    bytes_ = 0;
    resumed_ = false;  // Only the first portion may have been written without a note.
    std::ofstream(note_, std::ios::trunc) << read_ << " " << top_ << "\n";
    session_.output.progress(std::to_string(nodes) + " nodes imported");
    return cancel_flag() ? Exit::ErrorAnswer : Exit::Ok;
  }

  std::size_t nodes = 0;
  std::size_t ephemerals = 0;
  std::size_t skipped() const { return skip_; }

 private:
  static bool all(const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), false) == flags.end();
  }
  std::string target(const TransferNode& node) const {
    if (node.path.empty()) return top_;
    return (top_ == "/" ? "" : top_) + node.path;
  }

  Reply<client::TransactionReply> commit(const std::vector<bool>& there) {
    client::Transaction transaction;
    for (std::size_t i = 0; i < portion_.size(); ++i) {
      const TransferNode& node = portion_[i];
      if (there[i]) {
        transaction.set_data(target(node), node.data);
        continue;
      }
      client::CreateOptions create;
      if (!node.acl.empty()) create.acl = node.acl;
      transaction.create(target(node), node.data, std::move(create));
    }
    return session_.remote.commit(std::move(transaction));
  }

  Exit look_for_existing(std::vector<bool>& there) {
    for (std::size_t i = 0; i < portion_.size(); ++i) {
      auto exists = session_.remote.exists(target(portion_[i]));
      if (!exists && exists.code != Code::NoNode)
        return session_.finish(exists, target(portion_[i]));
      there[i] = exists.ok();
    }
    return Exit::Ok;
  }

  Exit tell(const Reply<client::TransactionReply>& reply) {
    const std::size_t failed = reply.value.failed;
    return session_.finish(reply, failed < portion_.size() ? target(portion_[failed]) : top_);
  }

  Session& session_;
  const std::string top_;
  const std::string note_;
  const bool replace_;
  const std::size_t portion_max_;
  std::vector<TransferNode> portion_;
  std::size_t bytes_ = 0;
  std::size_t read_ = 0;
  std::size_t skip_ = 0;
  bool resumed_ = false;
};

/// -n: the whole file is read, nothing is written.
Exit check_only(Session& session, TransferReader& reader, const std::string& top) {
  std::size_t nodes = 0;
  std::size_t ephemerals = 0;
  std::size_t bytes = 0;
  while (std::optional<TransferNode> node = reader.next()) {
    ++(node->ephemeral ? ephemerals : nodes);
    bytes += node->data.value_or("").size();
  }
  if (!reader.fault().empty()) return session.refuse(reader.fault(), Exit::ErrorAnswer);
  const bool there = session.remote.exists(top).ok();
  return session.answer(std::to_string(nodes) + " nodes, " + std::to_string(bytes) +
                            " bytes would be created below " + top + ", which " +
                            (there ? "exists" : "does not exist") + "; " +
                            std::to_string(ephemerals) + " ephemeral nodes would be left out\n",
                        Json{{"path", top},
                             {"nodes", nodes},
                             {"bytes", bytes},
                             {"ephemeralsLeftOut", ephemerals},
                             {"exists", there},
                             {"done", false}});
}

Exit import_all(Session& session, TransferReader& reader, Importer& importer) {
  while (std::optional<TransferNode> node = reader.next()) {
    if (const Exit code = importer.add(std::move(*node)); code != Exit::Ok) return code;
  }
  if (!reader.fault().empty()) return session.refuse(reader.fault(), Exit::ErrorAnswer);
  return importer.flush();
}

Exit run_import(Session& session, const Arguments& arguments) {
  const std::string& file = arguments.words[0];
  const auto portion = parse_int(arguments.value("b", "500"));
  if (!portion || *portion <= 0) return session.refuse("not a number: " + arguments.value("b"));
  std::ifstream in(file, std::ios::binary);
  if (!in) return session.refuse("cannot read " + file, Exit::ErrorAnswer);
  TransferReader reader(in);
  const std::optional<std::string> exported = reader.head();
  if (!exported) return session.refuse(file + ": " + reader.fault(), Exit::ErrorAnswer);
  std::string top = arguments.word(1, *exported);
  if (!session.directory.empty()) top = absolute_path(session.directory, top);
  if (std::string fault = path_fault(top); !fault.empty()) return session.refuse(fault);
  if (arguments.has("n")) return check_only(session, reader, top);
  const std::string note = file + ".imported";
  Importer importer(session, top, note, arguments.has("f"), static_cast<std::size_t>(*portion));
  if (arguments.has("resume")) importer.resume();
  const Exit code = import_all(session, reader, importer);
  if (code != Exit::Ok) {
    session.refuse(std::to_string(importer.nodes) + " nodes were imported; --resume goes on",
                   Exit::ErrorAnswer);
    return code;
  }
  std::remove(note.c_str());
  return session.answer(std::to_string(importer.nodes) + " nodes imported below " + top + "; " +
                            std::to_string(importer.ephemerals) + " ephemeral nodes left out\n",
                        Json{{"path", top},
                             {"nodes", importer.nodes},
                             {"resumedAfter", importer.skipped()},
                             {"ephemeralsLeftOut", importer.ephemerals},
                             {"done", true}});
}

}  // namespace

std::vector<Command> transfer_commands() {
  return {
      {"export",
       "path file",
       "write a subtree to a file, a JSON document a line; - is stdout",
       "export /config config.json",
       {},
       2,
       2,
       Paths::First,
       run_export,
       kOurs},
      {"import",
       "[-n] [-f] [--resume] [-b count] file [path]",
       "create what was exported, in portions that happen whole or not at all",
       "import -n config.json /restored",
       {{"n", "", "check the file and count only"},
        {"f", "", "overwrite the data of what is there"},
        {"resume", "", "go on where an interrupted import ended"},
        {"b", "count", "nodes in one portion (500)"}},
       1,
       2,
       Paths::None,
       run_import,
       kOurs},
  };
}

}  // namespace quorate::shell
