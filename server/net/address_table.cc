#include "server/net/address_table.h"

#include "base/ensure.h"

namespace quorate::server {

AddressTable::Index AddressTable::add(const std::string& address) {
  const auto [at, is_new] = by_text_.try_emplace(address, 0);
  if (is_new) {
    if (free_.empty()) {
      free_.push_back(static_cast<Index>(entries_.size()));
      entries_.emplace_back();
    }
    at->second = free_.back();
    free_.pop_back();
    entries_[at->second].text = address;
  }
  ++entries_[at->second].count;
  return at->second;
}

void AddressTable::drop(Index index) {
  Entry& entry = entries_[index];
  ENSURE(entry.count > 0);
  if (--entry.count > 0) return;
  by_text_.erase(entry.text);
  entry.text = std::string();
  free_.push_back(index);
}

std::int64_t AddressTable::count(const std::string& address) const {
  const auto found = by_text_.find(address);
  return found == by_text_.end() ? 0 : entries_[found->second].count;
}

}  // namespace quorate::server
