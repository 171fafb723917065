#include "shell/path_list.h"

#include "shell/line.h"

namespace quorate::shell {

void PathList::add(const std::string& path, std::size_t depth, std::int32_t version) {
  Entry entry;
  entry.version = version;
  entry.name_at = names_.size();
  above_.resize(depth + 1, kTop);
  if (depth > 0) {
    names_ += last_name(path);
    entry.parent = depth == 1 ? kTop : above_[depth - 1];
  }
  above_[depth] = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back(entry);
}

std::string_view PathList::name(std::size_t at) const {
  const std::size_t begin = entries_[at].name_at;
  const std::size_t end = at + 1 < entries_.size() ? entries_[at + 1].name_at : names_.size();
  return std::string_view(names_).substr(begin, end - begin);
}

std::string PathList::path(std::size_t at) const {
  if (name(at).empty()) return top_;
  std::vector<std::string_view> names;
  for (auto each = static_cast<std::uint32_t>(at); each != kTop; each = entries_[each].parent) {
    names.push_back(name(each));
  }
  std::string out = top_ == "/" ? "" : top_;
  for (auto each = names.rbegin(); each != names.rend(); ++each) (out += '/') += *each;
  return out;
}

}  // namespace quorate::shell
