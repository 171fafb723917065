#include "znode/watch_table.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::znode {

namespace {

std::uint32_t mixed(std::uint64_t value) {
  value *= 0x9e3779b97f4a7c15ULL;
  return static_cast<std::uint32_t>(value >> 32);
}

std::uint32_t hash_of_path(std::string_view path) {
  return mixed(std::hash<std::string_view>{}(path));
}

std::uint32_t hash_of_connection(ConnectionId connection) {
  return mixed(static_cast<std::uint64_t>(connection.value));
}

std::uint32_t hash_of_pair(std::uint32_t path, ConnectionId connection) {
  // Rotated: otherwise the pairs (1, 2) and (2, 1) would meet.
  return mixed(static_cast<std::uint64_t>(connection.value) ^ (std::uint64_t{mixed(path)} << 31));
}

constexpr unsigned kKinds = 4;

}  // namespace

WatchTable::WatchTable() = default;
WatchTable::~WatchTable() = default;
WatchTable::WatchTable(WatchTable&&) noexcept = default;
WatchTable& WatchTable::operator=(WatchTable&&) noexcept = default;

// ---- Elements
// ------------------------------------------------------------------------------------

template <class T>
WatchTable::Index WatchTable::Slab<T>::take() {
  if (!free_.empty()) {
    const Index index = free_.back();
    free_.pop_back();
    return index;
  }
  ENSURE(end_ < kNone);
  if (end_ % kBlock == 0) blocks_.push_back(std::make_unique<T[]>(kBlock));
  return end_++;
}

template <class T>
void WatchTable::Slab<T>::give_back(Index index) {
  (*this)[index] = T();
  free_.push_back(index);
  // After a flood of watches nothing stays behind.
  if (free_.size() == end_) *this = Slab();
}

WatchTable::Index WatchTable::find_path(std::string_view path) const {
  return by_path_.find(hash_of_path(path), [&](Index at) { return paths_[at].text == path; });
}

WatchTable::Index WatchTable::find_watch(Index path, ConnectionId connection) const {
  return by_pair_.find(hash_of_pair(path, connection), [&](Index at) {
    return watches_[at].path == path && watches_[at].connection == connection;
  });
}

WatchTable::Index WatchTable::find_first_of(ConnectionId connection) const {
  return by_connection_.find(hash_of_connection(connection),
                             [&](Index at) { return watches_[at].connection == connection; });
}

WatchTable::Index WatchTable::make_path(std::string_view path) {
  const Index made = paths_.take();
  paths_[made].text = path;
  paths_[made].hash = hash_of_path(path);
  by_path_.insert(made, [this](Index at) { return paths_[at].hash; });
  return made;
}

WatchTable::Index WatchTable::make_watch(Index path, ConnectionId connection) {
  const Index made = watches_.take();
  Watch& watch = watches_[made];
  watch.connection = connection;
  watch.path = path;
  Path& entry = paths_[path];
  if (entry.first == kNone) {
    entry.first = watch.path_next = watch.path_prev = made;
  } else {
    Watch& first = watches_[entry.first];
    watch.path_next = entry.first;
    watch.path_prev = first.path_prev;
    watches_[first.path_prev].path_next = made;
    first.path_prev = made;
  }
  const Index head = find_first_of(connection);
  if (head == kNone) {
    by_connection_.insert(made,
                          [this](Index at) { return hash_of_connection(watches_[at].connection); });
  } else {
    watch.mine_next = head;
    watches_[head].mine_prev = made;
    by_connection_.replace(head, made, hash_of_connection(connection));
  }
  by_pair_.insert(
      made, [this](Index at) { return hash_of_pair(watches_[at].path, watches_[at].connection); });
  return made;
}

/// The last mode has gone: out of all lists; the path goes with its last watch.
void WatchTable::unlink(Index index) {
  Watch& watch = watches_[index];
  by_pair_.erase(
      index, [this](Index at) { return hash_of_pair(watches_[at].path, watches_[at].connection); });
  if (watch.mine_prev != kNone) {
    watches_[watch.mine_prev].mine_next = watch.mine_next;
  } else if (watch.mine_next != kNone) {
    by_connection_.replace(index, watch.mine_next, hash_of_connection(watch.connection));
  } else {
    by_connection_.erase(index,
                         [this](Index at) { return hash_of_connection(watches_[at].connection); });
  }
  if (watch.mine_next != kNone) watches_[watch.mine_next].mine_prev = watch.mine_prev;
  Path& entry = paths_[watch.path];
  if (watch.path_next == index) {
    by_path_.erase(watch.path, [this](Index at) { return paths_[at].hash; });
    paths_.give_back(watch.path);
  } else {
    watches_[watch.path_prev].path_next = watch.path_next;
    watches_[watch.path_next].path_prev = watch.path_prev;
    if (entry.first == index) entry.first = watch.path_next;
  }
  watches_.give_back(index);
}

/// `modes` are among those of the watch. It is gone afterwards when they were all it had.
void WatchTable::clear_modes(Index index, std::uint8_t modes) {
  Watch& watch = watches_[index];
  Path& entry = paths_[watch.path];
  const std::uint8_t left = watch.modes & static_cast<std::uint8_t>(~modes);
  for (unsigned kind = 0; kind < kKinds; ++kind) entry.counts[kind] -= (modes >> kind) & 1U;
  if ((watch.modes & kDataTable) != 0 && (left & kDataTable) == 0) --data_count_;
  if ((watch.modes & kChildTable) != 0 && (left & kChildTable) == 0) --child_count_;
  if ((modes & watch_bit(WatchKind::Recursive)) != 0) --recursive_count_;
  watch.modes = left;
  if (left == 0) unlink(index);
}

// ---- Set and removed
// -----------------------------------------------------------------------------

void WatchTable::add(WatchKind kind, std::string_view path, ConnectionId connection) {
  Index at = find_path(path);
  if (at == kNone) at = make_path(path);
  Index index = find_watch(at, connection);
  if (index == kNone) index = make_watch(at, connection);
  Watch& watch = watches_[index];
  const std::uint8_t mode = watch_bit(kind);
  if ((watch.modes & mode) != 0) return;
  if ((watch.modes & kDataTable) == 0 && (mode & kDataTable) != 0) ++data_count_;
  if ((watch.modes & kChildTable) == 0 && (mode & kChildTable) != 0) ++child_count_;
  if (kind == WatchKind::Recursive) ++recursive_count_;
  watch.modes |= mode;
  ++paths_[at].counts[static_cast<unsigned>(kind)];
}

std::uint8_t WatchTable::modes_of(WatcherType type) {
  switch (type) {
    case WatcherType::Children:
      return watch_bit(WatchKind::Child);
    case WatcherType::Data:
      return watch_bit(WatchKind::Data);
    case WatcherType::Persistent:
      return watch_bit(WatchKind::Persistent);
    case WatcherType::Recursive:
      return watch_bit(WatchKind::Recursive);
    case WatcherType::Any:
      break;
  }
  return kDataTable | kChildTable;
}

bool WatchTable::contains(WatcherType type, std::string_view path, ConnectionId connection) const {
  const Index at = find_path(path);
  if (at == kNone) return false;
  const Index index = find_watch(at, connection);
  return index != kNone && (watches_[index].modes & modes_of(type)) != 0;
}

bool WatchTable::remove(WatcherType type, std::string_view path, ConnectionId connection) {
  if (!contains(type, path, connection)) return false;
  const Index index = find_watch(find_path(path), connection);
  clear_modes(index, watches_[index].modes & modes_of(type));
  return true;
}

void WatchTable::drop(ConnectionId connection) {
  Index at = find_first_of(connection);
  while (at != kNone) {
    const Index next = watches_[at].mine_next;
    clear_modes(at, watches_[at].modes);
    at = next;
  }
}

// ---- Fired
// ---------------------------------------------------------------------------------------

std::vector<ConnectionId> WatchTable::take(const Fire& fire) {
  const Index at = size() == 0 ? kNone : find_path(fire.path);
  switch (fire.type) {
    case EventType::NodeCreated:
    case EventType::NodeDataChanged:
      return take_data(fire.path, at);
    case EventType::NodeChildrenChanged: {
      std::vector<ConnectionId> told;
      take_from(at, kChildTable, told);
      return told;
    }
    case EventType::NodeDeleted: {
      // The child table tells only those whom the data table has not told.
      std::vector<ConnectionId> second;
      if (at != kNone) {
        take_from(at, watch_bit(WatchKind::Child), second);
      }
      // The first step may have been the path's last watch.
      std::vector<ConnectionId> told = take_data(fire.path, find_path(fire.path));
      if (second.empty()) return told;
      if (told.empty()) return second;
      std::vector<ConnectionId> sorted = told;
      std::sort(sorted.begin(), sorted.end());
      for (ConnectionId connection : second) {
        if (!std::binary_search(sorted.begin(), sorted.end(), connection)) {
          told.push_back(connection);
        }
      }
      return told;
    }
    case EventType::None:
    case EventType::DataWatchRemoved:
    case EventType::ChildWatchRemoved:
    case EventType::PersistentWatchRemoved:
      break;
  }
  return {};
}

/// The data table at `path`, whose entry is `at` if there is one, and recursive watches above.
std::vector<ConnectionId> WatchTable::take_data(std::string_view path, Index at) {
  std::vector<ConnectionId> told;
  take_from(at, kDataTable, told);
  if (recursive_count_ == 0) return told;
  const std::size_t own = told.size();
  take_recursive(path, told);
  if (told.size() == own) return told;
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  return told;
}

/// Uses up the standard watches among `modes`.
void WatchTable::take_from(Index path, std::uint8_t modes, std::vector<ConnectionId>& out) {
  if (path == kNone) return;
  const Path& entry = paths_[path];
  std::uint32_t most = 0, all = 0;
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    if (((modes >> kind) & 1U) == 0) continue;
    most = std::max(most, entry.counts[kind]);
    all += entry.counts[kind];
  }
  if (all == 0) return;
  out.reserve(out.size() + most);
  constexpr std::uint8_t kStandard = watch_bit(WatchKind::Data) | watch_bit(WatchKind::Child);
  const Index last = watches_[entry.first].path_prev;
  for (Index at = entry.first;;) {
    const Watch& watch = watches_[at];
    const Index next = watch.path_next;
    const std::uint8_t matched = watch.modes & modes;
    if (matched != 0) out.push_back(watch.connection);
    const bool end = at == last;
    // May take the path away with it, but then this was the last.
    if ((matched & kStandard) != 0) clear_modes(at, matched & kStandard);
    if (end) return;
    at = next;
  }
}

/// Of every ancestor; those of `path` itself are with its data table.
void WatchTable::take_recursive(std::string_view path, std::vector<ConnectionId>& out) const {
  while (path.size() > 1) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return;
    path = path.substr(0, std::max<std::size_t>(slash, 1));
    const Index at = find_path(path);
    if (at == kNone || paths_[at].counts[static_cast<unsigned>(WatchKind::Recursive)] == 0) {
      continue;
    }
    Index index = paths_[at].first;
    do {
      const Watch& watch = watches_[index];
      if ((watch.modes & watch_bit(WatchKind::Recursive)) != 0) out.push_back(watch.connection);
      index = watch.path_next;
    } while (index != paths_[at].first);
  }
}

// ---- For operators
// -------------------------------------------------------------------------------

WatchSummary WatchTable::data_summary() const {
  WatchSummary summary;
  summary.watches = data_count_;
  for (Index path = 0; path < paths_.end(); ++path) {
    const std::uint32_t* counts = paths_[path].counts;
    if (counts[0] + counts[2] + counts[3] > 0) ++summary.paths;
  }
  by_connection_.for_each([&](Index at) {
    while (at != kNone && (watches_[at].modes & kDataTable) == 0) at = watches_[at].mine_next;
    if (at != kNone) ++summary.connections;
  });
  return summary;
}

}  // namespace quorate::znode
