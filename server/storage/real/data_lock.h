// One process per data directory.
#pragma once

#include <deque>
#include <optional>
#include <string>

namespace quorate::server {

/// Holds the folder `directory` for this process: a lock of the kernel's on the folder itself, so
/// nothing is written there, and the end of the process, however it comes, gives it back.
class DataLock {
 public:
  DataLock() = default;
  ~DataLock();
  DataLock(DataLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  DataLock& operator=(DataLock&&) = delete;

  /// Takes it, or says in words an operator can act on why not. A folder that does not exist yet is
  /// made first.
  std::optional<std::string> take(const std::string& directory);

 private:
  int descriptor_ = -1;
};

/// Both folders of a server, which may be one, under whatever names; or why not, as take().
std::optional<std::string> lock_folders(std::deque<DataLock>& locks, const std::string& data_dir,
                                        const std::string& log_dir);

}  // namespace quorate::server
