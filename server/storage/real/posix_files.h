// Files on a POSIX file system.
#pragma once

#include "server/storage/files.h"

namespace quorate::server {

/// Stateless; files may be used from different threads, one file from one. An operation that fails
/// for another reason than a missing file also leaves a log line with the path.
class PosixFiles : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  ErrorCode rename(const std::string& from, const std::string& to) override;
  ErrorCode remove(const std::string& path) override;
  ErrorCode remove_tree(const std::string& path) override;
  ErrorCode make_directories(const std::string& path) override;
  ErrorCode sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  bool exists(const std::string& path) override;
};

}  // namespace quorate::server
