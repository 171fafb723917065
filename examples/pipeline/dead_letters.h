// Where bad lines go: counted by reason, and kept aside so that a better parser can read them
// again.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "examples/pipeline/log_parser.h"
#include "examples/pipeline/result.h"

namespace pipeline {

/// A file of lines `reason<TAB>source<TAB>offset<TAB>the line as it came`. Owned by one thread.
class DeadLetters {
 public:
  DeadLetters() = default;  ///< Counts only.
  /// Appends to `file`. A file of `bytes_max` takes no more: such lines are counted in not_kept().
  static Result<DeadLetters> open(const std::string& file, std::uint64_t bytes_max = 1u << 30);

  void add(BadLine reason, std::string_view source, std::uint64_t offset, std::string_view line);
  /// Everything added is in the file when this has succeeded.
  Result<> flush();

  std::uint64_t total() const;
  std::uint64_t count(BadLine reason) const { return counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t not_kept() const { return not_kept_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t room_ = 0;
  bool failed_ = false;
  std::array<std::uint64_t, kBadLineKinds> counts_{};
  std::uint64_t not_kept_ = 0;
};

}  // namespace pipeline
