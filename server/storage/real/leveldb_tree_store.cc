#include "server/storage/real/leveldb_tree_store.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/write_batch.h>
#include <malloc.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "server/log/log.h"
#include "server/storage/real/manifest_tail.h"
#include "server/storage/real/paced_env.h"

namespace quorate::server {
namespace {

// The tree lives in memory; the store is read at start and for a SNAP, from front to end. So caches
// buy nothing, and big blocks make small indexes and compress well.
constexpr std::size_t kWriteBufferBytes = 1u << 20;
constexpr std::size_t kBlockCacheBytes = 64u << 10;
constexpr std::size_t kBlockBytes = 32u << 10;
constexpr int kOpenFilesMax = 100;
/// One table is the unit of compaction and of parallel reading.
constexpr std::size_t kTableBytes = 4u << 20;
/// A new store is filled in batches of this size; each is one table.
constexpr std::size_t kFillBytes = 4u << 20;
/// A batch above this is moved out of memory at once; a smaller one when the next ones come.
constexpr std::size_t kFlushedBatchBytes = 256u << 10;

ErrorCode to_error(const leveldb::Status& status, const std::string& path) {
  if (status.ok()) return {};
  log::error("checkpoint_error path=" + path + " error=\"" + status.ToString() + "\"");
  // LevelDB passes on the words of the system, not its numbers.
  bool full = status.ToString().find("No space left on device") != std::string::npos ||
              status.ToString().find("Disk quota exceeded") != std::string::npos;
  auto code = status.IsCorruption() ? boost::system::errc::illegal_byte_sequence
              : full                ? boost::system::errc::no_space_on_device
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

void add(leveldb::WriteBatch& batch, const znode::CheckpointEntry& entry) {
  if (entry.value) {
    batch.Put(slice(entry.key), slice(*entry.value));
  } else {
    batch.Delete(slice(entry.key));
  }
}

void add(leveldb::WriteBatch& batch, const std::vector<znode::CheckpointEntry>& entries) {
  for (const auto& entry : entries) add(batch, entry);
}

// ---- Opening ------------------------------------------------------------------------------------

/// An open database with what has to outlive it.
struct Database {
  std::unique_ptr<leveldb::Cache> cache;
  std::unique_ptr<leveldb::DB> db;
};

leveldb::Status open_database(leveldb::Env* env, const std::string& directory, bool paranoid,
                              std::shared_ptr<Database>& opened) {
  auto database = std::make_shared<Database>();
  database->cache.reset(leveldb::NewLRUCache(kBlockCacheBytes));
  leveldb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.paranoid_checks = paranoid;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_file_size = kTableBytes;
  options.block_size = kBlockBytes;
  options.max_open_files = kOpenFilesMax;
  options.block_cache = database->cache.get();
  leveldb::DB* db = nullptr;
  leveldb::Status status = leveldb::DB::Open(options, directory, &db);
  database->db.reset(db);
  if (status.ok()) opened = std::move(database);
  return status;
}

/// A database that has lost its CURRENT would be taken for none, and its tables be removed.
leveldb::Status check_folder(leveldb::Env* env, const std::string& directory) {
  std::vector<std::string> names;
  if (env->FileExists(directory + "/CURRENT")) return leveldb::Status::OK();
  if (!env->GetChildren(directory, &names).ok()) return leveldb::Status::OK();
  for (std::string_view name : names) {
    if (name.starts_with("MANIFEST-") || name.ends_with(".ldb")) {
      return leveldb::Status::Corruption(directory + "/CURRENT",
                                         "missing beside " + std::string(name));
    }
  }
  return leveldb::Status::OK();
}

leveldb::Status open_leniently(leveldb::Env* env, const std::string& directory,
                               std::shared_ptr<Database>& opened) {
  leveldb::Status status = open_database(env, directory, /*paranoid=*/false, opened);
  if (!status.IsCorruption()) return status;
  ManifestTail manifest(env, directory);
  if (!manifest.cut()) return status;
  leveldb::Status again = open_database(env, directory, /*paranoid=*/false, opened);
  if (!again.ok()) manifest.restore();
  return again;
}

/// A power cut may leave the sectors of a batch, or of a record of the manifest, in any order,
/// which strict opening takes for damage. Opened leniently it is dropped whole. Should it have been
/// more than that, the loader of the tree notices: digest, counts and the chain of batches are
/// checked there.
leveldb::Status open_or_mend(leveldb::Env* env, const std::string& directory,
                             std::shared_ptr<Database>& opened) {
  leveldb::Status status = check_folder(env, directory);
  if (!status.ok()) return status;
  status = open_database(env, directory, /*paranoid=*/true, opened);
  if (!status.IsCorruption()) return status;
  leveldb::Status lenient = open_leniently(env, directory, opened);
  if (!lenient.ok()) return status;
  opened.reset();  // What was readable in its log is a table now.
  lenient = open_database(env, directory, /*paranoid=*/true, opened);
  if (lenient.ok()) {
    log::warn("checkpoint_unfinished_batch_dropped path=" + directory + " error=\"" +
              status.ToString() + "\"");
  }
  return lenient;
}

// ---- Reading ------------------------------------------------------------------------------------

class LevelDbView : public TreeStoreView {
 public:
  LevelDbView(std::shared_ptr<Database> database, std::string path)
      : database_(std::move(database)),
        path_(std::move(path)),
        snapshot_(database_->db->GetSnapshot()) {}
  ~LevelDbView() override { database_->db->ReleaseSnapshot(snapshot_); }

  ErrorCode scan(ByteView prefix, ByteView from,
                 const std::function<bool(ByteView, ByteView)>& visit) override {
    leveldb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    options.snapshot = snapshot_;
    std::unique_ptr<leveldb::Iterator> at(database_->db->NewIterator(options));
    bool from_is_later = slice(from).compare(slice(prefix)) > 0;
    for (at->Seek(slice(from_is_later ? from : prefix));
         at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
      if (!visit(view_of(at->key()), view_of(at->value()))) break;
    }
    // Over a block that cannot be read LevelDB steps in silence: whoever stops here must hear of
    // it, too.
    return to_error(at->status(), path_);
  }

 private:
  std::shared_ptr<Database> database_;
  std::string path_;
  const leveldb::Snapshot* snapshot_;
};

/// First keys of the tables, out of LevelDB's listing: ` 17:4194304['first' @ 9 : 1 .. 'last' ...`.
/// Whatever a text yields, it is a key that may cut: that the pieces are equal is all that depends
/// on it.
std::vector<Bytes> first_keys(const std::string& listing) {
  std::vector<Bytes> keys;
  for (std::size_t at = listing.find("['"); at != std::string::npos;
       at = listing.find("['", at + 1)) {
    std::size_t end = listing.find("' @ ", at);
    if (end == std::string::npos) break;
    ByteView key = as_bytes(std::string_view(listing).substr(at + 2, end - at - 2));
    keys.emplace_back(key.begin(), key.end());
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

// ---- The store ----------------------------------------------------------------------------------

class LevelDbStore : public TreeStore {
 public:
  LevelDbStore(leveldb::Env* env, std::shared_ptr<Database> database, std::string path)
      : env_(env), database_(std::move(database)), path_(std::move(path)) {}

  ErrorCode write(const std::vector<znode::CheckpointEntry>& entries) override {
    leveldb::WriteBatch batch;
    add(batch, entries);
    return write(batch);
  }

  void stage(const std::vector<znode::CheckpointEntry>& entries) override {
    if (!staged_) staged_ = std::make_unique<leveldb::WriteBatch>();
    add(*staged_, entries);
  }
  void discard() override { staged_.reset(); }

  ErrorCode commit() override {
    if (!staged_) return {};
    if (ErrorCode error = write(*staged_)) return error;
    bool large = staged_->ApproximateSize() >= kFlushedBatchBytes;
    discard();
    if (!large) return {};
    // Makes LevelDB write its memory to a table now: it would keep the batch until the next one,
    // and the next start would have to read it from the log.
    (void)database_->db->Write({}, nullptr);
    ::malloc_trim(0);
    return {};
  }

  ErrorCode fill(const std::vector<znode::CheckpointEntry>& entries,
                 const znode::EntryPack& pack) override {
    if (!filling_) filling_ = std::make_unique<leveldb::WriteBatch>();
    ErrorCode error;
    for (const auto& entry : entries) {
      add(*filling_, entry);
      if (error = fill_when_full(); error) return error;
    }
    pack.for_each([&](ByteView key, ByteView value) {
      if (error) return;
      filling_->Put(slice(key), slice(value));
      error = fill_when_full();
    });
    return error;
  }

  /// What is little is one synced batch. Of more, LevelDB's log is never synced: what counts is
  /// that all of it has gone into tables, which are synced before its manifest lists them. An empty
  /// batch makes it begin to write its memory to a table; a second one waits for that, and for all
  /// tables before it.
  ErrorCode settle() override {
    const bool little = !std::exchange(unsynced_, false);
    ErrorCode error = filling_ ? write(*filling_, /*sync=*/little) : ErrorCode();
    filling_.reset();
    for (int i = 0; i < 2 && !error && !little; ++i) error = flush();
    if (!little) ::malloc_trim(0);
    return error;
  }

  std::unique_ptr<TreeStoreView> view() override {
    if (!database_) return nullptr;
    return std::make_unique<LevelDbView>(database_, path_);
  }

  std::vector<Bytes> cuts() override {
    std::string listing;
    if (!database_ || !database_->db->GetProperty("leveldb.sstables", &listing)) return {};
    return first_keys(listing);
  }

 private:
  /// After an error LevelDB takes no more writes; it has to be opened again.
  ErrorCode write(leveldb::WriteBatch& batch, bool sync = true) {
    if (!database_) {
      if (ErrorCode error = to_error(open_or_mend(env_, path_, database_), path_)) return error;
    }
    leveldb::WriteOptions options;
    options.sync = sync;
    ErrorCode error = to_error(database_->db->Write(options, &batch), path_);
    if (error) database_.reset();
    return error;
  }

  ErrorCode fill_when_full() {
    if (filling_->ApproximateSize() < kFillBytes) return {};
    if (ErrorCode error = write(*filling_, /*sync=*/false)) return error;
    filling_->Clear();
    unsynced_ = true;
    return {};
  }

  ErrorCode flush() {
    if (!database_) return make_error_code(boost::system::errc::io_error);
    ErrorCode error = to_error(database_->db->Write({}, nullptr), path_);
    if (error) database_.reset();
    return error;
  }

  leveldb::Env* env_;
  std::shared_ptr<Database> database_;  ///< Shared with views; nullptr after an error.
  std::unique_ptr<leveldb::WriteBatch> staged_;
  std::unique_ptr<leveldb::WriteBatch> filling_;
  bool unsynced_ = false;  ///< Batches have been written that no sync covers.
  std::string path_;
};

Result<std::unique_ptr<TreeStore>> open_store(const std::string& directory, leveldb::Env* env) {
  std::shared_ptr<Database> database;
  leveldb::Status status = open_or_mend(env, directory, database);
  if (ErrorCode error = to_error(status, directory)) return error;
  return std::unique_ptr<TreeStore>(
      std::make_unique<LevelDbStore>(env, std::move(database), directory));
}

}  // namespace

OpenTreeStore open_leveldb_tree_store(leveldb::Env* env) {
  if (env == nullptr) env = paced_env();
  return [env](const std::string& directory) { return open_store(directory, env); };
}

}  // namespace quorate::server
