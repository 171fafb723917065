#include "server/app/snapshot_file.h"

#include <utility>

#include "server/storage/zookeeper_snapshot.h"

namespace quorate::server {
namespace {

class SpooledSnapshot : public SnapshotFile {
 public:
  explicit SpooledSnapshot(std::unique_ptr<File> file) : file_(std::move(file)) {}

  ErrorCode add(ByteView stream) override { return append(writer_.add(stream)); }
  ErrorCode finish(Zxid zxid, std::optional<std::uint64_t> digest) override {
    return append(writer_.finish(zxid, digest));
  }
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::uint64_t from, std::span<std::byte> into) override {
    if (!file_) return std::size_t{0};
    return file_->pread(from, into);
  }

 private:
  ErrorCode append(const Bytes& bytes) {
    const std::uint64_t at = size_;
    size_ += bytes.size();
    return file_ ? file_->pwrite(at, bytes) : ErrorCode();
  }

  std::unique_ptr<File> file_;  ///< nullptr: only counts.
  ZooKeeperSnapshotWriter writer_;
  std::uint64_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<SnapshotFile>> open_snapshot_file(Files& files, const std::string& folder,
                                                         bool keep) {
  std::unique_ptr<File> file;
  if (keep) {
    const std::string path = folder + "/snapshot-command.tmp";
    auto opened = files.open(path, OpenMode::Create);
    if (!opened) return opened.error();
    file = std::move(*opened);
    // What a process that ended between these two lines has left.
    if (ErrorCode error = file->truncate(0)) return error;
    if (ErrorCode error = files.remove(path)) return error;
  }
  return std::unique_ptr<SnapshotFile>(std::make_unique<SpooledSnapshot>(std::move(file)));
}

}  // namespace quorate::server
