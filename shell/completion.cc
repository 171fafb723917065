#include "shell/completion.h"

#include <algorithm>

namespace quorate::shell {

namespace {

void keep_matching(std::vector<std::string>& all, const std::string& word) {
  std::erase_if(all, [&](const std::string& each) { return !each.starts_with(word); });
  std::sort(all.begin(), all.end());
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& each : command_table()) names.emplace_back(each.name);
  return names;
}

/// With the dashes that were typed: long names may have one or two.
std::vector<std::string> option_names(const Command& command, const std::string& word) {
  const bool two = word.starts_with("--");
  std::vector<std::string> names{"--json"};
  for (const OptionSpec& each : command.options) {
    const bool is_long = std::string_view(each.name).size() > 1;
    if (is_long || !two) names.push_back(std::string(two ? "--" : "-") + each.name);
  }
  return names;
}

/// How many words that are neither options nor their values stand before the cursor's.
std::size_t positional_index(const Command& command, const std::vector<std::string>& words) {
  std::size_t index = 0;
  for (std::size_t at = 1; at < words.size(); ++at) {
    if (words[at].size() < 2 || words[at][0] != '-') {
      ++index;
      continue;
    }
    const std::string name = words[at].substr(words[at].starts_with("--") ? 2 : 1);
    const auto valued = [&](const OptionSpec& each) {
      return name == each.name && each.takes_value();
    };
    if (std::any_of(command.options.begin(), command.options.end(), valued)) ++at;
  }
  return index;
}

bool is_path(const Command& command, std::size_t index) {
  if (std::string_view(command.name) == "cd") return index == 0;
  return command.paths == Paths::FirstTwo ? index < 2 : command.paths == Paths::First && index == 0;
}

std::vector<std::string> path_candidates(const std::string& word, const std::string& directory,
                                         const ListChildren& list_children) {
  const std::size_t slash = word.rfind('/');
  const std::string typed = slash == std::string::npos ? "" : word.substr(0, slash + 1);
  if (typed.empty() && directory.empty()) return {"/"};
  // Without the last slash, but for the root.
  std::string parent = typed.size() > 1 ? typed.substr(0, typed.size() - 1) : typed;
  parent = absolute_path(directory.empty() ? "/" : directory, parent.empty() ? "." : parent);
  std::vector<std::string> out;
  for (const std::string& name : list_children(parent)) out.push_back(typed + name);
  return out;
}

}  // namespace

std::string Completion::shared() const {
  if (candidates.empty()) return "";
  // Sorted: what the first and the last share, all share.
  const std::string& first = candidates.front();
  const std::string& last = candidates.back();
  std::size_t size = 0;
  while (size < first.size() && size < last.size() && first[size] == last[size]) ++size;
  // Not half a character.
  while (size > 0 && size < first.size() && (first[size] & 0xc0) == 0x80) --size;
  return first.substr(0, size);
}

Completion complete(const std::string& line, const std::string& directory,
                    const ListChildren& list_children) {
  Completion out;
  const std::size_t blank = line.find_last_of(" \t");
  out.begin = blank == std::string::npos ? 0 : blank + 1;
  std::string word = line.substr(out.begin);
  const std::vector<std::string> before = split_words(line.substr(0, out.begin));
  if (before.empty()) {
    out.candidates = command_names();
  } else if (before.front() == "help") {
    if (before.size() == 1) out.candidates = command_names();
  } else if (const Command* command = find_command(before.front())) {
    if (word.starts_with('-')) {
      out.candidates = option_names(*command, word);
    } else if (is_path(*command, positional_index(*command, before))) {
      if (word.starts_with('"') || word.starts_with('\'')) {
        ++out.begin;
        word.erase(0, 1);
      }
      out.candidates = path_candidates(word, directory, list_children);
      out.paths = true;
    }
  }
  keep_matching(out.candidates, word);
  return out;
}

std::string argument_hint(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  const std::size_t end = line.find_first_of(" \t", begin);
  if (end == std::string::npos) return "";
  const Command* command = find_command(line.substr(begin, end - begin));
  return command == nullptr ? "" : command->arguments;
}

}  // namespace quorate::shell
