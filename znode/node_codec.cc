#include "znode/node_codec.h"

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

void decode_stored(JuteReader& in, NodeRecord& record) {
  record.data = in.buffer();
  record.acl = in.i64();
  record.stat.czxid = in.i64();
  record.stat.mzxid = in.i64();
  record.stat.ctime = in.i64();
  record.stat.mtime = in.i64();
  record.stat.version = in.i32();
  record.stat.cversion = in.i32();
  record.stat.aversion = in.i32();
  record.stat.ephemeral_owner = in.i64();
  record.stat.pzxid = in.i64();
}

}  // namespace quorate::znode
