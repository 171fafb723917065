// The apply half of setData, which reconfig uses as well.
#pragma once

#include "znode/ops/table.h"

namespace quorate::znode {

void apply_set_data(const ApplyContext& context, const SetDataTxn& txn);

}  // namespace quorate::znode
