#include "server/storage/real/paced_env.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include "server/storage/real/durable_names_env.h"

namespace quorate::server {
namespace {

constexpr std::uint64_t kBytesPerSecond = 32u << 20;
/// What may be written at once after a pause.
constexpr std::chrono::milliseconds kBurst{20};

/// What is handed to the disk at once: neither a sync of the file nor one of the log, which uses
/// the same disk, should find much to write before it.
constexpr std::size_t kStepBytes = 256u << 10;

leveldb::Status error_of(const std::string& name, int number) {
  if (number == ENOENT) return leveldb::Status::NotFound(name, std::strerror(number));
  return leveldb::Status::IOError(name, std::strerror(number));
}

/// LevelDB's own maps its tables into memory, where every page read counts as this process's.
class ReadFile : public leveldb::RandomAccessFile {
 public:
  ReadFile(std::string name, int fd) : name_(std::move(name)), fd_(fd) {}
  ~ReadFile() override { ::close(fd_); }

  leveldb::Status Read(std::uint64_t offset, std::size_t n, leveldb::Slice* result,
                       char* scratch) const override {
    *result = leveldb::Slice(scratch, 0);
    std::size_t done = 0;
    while (done < n) {
      ssize_t count = ::pread(fd_, scratch + done, n - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return error_of(name_, errno);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    *result = leveldb::Slice(scratch, done);
    return leveldb::Status::OK();
  }

 private:
  std::string name_;
  int fd_;
};

leveldb::Status sync_folder(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_of(folder, errno);
  leveldb::Status status = ::fsync(fd) == 0 ? leveldb::Status::OK() : error_of(folder, errno);
  ::close(fd);
  return status;
}

/// How a file gets to the disk before somebody syncs it.
enum class Writing {
  Steps,   ///< A table: a step as soon as it is complete. It will be synced whole.
  AtSync,  ///< LevelDB's log: some batches are never synced, and gone with the file soon after.
};

class WriteFile : public leveldb::WritableFile {
 public:
  WriteFile(std::string name, int fd, std::uint64_t size, Writing writing)
      : name_(std::move(name)), fd_(fd), writing_(writing), size_(size), started_(size) {
    buffer_.reserve(kStepBytes / 4);
  }
  ~WriteFile() override { (void)Close(); }

  leveldb::Status Append(const leveldb::Slice& bytes) override {
    buffer_.append(bytes.data(), bytes.size());
    return buffer_.size() < kStepBytes / 4 ? leveldb::Status::OK() : Flush();
  }

  leveldb::Status Close() override {
    if (fd_ < 0) return leveldb::Status::OK();
    leveldb::Status status = Flush();
    if (::close(fd_) != 0 && status.ok()) status = error_of(name_, errno);
    fd_ = -1;
    return status;
  }

  leveldb::Status Flush() override {
    checkpoint_pacer().take(buffer_.size());
    std::size_t done = 0;
    while (done < buffer_.size()) {
      ssize_t count = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        buffer_.erase(0, done);
        return error_of(name_, errno);
      }
      done += static_cast<std::size_t>(count);
    }
    size_ += buffer_.size();
    buffer_.clear();
    if (writing_ == Writing::Steps) start_steps();
    return leveldb::Status::OK();
  }

  leveldb::Status Sync() override {
    leveldb::Status status = Flush();
    if (!status.ok()) return status;
    start_steps();
    return ::fdatasync(fd_) == 0 ? status : error_of(name_, errno);
  }

 private:
  /// Complete steps go to the disk one by one, each once the one before the last has arrived: a
  /// sync of the log finds two of them before it at most. An error of it shows at the sync.
  void start_steps() {
    for (; size_ - started_ >= kStepBytes; started_ += kStepBytes) {
      range(started_, SYNC_FILE_RANGE_WRITE);
      if (started_ >= kStepBytes) range(started_ - kStepBytes, SYNC_FILE_RANGE_WAIT_BEFORE);
    }
  }
  void range(std::uint64_t from, unsigned what) {
    (void)::sync_file_range(fd_, static_cast<off_t>(from), static_cast<off_t>(kStepBytes), what);
  }

  std::string name_;
  int fd_;
  Writing writing_;
  std::string buffer_;
  std::uint64_t size_;     ///< Written so far.
  std::uint64_t started_;  ///< Handed to the disk so far.
};

class PacedEnv : public leveldb::EnvWrapper {
 public:
  PacedEnv() : EnvWrapper(leveldb::Env::Default()) {}

  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** file) override {
    *file = nullptr;
    int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_of(name, errno);
    *file = new ReadFile(name, fd);
    return leveldb::Status::OK();
  }
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override {
    return open_to_write(name, O_TRUNC, file);
  }
  leveldb::Status NewAppendableFile(const std::string& name,
                                    leveldb::WritableFile** file) override {
    return open_to_write(name, O_APPEND, file);
  }

 private:
  static leveldb::Status open_to_write(const std::string& name, int mode,
                                       leveldb::WritableFile** file) {
    *file = nullptr;
    int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0644);
    if (fd < 0) return error_of(name, errno);
    off_t size = mode == O_APPEND ? ::lseek(fd, 0, SEEK_END) : 0;
    *file = new WriteFile(name, fd, static_cast<std::uint64_t>(std::max<off_t>(size, 0)),
                          name.ends_with(".log") ? Writing::AtSync : Writing::Steps);
    return leveldb::Status::OK();
  }
};

}  // namespace

void Pacer::hurry(double due) {
  std::lock_guard lock(mutex_);
  factor_ = std::max(1.0, due * due);
  if (due >= kUnlimited) factor_ = 0;
}

void Pacer::take(std::uint64_t bytes) {
  Clock::duration wait{};
  {
    std::lock_guard lock(mutex_);
    if (factor_ == 0) return;
    Clock::time_point now = Clock::now();
    free_at_ = std::max(free_at_, now - kBurst);
    std::chrono::duration<double> cost(static_cast<double>(bytes) /
                                       (static_cast<double>(base_) * factor_));
    wait = free_at_ - now;
    free_at_ += std::chrono::duration_cast<Clock::duration>(cost);
  }
  if (wait > Clock::duration::zero()) std::this_thread::sleep_for(wait);
}

leveldb::Env* paced_env() {
  static auto* env = new DurableNamesEnv(new PacedEnv(), sync_folder);
  return env;
}

Pacer& checkpoint_pacer() {
  static auto* pacer = new Pacer(kBytesPerSecond);
  return *pacer;
}

}  // namespace quorate::server
