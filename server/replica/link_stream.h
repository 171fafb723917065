// One quorum link as a stream: packets, and behind a SNAP packet a whole tree without a length.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "consensus/codec.h"
#include "consensus/messages.h"
#include "znode/snapshot.h"

namespace quorate::server {

/// The SNAP packet in front of a tree. A leader whose own checkpoint is fuzzy says how far, in the
/// data, which ZooKeeper leaves empty and does not read: its learner is told the same by nobody
/// else, and would apply exactly what may be repeated.
consensus::QuorumPacket snap_packet(Zxid zxid, Zxid fuzzy_until);

class LinkStream {
 public:
  /// `max_field`: the longest string or buffer that is accepted.
  explicit LinkStream(std::size_t max_field) : max_field_(max_field) {}

  using OnPacket = std::function<void(consensus::QuorumPacket)>;
  /// Whatever arrived, split anywhere. A SNAP packet is handed out like any other.
  /// Error: the bytes cannot be packets or a tree; the stream is unusable and its link must be
  /// closed. What was whole before them has been handed out.
  ErrorCode feed(ByteView bytes, const OnPacket& on_packet);

  struct ReceivedTree {
    Zxid zxid;  ///< Of the SNAP packet.
    znode::DataTree tree;
    Zxid fuzzy_until;  ///< Behind its own zxid: of a leader whose tree is fuzzy itself up to there.
    bool packed = false;    ///< Of nodes that are not dirty in `tree` entries have been packed.
    znode::EntryPack pack;  ///< The last of them.
  };
  /// A tree that has arrived whole, once.
  std::optional<ReceivedTree> take_tree();

  /// A SNAP packet has been handed out and its tree has not been taken: zxid of the packet.
  std::optional<Zxid> awaited_tree() const;

  // ---- Its nodes as entries of a checkpoint, while it arrives -----------------------------------
  bool tree_arrives() const { return reader_ != nullptr; }
  /// See SnapStreamReader. ENSURE for all three: a tree arrives.
  void pack_nodes(bool on) { reader_->pack_nodes(on); }
  const znode::EntryPack& pack() const { return reader_->pack(); }
  znode::EntryPack take_pack() { return reader_->take_pack(); }
  Zxid tree_zxid() const { return snap_zxid_; }

  std::size_t buffered() const { return partial_.size(); }

 private:
  ErrorCode consume(ByteView& input, const OnPacket& on_packet);
  ErrorCode feed_tree(ByteView& input);

  std::size_t max_field_;
  Bytes partial_;                                    ///< The beginning of a packet.
  std::unique_ptr<znode::SnapStreamReader> reader_;  ///< Between SNAP and the end of its stream.
  Zxid snap_zxid_, snap_fuzzy_until_;
  std::optional<ReceivedTree> received_;
};

}  // namespace quorate::server
