#include "examples/pipeline/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <regex>
#include <system_error>

namespace pipeline {

namespace {

Fault fault_at(const std::string& path) {
  return {FaultKind::Storage, path + ": " + std::strerror(errno)};
}

/// Closed at the end of the block.
class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<> write_file(const std::string& folder, const std::string& name, std::string_view bytes) {
  const std::string path = folder + "/" + name;
  const std::string temporary = path + ".new";
  {
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.fd() < 0 || !write_all(file.fd(), bytes) || ::fsync(file.fd()) != 0) {
      return fault_at(temporary);
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fault_at(path);
  const File directory(folder, O_RDONLY | O_DIRECTORY);
  if (directory.fd() < 0 || ::fsync(directory.fd()) != 0) return fault_at(folder);
  return {};
}

Result<std::optional<std::string>> read_file(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  const File file(path, O_RDONLY);
  if (file.fd() < 0 && errno == ENOENT) return std::optional<std::string>();
  if (file.fd() < 0) return fault_at(path);
  std::string bytes;
  char part[65536];
  while (true) {
    const ssize_t got = ::read(file.fd(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fault_at(path);
    if (got == 0) return std::optional<std::string>(std::move(bytes));
    bytes.append(part, static_cast<std::size_t>(got));
  }
}

void remove_file(const std::string& folder, const std::string& name) {
  ::unlink((folder + "/" + name).c_str());
}

void remove_files_of(const std::string& folder, const std::string& prefix,
                     const std::string& keep) {
  const std::regex numbers("[0-9]+-[0-9]+-[0-9]+(\\.new)?");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name != keep && name.starts_with(prefix) &&
        std::regex_match(name.substr(prefix.size()), numbers)) {
      remove_file(folder, name);
    }
  }
}

}  // namespace pipeline
