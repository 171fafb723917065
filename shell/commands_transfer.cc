// export, import: a subtree as a file and back.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "shell/acl_text.h"
#include "shell/command_table.h"
#include "shell/importer.h"
#include "shell/progress.h"
#include "shell/render.h"
#include "shell/transfer.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

using client::Code;

constexpr std::size_t kNews = 500;  ///< Nodes between two looks at the clock.

/// What an export that was ended has left.
struct Left {
  std::size_t nodes = 0;
  std::string last;          ///< Path of its last whole line, "" for none.
  std::uintmax_t bytes = 0;  ///< Up to there.
};

/// Nothing when the file is not the beginning of an export of this subtree.
std::optional<Left> look_at_left(const std::string& half, const std::string& top) {
  std::ifstream in(half, std::ios::binary);
  TransferReader reader(in);
  const std::optional<std::string> exported = reader.head();
  if (exported != top || in.eof()) return std::nullopt;
  Left left;
  left.bytes = static_cast<std::uintmax_t>(in.tellg());
  while (const std::optional<TransferNode> node = reader.next()) {
    if (in.eof()) break;  // A line without its end.
    ++left.nodes;
    left.last = node->path.empty() ? top : (top == "/" ? "" : top) + node->path;
    left.bytes = static_cast<std::uintmax_t>(in.tellg());
  }
  return left;
}

/// Where an export goes to; not under its own name until it is whole.
class ExportFile {
 public:
  ExportFile(Session& session, const std::string& name)
      : session_(session), name_(name), half_(name + ".part"), to_stdout_(name == "-") {}

  bool to_stdout() const { return to_stdout_; }

  /// Begins anew, or with `left` behind what is there.
  Exit open(const std::optional<Left>& left) {
    if (to_stdout_) return Exit::Ok;
    std::error_code fault;
    if (left) std::filesystem::resize_file(half_, left->bytes, fault);
    const auto mode = std::ios::binary | (left ? std::ios::app : std::ios::trunc);
    out_.open(half_, mode);
    if (out_ && !fault) return Exit::Ok;
    return session_.refuse("cannot write " + half_, Exit::ErrorAnswer);
  }
  const std::string& half() const { return half_; }

  void write(const std::string& text) {
    if (to_stdout_) {
      session_.output.out(text);
    } else {
      out_ << text;
    }
  }

  /// Gives a whole export its name. What there is of another stays for --resume.
  Exit close(Exit code) {
    if (to_stdout_) return code;
    out_.close();
    if (code != Exit::Ok) return code;
    if (out_ && std::rename(half_.c_str(), name_.c_str()) == 0) return Exit::Ok;
    return session_.refuse("cannot write " + name_, Exit::ErrorAnswer);
  }

 private:
  Session& session_;
  const std::string name_;
  const std::string half_;
  const bool to_stdout_;
  std::ofstream out_;
};

/// The nodes that are not in the file already; `nodes` counts all.
Exit export_nodes(Session& session, const std::string& top, ExportFile& file,
                  const std::string& after, std::size_t& nodes) {
  WalkOptions options;
  options.data = true;
  options.acl = true;
  options.skip_system = true;
  options.after = after;
  TransferWriter writer;
  std::string line;
  std::size_t hidden = 0;
  Status unreadable;
  std::string unreadable_path;
  Progress progress(session.output, "export");
  const std::size_t total = nodes_foreseen(session, top);
  const auto passed = [&](const std::string& path) {
    return path == after || (!after.empty() && after.starts_with(path == "/" ? path : path + "/"));
  };
  const Exit code = walk(session, top, options, [&](Visit& visit) {
    if (passed(visit.path)) return true;
    if (visit.code != Code::Ok) {
      unreadable.code = visit.code;
      unreadable_path = visit.path;
      return false;
    }
    hidden += has_hidden_digest(visit.acl) ? 1 : 0;
    line.clear();
    writer.line(visit, top, line);
    file.write(line);
    if (++nodes % kNews == 0) progress.show(nodes, nodes, total);
    return true;
  });
  tell_hidden(session, hidden);
  return unreadable.ok() ? code : session.finish(unreadable, unreadable_path);
}

Exit run_export(Session& session, const Arguments& arguments) {
  const std::string& top = arguments.words[0];
  ExportFile file(session, arguments.words[1]);
  std::optional<Left> left;
  if (arguments.has("resume")) {
    if (file.to_stdout()) return session.refuse("--resume needs a file");
    left = look_at_left(file.half(), top);
    if (!left) {
      return session.refuse(file.half() + " is not the beginning of an export of " + top,
                            Exit::ErrorAnswer);
    }
  }
  if (const Exit code = file.open(left); code != Exit::Ok) return code;
  std::size_t nodes = left ? left->nodes : 0;
  if (!left) file.write(transfer_head(top));
  Exit code = export_nodes(session, top, file, left ? left->last : "", nodes);
  if (code == Exit::Ok) file.write(transfer_end(nodes));
  code = file.close(code);
  if (file.to_stdout()) return code;
  if (code != Exit::Ok) {
    if (nodes == 0) {
      std::remove(file.half().c_str());
      return code;
    }
    session.refuse(std::to_string(nodes) + " nodes were exported; --resume goes on",
                   Exit::ErrorAnswer);
    return code;
  }
  return session.answer(std::to_string(nodes) + " nodes exported to " + arguments.words[1] + "\n",
                        Json{{"path", top}, {"file", arguments.words[1]}, {"nodes", nodes}});
}

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

/// How long a file is; 0 for one that is no plain file.
std::size_t file_size(std::istream& in) {
  in.seekg(0, std::ios::end);
  const auto end = in.tellg();
  in.clear();
  in.seekg(0);
  in.clear();  // A pipe stands where it stood.
  return end > 0 ? static_cast<std::size_t>(end) : 0;
}

Exit import_all(Session& session, TransferReader& reader, Importer& importer, std::istream& in,
                std::size_t size) {
  Progress progress(session.output, "import");
  while (std::optional<TransferNode> node = reader.next()) {
    if (const Exit code = importer.add(std::move(*node)); code != Exit::Ok) return code;
    if (importer.read() % kNews != 0) continue;
    const std::size_t read = size == 0 ? 0 : static_cast<std::size_t>(in.tellg());
    progress.show(importer.nodes(), read, size);
  }
  if (!reader.fault().empty()) return session.refuse(reader.fault(), Exit::ErrorAnswer);
  return importer.flush();
}

Exit run_import(Session& session, const Arguments& arguments) {
  const std::string& file = arguments.words[0];
  const auto portion = parse_int(arguments.value("b", "500"));
  if (!portion || *portion <= 0) return session.refuse("not a number: " + arguments.value("b"));
  const bool from_stdin = file == "-";
  if (from_stdin && arguments.has("resume")) {
    return session.refuse("--resume needs a file that can be read again");
  }
  std::ifstream plain;
  if (!from_stdin) {
    plain.open(file, std::ios::binary);
    if (!plain) return session.refuse("cannot read " + file, Exit::ErrorAnswer);
  }
  std::istream& in = from_stdin ? std::cin : plain;
  const std::size_t size = from_stdin ? 0 : file_size(in);
  TransferReader reader(in);
  const std::optional<std::string> exported = reader.head();
  if (!exported) return session.refuse(file + ": " + reader.fault(), Exit::ErrorAnswer);
  std::string top = arguments.word(1, *exported);
  if (!session.directory.empty()) top = absolute_path(session.directory, top);
  if (std::string fault = path_fault(top); !fault.empty()) return session.refuse(fault);
  if (arguments.has("n")) return check_only(session, reader, top);
  const std::string note = from_stdin ? "" : file + ".imported";
  const ImportOptions options{arguments.has("f"), static_cast<std::size_t>(*portion)};
  Importer importer(session, top, note, options);
  if (arguments.has("resume")) importer.resume();
  const Exit code = import_all(session, reader, importer, in, size);
  if (code != Exit::Ok) {
    session.refuse(std::to_string(importer.nodes()) + " nodes were imported" +
                       (from_stdin ? "" : "; --resume goes on"),
                   Exit::ErrorAnswer);
    return code;
  }
  if (!note.empty()) std::remove(note.c_str());
  return session.answer(std::to_string(importer.nodes()) + " nodes imported below " + top + "; " +
                            std::to_string(importer.ephemerals()) + " ephemeral nodes left out\n",
                        Json{{"path", top},
                             {"nodes", importer.nodes()},
                             {"resumedAfter", importer.skipped()},
                             {"ephemeralsLeftOut", importer.ephemerals()},
                             {"done", true}});
}

}  // namespace

std::vector<Command> transfer_commands() {
  return {
      {"export",
       "[--resume] path file",
       "write a subtree to a file, a JSON document a line; - is stdout",
       "export /config config.json",
       {{"resume", "", "go on where an interrupted export ended"}},
       2,
       2,
       Paths::First,
       run_export,
       kOurs},
      {"import",
       "[-n] [-f] [--resume] [-b count] file [path]",
       "create what was exported, in portions that happen whole or not at all; - is stdin",
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
