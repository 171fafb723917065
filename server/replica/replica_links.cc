// Bytes of links to packets, and the whole trees that come over them.
#include <utility>
#include <vector>

#include "server/replica/replica_impl.h"
#include "znode/snapshot.h"

namespace quorate::server {

namespace {

constexpr Zxid kFuzzyToTheEnd{INT64_MAX};
constexpr std::size_t kLaggingSlices = 4;
/// What has arrived of a tree goes to the disk in pieces of about this size: below the one from
/// which on the heap asks the system for each.
constexpr std::size_t kPackBytes = 192u << 10;

/// One that is not the last of its tree.
znode::CheckpointBatch portion_of(Zxid zxid, znode::EntryPack pack) {
  znode::CheckpointBatch portion;
  portion.zxid = zxid;
  portion.bytes = pack.bytes();
  portion.pack = std::move(pack);
  portion.from_scratch = true;
  portion.ends = false;
  return portion;
}

}  // namespace

void Replica::Impl::on_link_bytes(LinkId link, ByteView bytes) {
  auto at = links.find(link);
  if (at == links.end()) return;
  at->second.heard_ms = last_tick_ms;
  auto on_packet = [this, link](consensus::QuorumPacket packet) {
    peer.step(consensus::QuorumMessage{link, std::move(packet)});
  };
  ErrorCode fault = at->second.stream.feed(bytes, on_packet);
  if (!fault) return;
  ports.observer.note('W', "link closed, malformed bytes link=" + to_string(link) + " error=\"" +
                               fault.message() + '"');
  drop_link(link);
  links_to_close.push_back(link);
}

void Replica::Impl::drop_link(LinkId link) {
  checkpoints.drop(link);
  if (arriving && arriving->link == link) drop_arriving();
  auto at = links.find(link);
  if (at == links.end()) return;
  std::optional<Zxid> awaited = at->second.stream.awaited_tree();
  links.erase(at);
  // Consensus waits for the tree of each SNAP it has seen, also when it will never come.
  if (awaited) peer.step(consensus::SnapshotInstalled{link, *awaited, /*ok=*/false});
}

/// Consensus hears nothing while a tree arrives, so its time limit is kept here.
void Replica::Impl::close_silent_trees() {
  std::int64_t limit_ms = options.peer.init_limit * options.peer.tick_time_ms;
  std::vector<LinkId> silent;
  for (const auto& [id, link] : links) {
    if (link.stream.awaited_tree() && last_tick_ms - link.heard_ms > limit_ms) silent.push_back(id);
  }
  for (LinkId link : silent) {
    ports.observer.note('W', "link closed, tree stopped arriving link=" + to_string(link));
    drop_link(link);
    links_to_close.push_back(link);
  }
}

/// A tree goes to the disk while it arrives, so that behind its end little is left to be waited
/// for. Where the disk falls behind, nodes are left out here and written when the tree is whole.
/// Runs after all that consensus asked for: a tree on a link that it wanted closed is gone by now.
void Replica::Impl::install_arriving() {
  if (installing || restoring || stopped) return;
  for (auto& [id, link] : links) {
    if (!link.stream.tree_arrives() || (arriving && arriving->link != id)) continue;
    if (!arriving) arriving.emplace(Arriving{id});
    const znode::PortionLimit& slice = options.install_slice;
    const bool lags = disk_lags();
    link.stream.pack_nodes(!lags);
    const znode::EntryPack& pack = link.stream.pack();
    if (lags || (pack.bytes() < kPackBytes && pack.count() < slice.nodes)) continue;
    znode::CheckpointBatch portion = portion_of(link.stream.tree_zxid(), link.stream.take_pack());
    portion.begins = !std::exchange(arriving->begun, true);
    ports.disk.install(id, std::move(portion));
  }
}

/// So much of a received tree waits to be written that no more of it is encoded.
bool Replica::Impl::disk_lags() const {
  return ports.disk.checkpoint_backlog() >= kLaggingSlices * options.install_slice.bytes;
}

/// It will never be whole.
void Replica::Impl::drop_arriving() {
  if (arriving->begun) ports.disk.drop_install(arriving->link);
  arriving.reset();
}

void Replica::Impl::start_install() {
  for (auto& [id, link] : links) {
    if (installing) return;
    if (arriving && arriving->link != id) continue;
    std::optional<LinkStream::ReceivedTree> received = link.stream.take_tree();
    if (!received) continue;
    const bool begun = arriving && arriving->begun;
    arriving.reset();
    installing.emplace(Install{id, std::move(received->tree), received->fuzzy_until, begun});
    if (!received->pack.empty()) {
      hand_over(portion_of(received->zxid, std::move(received->pack)));
    }
    // If the tree is a ZooKeeper leader's it is fuzzy, and how far is known at UPTODATE only.
    // Should this process end before its next checkpoint, begin_service() of the next one sets the
    // end.
    if (received->packed) {
      znode::begin_rest_of_checkpoint(installing->tree, kFuzzyToTheEnd);
    } else {
      znode::begin_checkpoint(installing->tree, kFuzzyToTheEnd, /*from_scratch=*/true);
    }
    continue_install();
  }
}

void Replica::Impl::hand_over(znode::CheckpointBatch portion) {
  portion.begins = !std::exchange(installing->begun, true);
  ports.disk.install(installing->link, std::move(portion));
}

/// The disk sets the pace: a portion when the one before has been written.
void Replica::Impl::continue_install() {
  if (!znode::checkpoint_under_way(installing->tree)) return;
  if (disk_lags()) return;
  hand_over(znode::next_portion(installing->tree, options.install_slice));
}

/// A whole tree is on its way, to or from a learner: the next slice need not wait for a tick.
bool Replica::Impl::tree_in_slices() const {
  if (arriving && arriving->begun) return false;
  if (!installing) return !stopped && checkpoints.hurries(tree);
  return znode::checkpoint_under_way(installing->tree) && !disk_lags();
}

void Replica::Impl::on_installed(LinkId link, Zxid zxid, bool ok) {
  if (!ok && arriving && arriving->link == link) {
    // The disk has dropped it by itself.
    arriving->begun = false;
    drop_link(link);
    links_to_close.push_back(link);
    return;
  }
  if (!installing || installing->link != link) return;
  if (ends_restore(link, zxid, ok)) return;
  Install install = *std::exchange(installing, std::nullopt);
  // Also when the link has ended meanwhile: the disk holds this tree and no log now, and memory
  // must not differ from it (hazard R8).
  if (ok) {
    end_read_only();
    tree = std::move(install.tree);
    diverged = proven = false;
    recovered_fuzzy_until = install.fuzzy_until;
    checkpoints.replaced(zxid);
  }
  peer.step(consensus::SnapshotInstalled{link, zxid, ok, ok ? config_of(tree) : std::string()});
}

}  // namespace quorate::server
