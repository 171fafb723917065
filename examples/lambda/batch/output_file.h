// A file that is being written, and has its name only when it is whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "examples/pipeline/result.h"

namespace lambda_app {

/// Whether a file has to outlive the machine's fall: facts and views do; what a run can make anew
/// does not, and so need not wait for the disk.
enum class Durability { Synced, UntilPowerCut };

/// Written front to back. The first fault is kept and told by close(). Owned by one thread.
class OutputFile {
 public:
  /// `temporary` is made in `folder`, which must exist; what had the name is replaced.
  OutputFile(std::string folder, std::string temporary);
  ~OutputFile();  ///< Removes what was not closed.
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  std::uint64_t bytes() const { return bytes_; }
  /// Gives the file its name. Fault: Storage; then there is no file.
  pipeline::Result<> close(const std::string& name, Durability durability);

 private:
  void fail(const std::string& path);

  std::string folder_;
  std::string temporary_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
  std::string fault_;
};

}  // namespace lambda_app
