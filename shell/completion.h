// What may stand where the cursor is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shell/command_table.h"

namespace quorate::shell {

struct Completion {
  std::size_t begin = 0;                ///< Where the word at the end of the line begins.
  std::vector<std::string> candidates;  ///< Whole words, sorted.
  bool paths = false;                   ///< They are paths: more may follow without a blank.

  /// The longest beginning that all candidates share.
  std::string shared() const;
};

/// Names of a node's children; empty when the server does not say so in time.
using ListChildren = std::function<std::vector<std::string>(const std::string& path)>;

/// `line` up to the cursor.
Completion complete(const std::string& line, const std::string& directory,
                    const ListChildren& list_children);

/// The arguments of the command that `line` begins with, as a hint; "" while there is none.
std::string argument_hint(const std::string& line);

}  // namespace quorate::shell
