// tree, du, find, grep: a subtree looked at as a whole.
#include <fnmatch.h>
#include <langinfo.h>
#include <regex.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "shell/command_table.h"
#include "shell/data_view.h"
#include "shell/render.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

std::string top_of(const Session& session, const Arguments& arguments, std::size_t at) {
  return arguments.word(at, session.directory.empty() ? "/" : session.directory);
}

std::string node_mark(const Session& session, const Visit& visit) {
  if (visit.code != client::Code::Ok) return colour::red(session.style(), " (no permission)");
  return visit.stat.ephemeral_owner != 0 ? colour::grey(session.style(), " (ephemeral)") : "";
}

// ---- tree ---------------------------------------------------------------------------------------

/// The lines before a name: one column per level, open while siblings follow.
class Branches {
 public:
  Branches() : unicode_(std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0) {}

  std::string before(const Visit& visit) {
    open_.resize(visit.depth + 1);
    open_[visit.depth] = !visit.last;
    std::string text;
    for (std::size_t i = 1; i < visit.depth; ++i) {
      text += !open_[i] ? "    " : unicode_ ? "│   " : "|   ";
    }
    if (visit.depth == 0) return text;
    if (unicode_) return text + (visit.last ? "└── " : "├── ");
    return text + (visit.last ? "`-- " : "|-- ");
  }

 private:
  bool unicode_;
  std::vector<bool> open_;
};

Exit run_tree(Session& session, const Arguments& arguments) {
  const std::string top = top_of(session, arguments, 0);
  const auto depth = parse_int64(arguments.value("d", "1000000"));
  if (!depth || *depth < 0) return session.refuse("not a depth: " + arguments.value("d"));
  WalkOptions options;
  options.depth_max = static_cast<std::size_t>(*depth);
  Branches branches;
  std::size_t nodes = 0;
  std::int64_t bytes = 0;
  const Exit code = walk(session, top, options, [&](Visit& visit) {
    ++nodes;
    bytes += visit.stat.data_length;
    std::string text = branches.before(visit);
    text += visit.depth == 0 ? visit.path : last_name(visit.path);
    text += node_mark(session, visit);
    const bool hides = visit.children == 0 && visit.stat.num_children > 0;
    if (arguments.has("c")) {
      text += colour::grey(session.style(), "  " + std::to_string(visit.stat.num_children) +
                                                " children, " +
                                                std::to_string(visit.stat.data_length) + " bytes");
    } else if (hides) {
      text += colour::grey(session.style(), "  +" + std::to_string(visit.stat.num_children));
    }
    text += '\n';
    session.answer(text, [&] {
      return Json{{"path", visit.path},
                  {"depth", visit.depth},
                  {"children", visit.stat.num_children},
                  {"bytes", visit.stat.data_length},
                  {"ephemeral", visit.stat.ephemeral_owner != 0}};
    });
    return true;
  });
  if (code != Exit::Ok || session.style().json) return code;
  return session.answer(
      "\n" + std::to_string(nodes) + " nodes, " + std::to_string(bytes) + " bytes\n", Json());
}

// ---- du -----------------------------------------------------------------------------------------

struct Usage {
  std::string path;
  std::size_t nodes = 0;
  std::int64_t bytes = 0;
};

std::string human_bytes(std::int64_t bytes) {
  const char* units[] = {"", "K", "M", "G", "T"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%s" : "%.1f%s", value, units[unit]);
  return text;
}

/// Sums on the way down the path being visited; told when a subtree has been left.
class UsageStack {
 public:
  UsageStack(Session& session, std::size_t depth_max, bool human)
      : session_(session), depth_max_(depth_max), human_(human) {}

  void add(const Visit& visit) {
    while (stack_.size() > visit.depth) leave();
    stack_.push_back({visit.path, 1, visit.stat.data_length});
  }
  void finish() {
    while (!stack_.empty()) leave();
  }

 private:
  void leave() {
    const Usage usage = std::move(stack_.back());
    stack_.pop_back();
    if (!stack_.empty()) {
      stack_.back().nodes += usage.nodes;
      stack_.back().bytes += usage.bytes;
    }
    if (stack_.size() > depth_max_) return;
    const std::string bytes = human_ ? human_bytes(usage.bytes) : std::to_string(usage.bytes);
    const std::string nodes = std::to_string(usage.nodes);
    session_.answer(std::string(nodes.size() < 10 ? 10 - nodes.size() : 0, ' ') + nodes +
                        std::string(bytes.size() < 13 ? 13 - bytes.size() : 1, ' ') + bytes + "  " +
                        usage.path + "\n",
                    Json{{"path", usage.path}, {"nodes", usage.nodes}, {"bytes", usage.bytes}});
  }

  Session& session_;
  std::size_t depth_max_;
  bool human_;
  std::vector<Usage> stack_;
};

Exit run_du(Session& session, const Arguments& arguments) {
  const std::string top = top_of(session, arguments, 0);
  const auto depth = parse_int64(arguments.value("d", "1"));
  if (!depth || *depth < 0) return session.refuse("not a depth: " + arguments.value("d"));
  if (!session.style().json) session.output.out("     nodes        bytes  path\n");
  UsageStack usage(session, static_cast<std::size_t>(*depth), arguments.has("h"));
  const Exit code = walk(session, top, WalkOptions(), [&](Visit& visit) {
    usage.add(visit);
    return true;
  });
  if (code == Exit::Ok) usage.finish();
  return code;
}

// ---- find, grep ---------------------------------------------------------------------------------

Exit run_find(Session& session, const Arguments& arguments) {
  const std::string top = top_of(session, arguments, 0);
  const auto bytes_min = parse_int64(arguments.value("size", "0"));
  if (!bytes_min || *bytes_min < 0) {
    return session.refuse("not a number of bytes: " + arguments.value("size"));
  }
  const bool by_name = arguments.has("name");
  const bool by_value = arguments.has("value");
  const bool ephemerals = arguments.has("e");
  const std::string name = arguments.value("name");
  const std::string value = arguments.value("value");
  WalkOptions options;
  options.data = by_value;
  options.stat = ephemerals || *bytes_min > 0 || session.style().json;
  return walk(session, top, options, [&](Visit& visit) {
    if (by_name && ::fnmatch(name.c_str(), last_name(visit.path).c_str(), 0) != 0) return true;
    if (by_value && (!visit.data || visit.data->find(value) == std::string::npos)) return true;
    if (ephemerals && visit.stat.ephemeral_owner == 0) return true;
    if (visit.stat.data_length < *bytes_min) return true;
    session.answer(visit.path + "\n", [&] {
      return Json{{"path", visit.path}, {"bytes", visit.stat.data_length}};
    });
    return true;
  });
}

/// A fixed text, or with -E a POSIX extended regular expression.
class Pattern {
 public:
  Pattern(const std::string& text, bool regex, bool any_case) : any_case_(any_case) {
    if (!regex) {
      text_ = any_case ? lowered(text) : text;
      return;
    }
    auto compiled = std::make_unique<regex_t>();
    const int flags = REG_EXTENDED | REG_NOSUB | (any_case ? REG_ICASE : 0);
    if (const int code = ::regcomp(compiled.get(), text.c_str(), flags); code != 0) {
      char why[128];
      ::regerror(code, compiled.get(), why, sizeof why);
      fault_ = why;
      return;
    }
    regex_.reset(compiled.release());
  }

  const std::string& fault() const { return fault_; }
  bool matches(const std::string& line) const {
    if (regex_) return ::regexec(regex_.get(), line.c_str(), 0, nullptr, 0) == 0;
    return (any_case_ ? lowered(line) : line).find(text_) != std::string::npos;
  }

 private:
  struct FreeRegex {
    void operator()(regex_t* regex) const {
      ::regfree(regex);
      delete regex;
    }
  };
  static std::string lowered(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
  }

  bool any_case_;
  std::string text_;
  std::string fault_;
  std::unique_ptr<regex_t, FreeRegex> regex_;
};

void show_matches(Session& session, const Pattern& pattern, const Visit& visit, bool path_only,
                  std::size_t& found) {
  const std::string data = visit.data.value_or("");
  const bool text = is_text(data);
  std::size_t number = 1;
  for (std::size_t at = 0; at <= data.size(); ++number) {
    const std::size_t end = std::min(data.find('\n', at), data.size());
    const std::string line = data.substr(at, end - at);
    at = end + 1;
    if (!pattern.matches(line)) continue;
    ++found;
    Json json{{"path", visit.path}, {"line", number}};
    if (text) json["text"] = line;
    const std::string rest = path_only ? "" : text ? ":" + line : ": (binary data)";
    session.answer(colour::blue(session.style(), visit.path) + rest + "\n", json);
    if (path_only || !text) return;
  }
}

/// As grep: code 1 when nothing was found.
Exit run_grep(Session& session, const Arguments& arguments) {
  const Pattern pattern(arguments.words[0], arguments.has("E"), arguments.has("i"));
  if (!pattern.fault().empty()) return session.refuse(pattern.fault());
  std::string top = top_of(session, arguments, 1);
  if (!session.directory.empty()) top = absolute_path(session.directory, top);
  if (std::string fault = path_fault(top); !fault.empty()) return session.refuse(fault);
  WalkOptions options;
  options.data = true;
  std::size_t found = 0;
  const Exit code = walk(session, top, options, [&](Visit& visit) {
    show_matches(session, pattern, visit, arguments.has("l"), found);
    return true;
  });
  return code == Exit::Ok && found == 0 ? Exit::ErrorAnswer : code;
}

}  // namespace

std::vector<Command> tree_commands() {
  return {
      {"tree",
       "[-d depth] [-c] [path]",
       "draw a subtree",
       "tree -d 2 /app",
       {{"d", "depth", "so many levels below the path"}, {"c", "", "children and bytes of each"}},
       0,
       1,
       Paths::First,
       run_tree,
       kOurs},
      {"du",
       "[-d depth] [-h] [path]",
       "count nodes and bytes per subtree",
       "du -h -d 2 /",
       {{"d", "depth", "subtrees down to this level (1)"}, {"h", "", "bytes as K, M, G"}},
       0,
       1,
       Paths::First,
       run_du,
       kOurs},
      {"find",
       "[-name pattern] [-value text] [-size bytes] [-e] [path]",
       "list nodes by name, data, size",
       "find -name 'worker-*' /",
       {{"name", "pattern", "last name matches; * ? [...] as in a shell"},
        {"value", "text", "data holds this text"},
        {"size", "bytes", "data is at least so long"},
        {"e", "", "ephemeral nodes only"}},
       0,
       1,
       Paths::First,
       run_find,
       kOurs},
      {"grep",
       "[-i] [-l] [-E] text [path]",
       "print lines of data that hold a text; code 1 when none does",
       "grep -i host= /config",
       {{"i", "", "upper and lower case alike"},
        {"l", "", "paths only"},
        {"E", "", "the text is an extended regular expression"}},
       1,
       2,
       Paths::None,
       run_grep,
       kOurs},
  };
}

}  // namespace quorate::shell
