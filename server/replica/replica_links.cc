// Bytes of links to packets, and the whole trees that come over them.
#include <utility>
#include <vector>

#include "server/replica/replica_impl.h"
#include "znode/snapshot.h"

namespace quorate::server {

namespace {

constexpr Zxid kFuzzyToTheEnd{INT64_MAX};

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

/// Runs after all that consensus asked for: a tree on a link that it wanted closed is gone by now.
void Replica::Impl::start_install() {
  for (auto& [id, link] : links) {
    if (installing) return;
    std::optional<LinkStream::ReceivedTree> received = link.stream.take_tree();
    if (!received) continue;
    installing.emplace(Install{id, std::move(received->tree), received->fuzzy_until});
    // If the tree is a ZooKeeper leader's it is fuzzy, and how far is known at UPTODATE only.
    // Should this process end before its next checkpoint, begin_service() of the next one sets the
    // end.
    znode::begin_checkpoint(installing->tree, kFuzzyToTheEnd, /*from_scratch=*/true);
    continue_install();
  }
}

/// The disk sets the pace: a portion when the one before has been written.
void Replica::Impl::continue_install() {
  if (!znode::checkpoint_under_way(installing->tree)) return;
  if (ports.disk.checkpoint_backlog() >= options.install_slice.bytes) return;
  ports.disk.install(installing->link,
                     znode::next_portion(installing->tree, options.install_slice));
}

/// A whole tree is on its way, to or from a learner: the next slice need not wait for a tick.
bool Replica::Impl::tree_in_slices() const {
  if (!installing) return !stopped && checkpoints.hurries(tree);
  return znode::checkpoint_under_way(installing->tree) &&
         ports.disk.checkpoint_backlog() < options.install_slice.bytes;
}

void Replica::Impl::on_installed(LinkId link, Zxid zxid, bool ok) {
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
