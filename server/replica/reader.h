// What a connection gets from this server's own tree, or without any: reads, watches, ping.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "server/replica/connections.h"
#include "znode/data_tree.h"
#include "znode/op.h"
#include "znode/watch_table.h"

namespace quorate::server {

class Reader {
 public:
  Reader(const znode::DataTree& tree, znode::WatchTable& watches, Connections& connections,
         const znode::OpOptions& options, ReplicaMetrics& metrics)
      : tree_(tree),
        watches_(watches),
        connections_(connections),
        options_(options),
        metrics_(metrics) {}

  /// Answers a request of Passage::Read in one step: a watch is registered together with the look
  /// at the node, and the reply is queued before any event of it.
  void answer(Connection& connection, std::int32_t cxid, OpCode op, ByteView body);

  /// Echoes the path, whether or not there is such a node.
  void answer_sync(Connection& connection, std::int32_t cxid, ByteView body);

 private:
  void count_read(OpCode op, ByteView body, std::size_t reply_bytes);
  void answer_set_watches(Connection& connection, std::int32_t cxid, OpCode op, ByteView body);

  const znode::DataTree& tree_;
  znode::WatchTable& watches_;
  Connections& connections_;
  const znode::OpOptions& options_;
  ReplicaMetrics& metrics_;
};

}  // namespace quorate::server
