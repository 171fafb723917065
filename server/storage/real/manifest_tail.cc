#include "server/storage/real/manifest_tail.h"

#include <algorithm>
#include <memory>

namespace quorate::server {
namespace {

// LevelDB's log format (its doc/log_format.md): blocks of fragments, each behind a header of
// checksum, length and type; a record goes on with fragments of type 3 and 4, and begins with
// others.
constexpr std::size_t kBlockBytes = 32768;
constexpr std::size_t kHeaderBytes = 7;
constexpr unsigned kMiddle = 3, kLast = 4;

unsigned byte_at(const std::string& content, std::size_t at) {
  return static_cast<unsigned char>(content[at]);
}

}  // namespace

std::size_t last_record_of(const std::string& content) {
  std::size_t last = 0, at = 0;
  while (at + kHeaderBytes <= content.size()) {
    const std::size_t left = kBlockBytes - at % kBlockBytes;
    if (left < kHeaderBytes) {
      at += left;
      continue;
    }
    const std::size_t length = byte_at(content, at + 4) + 256 * byte_at(content, at + 5);
    const unsigned type = byte_at(content, at + 6);
    if (length == 0 && type == 0) break;  // Never written.
    // Anything else is a beginning: of a torn header the type may be missing.
    if (type != kMiddle && type != kLast) last = at;
    at += kHeaderBytes + std::min(length, left - kHeaderBytes);
  }
  return last;
}

bool ManifestTail::cut() {
  std::string name;
  if (!leveldb::ReadFileToString(env_, directory_ + "/CURRENT", &name).ok()) return false;
  name.erase(std::find(name.begin(), name.end(), '\n'), name.end());
  manifest_ = directory_ + "/" + name;
  if (!leveldb::ReadFileToString(env_, manifest_, &before_).ok()) return false;
  const std::size_t last = last_record_of(before_);
  return last > 0 && replace(before_.substr(0, last));
}

void ManifestTail::restore() {
  (void)replace(before_);
}

bool ManifestTail::replace(const std::string& content) {
  // LevelDB removes a file of this name, should it be left over.
  const std::string temporary = directory_ + "/000000.dbtmp";
  leveldb::WritableFile* opened = nullptr;
  if (!env_->NewWritableFile(temporary, &opened).ok()) return false;
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  leveldb::Status status = file->Append(content);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  return status.ok() && env_->RenameFile(temporary, manifest_).ok();
}

}  // namespace quorate::server
