// What stands before and below a line that is being typed. No terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "quorate/types.h"
#include "shell/output.h"

namespace quorate::shell {

/// What the prompt tells.
struct Situation {
  client::SessionState state = client::SessionState::Connecting;
  std::string servers;    ///< Of the connect string.
  std::string server;     ///< The one connected to, "" for none.
  std::string role;       ///< Its role, "" where it did not say.
  std::string directory;  ///< Of relative paths.
  std::size_t lines = 0;  ///< Typed so far.
};

/// With colours between '\1' marks, as libedit wants what takes no room; with zkCli's habits its
/// prompt.
std::string prompt_text(const Style& style, const Situation& situation);

/// Columns on the screen, without what stands between marks.
std::size_t shown_width(const std::string& text);

/// Names in as many columns as there is room for, with a last line for those above `names_max`.
std::string in_columns(const std::vector<std::string>& names, std::size_t width,
                       std::size_t names_max);

}  // namespace quorate::shell
