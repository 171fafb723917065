#include "client-lib/src/watches.h"

#include <algorithm>

namespace quorate::client {

namespace {

bool holds(const std::vector<WatchId>& ids, WatchId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void tell(const std::vector<WatchId>& ids, std::vector<WatchId>& out) {
  for (const WatchId id : ids) {
    if (!holds(out, id)) out.push_back(id);
  }
}

std::vector<WatchKind> kinds_of(WatchType type) {
  switch (type) {
    case WatchType::Children:
      return {WatchKind::Child};
    case WatchType::Data:
      return {WatchKind::Data, WatchKind::Exist};
    case WatchType::Persistent:
      return {WatchKind::Persistent};
    case WatchType::PersistentRecursive:
      return {WatchKind::Recursive};
    case WatchType::Any:
      break;
  }
  return {WatchKind::Data, WatchKind::Exist, WatchKind::Child, WatchKind::Persistent,
          WatchKind::Recursive};
}

EventType removal_of(WatchKind kind) {
  switch (kind) {
    case WatchKind::Data:
    case WatchKind::Exist:
      return EventType::DataWatchRemoved;
    case WatchKind::Child:
      return EventType::ChildWatchRemoved;
    case WatchKind::Persistent:
    case WatchKind::Recursive:
      break;
  }
  return EventType::PersistentWatchRemoved;
}

}  // namespace

void WatchBook::add(WatchKind kind, const std::string& path, WatchId id) {
  std::vector<WatchId>& ids = table(kind)[path];
  if (holds(ids, id)) return;
  ids.push_back(id);
  ++references_[id];
}

void WatchBook::release(WatchId id) {
  auto found = references_.find(id);
  if (--found->second == 0) references_.erase(found);
}

void WatchBook::spend(Table& table, std::string_view path, std::vector<WatchId>& out) {
  auto found = table.find(path);
  if (found == table.end()) return;
  tell(found->second, out);
  for (const WatchId id : found->second) release(id);
  table.erase(found);
}

void WatchBook::tell_recursive(std::string_view path, std::vector<WatchId>& out) const {
  const Table& recursive = table(WatchKind::Recursive);
  if (recursive.empty()) return;
  while (true) {
    if (auto found = recursive.find(path); found != recursive.end()) tell(found->second, out);
    if (path.size() <= 1) return;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return;
    path = path.substr(0, std::max<std::size_t>(slash, 1));
  }
}

std::vector<WatchId> WatchBook::take(EventType type, const std::string& path) {
  std::vector<WatchId> fired;
  // The server keeps data and exist watches in one table: whichever of both we hold, any event of
  // that table spends it.
  const bool data_table = type == EventType::NodeCreated || type == EventType::NodeDataChanged ||
                          type == EventType::NodeDeleted;
  if (data_table) {
    spend(table(WatchKind::Data), path, fired);
    spend(table(WatchKind::Exist), path, fired);
  }
  if (type == EventType::NodeChildrenChanged || type == EventType::NodeDeleted) {
    spend(table(WatchKind::Child), path, fired);
  }
  const Table& persistent = table(WatchKind::Persistent);
  if (auto found = persistent.find(path); found != persistent.end()) tell(found->second, fired);
  if (data_table) tell_recursive(path, fired);
  return fired;
}

std::vector<RemovedWatch> WatchBook::remove(WatchType type, const std::string& path, WatchId only) {
  std::vector<RemovedWatch> out;
  for (const WatchKind kind : kinds_of(type)) {
    auto found = table(kind).find(path);
    if (found == table(kind).end()) continue;
    std::erase_if(found->second, [&](WatchId id) {
      if (only != 0 && id != only) return false;
      // Once, also for who watches in two ways that have one event, as ZooKeeper's client.
      const RemovedWatch one{removal_of(kind), id};
      if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
      release(id);
      return true;
    });
    if (found->second.empty()) table(kind).erase(found);
  }
  return out;
}

bool WatchBook::others(WatchType type, const std::string& path, WatchId id) const {
  for (const WatchKind kind : kinds_of(type)) {
    auto found = table(kind).find(path);
    if (found == table(kind).end()) continue;
    for (const WatchId each : found->second) {
      if (each != id) return true;
    }
  }
  return false;
}

std::vector<SetWatches2Request> WatchBook::portions(Zxid relative_zxid,
                                                    std::size_t bytes_max) const {
  std::vector<SetWatches2Request> out;
  std::size_t used = 0;
  auto put = [&](WatchKind kind, auto&& list_of) {
    for (const auto& [path, ids] : table(kind)) {
      const std::size_t cost = path.size() + 4;
      if (out.empty() || used + cost > bytes_max) {
        out.emplace_back();
        out.back().base.relative_zxid = relative_zxid;
        used = 0;
      }
      list_of(out.back()).push_back(path);
      used += cost;
    }
  };
  using Request = SetWatches2Request;
  put(
      WatchKind::Data, [](Request & r) -> auto& { return r.base.data_watches; });
  put(
      WatchKind::Exist, [](Request & r) -> auto& { return r.base.exist_watches; });
  put(
      WatchKind::Child, [](Request & r) -> auto& { return r.base.child_watches; });
  put(
      WatchKind::Persistent, [](Request & r) -> auto& { return r.persistent_watches; });
  put(
      WatchKind::Recursive, [](Request & r) -> auto& { return r.persistent_recursive_watches; });
  return out;
}

std::size_t WatchBook::size() const {
  std::size_t total = 0;
  for (const Table& each : tables_) total += each.size();
  return total;
}

void WatchBook::clear() {
  for (Table& each : tables_) each.clear();
  references_.clear();
}

}  // namespace quorate::client
