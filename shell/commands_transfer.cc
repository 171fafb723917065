// export, import: a subtree as a file and back.
#include <algorithm>
#include <cstdio>
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
  TransferWriter writer;
  std::string line;
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
  std::size_t hidden = 0;
  Status unreadable;
  std::string unreadable_path;
  Progress progress(session.output, "export");
  const std::size_t total = nodes_foreseen(session, top);
  write(transfer_head(top));
  Exit code = walk(session, top, options, [&](Visit& visit) {
    if (visit.code != Code::Ok) {
      unreadable.code = visit.code;
      unreadable_path = visit.path;
      return false;
    }
    hidden += has_hidden_digest(visit.acl) ? 1 : 0;
    line.clear();
    writer.line(visit, top, line);
    write(line);
    if (++nodes % kNews == 0) progress.show(nodes, nodes, total);
    return true;
  });
  if (!unreadable.ok()) code = session.finish(unreadable, unreadable_path);
  if (code == Exit::Ok) write(transfer_end(nodes));
  tell_hidden(session, hidden);
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
