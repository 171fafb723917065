// Files on a POSIX file system.
#pragma once

#include <memory>

#include "server/storage/files.h"

namespace quorate::server {

/// Any thread; one file from one. An operation that fails for another reason than a missing file
/// also leaves a log line with the path.
class PosixFiles : public Files {
 public:
  PosixFiles();
  ~PosixFiles() override;
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  ErrorCode rename(const std::string& from, const std::string& to) override;
  /// The blocks of a long file are given back on a thread of its own, by and by.
  ErrorCode remove(const std::string& path) override;
  ErrorCode remove_tree(const std::string& path) override;
  ErrorCode make_directories(const std::string& path) override;
  ErrorCode sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  bool exists(const std::string& path) override;

 private:
  class Closer;
  std::unique_ptr<Closer> closer_;
};

}  // namespace quorate::server
