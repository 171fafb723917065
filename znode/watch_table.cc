#include "znode/watch_table.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::znode {

void WatchTable::add(WatchKind kind, std::string_view path, ConnectionId connection) {
  const bool data = kind == WatchKind::Data;
  std::string key(path);
  if (!paths_[data ? 0 : 1][connection].insert(key).second) return;
  Watchers& watchers = (data ? data_ : child_)[std::move(key)];
  watchers.insert(std::lower_bound(watchers.begin(), watchers.end(), connection), connection);
  ++(data ? data_count_ : child_count_);
}

void WatchTable::drop(ConnectionId connection) {
  for (WatchKind kind : {WatchKind::Data, WatchKind::Child}) {
    const bool data = kind == WatchKind::Data;
    auto mine = paths_[data ? 0 : 1].extract(connection);
    if (mine.empty()) continue;
    Table& table = data ? data_ : child_;
    for (const std::string& path : mine.mapped()) {
      auto at = table.find(path);
      ENSURE(at != table.end());
      std::erase(at->second, connection);
      if (at->second.empty()) table.erase(at);
    }
    (data ? data_count_ : child_count_) -= mine.mapped().size();
  }
}

std::vector<ConnectionId> WatchTable::take(const Fire& fire) {
  switch (fire.type) {
    case EventType::NodeCreated:
    case EventType::NodeDataChanged:
      return take_from(data_, data_count_, fire.path, WatchKind::Data);
    case EventType::NodeChildrenChanged:
      return take_from(child_, child_count_, fire.path, WatchKind::Child);
    case EventType::NodeDeleted: {
      std::vector<ConnectionId> told = take_from(data_, data_count_, fire.path, WatchKind::Data);
      const std::size_t first_step = told.size();
      for (ConnectionId connection : take_from(child_, child_count_, fire.path, WatchKind::Child)) {
        const auto end = told.begin() + static_cast<std::ptrdiff_t>(first_step);
        if (!std::binary_search(told.begin(), end, connection)) told.push_back(connection);
      }
      return told;
    }
    case EventType::None:
      break;
  }
  return {};
}

std::vector<ConnectionId> WatchTable::take_from(Table& table, std::size_t& count,
                                                const std::string& path, WatchKind kind) {
  auto taken = table.extract(path);
  if (taken.empty()) return {};
  auto& by_connection = paths_[kind == WatchKind::Data ? 0 : 1];
  for (ConnectionId connection : taken.mapped()) {
    auto at = by_connection.find(connection);
    ENSURE(at != by_connection.end());
    at->second.erase(path);
    if (at->second.empty()) by_connection.erase(at);
  }
  ENSURE(count >= taken.mapped().size());
  count -= taken.mapped().size();
  return std::move(taken.mapped());
}

}  // namespace quorate::znode
