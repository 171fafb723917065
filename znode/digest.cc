#include "znode/digest.h"

#include <zlib.h>

#include "base/bytes.h"

namespace quorate::znode {
namespace {

constexpr std::string_view kLeftOut = "/zookeeper/";
constexpr std::size_t kStatBytes = 60;

std::uint32_t continue_crc(std::uint32_t crc, ByteView bytes) {
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
  // crc32_z restarts at its initial value when handed a null pointer, which an empty view may be.
  if (!path.empty()) crc = continue_crc(crc, as_bytes(path));
  if (data && !data->empty()) crc = continue_crc(crc, as_bytes(*data));
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
