#include "server/storage/zookeeper_snapshot.h"

#include <snappy.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <functional>

#include "znode/proto/jute.h"
#include "znode/snapshot.h"

namespace quorate::server {
namespace {

constexpr std::uint32_t kMagic = 0x5a4b534e;  ///< "ZKSN"
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::int32_t kDigestVersion = 2;
constexpr std::size_t kPieceBytes = 1u << 20;
constexpr std::size_t kSealBytes = 13;  ///< Checksum and "/".
constexpr std::string_view kSignature = "BenWasHere";
constexpr std::size_t kSignatureBytes = 4 + kSignature.size();
constexpr std::array<unsigned char, 8> kSnappyMagic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t kSnappyHeader = 16;
constexpr std::array<std::byte, 5> kTail = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1},
                                            std::byte{'/'}};

std::uint32_t adler_of(std::uint32_t before, ByteView bytes) {
  return static_cast<std::uint32_t>(
      adler32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// The file's bytes, uncompressed, in pieces. Returns "" or what is wrong.
using Consume = std::function<std::string(ByteView)>;

std::string each_piece(File& file, const Consume& consume) {
  Bytes piece(kPieceBytes);
  for (std::uint64_t offset = 0;;) {
    auto read = file.pread(offset, piece);
    if (!read) return read.error().message();
    if (*read == 0) return {};
    if (std::string wrong = consume(ByteView(piece).first(*read)); !wrong.empty()) return wrong;
    offset += *read;
  }
}

std::string each_gzip_piece(File& file, const Consume& consume) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return "zlib cannot start";
  Bytes out(kPieceBytes);
  int state = Z_OK;
  std::string wrong = each_piece(file, [&](ByteView in) -> std::string {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    while (stream.avail_in > 0 && state != Z_STREAM_END) {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      state = inflate(&stream, Z_NO_FLUSH);
      if (state != Z_OK && state != Z_STREAM_END) return "the compressed data is damaged";
      const std::size_t made = out.size() - stream.avail_out;
      if (std::string fault = consume(ByteView(out).first(made)); !fault.empty()) return fault;
    }
    return {};
  });
  inflateEnd(&stream);
  if (wrong.empty() && state != Z_STREAM_END) wrong = "the compressed data is cut short";
  return wrong;
}

/// snappy-java's stream: a header, then chunks of a length and one snappy block.
std::string each_snappy_piece(File& file, std::size_t chunk_max, const Consume& consume) {
  Bytes held;
  bool header = true;
  std::string wrong = each_piece(file, [&](ByteView in) -> std::string {
    append(held, in);
    ByteView left(held);
    if (header && left.size() >= kSnappyHeader) {
      const auto* first = reinterpret_cast<const unsigned char*>(left.data());
      if (!std::equal(kSnappyMagic.begin(), kSnappyMagic.end(), first))
        return "is no snappy stream";
      left = left.subspan(kSnappyHeader);
      header = false;
    }
    while (!header && left.size() >= 4) {
      const auto length = load_be<std::uint32_t>(left.data());
      if (length > chunk_max) return "the compressed data is damaged";
      if (left.size() - 4 < length) break;
      const auto* block = reinterpret_cast<const char*>(left.data()) + 4;
      std::size_t size = 0;
      if (!snappy::GetUncompressedLength(block, length, &size) || size > chunk_max) {
        return "the compressed data is damaged";
      }
      Bytes out(size);
      if (!snappy::RawUncompress(block, length, reinterpret_cast<char*>(out.data()))) {
        return "the compressed data is damaged";
      }
      if (std::string fault = consume(out); !fault.empty()) return fault;
      left = left.subspan(4 + length);
    }
    held = Bytes(left.begin(), left.end());
    return {};
  });
  if (wrong.empty() && (header || !held.empty())) wrong = "the compressed data is cut short";
  return wrong;
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

/// Header, tree, seals and what stands between them.
struct ZooKeeperSnapshotReader::Impl {
  explicit Impl(std::size_t field_max)
      : tree_(field_max, znode::SnapStreamEnd::Tree), tail_max_(field_max) {}

  std::string add(ByteView bytes) {
    while (!bytes.empty() && head_.size() < kHeaderBytes) {
      head_.push_back(bytes.front());
      bytes = bytes.subspan(1);
      if (head_.size() < kHeaderBytes) continue;
      if (load_be<std::uint32_t>(head_.data()) != kMagic ||
          load_be<std::uint32_t>(head_.data() + 4) != kVersion) {
        return "is no snapshot of ZooKeeper of version 2";
      }
      adler_ = adler_of(adler_, head_);
    }
    if (!tree_.done() && !bytes.empty()) {
      const ByteView before = bytes;
      if (tree_.feed(bytes))
        return "the tree cannot be read: damaged, or a node without its parent or ACL list";
      adler_ = adler_of(adler_, before.first(before.size() - bytes.size()));
    }
    if (tree_.done()) append(tail_, bytes);
    if (tail_.size() > tail_max_) return "something unknown follows the tree";
    return {};
  }

  std::string finish(std::optional<Zxid> zxid, ZooKeeperSnapshot& into) {
    if (!tree_.done()) return "is cut short";
    if (std::string wrong = take_tail(into); !wrong.empty()) return wrong;
    into.highest = tree_.highest();
    auto tree = tree_.take(zxid.value_or(into.last_zxid.value_or(Zxid{})));
    if (!tree) return "the tree does not hold together: " + tree.error().message();
    into.tree = std::move(*tree);
    return {};
  }

 private:
  /// The checksum over all before it, and "/".
  std::string take_seal(const char* of) {
    if (tail_.size() - at_ < kSealBytes)
      return std::string("the seal of the ") + of + " is cut short";
    const auto sum = load_be<std::uint64_t>(tail_.data() + at_);
    const auto end = ByteView(tail_).subspan(at_ + 8, kTail.size());
    if (sum != adler_ || !std::equal(kTail.begin(), kTail.end(), end.begin())) {
      return std::string("the checksum of the ") + of + " does not match";
    }
    advance(kSealBytes);
    return {};
  }

  void advance(std::size_t count) {
    adler_ = adler_of(adler_, ByteView(tail_).subspan(at_, count));
    at_ += count;
  }

  std::string take_tail(ZooKeeperSnapshot& into) {
    if (std::string wrong = take_seal("tree"); !wrong.empty()) return wrong;
    if (at_ == tail_.size()) return {};  // Before 3.6.
    JuteReader in(ByteView(tail_).subspan(at_));
    ZooKeeperSnapshot::Digest digest;
    digest.zxid = Zxid{in.i64()};
    const std::int32_t version = in.i32();
    if (version >= kDigestVersion) {
      digest.value = static_cast<std::uint64_t>(in.i64());
    } else {
      in.string();
    }
    if (!in.ok()) return "the digest is cut short";
    advance(tail_.size() - at_ - in.remaining());
    if (version == kDigestVersion && digest.zxid > Zxid{}) into.digest = digest;
    if (std::string wrong = take_seal("digest"); !wrong.empty()) return wrong;
    if (at_ == tail_.size()) return {};  // 3.6 to 3.8.
    if (tail_.size() - at_ < 8) return "the last zxid is cut short";
    into.last_zxid = Zxid{load_be<std::int64_t>(tail_.data() + at_)};
    advance(8);
    if (std::string wrong = take_seal("last zxid"); !wrong.empty()) return wrong;
    return at_ == tail_.size() ? "" : "something unknown follows the last seal";
  }

  znode::SnapStreamReader tree_;
  std::size_t tail_max_;
  Bytes head_, tail_;
  std::size_t at_ = 0;  ///< In tail_.
  std::uint32_t adler_ = 1;
};

ZooKeeperSnapshotReader::ZooKeeperSnapshotReader(std::size_t field_max)
    : impl_(std::make_unique<Impl>(field_max)) {}
ZooKeeperSnapshotReader::~ZooKeeperSnapshotReader() = default;

std::string ZooKeeperSnapshotReader::add(ByteView bytes) {
  return impl_->add(bytes);
}

std::string ZooKeeperSnapshotReader::finish(std::optional<Zxid> zxid, ZooKeeperSnapshot& into) {
  return impl_->finish(zxid, into);
}

bool is_whole_zookeeper_snapshot(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::Read);
  if (!file) return false;
  auto size = (*file)->size();
  if (!size || *size < 10) return false;
  // Of a compressed one only its reading tells.
  if (ends_with(path, ".gz") || ends_with(path, ".snappy")) return true;
  std::array<std::byte, kTail.size()> tail{};
  auto read = (*file)->pread(*size - tail.size(), tail);
  return read && *read == tail.size() && tail == kTail;
}

std::string read_zookeeper_snapshot(Files& files, const std::string& path, Zxid zxid,
                                    std::size_t field_max, ZooKeeperSnapshot& into) {
  auto file = files.open(path, OpenMode::Read);
  if (!file) return path + ": " + file.error().message();
  ZooKeeperSnapshotReader parser(field_max);
  const Consume consume = [&](ByteView piece) { return parser.add(piece); };
  std::string wrong;
  if (ends_with(path, ".gz")) {
    wrong = each_gzip_piece(**file, consume);
  } else if (ends_with(path, ".snappy")) {
    wrong = each_snappy_piece(**file, field_max, consume);
  } else {
    wrong = each_piece(**file, consume);
  }
  if (wrong.empty()) wrong = parser.finish(zxid, into);
  return wrong.empty() ? wrong : path + ": " + wrong;
}

ZooKeeperSnapshotWriter::ZooKeeperSnapshotWriter() = default;

Bytes ZooKeeperSnapshotWriter::add(ByteView stream) {
  Bytes out;
  if (!begun_) {
    begun_ = true;
    JuteWriter writer(out);
    writer.i32(static_cast<std::int32_t>(kMagic));
    writer.i32(static_cast<std::int32_t>(kVersion));
    writer.i64(-1);
  }
  append(held_, stream);
  if (held_.size() > kSignatureBytes) {
    const auto end = held_.end() - static_cast<std::ptrdiff_t>(kSignatureBytes);
    out.insert(out.end(), held_.begin(), end);
    held_.erase(held_.begin(), end);
  }
  adler_ = adler_of(adler_, out);
  return out;
}

void ZooKeeperSnapshotWriter::seal(Bytes& out) {
  JuteWriter writer(out);
  writer.i64(adler_);
  writer.string("/");
  adler_ = adler_of(adler_, ByteView(out).last(kSealBytes));
}

Bytes ZooKeeperSnapshotWriter::finish(Zxid zxid, std::optional<std::uint64_t> digest) {
  Bytes out;
  seal(out);
  const auto add_part = [&](auto&& fill) {
    const std::size_t from = out.size();
    JuteWriter writer(out);
    fill(writer);
    adler_ = adler_of(adler_, ByteView(out).subspan(from));
    seal(out);
  };
  add_part([&](JuteWriter& writer) {
    writer.i64(digest ? zxid.value : 0);
    writer.i32(kDigestVersion);
    writer.i64(static_cast<std::int64_t>(digest.value_or(0)));
  });
  add_part([&](JuteWriter& writer) { writer.i64(zxid.value); });
  return out;
}

}  // namespace quorate::server
