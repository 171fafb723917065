// Restoring a tree, standalone. The way of a tree that a leader sends: clients are let go, the tree
// becomes a checkpoint with an empty log behind it, durable by one rename, and is served then.
#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "server/replica/replica_impl.h"
#include "znode/snapshot.h"

namespace quorate::server {

namespace {

/// No link has this number.
constexpr LinkId kRestore{INT64_MIN};
/// Far below the last epoch there is: as many can follow.
constexpr std::uint32_t kEpochMax = 0x7ffffff0;
constexpr std::uint32_t kCounterMax = 0xfffffff0;

/// Greater than all there has been on either side. A client's last zxid stays valid, and no change
/// to come bears the zxid of another.
Zxid zxid_behind(Zxid last) {
  return last.counter() < kCounterMax ? last.next() : Zxid::make(last.epoch() + 1, 0);
}

RestoreOutcome failed(RestoreFault fault, std::optional<znode::DataTree> tree) {
  return {fault, Zxid{}, std::move(tree)};
}

}  // namespace

void Replica::restore(TreeToRestore given) {
  Impl& impl = *impl_;
  auto refuse = [&given](RestoreFault why) { given.done(failed(why, std::move(given.tree))); };
  if (!impl.options.peer.standalone) return refuse(RestoreFault::Ensemble);
  if (!impl.serving || impl.stopped || impl.installing || impl.restoring) {
    return refuse(RestoreFault::NotServing);
  }
  if (given.highest < Zxid{} || given.highest.epoch() > kEpochMax) {
    return refuse(RestoreFault::ZxidTooBig);
  }
  impl.ports.observer.note('I', "restore begins nodes=" + std::to_string(given.tree.node_count()) +
                                    " sessions=" + std::to_string(given.tree.sessions().size()) +
                                    " zxid=" + to_string(impl.tree.last_applied()));
  impl.restoring.emplace(std::move(given));
  // What clients are told of is durable; what is on its way they hear nothing of any more.
  impl.lose_service();
}

/// Once what is in flight has landed: records of the old log must not come behind the new tree.
void Replica::Impl::start_restore() {
  if (!restoring || installing || stopped) return;
  if (peer.outstanding() > 0 || peer.applied() != peer.last_logged()) return;
  const Zxid zxid = zxid_behind(std::max(restoring->highest, peer.last_logged()));
  waiting_requests.clear();
  peer.step(consensus::TreeReplacing{zxid});
  installing.emplace(Install{kRestore, std::move(restoring->tree), Zxid{}});
  znode::restate(installing->tree, zxid);
  // Exact: whatever comes behind it is prepared against this very tree.
  znode::begin_checkpoint(installing->tree, Zxid{}, /*from_scratch=*/true);
}

bool Replica::Impl::ends_restore(LinkId link, Zxid zxid, bool ok) {
  if (link != kRestore) return false;
  ENSURE(restoring.has_value());
  Install install = *std::exchange(installing, std::nullopt);
  TreeToRestore given = *std::exchange(restoring, std::nullopt);
  if (ok) {
    std::swap(tree, install.tree);
    recovered_fuzzy_until = Zxid{};
    checkpoints.replaced(zxid);
    last_checkpoint = zxid;
    last_checkpoint_wall_ms = ports.clock.wall_ms();
    digests.clear();
    diverged = false;
  }
  peer.step(consensus::TreeReplaced{zxid, ok});
  if (!stopped) begin_service();
  if (!ok) {
    ports.observer.note(
        'E', "restore failed, the tree is as before zxid=" + to_string(tree.last_applied()));
    given.done(failed(RestoreFault::Disk, std::move(install.tree)));
    return true;
  }
  ports.observer.note(
      'I', "restored zxid=" + to_string(zxid) + " nodes=" + std::to_string(tree.node_count()));
  given.done({std::nullopt, zxid, std::move(install.tree)});
  return true;
}

}  // namespace quorate::server
