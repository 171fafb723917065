// The paths of a subtree in the order of a walk, each with a version, in little memory: 16 bytes
// and a name for each node, so that 1,000,000 of them fit into some 30 MB.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quorate/types.h"

namespace quorate::shell {

class PathList {
 public:
  explicit PathList(std::string top) : top_(std::move(top)) {}

  /// The next one of the walk; the top itself (depth 0) may be left out.
  void add(const std::string& path, std::size_t depth, std::int32_t version = client::kAnyVersion);

  std::size_t size() const { return entries_.size(); }
  std::string path(std::size_t at) const;
  std::int32_t version(std::size_t at) const { return entries_[at].version; }

 private:
  static constexpr std::uint32_t kTop = ~std::uint32_t{0};
  struct Entry {
    std::uint32_t parent = kTop;  ///< Index of its parent, kTop where that is the top.
    std::int32_t version = 0;
    std::size_t name_at = 0;  ///< In names_, up to that of the next entry; empty for the top.
  };
  std::string_view name(std::size_t at) const;

  std::string top_;
  std::vector<Entry> entries_;
  std::string names_;
  std::vector<std::uint32_t> above_;  ///< By depth: the latest entry.
};

}  // namespace quorate::shell
