#include "server/storage/generation.h"

#include <algorithm>
#include <charconv>

#include "server/storage/format.h"
#include "server/storage/small_file.h"

namespace quorate::server {
namespace {

/// A whole tree is written in pieces of this size, so that LevelDB never holds it twice in memory.

std::string generation_folder(std::uint64_t generation) {
  return format::kGenerationPrefix + std::to_string(generation);
}

void list_in(Files& files, const std::string& directory, std::vector<std::uint64_t>& found) {
  auto names = files.list(directory);
  if (!names) return;
  for (std::string_view name : *names) {
    if (!name.starts_with(format::kGenerationPrefix)) continue;
    name.remove_prefix(std::string_view(format::kGenerationPrefix).size());
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size()) found.push_back(number);
  }
}

}  // namespace

StoragePaths::StoragePaths(const StorageOptions& options)
    : data(options.data_dir + "/" + format::kFolder),
      logs((options.data_log_dir.empty() ? options.data_dir : options.data_log_dir) + "/" +
           format::kFolder) {}

std::string StoragePaths::folder(std::uint64_t generation) const {
  return data + "/" + generation_folder(generation);
}

std::string StoragePaths::checkpoint(std::uint64_t generation, std::uint64_t copy) const {
  std::string path = folder(generation) + "/" + format::kCheckpointFolder;
  return copy == 1 ? path : path + "-" + std::to_string(copy);
}

std::string StoragePaths::archive(std::uint64_t generation, Zxid zxid) const {
  return folder(generation) + "/" + format::kArchiveFolder + "-" + std::to_string(zxid.value);
}

std::string StoragePaths::log(std::uint64_t generation) const {
  return logs + "/" + generation_folder(generation) + "/" + format::kLogFolder;
}

LogOptions log_options(const StorageOptions& options, std::uint64_t generation) {
  LogOptions log;
  log.directory = StoragePaths(options).log(generation);
  log.segment_bytes = options.segment_bytes;
  // Generations differ in nonce even where their segments have the same numbers.
  log.nonce_seed = options.nonce_seed + generation;
  return log;
}

// ---- Building -----------------------------------------------------------------------------------

Result<std::unique_ptr<StoreBuilder>> StoreBuilder::begin(Files& files,
                                                          const OpenTreeStore& open_tree_store,
                                                          const std::string& folder) {
  if (ErrorCode error = files.remove_tree(folder)) return error;
  if (ErrorCode error = files.make_directories(folder.substr(0, folder.rfind('/')))) return error;
  auto store = open_tree_store(folder);
  if (!store) return store.error();
  return std::unique_ptr<StoreBuilder>(new StoreBuilder(files, folder, std::move(*store)));
}

ErrorCode StoreBuilder::add(const std::vector<znode::CheckpointEntry>& entries,
                            const znode::EntryPack& pack) {
  return store_->fill(entries, pack);
}

Result<std::unique_ptr<TreeStore>> StoreBuilder::finish() {
  if (ErrorCode error = store_->settle()) return error;
  if (ErrorCode error = files_.sync_directory(folder_.substr(0, folder_.rfind('/')))) return error;
  return std::move(store_);
}

Result<Generation> complete_generation(Files& files, const StorageOptions& options,
                                       std::uint64_t number, StoreBuilder& built, Zxid zxid) {
  StoragePaths paths(options);
  Generation made;
  made.number = number;
  made.checkpoint = zxid;
  auto store = built.finish();
  if (!store) return store.error();
  made.store = std::move(*store);
  auto log = LogStore::create(files, log_options(options, number), zxid);
  if (!log) return log.error();
  made.log = std::move(*log);
  std::string logs = paths.logs + "/" + generation_folder(number);
  for (const auto& folder : {paths.folder(number), paths.data, logs, paths.logs}) {
    if (ErrorCode error = files.sync_directory(folder)) return error;
  }
  return made;
}

Result<Generation> build_generation(Files& files, const OpenTreeStore& open_tree_store,
                                    const StorageOptions& options, std::uint64_t number,
                                    const znode::CheckpointBatch& whole) {
  auto builder =
      StoreBuilder::begin(files, open_tree_store, StoragePaths(options).checkpoint(number));
  if (!builder) return builder.error();
  if (ErrorCode error = (*builder)->add(whole.entries)) return error;
  return complete_generation(files, options, number, **builder, whole.zxid);
}

ErrorCode make_current(Files& files, const StoragePaths& paths, std::uint64_t number) {
  return write_small_file(files, paths.data, format::kCurrentFile, number);
}

std::vector<std::uint64_t> list_generations(Files& files, const StoragePaths& paths) {
  std::vector<std::uint64_t> found;
  list_in(files, paths.data, found);
  list_in(files, paths.logs, found);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

ErrorCode remove_other_generations(Files& files, const StoragePaths& paths, std::uint64_t kept) {
  for (std::uint64_t number : list_generations(files, paths)) {
    if (number == kept) continue;
    for (const auto& folder : {paths.data, paths.logs}) {
      if (ErrorCode error = files.remove_tree(folder + "/" + generation_folder(number)))
        return error;
    }
  }
  return {};
}

ErrorCode remove_unnamed_stores(Files& files, const StoragePaths& paths,
                                const Generation& generation) {
  std::string folder = paths.folder(generation.number);
  auto names = files.list(folder);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    bool is_store =
        name.starts_with(format::kCheckpointFolder) || name.starts_with(format::kArchiveFolder);
    std::string path = folder + "/" + name;
    if (!is_store || path == paths.checkpoint(generation.number, generation.checkpoint_copy) ||
        path == paths.archive(generation.number, generation.archived)) {
      continue;
    }
    if (ErrorCode error = files.remove_tree(path)) return error;
  }
  return {};
}

}  // namespace quorate::server
