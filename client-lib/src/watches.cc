#include "client-lib/src/watches.h"

namespace quorate::client {

namespace {

template <class Table>
void take_from(Table& table, const std::string& path, std::vector<WatchId>& out) {
  auto found = table.find(path);
  if (found == table.end()) return;
  out.insert(out.end(), found->second.begin(), found->second.end());
  table.erase(found);
}

}  // namespace

void WatchBook::add(WatchKind kind, const std::string& path, WatchId id) {
  Table& table = kind == WatchKind::Data ? data_ : kind == WatchKind::Exist ? exist_ : child_;
  table[path].push_back(id);
}

std::vector<WatchId> WatchBook::take(EventType type, const std::string& path) {
  std::vector<WatchId> fired;
  // The server keeps data and exist watches in one table: whichever of both we hold, any event of
  // that table spends it.
  const bool data_table = type == EventType::NodeCreated || type == EventType::NodeDataChanged ||
                          type == EventType::NodeDeleted;
  if (data_table) {
    take_from(data_, path, fired);
    take_from(exist_, path, fired);
  }
  if (type == EventType::NodeChildrenChanged || type == EventType::NodeDeleted) {
    take_from(child_, path, fired);
  }
  return fired;
}

std::vector<SetWatches2Request> WatchBook::portions(Zxid relative_zxid,
                                                    std::size_t bytes_max) const {
  std::vector<SetWatches2Request> out;
  std::size_t used = 0;
  auto put = [&](const Table& table, std::vector<std::string> SetWatchesRequest::*list) {
    for (const auto& [path, ids] : table) {
      const std::size_t cost = path.size() + 4;
      if (out.empty() || used + cost > bytes_max) {
        out.emplace_back();
        out.back().base.relative_zxid = relative_zxid;
        used = 0;
      }
      (out.back().base.*list).push_back(path);
      used += cost;
    }
  };
  put(data_, &SetWatchesRequest::data_watches);
  put(exist_, &SetWatchesRequest::exist_watches);
  put(child_, &SetWatchesRequest::child_watches);
  return out;
}

void WatchBook::clear() {
  data_.clear();
  exist_.clear();
  child_.clear();
}

}  // namespace quorate::client
