#include "examples/lambda/batch/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Fault{FaultKind::Storage, path + ": " + std::strerror(errno)};
  struct stat found {};
  void* data = nullptr;
  bool good = ::fstat(fd, &found) == 0;
  const auto size = good ? static_cast<std::size_t>(found.st_size) : 0;
  if (good && size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    good = data != MAP_FAILED;
  }
  const int fault = errno;
  ::close(fd);
  if (!good) return Fault{FaultKind::Storage, path + ": " + std::strerror(fault)};
  if (data != nullptr) ::madvise(data, size, MADV_SEQUENTIAL);
  return MappedFile(static_cast<const char*>(data), size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

}  // namespace lambda_app
