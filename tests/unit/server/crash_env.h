// LevelDB and the log on one virtual disk that loses what was not synced
// (tests/support/sim_files.h): sectors survive one by one, and so do creates, renames and unlinks.
#pragma once

#include <leveldb/env.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "server/storage/real/durable_names_env.h"
#include "server/storage/real/leveldb_tree_store.h"
#include "tests/support/sim_files.h"

namespace quorate::test {

/// SimFiles as LevelDB sees it, safe for LevelDB's own thread. What SimCrash is elsewhere is an
/// error here, and each later operation fails, too: LevelDB knows no exceptions.
class SimEnv : public leveldb::EnvWrapper {
 public:
  SimEnv(SimFiles& files, std::mutex& mutex)
      : EnvWrapper(leveldb::Env::Default()), files_(files), mutex_(mutex) {}
  ~SimEnv() override { wait_idle(); }

  /// LevelDB's thread has nothing to do: so the same history has the same operations.
  void wait_idle() {
    std::unique_lock lock(jobs_mutex_);
    idle_.wait(lock, [this] { return jobs_ == 0; });
  }
  /// The power has failed in an operation of LevelDB.
  bool dead() {
    std::lock_guard lock(mutex_);
    return dead_;
  }
  void restarted() {
    dead_ = false;
    locks_.clear();
  }
  leveldb::Status sync_folder(const std::string& folder) {
    return changes([&] { return files_.sync_directory(folder); });
  }

  leveldb::Status NewSequentialFile(const std::string& name,
                                    leveldb::SequentialFile** file) override {
    return open_for_reading<Sequential>(name, file);
  }
  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** file) override {
    return open_for_reading<RandomAccess>(name, file);
  }
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override {
    return open_to_write(name, /*empty=*/true, file);
  }
  leveldb::Status NewAppendableFile(const std::string& name,
                                    leveldb::WritableFile** file) override {
    return open_to_write(name, /*empty=*/false, file);
  }

  bool FileExists(const std::string& name) override {
    std::lock_guard lock(mutex_);
    return !dead_ && files_.exists(name);
  }
  leveldb::Status GetChildren(const std::string& directory,
                              std::vector<std::string>* children) override {
    return changes([&]() -> ErrorCode {
      auto names = files_.list(directory);
      if (!names) return names.error();
      *children = std::move(*names);
      return {};
    });
  }
  leveldb::Status GetFileSize(const std::string& name, std::uint64_t* size) override {
    return changes([&] {
      *size = files_.contents(name).size();
      return ErrorCode();
    });
  }
  leveldb::Status RemoveFile(const std::string& name) override {
    return changes([&] { return files_.remove(name); });
  }
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override {
    return changes([&] { return files_.rename(from, to); });
  }
  leveldb::Status CreateDir(const std::string& name) override {
    return changes([&] { return files_.make_directories(name); });
  }
  leveldb::Status RemoveDir(const std::string&) override { return leveldb::Status::OK(); }

  leveldb::Status LockFile(const std::string& name, leveldb::FileLock** lock_file) override {
    std::lock_guard lock(mutex_);
    *lock_file = nullptr;
    if (!locks_.insert(name).second) return leveldb::Status::IOError(name, "locked");
    *lock_file = new Lock(name);
    return leveldb::Status::OK();
  }
  leveldb::Status UnlockFile(leveldb::FileLock* lock_file) override {
    std::lock_guard lock(mutex_);
    auto* lock_of = static_cast<Lock*>(lock_file);
    locks_.erase(lock_of->name);
    delete lock_of;
    return leveldb::Status::OK();
  }
  leveldb::Status NewLogger(const std::string&, leveldb::Logger** logger) override {
    *logger = new Silent();
    return leveldb::Status::OK();
  }
  void Schedule(void (*function)(void*), void* argument) override {
    {
      std::lock_guard lock(jobs_mutex_);
      ++jobs_;
    }
    target()->Schedule(&SimEnv::run, new Job{this, function, argument});
  }

 private:
  struct Job {
    SimEnv* env;
    void (*function)(void*);
    void* argument;
  };
  struct Lock : leveldb::FileLock {
    explicit Lock(std::string of) : name(std::move(of)) {}
    std::string name;
  };
  struct Silent : leveldb::Logger {
    void Logv(const char*, std::va_list) override {}
  };

  static void run(void* argument) {
    std::unique_ptr<Job> job(static_cast<Job*>(argument));
    job->function(job->argument);
    std::lock_guard lock(job->env->jobs_mutex_);
    --job->env->jobs_;
    job->env->idle_.notify_all();
  }

  static leveldb::Status status_of(const ErrorCode& error) {
    if (!error) return leveldb::Status::OK();
    if (error == boost::system::errc::no_such_file_or_directory) {
      return leveldb::Status::NotFound("disk", error.message());
    }
    return leveldb::Status::IOError("disk", error.message());
  }

  template <class Operation>
  leveldb::Status changes(Operation operation) {
    std::lock_guard lock(mutex_);
    if (dead_) return leveldb::Status::IOError("disk", "the power has failed");
    try {
      return status_of(operation());
    } catch (const SimCrash&) {
      dead_ = true;
      return leveldb::Status::IOError("disk", "the power has failed");
    }
  }

  class Sequential : public leveldb::SequentialFile {
   public:
    explicit Sequential(Bytes content) : content_(std::move(content)) {}
    leveldb::Status Read(std::size_t n, leveldb::Slice* result, char* scratch) override {
      std::size_t count = std::min(n, content_.size() - at_);
      std::copy_n(reinterpret_cast<const char*>(content_.data()) + at_, count, scratch);
      at_ += count;
      *result = leveldb::Slice(scratch, count);
      return leveldb::Status::OK();
    }
    leveldb::Status Skip(std::uint64_t n) override {
      at_ = std::min<std::size_t>(content_.size(), at_ + n);
      return leveldb::Status::OK();
    }

   private:
    Bytes content_;
    std::size_t at_ = 0;
  };

  class RandomAccess : public leveldb::RandomAccessFile {
   public:
    explicit RandomAccess(Bytes content) : content_(std::move(content)) {}
    leveldb::Status Read(std::uint64_t offset, std::size_t n, leveldb::Slice* result,
                         char* scratch) const override {
      std::size_t from = std::min<std::size_t>(offset, content_.size());
      std::size_t count = std::min(n, content_.size() - from);
      std::copy_n(reinterpret_cast<const char*>(content_.data()) + from, count, scratch);
      *result = leveldb::Slice(scratch, count);
      return leveldb::Status::OK();
    }

   private:
    Bytes content_;
  };

  class Writable : public leveldb::WritableFile {
   public:
    Writable(SimEnv& env, std::unique_ptr<server::File> file, std::uint64_t size)
        : env_(env), file_(std::move(file)), size_(size) {}
    ~Writable() override { (void)Flush(); }
    leveldb::Status Append(const leveldb::Slice& bytes) override {
      ByteView view(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
      append(buffer_, view);
      return leveldb::Status::OK();
    }
    leveldb::Status Close() override { return Flush(); }
    leveldb::Status Flush() override {
      if (buffer_.empty()) return leveldb::Status::OK();
      leveldb::Status status = env_.changes([&] { return file_->pwrite(size_, buffer_); });
      size_ += buffer_.size();
      buffer_.clear();
      return status;
    }
    leveldb::Status Sync() override {
      leveldb::Status status = Flush();
      return status.ok() ? env_.changes([&] { return file_->sync(); }) : status;
    }

   private:
    SimEnv& env_;
    std::unique_ptr<server::File> file_;
    Bytes buffer_;
    std::uint64_t size_;
  };

  template <class Reader, class File>
  leveldb::Status open_for_reading(const std::string& name, File** file) {
    *file = nullptr;
    return changes([&]() -> ErrorCode {
      auto opened = files_.open(name, server::OpenMode::Read);
      if (!opened) return opened.error();
      *file = new Reader(files_.contents(name));
      return {};
    });
  }

  leveldb::Status open_to_write(const std::string& name, bool empty, leveldb::WritableFile** file) {
    *file = nullptr;
    return changes([&]() -> ErrorCode {
      auto opened = files_.open(name, server::OpenMode::Create);
      if (!opened) return opened.error();
      auto size = (*opened)->size();
      if (!size) return size.error();
      if (empty && *size > 0) {
        if (ErrorCode error = (*opened)->truncate(0)) return error;
        *size = 0;
      }
      *file = new Writable(*this, std::move(*opened), *size);
      return {};
    });
  }

  SimFiles& files_;
  std::mutex& mutex_;  // Guards the disk and all up to the next comment.
  std::set<std::string> locks_;
  bool dead_ = false;
  std::mutex jobs_mutex_;  // Guards all below.
  std::condition_variable idle_;
  int jobs_ = 0;
};

/// The same disk for the log, which works while LevelDB's thread does.
class LockedFiles : public server::Files {
 public:
  LockedFiles(SimFiles& files, std::mutex& mutex) : files_(files), mutex_(mutex) {}

  Result<std::unique_ptr<server::File>> open(const std::string& path,
                                             server::OpenMode mode) override {
    std::lock_guard lock(mutex_);
    auto file = files_.open(path, mode);
    if (!file) return file.error();
    return std::unique_ptr<server::File>(std::make_unique<Locked>(std::move(*file), mutex_));
  }
  ErrorCode rename(const std::string& from, const std::string& to) override {
    std::lock_guard lock(mutex_);
    return files_.rename(from, to);
  }
  ErrorCode remove(const std::string& path) override {
    std::lock_guard lock(mutex_);
    return files_.remove(path);
  }
  ErrorCode remove_tree(const std::string& path) override {
    std::lock_guard lock(mutex_);
    return files_.remove_tree(path);
  }
  ErrorCode make_directories(const std::string& path) override {
    std::lock_guard lock(mutex_);
    return files_.make_directories(path);
  }
  ErrorCode sync_directory(const std::string& path) override {
    std::lock_guard lock(mutex_);
    return files_.sync_directory(path);
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::lock_guard lock(mutex_);
    return files_.list(directory);
  }
  bool exists(const std::string& path) override {
    std::lock_guard lock(mutex_);
    return files_.exists(path);
  }

 private:
  class Locked : public server::File {
   public:
    Locked(std::unique_ptr<server::File> file, std::mutex& mutex)
        : file_(std::move(file)), mutex_(mutex) {}
    ErrorCode pwrite(std::uint64_t offset, ByteView bytes) override {
      std::lock_guard lock(mutex_);
      return file_->pwrite(offset, bytes);
    }
    Result<std::size_t> pread(std::uint64_t offset, std::span<std::byte> into) override {
      std::lock_guard lock(mutex_);
      return file_->pread(offset, into);
    }
    ErrorCode sync() override {
      std::lock_guard lock(mutex_);
      return file_->sync();
    }
    Result<std::uint64_t> size() override {
      std::lock_guard lock(mutex_);
      return file_->size();
    }
    ErrorCode truncate(std::uint64_t size) override {
      std::lock_guard lock(mutex_);
      return file_->truncate(size);
    }

   private:
    std::unique_ptr<server::File> file_;
    std::mutex& mutex_;
  };

  SimFiles& files_;
  std::mutex& mutex_;
};

/// All of it together. The disk itself may be looked at while LevelDB rests: after wait_idle(), or
/// with no store open.
class CrashDisk {
 public:
  explicit CrashDisk(std::uint64_t seed) : disk(seed) {}

  server::OpenTreeStore open_tree_store() { return server::open_leveldb_tree_store(&names_); }
  void wait_idle() { env_.wait_idle(); }
  bool dead() { return env_.dead(); }
  /// No file and no store may be open.
  void crash(Loss loss = Loss::Seeded) {
    wait_idle();
    disk.crash(loss);
    env_.restarted();
  }

  SimFiles disk;

 private:
  std::mutex mutex_;  // Guards the disk.

 public:
  LockedFiles files{disk, mutex_};

 private:
  SimEnv env_{disk, mutex_};
  server::DurableNamesEnv names_{
      &env_, [this](const std::string& folder) { return env_.sync_folder(folder); }};
};

}  // namespace quorate::test
