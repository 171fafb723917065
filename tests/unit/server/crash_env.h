// A file system for LevelDB that loses what was not synced.
#pragma once

#include <leveldb/env.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace quorate::test {

/// In memory. The model is a journalling file system: a sync of a file makes its bytes durable and
/// all changes of names before it. Otherwise a power cut keeps some first changes of names, and of
/// each file some first part of what was appended since its sync. LevelDB's own threads may use it.
class CrashEnv : public leveldb::EnvWrapper {
 public:
  explicit CrashEnv(std::uint64_t seed) : EnvWrapper(leveldb::Env::Default()), random_(seed) {}

  /// The n-th change from now on fails, and all after it, until restart().
  void power_fails_after(std::uint64_t n) {
    std::lock_guard lock(mutex_);
    left_ = n;
  }

  /// No file may be open.
  void restart() {
    std::lock_guard lock(mutex_);
    left_ = 0;
    dead_ = false;
    std::size_t kept = random_.below(pending_.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) replay(durable_names_, pending_[i]);
    pending_.clear();
    names_ = durable_names_;
    locks_.clear();
    for (auto& [name, file] : names_) {
      std::size_t unsynced = file->content.size() - file->synced;
      file->content.resize(file->synced + random_.below(unsynced + 1));
      file->synced = file->content.size();
    }
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
    std::lock_guard lock(mutex_);
    *file = nullptr;
    if (!powered()) return lost();
    auto data = std::make_shared<Data>();
    change({"", name, data});
    *file = new Writable(*this, data);
    return leveldb::Status::OK();
  }

  leveldb::Status NewAppendableFile(const std::string& name,
                                    leveldb::WritableFile** file) override {
    std::lock_guard lock(mutex_);
    *file = nullptr;
    if (!powered()) return lost();
    if (!names_.count(name)) change({"", name, std::make_shared<Data>()});
    *file = new Writable(*this, names_[name]);
    return leveldb::Status::OK();
  }

  bool FileExists(const std::string& name) override {
    std::lock_guard lock(mutex_);
    return names_.count(name) > 0;
  }

  leveldb::Status GetChildren(const std::string& directory,
                              std::vector<std::string>* children) override {
    std::lock_guard lock(mutex_);
    children->clear();
    for (const auto& [name, file] : names_) {
      if (name.starts_with(directory + "/")) children->push_back(name.substr(directory.size() + 1));
    }
    return leveldb::Status::OK();
  }

  leveldb::Status RemoveFile(const std::string& name) override {
    std::lock_guard lock(mutex_);
    if (!powered()) return lost();
    change({name, "", nullptr});
    return leveldb::Status::OK();
  }

  leveldb::Status RenameFile(const std::string& from, const std::string& to) override {
    std::lock_guard lock(mutex_);
    if (!powered()) return lost();
    change({from, to, names_[from]});
    return leveldb::Status::OK();
  }

  leveldb::Status CreateDir(const std::string&) override { return leveldb::Status::OK(); }
  leveldb::Status RemoveDir(const std::string&) override { return leveldb::Status::OK(); }

  leveldb::Status GetFileSize(const std::string& name, std::uint64_t* size) override {
    std::lock_guard lock(mutex_);
    if (!names_.count(name)) return leveldb::Status::NotFound(name);
    *size = names_[name]->content.size();
    return leveldb::Status::OK();
  }

  leveldb::Status LockFile(const std::string& name, leveldb::FileLock** lock_file) override {
    std::lock_guard lock(mutex_);
    *lock_file = nullptr;
    if (!locks_.insert(name).second) return leveldb::Status::IOError(name, "locked");
    *lock_file = new leveldb::FileLock();
    return leveldb::Status::OK();
  }
  leveldb::Status UnlockFile(leveldb::FileLock* lock_file) override {
    std::lock_guard lock(mutex_);
    locks_.clear();
    delete lock_file;
    return leveldb::Status::OK();
  }

  leveldb::Status NewLogger(const std::string&, leveldb::Logger** logger) override {
    *logger = new Silent();
    return leveldb::Status::OK();
  }

 private:
  struct Data {
    std::string content;
    std::size_t synced = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Data>>;
  struct Change {
    std::string gone, name;
    std::shared_ptr<Data> file;
  };
  struct Silent : leveldb::Logger {
    void Logv(const char*, std::va_list) override {}
  };

  class Sequential : public leveldb::SequentialFile {
   public:
    explicit Sequential(std::string content) : content_(std::move(content)) {}
    leveldb::Status Read(std::size_t n, leveldb::Slice* result, char* scratch) override {
      std::size_t count = std::min(n, content_.size() - at_);
      std::copy_n(content_.data() + at_, count, scratch);
      at_ += count;
      *result = leveldb::Slice(scratch, count);
      return leveldb::Status::OK();
    }
    leveldb::Status Skip(std::uint64_t n) override {
      at_ = std::min<std::size_t>(content_.size(), at_ + n);
      return leveldb::Status::OK();
    }

   private:
    std::string content_;
    std::size_t at_ = 0;
  };

  class RandomAccess : public leveldb::RandomAccessFile {
   public:
    explicit RandomAccess(std::string content) : content_(std::move(content)) {}
    leveldb::Status Read(std::uint64_t offset, std::size_t n, leveldb::Slice* result,
                         char* scratch) const override {
      std::size_t from = std::min<std::size_t>(offset, content_.size());
      std::size_t count = std::min(n, content_.size() - from);
      std::copy_n(content_.data() + from, count, scratch);
      *result = leveldb::Slice(scratch, count);
      return leveldb::Status::OK();
    }

   private:
    std::string content_;
  };

  class Writable : public leveldb::WritableFile {
   public:
    Writable(CrashEnv& env, std::shared_ptr<Data> data) : env_(env), data_(std::move(data)) {}
    leveldb::Status Append(const leveldb::Slice& bytes) override {
      std::lock_guard lock(env_.mutex_);
      if (!env_.powered()) return lost();
      data_->content.append(bytes.data(), bytes.size());
      return leveldb::Status::OK();
    }
    leveldb::Status Close() override { return leveldb::Status::OK(); }
    leveldb::Status Flush() override { return leveldb::Status::OK(); }
    leveldb::Status Sync() override {
      std::lock_guard lock(env_.mutex_);
      if (!env_.powered()) return lost();
      data_->synced = data_->content.size();
      env_.durable_names_ = env_.names_;
      env_.pending_.clear();
      return leveldb::Status::OK();
    }

   private:
    CrashEnv& env_;
    std::shared_ptr<Data> data_;
  };

  template <class Reader, class File>
  leveldb::Status open_for_reading(const std::string& name, File** file) {
    std::lock_guard lock(mutex_);
    *file = nullptr;
    if (!names_.count(name)) return leveldb::Status::NotFound(name);
    *file = new Reader(names_[name]->content);
    return leveldb::Status::OK();
  }

  static leveldb::Status lost() { return leveldb::Status::IOError("power", "lost"); }
  static void replay(Names& names, const Change& change) {
    if (!change.gone.empty()) names.erase(change.gone);
    if (change.file) names[change.name] = change.file;
  }
  void change(Change change) {
    replay(names_, change);
    pending_.push_back(std::move(change));
  }
  bool powered() {
    if (left_ > 0 && --left_ == 0) dead_ = true;
    return !dead_;
  }

  std::mutex mutex_;  // Guards all below: LevelDB compacts on a thread of its own.
  Random random_;
  Names names_, durable_names_;
  std::vector<Change> pending_;
  std::set<std::string> locks_;
  std::uint64_t left_ = 0;
  bool dead_ = false;
};

}  // namespace quorate::test
