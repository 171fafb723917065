// Whole-peer checks: what must hold between any two steps (consensus-hazards section 8.3).
#include "base/ensure.h"
#include "consensus/peer_impl.h"

namespace quorate::consensus {

void Peer::check_invariants() const {
  const Core& core = impl_->core;
  core.log.check();
  ENSURE(core.options.standalone || core.current <= core.accepted);
  ENSURE(!core.leave);
  // PromiseKept, as far as one server sees it: nothing of a later epoch than promised is logged.
  ENSURE(core.options.standalone || core.blank || core.log.last().epoch() <= core.accepted);
  ENSURE(!core.serving || !core.blank);
  ENSURE(!core.serving || !core.installing);
  ENSURE(core.ready.first_write + core.ready.writes.size() == core.last_write() + 1);
  Zxid before{-1};
  for (const LogRecord& record : core.ready.commits) {
    ENSURE(record.zxid > before);
    before = record.zxid;
  }
  ENSURE(before <= core.log.applied());
  if (const auto* learner = impl_->as<Learner>()) learner->check();
  if (const auto* leader = impl_->as<Leader>()) leader->check();
  ENSURE(impl_->as<Election>() == nullptr || !core.serving);
}

}  // namespace quorate::consensus
