// A file that does not change any more, as memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "examples/pipeline/result.h"

namespace lambda_app {

/// Read-only and private to nobody: the pages are the system's cache, which takes them back when it
/// needs them. No descriptor stays open, so a task may read a thousand files at once. The file may
/// be removed meanwhile; it must not be cut short, which nothing here does to a file that has its
/// final name.
class MappedFile {
 public:
  /// Fault: Storage.
  static pipeline::Result<MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(const char* data, std::size_t size) : data_(data), size_(size) {}

  const char* data_;
  std::size_t size_;
};

}  // namespace lambda_app
