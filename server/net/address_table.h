// Addresses of clients: each distinct text once, with the number of connections that come from it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace quorate::server {

/// Thousands of sessions come from few machines: a connection holds a number of 4 bytes.
class AddressTable {
 public:
  using Index = std::uint32_t;

  /// Counts one more connection from `address`.
  Index add(const std::string& address);
  /// One less; the last one frees the text.
  void drop(Index index);
  std::int64_t count(const std::string& address) const;
  const std::string& text(Index index) const { return entries_[index].text; }
  std::size_t distinct() const { return by_text_.size(); }

 private:
  struct Entry {
    std::string text;
    std::int64_t count = 0;
  };
  std::vector<Entry> entries_;
  std::vector<Index> free_;
  std::unordered_map<std::string, Index> by_text_;
};

}  // namespace quorate::server
