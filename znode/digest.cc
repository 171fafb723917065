#include "znode/digest.h"

#include <zlib.h>

#include <array>
#include <bit>
#include <cstring>

#include "base/bytes.h"

namespace quorate::znode {
namespace {

constexpr std::string_view kLeftOut = "/zookeeper/";
constexpr std::size_t kStatBytes = 60;
constexpr std::size_t kShortBytes = 128;

/// Of eight bytes at once: table n continues the CRC of a byte over n zero bytes behind it.
constexpr auto kCrcTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320U : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < tables.size(); ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[n - 1][byte];
      tables[n][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}();

/// zlib takes 160 ns for the 60 bytes of a Stat, because its fast loop wants more of them; this
/// takes 40. Each change of a node computes two or three.
std::uint32_t short_crc(std::uint32_t crc, ByteView bytes) {
  crc = ~crc;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    word ^= crc;
    crc = 0;
    for (unsigned i = 0; i < 8; ++i) crc ^= kCrcTables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; left > 0; --left, ++at) {
    crc = (crc >> 8) ^ kCrcTables[0][(crc ^ static_cast<std::uint32_t>(*at)) & 0xff];
  }
  return ~crc;
}

std::uint32_t continue_crc(std::uint32_t crc, ByteView bytes) {
  if (bytes.size() <= kShortBytes) return short_crc(crc, bytes);
  return static_cast<std::uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// Appends fields to a buffer of fixed size, big endian.
class FieldBuffer {
 public:
  template <class T>
  void put(T value) {
    store_be(bytes_ + size_, value);
    size_ += sizeof(T);
  }
  ByteView view() const { return {bytes_, size_}; }

 private:
  std::byte bytes_[kStatBytes];
  std::size_t size_ = 0;
};

}  // namespace

bool is_digested(std::string_view path) {
  return !path.starts_with(kLeftOut);
}

std::uint32_t content_crc(std::string_view path, std::optional<std::string_view> data) {
  std::uint32_t crc = 0;
  crc = continue_crc(crc, as_bytes(path));
  if (data) crc = continue_crc(crc, as_bytes(*data));
  return crc;
}

std::uint32_t node_digest(std::uint32_t crc, const StoredStat& stat) {
  FieldBuffer fields;
  fields.put(stat.czxid);
  fields.put(stat.mzxid);
  fields.put(stat.pzxid);
  fields.put(stat.ctime);
  fields.put(stat.mtime);
  fields.put(stat.version);
  fields.put(stat.cversion);
  fields.put(stat.aversion);
  fields.put(stat.ephemeral_owner);
  return continue_crc(crc, fields.view());
}

}  // namespace quorate::znode
