// A commit: apply it to the tree and send the watch events it fires.
#pragma once

#include <cstdint>
#include <string_view>

#include "consensus/input.h"
#include "server/replica/connections.h"
#include "znode/data_tree.h"
#include "znode/op.h"
#include "znode/watch_table.h"

namespace quorate::server {

class Applier {
 public:
  Applier(znode::DataTree& tree, znode::WatchTable& watches, Connections& connections,
          const znode::OpOptions& options, ReplicaMetrics& metrics)
      : tree_(tree),
        watches_(watches),
        connections_(connections),
        options_(options),
        metrics_(metrics) {}

  /// Events are handed to Connections here, so before any reply that could show the new state
  /// (R64).
  /// fatal() when the txn cannot be applied: this server can then follow its leader no further, and
  /// going on would make it a different tree.
  znode::Outcome apply(const consensus::LogRecord& record, znode::ReplayMode mode);
  /// The members as they are known without a txn.
  void set_config(std::string_view text, Zxid version, std::int64_t wall_ms);

 private:
  void count_writes(const znode::Outcome& outcome);
  void notify(const znode::Outcome& outcome, Zxid zxid);

  znode::DataTree& tree_;
  znode::WatchTable& watches_;
  Connections& connections_;
  const znode::OpOptions& options_;
  ReplicaMetrics& metrics_;
};

}  // namespace quorate::server
