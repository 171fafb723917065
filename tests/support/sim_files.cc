#include "tests/support/sim_files.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/ensure.h"

namespace quorate::test {
namespace {

using server::File;
using server::OpenMode;

ErrorCode posix(int number) {
  return {number, boost::system::system_category()};
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    std::size_t slash = path.find('/', at);
    if (slash == std::string::npos) slash = path.size();
    if (slash > at) parts.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return parts;
}

using StoreMap = std::map<Bytes, Bytes>;

}  // namespace

namespace detail {

/// A change of a file since its last sync.
struct FileChange {
  std::uint64_t offset = 0;
  Bytes bytes;
  bool truncates = false;  ///< To `offset` bytes.
};

/// A change of a folder since its last sync: `gone` disappears, then `name` leads to `node`.
struct FolderChange {
  std::string gone;
  std::string name;
  std::shared_ptr<SimNode> node;
};

struct SimNode {
  bool directory = false;
  // A file.
  Bytes content, durable;
  std::vector<FileChange> changes;
  // A folder.
  std::map<std::string, std::shared_ptr<SimNode>> entries, durable_entries;
  std::vector<FolderChange> folder_changes;
  std::shared_ptr<StoreMap> store;
  bool store_removed = false;
};

}  // namespace detail

using detail::FileChange;
using detail::FolderChange;
using detail::SimNode;

namespace {

void replay(Bytes& content, const FileChange& change) {
  if (change.truncates) {
    content.resize(change.offset);
    return;
  }
  std::size_t end = change.offset + change.bytes.size();
  if (content.size() < end) content.resize(end);
  std::copy(change.bytes.begin(), change.bytes.end(),
            content.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

void replay(std::map<std::string, std::shared_ptr<SimNode>>& entries, const FolderChange& change) {
  if (!change.gone.empty()) entries.erase(change.gone);
  if (change.node) entries[change.name] = change.node;
}

}  // namespace

// ---- Handles ------------------------------------------------------------------------------------

class SimFile : public File {
 public:
  SimFile(SimFiles& files, SimFiles::NodePtr node, std::string path, bool writable)
      : files_(files),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        life_(files.life_) {}

  ErrorCode pwrite(std::uint64_t offset, ByteView bytes) override {
    check(/*writing=*/true);
    std::uint64_t grows = offset + bytes.size() > node_->content.size()
                              ? offset + bytes.size() - node_->content.size()
                              : 0;
    auto fate = files_.begin(SimOperation::Pwrite, path_, bytes.size());
    ErrorCode error;
    if (fate == SimFiles::Fate::Fail) {
      error = files_.fail_with_;
    } else if (files_.quota_ != 0 && files_.bytes_used() + grows > files_.quota_) {
      error = posix(ENOSPC);
      ++files_.failures_;
    }
    if (error) bytes = bytes.first(part_of(offset, bytes.size()));
    change({offset, Bytes(bytes.begin(), bytes.end()), false});
    if (fate == SimFiles::Fate::Crash) throw SimCrash{};
    return error;
  }

  Result<std::size_t> pread(std::uint64_t offset, std::span<std::byte> into) override {
    check(/*writing=*/false);
    if (offset >= node_->content.size()) return std::size_t{0};
    std::size_t count = std::min<std::size_t>(into.size(), node_->content.size() - offset);
    std::copy_n(node_->content.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }

  ErrorCode sync() override {
    check(/*writing=*/false);
    auto fate = files_.begin(SimOperation::Sync, path_, 0);
    if (fate == SimFiles::Fate::Crash) throw SimCrash{};
    if (fate == SimFiles::Fate::Fail) {
      // The kernel marks the pages clean: readers see them, the disk never will.
      node_->changes.clear();
      return files_.ignore_sync_errors_ ? ErrorCode() : files_.fail_with_;
    }
    // Not the whole content: what an earlier sync has lost stays lost.
    for (const FileChange& change : node_->changes) replay(node_->durable, change);
    node_->changes.clear();
    return {};
  }

  Result<std::uint64_t> size() override {
    check(/*writing=*/false);
    return std::uint64_t{node_->content.size()};
  }

  ErrorCode truncate(std::uint64_t size) override {
    check(/*writing=*/true);
    auto fate = files_.begin(SimOperation::Truncate, path_, 0);
    if (fate == SimFiles::Fate::Fail) return files_.fail_with_;
    change({size, {}, true});
    if (fate == SimFiles::Fate::Crash) throw SimCrash{};
    return {};
  }

 private:
  void check(bool writing) const {
    files_.alive();
    ENSURE(life_ == files_.life_);
    ENSURE(!writing || writable_);
  }
  /// How much a failing pwrite leaves: whole sectors, as a device and a page cache do.
  std::size_t part_of(std::uint64_t offset, std::size_t size) {
    const std::size_t part = files_.random_.below(size + 1);
    const std::size_t torn = (offset + part) % SimFiles::kSectorBytes;
    return part == size ? size : part - std::min(part, torn);
  }
  void change(FileChange change) {
    replay(node_->content, change);
    node_->changes.push_back(std::move(change));
  }

  SimFiles& files_;
  SimFiles::NodePtr node_;
  std::string path_;
  bool writable_;
  std::uint64_t life_;
};

namespace {

class SimView : public server::TreeStoreView {
 public:
  explicit SimView(std::shared_ptr<const StoreMap> map) : map_(std::move(map)) {}

  ErrorCode scan(ByteView prefix, ByteView from,
                 const std::function<bool(ByteView, ByteView)>& visit) override {
    Bytes start(from.begin(), from.end());
    Bytes first(prefix.begin(), prefix.end());
    for (auto at = map_->lower_bound(std::max(start, first)); at != map_->end(); ++at) {
      if (at->first.size() < prefix.size() ||
          !std::equal(prefix.begin(), prefix.end(), at->first.begin())) {
        break;
      }
      if (!visit(at->first, at->second)) break;
    }
    return {};
  }

 private:
  std::shared_ptr<const StoreMap> map_;
};

}  // namespace

class SimStore : public server::TreeStore {
 public:
  SimStore(SimFiles& files, SimFiles::NodePtr node, std::string path)
      : files_(files), node_(std::move(node)), path_(std::move(path)), life_(files.life_) {}

  ErrorCode write(const std::vector<znode::CheckpointEntry>& entries) override {
    check();
    std::size_t bytes = 0;
    for (const auto& entry : entries) {
      bytes += entry.key.size() + (entry.value ? entry.value->size() : 0);
    }
    auto fate = files_.begin(SimOperation::StoreWrite, path_, bytes);
    if (fate == SimFiles::Fate::Fail) return files_.fail_with_;
    if (fate == SimFiles::Fate::Crash && files_.random_.percent(50)) throw SimCrash{};
    // A view holds the map it saw: only then is it copied.
    if (node_->store.use_count() > 1) node_->store = std::make_shared<StoreMap>(*node_->store);
    for (const auto& entry : entries) {
      if (entry.value) {
        (*node_->store)[entry.key] = *entry.value;
      } else {
        node_->store->erase(entry.key);
      }
    }
    if (fate == SimFiles::Fate::Crash) throw SimCrash{};
    return {};
  }

  void stage(const std::vector<znode::CheckpointEntry>& entries) override {
    staged_.insert(staged_.end(), entries.begin(), entries.end());
  }
  ErrorCode commit() override {
    if (ErrorCode error = write(staged_)) return error;
    staged_.clear();
    return {};
  }
  void discard() override { staged_.clear(); }

  /// Kept in memory up to settle(): a crash before that leaves nothing of it.
  ErrorCode fill(const std::vector<znode::CheckpointEntry>& entries,
                 const znode::EntryPack& pack) override {
    check();
    filled_.insert(filled_.end(), entries.begin(), entries.end());
    pack.for_each([this](ByteView key, ByteView value) {
      filled_.push_back({Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
    });
    auto fate = files_.begin(SimOperation::StoreWrite, path_, entries.size() + pack.bytes());
    if (fate == SimFiles::Fate::Fail) return files_.fail_with_;
    if (fate == SimFiles::Fate::Crash) throw SimCrash{};
    return {};
  }
  ErrorCode settle() override {
    if (ErrorCode error = write(filled_)) return error;
    filled_.clear();
    return {};
  }

  std::unique_ptr<server::TreeStoreView> view() override {
    check();
    return std::make_unique<SimView>(node_->store);
  }

 private:
  void check() const {
    files_.alive();
    ENSURE(life_ == files_.life_);
  }

  SimFiles& files_;
  SimFiles::NodePtr node_;
  std::string path_;
  std::uint64_t life_;
  std::vector<znode::CheckpointEntry> staged_, filled_;
};

// ---- Files --------------------------------------------------------------------------------------

SimFiles::SimFiles(std::uint64_t seed) : root_(std::make_shared<SimNode>()), random_(seed) {
  root_->directory = true;
}
SimFiles::~SimFiles() = default;

void SimFiles::alive() const {
  if (dead_) throw SimCrash{};
}

SimFiles::Fate SimFiles::begin(SimOperation operation, const std::string& path, std::size_t bytes) {
  alive();
  if (on_operation) on_operation(operation, path, bytes);
  ++operations_;
  if (operations_ == crash_at_) {
    dead_ = true;
    return Fate::Crash;
  }
  if (operations_ != fail_at_) return Fate::Work;
  ++failures_;
  return Fate::Fail;
}

void SimFiles::crash_at(std::uint64_t n) {
  crash_at_ = n == 0 ? 0 : operations_ + n;
}

void SimFiles::fail_at(std::uint64_t n, ErrorCode error) {
  fail_at_ = n == 0 ? 0 : operations_ + n;
  fail_with_ = error;
}

SimFiles::NodePtr SimFiles::find(const std::string& path) const {
  NodePtr node = root_;
  for (const auto& part : split(path)) {
    auto at = node->entries.find(part);
    if (at == node->entries.end()) return nullptr;
    node = at->second;
  }
  return node;
}

SimFiles::NodePtr SimFiles::parent_of(const std::string& path, std::string& name) const {
  auto parts = split(path);
  ENSURE(!parts.empty());
  name = parts.back();
  NodePtr node = root_;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    auto at = node->entries.find(parts[i]);
    if (at == node->entries.end()) return nullptr;
    node = at->second;
  }
  return node;
}

void SimFiles::link(SimNode& directory, const std::string& name, NodePtr node) {
  FolderChange change{"", name, std::move(node)};
  replay(directory.entries, change);
  directory.folder_changes.push_back(std::move(change));
}

void SimFiles::unlink(SimNode& directory, const std::string& name) {
  FolderChange change{name, "", nullptr};
  replay(directory.entries, change);
  directory.folder_changes.push_back(std::move(change));
}

Result<std::unique_ptr<File>> SimFiles::open(const std::string& path, OpenMode mode) {
  alive();
  std::string name;
  NodePtr parent = parent_of(path, name);
  if (!parent || !parent->directory) return posix(ENOENT);
  auto at = parent->entries.find(name);
  NodePtr node = at == parent->entries.end() ? nullptr : at->second;
  if (node && node->directory) return posix(EISDIR);
  if (!node) {
    if (mode != OpenMode::Create) return posix(ENOENT);
    auto fate = begin(SimOperation::Open, path, 0);
    if (fate == Fate::Fail) return fail_with_;
    node = std::make_shared<SimNode>();
    link(*parent, name, node);
    if (fate == Fate::Crash) throw SimCrash{};
  }
  return std::unique_ptr<File>(
      std::make_unique<SimFile>(*this, node, path, mode != OpenMode::Read));
}

ErrorCode SimFiles::rename(const std::string& from, const std::string& to) {
  alive();
  std::string old_name, new_name;
  NodePtr old_parent = parent_of(from, old_name);
  NodePtr new_parent = parent_of(to, new_name);
  if (!old_parent || !new_parent || !old_parent->entries.count(old_name)) return posix(ENOENT);
  ENSURE(old_parent == new_parent);  // The code under test renames within one folder only.
  auto fate = begin(SimOperation::Rename, to, 0);
  if (fate == Fate::Fail) return fail_with_;
  FolderChange change{old_name, new_name, old_parent->entries[old_name]};
  replay(old_parent->entries, change);
  old_parent->folder_changes.push_back(std::move(change));
  if (fate == Fate::Crash) throw SimCrash{};
  return {};
}

ErrorCode SimFiles::remove(const std::string& path) {
  alive();
  std::string name;
  NodePtr parent = parent_of(path, name);
  if (!parent || !parent->entries.count(name)) return posix(ENOENT);
  auto fate = begin(SimOperation::Remove, path, 0);
  if (fate == Fate::Fail) return fail_with_;
  unlink(*parent, name);
  if (fate == Fate::Crash) throw SimCrash{};
  return {};
}

void SimFiles::unlink_below(SimNode& directory) {
  auto entries = directory.entries;
  for (const auto& [name, node] : entries) {
    if (node->directory) unlink_below(*node);
    unlink(directory, name);
  }
  directory.store_removed = directory.store != nullptr;
}

ErrorCode SimFiles::remove_tree(const std::string& path) {
  alive();
  std::string name;
  NodePtr parent = parent_of(path, name);
  if (!parent || !parent->entries.count(name)) return {};
  auto fate = begin(SimOperation::Remove, path, 0);
  if (fate == Fate::Fail) return fail_with_;
  NodePtr node = parent->entries[name];
  if (node->directory) unlink_below(*node);
  unlink(*parent, name);
  if (fate == Fate::Crash) throw SimCrash{};
  return {};
}

ErrorCode SimFiles::make_directories(const std::string& path) {
  alive();
  NodePtr node = root_;
  for (const auto& part : split(path)) {
    auto at = node->entries.find(part);
    if (at != node->entries.end()) {
      node = at->second;
      if (!node->directory) return posix(ENOTDIR);
      continue;
    }
    auto fate = begin(SimOperation::MakeDirectory, path, 0);
    if (fate == Fate::Fail) return fail_with_;
    auto made = std::make_shared<SimNode>();
    made->directory = true;
    link(*node, part, made);
    if (fate == Fate::Crash) throw SimCrash{};
    node = made;
  }
  return {};
}

ErrorCode SimFiles::sync_directory(const std::string& path) {
  alive();
  NodePtr node = find(path);
  if (!node || !node->directory) return posix(ENOENT);
  auto fate = begin(SimOperation::SyncDirectory, path, 0);
  if (fate == Fate::Fail) return fail_with_;
  if (fate == Fate::Crash) throw SimCrash{};
  if (ignore_directory_syncs_) return {};
  node->durable_entries = node->entries;
  node->folder_changes.clear();
  return {};
}

Result<std::vector<std::string>> SimFiles::list(const std::string& directory) {
  alive();
  NodePtr node = find(directory);
  if (!node || !node->directory) return posix(ENOENT);
  std::vector<std::string> names;
  for (const auto& [name, child] : node->entries) names.push_back(name);
  return names;
}

bool SimFiles::exists(const std::string& path) {
  alive();
  return find(path) != nullptr;
}

server::OpenTreeStore SimFiles::open_tree_store() {
  return [this](const std::string& directory) -> Result<std::unique_ptr<server::TreeStore>> {
    NodePtr node = find(directory);
    if (!node) {
      if (ErrorCode error = make_directories(directory)) return error;
      node = find(directory);
    }
    if (!node->store) node->store = std::make_shared<StoreMap>();
    return std::unique_ptr<server::TreeStore>(std::make_unique<SimStore>(*this, node, directory));
  };
}

// ---- Crashes ------------------------------------------------------------------------------------

void SimFiles::crash(Loss loss) {
  if (loss == Loss::Seeded) {
    std::uint64_t drawn = random_.below(10);
    loss = drawn < 6 ? Loss::Mixed : drawn < 8 ? Loss::All : Loss::None;
  }
  ++life_;
  dead_ = false;
  crash_at_ = fail_at_ = 0;
  crash_node(*root_, loss);
}

void SimFiles::crash_node(SimNode& node, Loss loss) {
  if (!node.directory) return crash_file(node, loss);
  auto survived = node.durable_entries;
  for (const auto& change : node.folder_changes) {
    if (loss == Loss::None || (loss == Loss::Mixed && random_.percent(50)))
      replay(survived, change);
  }
  node.entries = survived;
  node.durable_entries = std::move(survived);
  node.folder_changes.clear();
  if (node.store_removed) {
    node.store_removed = false;
    if (loss == Loss::None || random_.percent(50)) node.store = std::make_shared<StoreMap>();
  }
  for (auto& [name, child] : node.entries) crash_node(*child, loss);
}

void SimFiles::crash_file(SimNode& node, Loss loss) {
  bool truncated = std::any_of(node.changes.begin(), node.changes.end(),
                               [](const FileChange& change) { return change.truncates; });
  std::size_t all = node.changes.size();
  if (loss != Loss::Mixed || truncated) {
    // A cut is a change of the length, which the journal orders: some first changes are kept whole.
    std::size_t kept = loss == Loss::All ? 0 : loss == Loss::None ? all : random_.below(all + 1);
    for (std::size_t i = 0; i < kept; ++i) replay(node.durable, node.changes[i]);
  } else if (all > 0) {
    std::size_t size = node.durable.size();
    std::size_t sized = random_.below(all + 1);
    std::map<std::size_t, std::vector<std::size_t>> by_sector;
    for (std::size_t i = 0; i < all; ++i) {
      const FileChange& change = node.changes[i];
      if (change.bytes.empty()) continue;
      std::size_t end = change.offset + change.bytes.size();
      if (i < sized) size = std::max(size, end);
      for (std::size_t s = change.offset / kSectorBytes; s * kSectorBytes < end; ++s) {
        by_sector[s].push_back(i);
      }
    }
    Bytes result = node.durable;
    for (const auto& [sector, changes] : by_sector) {
      // A sector is written as the cache has it at some moment: after the first so many changes.
      std::size_t kept = random_.percent(40) ? changes.size() : random_.below(changes.size() + 1);
      for (std::size_t i = 0; i < kept; ++i) {
        const FileChange& change = node.changes[changes[i]];
        std::size_t from = std::max<std::size_t>(change.offset, sector * kSectorBytes);
        std::size_t to =
            std::min<std::size_t>(change.offset + change.bytes.size(), (sector + 1) * kSectorBytes);
        if (result.size() < to) result.resize(to);
        std::copy_n(change.bytes.begin() + static_cast<std::ptrdiff_t>(from - change.offset),
                    to - from, result.begin() + static_cast<std::ptrdiff_t>(from));
      }
    }
    result.resize(size);
    node.durable = std::move(result);
  }
  node.content = node.durable;
  node.changes.clear();
}

// ---- Looking and tampering ----------------------------------------------------------------------

std::uint64_t SimFiles::bytes_used() const {
  std::uint64_t bytes = 0;
  for (const auto& path : files_below("")) bytes += find(path)->content.size();
  return bytes;
}

Bytes SimFiles::contents(const std::string& path) const {
  NodePtr node = find(path);
  ENSURE(node != nullptr);
  return node->content;
}

void SimFiles::set_contents(const std::string& path, ByteView bytes) {
  NodePtr node = find(path);
  ENSURE(node != nullptr);
  node->content.assign(bytes.begin(), bytes.end());
  node->durable = node->content;
  node->changes.clear();
}

void SimFiles::flip(const std::string& path, std::uint64_t offset, std::uint8_t mask) {
  Bytes bytes = contents(path);
  ENSURE(offset < bytes.size());
  bytes[offset] ^= std::byte{mask};
  set_contents(path, bytes);
}

std::vector<std::string> SimFiles::files_below(const std::string& directory) const {
  std::vector<std::string> paths;
  NodePtr node = find(directory);
  if (!node) return paths;
  for (const auto& [name, child] : node->entries) {
    std::string path = directory + "/" + name;
    if (!child->directory) {
      paths.push_back(path);
    } else {
      auto deeper = files_below(path);
      paths.insert(paths.end(), deeper.begin(), deeper.end());
    }
  }
  return paths;
}

std::map<Bytes, Bytes>* SimFiles::store_contents(const std::string& directory) {
  NodePtr node = find(directory);
  return node ? node->store.get() : nullptr;
}

}  // namespace quorate::test
