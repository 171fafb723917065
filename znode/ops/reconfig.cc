// reconfig: its txn writes /zookeeper/config. The membership change itself is consensus' business.
#include "znode/ops/set_data.h"

namespace quorate::znode {

// Applied because a ZooKeeper leader may send it; not yet accepted from clients.
constinit const OpSpec kReconfig =
    write_op<SetDataTxn, apply_set_data>({OpCode::Reconfig, "reconfig", OpKind::Write});

}  // namespace quorate::znode
