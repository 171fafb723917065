// What a path may look like, and the parts of one (spec: tree-semantics 1 and 4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quorate::znode {

/// The rules for every created path; setData, setACL and check apply them too. `path` is UTF-8.
bool is_valid_path(std::string_view path);

/// The weaker form that create (before its suffix is known) and delete ask for: a slash, no NUL.
bool has_path_form(std::string_view path);

/// Who the members of the ensemble are.
inline constexpr std::string_view kConfigPath = "/zookeeper/config";

/// "/", /zookeeper, /zookeeper/quota, /zookeeper/config: never deleted.
bool is_reserved_path(std::string_view path);

/// Everything before the last slash: "" (the root) for "/a". `path` contains a slash.
std::string_view parent_path(std::string_view path);

/// Everything behind the last slash. `path` contains a slash.
std::string_view last_name(std::string_view path);

/// The root has two spellings; inside the tree it is "".
inline std::string_view stored_path(std::string_view path) {
  return path == "/" ? "" : path;
}

/// The spelling of events and answers: "/" for the root.
inline std::string_view shown_path(std::string_view path) {
  return path.empty() ? "/" : path;
}

/// `path` with the parent's count of creates behind it, ten digits wide.
std::string with_sequence(std::string_view path, std::int32_t count);

}  // namespace quorate::znode
