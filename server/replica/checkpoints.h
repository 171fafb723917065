// When the checkpoint is to be renewed, and the sending of a whole tree to a learner.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/input.h"
#include "consensus/ready.h"
#include "server/replica/ports.h"
#include "server/replica/tree_sink.h"
#include "znode/data_tree.h"

namespace quorate::server {

struct CheckpointLimits {
  std::size_t dirty_bytes = 16u << 20;
  std::size_t log_bytes = 256u << 20;
  std::int64_t records = 100000;
  znode::PortionLimit slice{256u << 10, 2000};
  /// Also when nothing has been applied for so long, and more log than this waits for it: a start
  /// then has little to replay, and the log can go.
  std::int64_t quiet_ms = 5000;
  std::size_t quiet_log_bytes = 64u << 10;
};

class Checkpoints {
 public:
  /// `current`: the checkpoint that recovery found. `stall_ms`: a transfer that makes no progress
  /// for so long is given up; consensus leaves the watching to us.
  Checkpoints(CheckpointLimits limits, Zxid current, std::int64_t stall_ms, Disk& disk,
              Links& links);

  // ---- Renewing
  // ----------------------------------------------------------------------------------
  /// A record has been applied.
  void applied(std::size_t bytes);
  /// Hands a batch to the disk when one is due and none is being written.
  /// A slice of the work on a checkpoint: begins one when it is due and none is being written, goes
  /// on with one under way.
  void renew_if_due(znode::DataTree& tree, Zxid fuzzy_until, std::int64_t now_ms);
  /// At an orderly stop: all that is left, without slices.
  void renew_at_once(znode::DataTree& tree, Zxid fuzzy_until);
  bool writing() const { return !in_flight_.empty(); }
  /// A learner waits for a checkpoint, and its next slice may be encoded: the driver calls
  /// renew_if_due() again before it rests.
  bool hurries(const znode::DataTree& tree) const;
  /// Answer of the disk; the caller tells consensus. False: it was of a tree that has been
  /// replaced.
  bool on_checkpointed(Zxid zxid);
  /// The disk's store cannot be used any more: the next checkpoint is one from scratch.
  void lost(znode::DataTree& tree, std::int64_t now_ms);
  /// A received tree has become the current generation.
  void replaced(Zxid zxid);

  // ---- Sending: SNAP packet, then the stream piece by piece
  // --------------------------------------
  /// The tree sent is as of `least` or later: consensus keeps the records behind it.
  void begin(LinkId link, Zxid least, std::int64_t now_ms);
  /// The same for somebody else than a learner.
  void copy(std::shared_ptr<TreeSink> sink, Zxid least, std::int64_t now_ms);
  void on_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok);
  void drop(LinkId link);
  /// Sends what has come from the disk and asks for more where the link has room. Returns the
  /// transfers that have ended.
  std::vector<consensus::TransferDone> advance(std::int64_t now_ms, Zxid fuzzy_until);

 private:
  struct Piece {
    Zxid zxid;
    SharedBytes bytes;
    bool last = false;
    bool ok = false;
  };
  struct Sending {
    Zxid least;
    std::int64_t moved_ms = 0;
    bool asked = false;    ///< The disk owes us a piece.
    bool started = false;  ///< SNAP has been sent.
    std::optional<Piece> piece;
    std::shared_ptr<TreeSink> sink;       ///< Of a copy; then `link` names no connection.
    std::optional<std::uint64_t> digest;  ///< Of the checkpoint that is being sent.
  };
  /// A checkpoint handed to the disk.
  struct Renewal {
    Zxid zxid;
    std::optional<std::uint64_t> digest;  ///< Nothing: the tree is fuzzy.
  };
  bool awaited() const;
  bool quiet_due(std::int64_t now_ms);
  bool waits(const Sending& sending) const { return !exists_ || current_ < sending.least; }
  std::optional<consensus::TransferDone> advance(LinkId link, Sending& sending, std::int64_t now_ms,
                                                 Zxid fuzzy_until);

  void send(LinkId link, Sending& sending, Piece piece, Zxid fuzzy_until);
  bool has_room(LinkId link, const Sending& sending) const;
  void end_copies();
  void begin_renewal(znode::DataTree& tree, Zxid fuzzy_until);

  CheckpointLimits limits_;
  Disk& disk_;
  Links& links_;
  Zxid current_;
  bool exists_;  ///< A checkpoint as of zxid 0 looks like none: then one is written first.
  std::int64_t stall_ms_;
  bool wanted_ = false;                  ///< A transfer waits for a later checkpoint.
  bool from_scratch_ = false;            ///< The store on disk is of no use.
  std::int64_t not_before_ms_ = 0;       ///< The next slice, or after lost() the next attempt.
  std::int64_t retry_ms_ = 0;            ///< Pause after the next lost(); 0: none was lost lately.
  std::deque<Renewal> in_flight_;        ///< Handed to the disk, not answered.
  std::optional<std::uint64_t> digest_;  ///< Of the current one, if it was made by this process.
  std::size_t log_bytes_ = 0;
  std::int64_t records_ = 0;
  bool applied_ = false;            ///< Since renew_if_due() last looked.
  std::int64_t applied_at_ms_ = 0;  ///< When it last saw that.
  std::map<LinkId, Sending> sendings_;
  std::int64_t last_copy_ = 0;   ///< Copies count down, links up.
  std::vector<LinkId> dropped_;  ///< The disk is to be told.
};

}  // namespace quorate::server
