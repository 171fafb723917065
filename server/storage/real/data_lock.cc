#include "server/storage/real/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace quorate::server {

DataLock::~DataLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<std::string> DataLock::take(const std::string& directory) {
  std::error_code ignored;  // Opening it tells the same, with the path.
  std::filesystem::create_directories(directory, ignored);
  descriptor_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) {
    return directory + " cannot be opened: " + std::strerror(errno) +
           ". Make it a folder that the server's user may read and write.";
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return std::nullopt;
  if (errno == EWOULDBLOCK) {
    return directory +
           " is in use by another process (a second server with the same dataDir?). Stop that one, "
           "or give this one a dataDir and dataLogDir of its own.";
  }
  return directory + " cannot be locked: " + std::strerror(errno) +
         ". The file system must know flock(2).";
}

std::optional<std::string> lock_folders(std::deque<DataLock>& locks, const std::string& data_dir,
                                        const std::string& log_dir) {
  if (auto why = locks.emplace_back().take(data_dir)) return why;
  if (log_dir.empty()) return std::nullopt;
  // It must be there before it can be compared.
  std::error_code ignored;
  std::filesystem::create_directories(log_dir, ignored);
  if (std::filesystem::equivalent(data_dir, log_dir, ignored)) return std::nullopt;
  return locks.emplace_back().take(log_dir);
}

}  // namespace quorate::server
