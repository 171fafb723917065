// The step that apply(), prepare() and a new leader's replay have in common.
#pragma once

#include "znode/ops/table.h"

namespace quorate::znode {

/// Carries out one change by its row.
void apply_change(const ApplyContext& context, OpCode type, const TxnRecord& record);

}  // namespace quorate::znode
