#include "server/storage/zookeeper_log.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "znode/op.h"

namespace quorate::server {
namespace {

constexpr std::uint32_t kMagic = 0x5a4b4c47;  ///< "ZKLG"
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kRecordHeader = 12;  ///< Checksum and length.
constexpr std::byte kRecordEnd{0x42};
constexpr std::size_t kTxnHeader = 32;  ///< Session, cxid, zxid, time, type.
constexpr std::size_t kWindowBytes = 1u << 20;

std::uint32_t adler(ByteView bytes) {
  const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
  return static_cast<std::uint32_t>(adler32_z(1, data, bytes.size()));
}

/// Which request became this txn; what follows, a digest, may be there in one copy only.
std::uint32_t identity(ByteView txn) {
  const auto* data = reinterpret_cast<const Bytef*>(txn.data());
  return static_cast<std::uint32_t>(crc32_z(0, data, std::min(txn.size(), kTxnHeader)));
}

/// A file seen through a window that moves forward, or back when a torn end is examined.
class Window {
 public:
  Window(File& file, std::uint64_t size) : file_(file), size_(size) {}

  std::uint64_t size() const { return size_; }

  /// Up to `count` bytes at `offset`; fewer at the end of the file.
  Result<ByteView> at(std::uint64_t offset, std::size_t count) {
    const std::uint64_t left = offset < size_ ? size_ - offset : 0;
    count = static_cast<std::size_t>(std::min<std::uint64_t>(count, left));
    const bool held = offset >= start_ && offset + count <= start_ + bytes_.size();
    if (!held) {
      bytes_.resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(std::max(count, kWindowBytes), left)));
      auto read = file_.pread(offset, bytes_);
      if (!read) return read.error();
      bytes_.resize(*read);
      start_ = offset;
      count = std::min(count, bytes_.size());
    }
    return ByteView(bytes_).subspan(static_cast<std::size_t>(offset - start_), count);
  }

 private:
  File& file_;
  std::uint64_t size_;
  std::uint64_t start_ = 0;
  Bytes bytes_;
};

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// The record at an offset, or why there is none.
struct Found {
  enum class Kind { Record, End, Bad } kind = Kind::Bad;
  ByteView txn;
  std::uint64_t next = 0;
};

Result<Found> look_at(Window& window, std::uint64_t offset, std::size_t record_max) {
  auto head = window.at(offset, kRecordHeader);
  if (!head) return head.error();
  if (is_zero(*head)) return Found{Found::Kind::End, {}, offset};
  if (head->size() < kRecordHeader) return Found{};
  const auto sum = load_be<std::uint64_t>(head->data());
  const auto length = load_be<std::int32_t>(head->data() + 8);
  if (length <= 0 || static_cast<std::size_t>(length) > record_max) return Found{};
  const auto size = static_cast<std::size_t>(length);
  auto body = window.at(offset + kRecordHeader, size + 1);
  if (!body) return body.error();
  if (body->size() < size + 1 || (*body)[size] != kRecordEnd) return Found{};
  const ByteView txn = body->first(size);
  if (adler(txn) != sum) return Found{};
  return Found{Found::Kind::Record, txn, offset + kRecordHeader + size + 1};
}

/// Whether a whole record stands anywhere behind `offset`: then what is at `offset` is damage, not
/// an end. So is what cannot be read.
bool record_behind(Window& window, std::uint64_t offset, std::size_t record_max) {
  for (std::uint64_t at = offset + 1; at + kRecordHeader < window.size(); ++at) {
    // Most of a file is padding: a record has something else in its first twelve bytes.
    auto ahead = window.at(at, kRecordHeader);
    if (!ahead) return true;
    if (is_zero(*ahead)) {
      ahead = window.at(at, kWindowBytes);
      if (!ahead) return true;
      const auto other =
          std::find_if(ahead->begin(), ahead->end(), [](std::byte b) { return b != std::byte{0}; });
      at += static_cast<std::uint64_t>(other - ahead->begin()) - kRecordHeader;
      continue;
    }
    // The upper half of the checksum's field is zero in every record.
    if (load_be<std::uint32_t>(ahead->data()) != 0) continue;
    auto found = look_at(window, at, record_max);
    if (!found || found->kind == Found::Kind::Record) return true;
  }
  return false;
}

std::string place(const std::string& path, std::uint64_t offset) {
  return path + ": offset " + std::to_string(offset) + ": ";
}

/// All files of one directory, one after the other.
class LogReader {
 public:
  LogReader(Files& files, Zxid after, std::size_t record_max,
            const std::function<std::string(consensus::LogRecord)>& visit,
            ZooKeeperLogSummary& summary)
      : files_(files), after_(after), record_max_(record_max), visit_(visit), summary_(summary) {}

  std::string read(const std::string& path, bool is_last) {
    auto file = files_.open(path, OpenMode::Read);
    if (!file) return path + ": " + file.error().message();
    auto size = (*file)->size();
    if (!size) return path + ": " + size.error().message();
    // ZooKeeper 3.9 removes such a file at its next start.
    if (*size == 0 && is_last) return {};
    Window window(**file, *size);
    auto header = window.at(0, kHeaderBytes);
    if (!header) return path + ": " + header.error().message();
    if (header->size() < kHeaderBytes || load_be<std::uint32_t>(header->data()) != kMagic ||
        load_be<std::uint32_t>(header->data() + 4) != kVersion) {
      return place(path, 0) + "is no log of ZooKeeper of version 2";
    }
    ++summary_.files;
    return read_records(window, path, is_last);
  }

 private:
  std::string read_records(Window& window, const std::string& path, bool is_last) {
    for (std::uint64_t offset = kHeaderBytes;;) {
      auto found = look_at(window, offset, record_max_);
      if (!found) return place(path, offset) + found.error().message();
      if (found->kind != Found::Kind::Record) {
        return end_at(window, path, offset, found->kind == Found::Kind::Bad, is_last);
      }
      if (std::string wrong = take(found->txn); !wrong.empty()) return place(path, offset) + wrong;
      offset = found->next;
    }
  }

  std::string end_at(Window& window, const std::string& path, std::uint64_t offset, bool bad,
                     bool is_last) {
    if (record_behind(window, offset, record_max_) || (bad && !is_last)) {
      return place(path, offset) + "damaged: no record can be read here, but others follow";
    }
    if (bad) summary_.torn = place(path, offset) + "the last record is incomplete and was left out";
    return {};
  }

  std::string take(ByteView txn) {
    auto header = znode::peek_header(txn);
    if (!header) return "the record has no header";
    const Zxid zxid = header->zxid;
    if (zxid <= previous_) return take_again(zxid, txn);
    if (std::string wrong = check_order(zxid); !wrong.empty()) return wrong;
    previous_ = zxid;
    if (zxid <= after_) return {};
    seen_.emplace_back(zxid, identity(txn));
    consensus::LogRecord record;
    record.zxid = zxid;
    record.bytes = SharedBytes(Bytes(txn.begin(), txn.end()));
    if (std::string wrong = visit_(std::move(record)); !wrong.empty()) return wrong;
    if (summary_.records++ == 0) summary_.first = zxid;
    summary_.last = zxid;
    return {};
  }

  /// A follower of ZooKeeper whose sync with the leader broke off logs what it was sent again at
  /// the next try. The same record under the same zxid says nothing new; another one is damage.
  std::string take_again(Zxid zxid, ByteView txn) {
    if (zxid <= after_) return {};
    const auto found =
        std::lower_bound(seen_.begin(), seen_.end(), std::pair(zxid, std::uint32_t{0}));
    if (found == seen_.end() || found->first != zxid || found->second != identity(txn)) {
      return "zxid " + to_string(zxid) + " does not follow " + to_string(previous_);
    }
    ++summary_.repeated;
    return {};
  }

  /// Within an epoch every counter is used, error txns included.
  std::string check_order(Zxid zxid) const {
    // Before the snapshot a hole is where the server was given a whole tree.
    if (zxid <= after_) return {};
    const Zxid before = std::max(previous_, after_);
    if (zxid == before.next()) return {};
    if (zxid.epoch() > before.epoch() && zxid.counter() == 1) return {};
    return "records are missing between zxid " + to_string(before) + " and " + to_string(zxid);
  }

  Files& files_;
  Zxid after_;
  std::size_t record_max_;
  const std::function<std::string(consensus::LogRecord)>& visit_;
  ZooKeeperLogSummary& summary_;
  Zxid previous_;                                     ///< The greatest so far.
  std::vector<std::pair<Zxid, std::uint32_t>> seen_;  ///< Behind after_, rising, with identity().
};

}  // namespace

std::vector<ZooKeeperFile> list_zookeeper_files(Files& files, const std::string& directory,
                                                std::string_view prefix) {
  std::vector<ZooKeeperFile> found;
  auto names = files.list(directory);
  if (!names) return found;
  for (const std::string& name : *names) {
    if (!std::string_view(name).starts_with(prefix)) continue;
    std::string_view digits = std::string_view(name).substr(prefix.size());
    digits = digits.substr(0, digits.find('.'));  // snapshot.<hex>.gz
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, fault] = std::from_chars(digits.data(), end, value, 16);
    if (fault != std::errc() || stop != end) continue;
    found.push_back({name, Zxid{static_cast<std::int64_t>(value)}});
  }
  std::sort(found.begin(), found.end(),
            [](const ZooKeeperFile& a, const ZooKeeperFile& b) { return a.zxid < b.zxid; });
  return found;
}

std::string read_zookeeper_log(Files& files, const std::string& directory, Zxid after,
                               std::size_t record_max,
                               const std::function<std::string(consensus::LogRecord)>& visit,
                               ZooKeeperLogSummary& summary) {
  const std::vector<ZooKeeperFile> found = list_zookeeper_files(files, directory, "log.");
  // The last file whose first record is not behind what is wanted, and all after it.
  auto from = std::find_if(found.begin(), found.end(), [&](const ZooKeeperFile& file) {
    return file.zxid.value > after.value + 1;
  });
  if (from != found.begin()) --from;
  LogReader reader(files, after, record_max, visit, summary);
  for (; from != found.end(); ++from) {
    const bool is_last = from + 1 == found.end();
    std::string wrong = reader.read(directory + "/" + from->name, is_last);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

ZooKeeperLogWriter::ZooKeeperLogWriter() : out_(kHeaderBytes) {
  store_be(out_.data(), kMagic);
  store_be(out_.data() + 4, kVersion);
}

void ZooKeeperLogWriter::add(ByteView txn) {
  const std::size_t at = out_.size();
  out_.resize(at + kRecordHeader);
  store_be(out_.data() + at, std::uint64_t{adler(txn)});
  store_be(out_.data() + at + 8, static_cast<std::int32_t>(txn.size()));
  append(out_, txn);
  out_.push_back(kRecordEnd);
}

Bytes ZooKeeperLogWriter::take() {
  return std::exchange(out_, {});
}

}  // namespace quorate::server
