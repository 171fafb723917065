// Port Files: the few file operations that log, epochs and recovery need. Real (storage/real) and
// simulated, where a crash loses what was not synced.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace quorate::server {

/// No file system in use has larger ones.
inline constexpr std::uint64_t kFileBlockBytes = 4096;

/// One open file. Not shared between threads.
class File {
 public:
  virtual ~File() = default;
  /// Writes all of `bytes` at `offset`, growing the file if needed.
  virtual ErrorCode pwrite(std::uint64_t offset, ByteView bytes) = 0;
  /// Reads up to into.size() bytes; fewer only at the end of the file.
  virtual Result<std::size_t> pread(std::uint64_t offset, std::span<std::byte> into) = 0;
  /// fdatasync: data and length are durable when it returns. Never retried after an error.
  virtual ErrorCode sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual ErrorCode truncate(std::uint64_t size) = 0;
  /// A hint: from here on whole blocks of kFileBlockBytes are written, and not read again soon.
  virtual void expect_blocks() {}
};

/// Create: makes the file, or opens it; read-write.
enum class OpenMode { Read, ReadWrite, Create };

class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Atomic replacement. Durable only after sync_directory() of the target's folder.
  virtual ErrorCode rename(const std::string& from, const std::string& to) = 0;
  virtual ErrorCode remove(const std::string& path) = 0;
  virtual ErrorCode remove_tree(const std::string& path) = 0;
  virtual ErrorCode make_directories(const std::string& path) = 0;
  virtual ErrorCode sync_directory(const std::string& path) = 0;
  /// Names (not paths) in the folder, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  virtual bool exists(const std::string& path) = 0;
};

}  // namespace quorate::server
