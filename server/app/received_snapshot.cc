#include "server/app/received_snapshot.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "server/log/log.h"
#include "server/storage/zookeeper_snapshot.h"

namespace quorate::server {
namespace {

/// So much is parsed at once: a few milliseconds.
constexpr std::size_t kPieceBytes = 512u << 10;

class SpooledUpload : public ReceivedSnapshot {
 public:
  SpooledUpload(std::unique_ptr<File> file, std::uint64_t bytes_max, std::size_t field_max)
      : file_(std::move(file)), bytes_max_(bytes_max), reader_(field_max) {}

  std::uint64_t bytes_max() const override { return bytes_max_; }
  ErrorCode add(ByteView bytes) override {
    const std::uint64_t at = size_;
    size_ += bytes.size();
    return file_->pwrite(at, bytes);
  }

  std::string check(bool& done) override {
    piece_.resize(kPieceBytes);
    auto read = file_->pread(checked_, piece_);
    if (!read) return "cannot be read back: " + read.error().message();
    checked_ += *read;
    done = *read == 0;
    if (!done) return reader_.add(ByteView(piece_).first(*read));
    piece_ = {};
    std::string wrong = reader_.finish(std::nullopt, snapshot_);
    if (wrong.empty()) compare_digests();
    return wrong;
  }

  TreeToRestore take() override {
    Zxid highest = std::max(snapshot_.highest, snapshot_.last_zxid.value_or(Zxid{}));
    if (snapshot_.digest) highest = std::max(highest, snapshot_.digest->zxid);
    return {std::move(snapshot_.tree), highest, nullptr};
  }

 private:
  /// A fuzzy copy has the digest of a tree that never was: said, and no more, as in ZooKeeper.
  void compare_digests() const {
    if (!snapshot_.digest || snapshot_.digest->zxid != snapshot_.last_zxid) return;
    if (snapshot_.digest->value == snapshot_.tree.digest()) return;
    log::warn("restore-command digest-differs zxid=" + to_string(snapshot_.digest->zxid) +
              " reason=\"the snapshot was taken while txns went on, as ZooKeeper does it\"");
  }

  std::unique_ptr<File> file_;
  const std::uint64_t bytes_max_;
  ZooKeeperSnapshotReader reader_;
  ZooKeeperSnapshot snapshot_;
  Bytes piece_;
  std::uint64_t size_ = 0, checked_ = 0;
};

}  // namespace

Result<std::unique_ptr<ReceivedSnapshot>> open_received_snapshot(Files& files,
                                                                 const std::string& folder,
                                                                 std::size_t field_max) {
  const std::string path = folder + "/restore-command.tmp";
  auto file = files.open(path, OpenMode::Create);
  if (!file) return file.error();
  // What a process that ended between these two lines has left.
  if (ErrorCode error = (*file)->truncate(0)) return error;
  if (ErrorCode error = files.remove(path)) return error;
  std::error_code unknown;
  const auto space = std::filesystem::space(folder, unknown);
  const std::uint64_t bytes_max = unknown ? UINT64_MAX : space.available / 2;
  return std::unique_ptr<ReceivedSnapshot>(
      std::make_unique<SpooledUpload>(std::move(*file), bytes_max, field_max));
}

}  // namespace quorate::server
