#include "server/storage/real/posix_files.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "server/log/log.h"

namespace quorate::server {
namespace {

/// To give back the blocks of 64 MiB takes ext4 some 20 ms, and the log's thread removes segments.
constexpr off_t kLongFileBytes = 4 << 20;
/// Removed files that wait for it; what comes on top is removed at once.
constexpr std::size_t kWaitingMax = 64;

/// One system call moves at most this much; Linux ends at about 2 GiB by itself.
constexpr std::size_t kTransferBytesMax = 1u << 30;

ErrorCode report(int number, const char* operation, const std::string& path) {
  ErrorCode error(number, boost::system::system_category());
  if (number != ENOENT) {
    log::error("file_error operation=" + std::string(operation) + " path=" + path + " error=\"" +
               error.message() + "\"");
  }
  return error;
}

ErrorCode report(const std::error_code& error, const char* operation, const std::string& path) {
  return error ? report(error.value(), operation, path) : ErrorCode();
}

template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  // What matters has been synced before, so an error of close() tells nothing new.
  ~PosixFile() override { ::close(descriptor_); }

  ErrorCode pwrite(std::uint64_t offset, ByteView bytes) override {
    if (direct_) {
      if (ErrorCode error = write_direct(offset, bytes)) return error;
    }
    while (!bytes.empty()) {
      std::size_t size = std::min(bytes.size(), kTransferBytesMax);
      ssize_t written = retried(
          [&] { return ::pwrite(descriptor_, bytes.data(), size, static_cast<off_t>(offset)); });
      if (written < 0) return report(errno, "pwrite", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  Result<std::size_t> pread(std::uint64_t offset, std::span<std::byte> into) override {
    std::size_t total = 0;
    while (total < into.size()) {
      std::size_t size = std::min(into.size() - total, kTransferBytesMax);
      if (direct_) use_cache();
      ssize_t count = retried([&] {
        return ::pread(descriptor_, into.data() + total, size, static_cast<off_t>(offset + total));
      });
      if (count < 0) return report(errno, "pread", path_);
      if (count == 0) break;
      total += static_cast<std::size_t>(count);
    }
    return total;
  }

  // EINTR is not retried here: after any failure nothing is known about the pages (hazard R7).
  ErrorCode sync() override {
    return ::fdatasync(descriptor_) == 0 ? ErrorCode() : report(errno, "fdatasync", path_);
  }

  Result<std::uint64_t> size() override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return report(errno, "fstat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  ErrorCode truncate(std::uint64_t size) override {
    int result = retried([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); });
    return result == 0 ? ErrorCode() : report(errno, "ftruncate", path_);
  }

  void expect_blocks() override { direct_ = set_direct(true); }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  bool set_direct(bool on) {
    const int flags = ::fcntl(descriptor_, F_GETFL);
    return flags >= 0 &&
           ::fcntl(descriptor_, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
  }
  void use_cache() {
    set_direct(false);
    direct_ = false;
    aligned_.reset();
    aligned_bytes_ = 0;
  }

  /// Past the page cache: nobody reads the log while it is written, and to copy it there, to track
  /// it and to write it back costs more than the write itself (zeros: thirty times as much). Moves
  /// `offset` and `bytes` behind what has been written; where that is not all, the rest has to go
  /// through the cache.
  ErrorCode write_direct(std::uint64_t& offset, ByteView& bytes) {
    while (offset % kFileBlockBytes == 0 && bytes.size() % kFileBlockBytes == 0) {
      if (bytes.empty()) return {};
      const ByteView piece = aligned(bytes.first(std::min(bytes.size(), kAlignedBytesMax)));
      const ssize_t written = retried([&] {
        return ::pwrite(descriptor_, piece.data(), piece.size(), static_cast<off_t>(offset));
      });
      // Not every file system that takes the flag takes the write.
      if (written < 0 && errno == EINVAL) break;
      if (written < 0) return report(errno, "pwrite", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    use_cache();
    return {};
  }

  /// The same bytes at an address that the device can read from.
  ByteView aligned(ByteView bytes) {
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kFileBlockBytes == 0) return bytes;
    if (aligned_bytes_ < bytes.size()) {
      aligned_bytes_ = std::bit_ceil(bytes.size());
      aligned_.reset(static_cast<std::byte*>(std::aligned_alloc(kFileBlockBytes, aligned_bytes_)));
      if (!aligned_) throw std::bad_alloc();
    }
    std::memcpy(aligned_.get(), bytes.data(), bytes.size());
    return {aligned_.get(), bytes.size()};
  }

  static constexpr std::size_t kAlignedBytesMax = 1u << 20;

  int descriptor_;
  std::string path_;
  bool direct_ = false;
  std::unique_ptr<std::byte, Free> aligned_;
  std::size_t aligned_bytes_ = 0;
};

}  // namespace

/// Closes files whose names are gone, which gives their blocks back.
class PosixFiles::Closer {
 public:
  ~Closer() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    work_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  void close(int descriptor) {
    {
      std::lock_guard lock(mutex_);
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
      if (waiting_.size() < kWaitingMax) waiting_.push_back(std::exchange(descriptor, -1));
    }
    if (descriptor >= 0) ::close(descriptor);
    work_.notify_one();
  }

 private:
  void run() {
    ::pthread_setname_np(::pthread_self(), "quorate-remove");
    std::unique_lock lock(mutex_);
    while (true) {
      work_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::vector<int> descriptors = std::exchange(waiting_, {});
      lock.unlock();
      for (int descriptor : descriptors) ::close(descriptor);
      lock.lock();
    }
  }

  std::mutex mutex_;  // Guards all below.
  std::condition_variable work_;
  std::vector<int> waiting_;
  bool stop_ = false;
  std::thread thread_;
};

PosixFiles::PosixFiles() : closer_(std::make_unique<Closer>()) {}
PosixFiles::~PosixFiles() = default;

Result<std::unique_ptr<File>> PosixFiles::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC | (mode == OpenMode::Read ? O_RDONLY : O_RDWR);
  if (mode == OpenMode::Create) flags |= O_CREAT;
  int descriptor = retried([&] { return ::open(path.c_str(), flags, 0640); });
  if (descriptor < 0) return report(errno, "open", path);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(descriptor, path));
}

ErrorCode PosixFiles::rename(const std::string& from, const std::string& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? ErrorCode() : report(errno, "rename", to);
}

ErrorCode PosixFiles::remove(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  struct stat status {};
  const bool is_long = descriptor >= 0 && ::fstat(descriptor, &status) == 0 &&
                       S_ISREG(status.st_mode) && status.st_size >= kLongFileBytes;
  if (descriptor >= 0 && !is_long) ::close(descriptor);
  const int result = ::unlink(path.c_str());
  const int number = errno;
  if (is_long) closer_->close(descriptor);
  return result == 0 ? ErrorCode() : report(number, "unlink", path);
}

ErrorCode PosixFiles::remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return report(error, "remove_tree", path);
}

ErrorCode PosixFiles::make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return report(error, "make_directories", path);
}

ErrorCode PosixFiles::sync_directory(const std::string& path) {
  int descriptor =
      retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) return report(errno, "open_directory", path);
  ErrorCode error;
  if (::fsync(descriptor) != 0) error = report(errno, "fsync_directory", path);
  ::close(descriptor);
  return error;
}

Result<std::vector<std::string>> PosixFiles::list(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator at(directory, error), end;
  for (; !error && at != end; at.increment(error)) names.push_back(at->path().filename().string());
  if (error) return report(error, "list", directory);
  std::sort(names.begin(), names.end());
  return names;
}

bool PosixFiles::exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

}  // namespace quorate::server
