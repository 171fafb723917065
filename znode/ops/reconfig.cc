// reconfig: its txn writes /zookeeper/config. The membership change itself is consensus' business.
#include "znode/ops/set_data.h"

namespace quorate::znode {
namespace {

/// As with reconfigEnabled=false, ZooKeeper's default: refused before anything else is looked at.
/// The txn is applied because a ZooKeeper leader may send it.
Result<TxnRecord> prepare_reconfig(const Draft&, JuteReader& body) {
  for (int list = 0; list < 3; ++list) body.nullable_string();  // Joining, leaving, new members.
  body.i64();                                                   // The version it is based on.
  if (ErrorCode fault = body.finish()) return fault;
  return Code::ReconfigDisabled;
}

}  // namespace

constinit const OpSpec kReconfig = write_op<SetDataTxn, apply_set_data>(
    {OpCode::Reconfig, "reconfig", OpKind::Write}, prepare_reconfig);

}  // namespace quorate::znode
