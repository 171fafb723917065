#include "server/storage/real/leveldb_tree_store.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/write_batch.h>

#include <boost/system/errc.hpp>
#include <memory>

#include "server/log/log.h"

namespace quorate::server {
namespace {

// The tree lives in memory; the store is read at start and for a SNAP, from front to end. So caches
// buy nothing, and all of them together stay within about 12 MiB: one buffer being filled, one
// being written out, the block cache, and the open tables' indexes.
constexpr std::size_t kWriteBufferBytes = 4u << 20;
constexpr std::size_t kBlockCacheBytes = 1u << 20;
constexpr int kOpenFilesMax = 200;
/// Bigger tables: fewer files for a tree that is read as a whole.
constexpr std::size_t kTableBytes = 8u << 20;

ErrorCode to_error(const leveldb::Status& status, const std::string& path) {
  if (status.ok()) return {};
  log::error("checkpoint_error path=" + path + " error=\"" + status.ToString() + "\"");
  auto code = status.IsCorruption() ? boost::system::errc::illegal_byte_sequence
                                    : boost::system::errc::io_error;
  return make_error_code(code);
}

leveldb::Slice slice(ByteView bytes) {
  if (bytes.empty()) return {};  // Its null pointer must not reach LevelDB's memcmp.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ByteView view_of(const leveldb::Slice& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}

class LevelDbView : public TreeStoreView {
 public:
  LevelDbView(leveldb::DB& db, const std::string& path)
      : db_(db), path_(path), snapshot_(db.GetSnapshot()) {}
  ~LevelDbView() override { db_.ReleaseSnapshot(snapshot_); }

  ErrorCode scan(ByteView prefix, ByteView from,
                 const std::function<bool(ByteView, ByteView)>& visit) override {
    leveldb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    options.snapshot = snapshot_;
    std::unique_ptr<leveldb::Iterator> at(db_.NewIterator(options));
    bool from_is_later = slice(from).compare(slice(prefix)) > 0;
    for (at->Seek(slice(from_is_later ? from : prefix));
         at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
      if (!visit(view_of(at->key()), view_of(at->value()))) return {};
    }
    return to_error(at->status(), path_);
  }

 private:
  leveldb::DB& db_;
  const std::string& path_;
  const leveldb::Snapshot* snapshot_;
};

class LevelDbStore : public TreeStore {
 public:
  LevelDbStore(std::unique_ptr<leveldb::Cache> cache, std::unique_ptr<leveldb::DB> db,
               std::string path)
      : cache_(std::move(cache)), db_(std::move(db)), path_(std::move(path)) {}

  ErrorCode write(const std::vector<znode::CheckpointEntry>& entries) override {
    leveldb::WriteBatch batch;
    for (const auto& entry : entries) {
      if (entry.value) {
        batch.Put(slice(entry.key), slice(*entry.value));
      } else {
        batch.Delete(slice(entry.key));
      }
    }
    leveldb::WriteOptions options;
    options.sync = true;
    return to_error(db_->Write(options, &batch), path_);
  }

  std::unique_ptr<TreeStoreView> view() override {
    return std::make_unique<LevelDbView>(*db_, path_);
  }

 private:
  std::unique_ptr<leveldb::Cache> cache_;  // Outlives db_.
  std::unique_ptr<leveldb::DB> db_;
  std::string path_;
};

Result<std::unique_ptr<TreeStore>> open_store(const std::string& directory, leveldb::Env* env) {
  std::unique_ptr<leveldb::Cache> cache(leveldb::NewLRUCache(kBlockCacheBytes));
  leveldb::Options options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_file_size = kTableBytes;
  options.max_open_files = kOpenFilesMax;
  options.block_cache = cache.get();
  leveldb::DB* opened = nullptr;
  leveldb::Status status = leveldb::DB::Open(options, directory, &opened);
  std::unique_ptr<leveldb::DB> db(opened);
  if (ErrorCode error = to_error(status, directory)) return error;
  return std::unique_ptr<TreeStore>(
      std::make_unique<LevelDbStore>(std::move(cache), std::move(db), directory));
}

}  // namespace

OpenTreeStore open_leveldb_tree_store(leveldb::Env* env) {
  return [env](const std::string& directory) { return open_store(directory, env); };
}

}  // namespace quorate::server
