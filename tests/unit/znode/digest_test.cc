#include "znode/digest.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <string>

#include "base/random.h"

namespace quorate::znode {
namespace {

std::uint32_t by_zlib(std::uint32_t crc, const std::string& text) {
  return static_cast<std::uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

template <class T>
void append(std::string& text, T value) {
  for (std::size_t i = sizeof value; i-- > 0;) {
    text += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

}  // namespace

TEST_CASE("digest: the CRC over path and data is zlib's, at every length") {
  Random random(1);
  std::string data;
  for (std::size_t length = 0; length < 300; ++length) {
    CAPTURE(length);
    const std::string path = "/" + std::string(length % 17, 'p');
    CHECK(content_crc(path, data) == by_zlib(by_zlib(0, path), data));
    CHECK(content_crc(data, std::nullopt) == by_zlib(0, data));
    data += static_cast<char>(random.below(256));
  }
}

TEST_CASE("digest: the Stat follows, big endian, in ZooKeeper's order") {
  const StoredStat stat{.czxid = 0x1122334455667788,
                        .mzxid = -2,
                        .pzxid = 3,
                        .ctime = 1700000000000,
                        .mtime = 1700000000001,
                        .ephemeral_owner = INT64_MIN,
                        .version = 7,
                        .cversion = -8,
                        .aversion = 9};
  std::string bytes;
  for (std::int64_t field : {stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime}) {
    append(bytes, field);
  }
  for (std::int32_t field : {stat.version, stat.cversion, stat.aversion}) append(bytes, field);
  append(bytes, stat.ephemeral_owner);
  CHECK(node_digest(0, stat) == by_zlib(0, bytes));
  CHECK(node_digest(0xdeadbeef, stat) == by_zlib(0xdeadbeef, bytes));
}

}  // namespace quorate::znode
