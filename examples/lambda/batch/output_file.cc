#include "examples/lambda/batch/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;

OutputFile::OutputFile(std::string folder, std::string temporary)
    : folder_(std::move(folder)), temporary_(folder_ + "/" + temporary) {
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail(temporary_);
}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void OutputFile::fail(const std::string& path) {
  if (fault_.empty()) fault_ = path + ": " + std::strerror(errno);
}

void OutputFile::write(std::string_view bytes) {
  bytes_ += bytes.size();
  while (!bytes.empty() && fault_.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail(temporary_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

Result<> OutputFile::close(const std::string& name, Durability durability) {
  const bool synced = durability == Durability::Synced;
  if (fault_.empty() && synced && ::fsync(fd_) != 0) fail(temporary_);
  const std::string path = folder_ + "/" + name;
  if (fault_.empty() && std::rename(temporary_.c_str(), path.c_str()) != 0) fail(path);
  if (!fault_.empty()) return Fault{FaultKind::Storage, fault_};
  ::close(std::exchange(fd_, -1));
  if (!synced) return {};
  // The name, too, has to be on the disk.
  const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = folder >= 0 && ::fsync(folder) == 0;
  if (!done) fail(folder_);
  if (folder >= 0) ::close(folder);
  if (!done) return Fault{FaultKind::Storage, fault_};
  return {};
}

}  // namespace lambda_app
