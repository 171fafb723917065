#include "znode/node_codec.h"

#include <algorithm>
#include <type_traits>

#include "znode/proto/error.h"

namespace quorate::znode {

void encode_stored(JuteWriter& out, const Node& node) {
  if (const auto data = node.data()) {
    out.string(*data);
  } else {
    out.buffer(Buffer());
  }
  const StoredStat stat = node.stat();
  out.i64(node.acl());
  out.i64(stat.czxid);
  out.i64(stat.mzxid);
  out.i64(stat.ctime);
  out.i64(stat.mtime);
  out.i32(stat.version);
  out.i32(stat.cversion);
  out.i32(stat.aversion);
  out.i64(stat.ephemeral_owner);
  out.i64(stat.pzxid);
}

Result<StoredNode> decode_stored(ByteView bytes) {
  if (bytes.size() < sizeof(std::int32_t)) return Code::MarshallingError;
  const auto length = load_be<std::int32_t>(bytes.data());
  bytes = bytes.subspan(sizeof length);
  if (length < -1) return Code::MarshallingError;
  const auto size = static_cast<std::size_t>(std::max(length, 0));
  if (bytes.size() < kStoredTailBytes || bytes.size() - kStoredTailBytes < size) {
    return Code::MarshallingError;
  }
  StoredNode stored;
  if (length >= 0) stored.data = as_text(bytes.first(size));
  const std::byte* at = bytes.data() + size;
  const auto take = [&at](auto& value) {
    value = load_be<std::remove_reference_t<decltype(value)>>(at);
    at += sizeof value;
  };
  take(stored.acl);
  StoredStat& stat = stored.stat;
  take(stat.czxid);
  take(stat.mzxid);
  take(stat.ctime);
  take(stat.mtime);
  take(stat.version);
  take(stat.cversion);
  take(stat.aversion);
  take(stat.ephemeral_owner);
  take(stat.pzxid);
  return stored;
}

}  // namespace quorate::znode
