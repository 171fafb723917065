// Role Following, and Observing without a vote: finds the leader, is made equal to it, then logs,
// acknowledges and commits (zab-protocol sections 6, 9, 10.2).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "consensus/core.h"

namespace quorate::consensus {

class Learner {
 public:
  Learner(Core& core, ServerId leader);

  void on_tick();
  /// The leader has sent a vote.
  void on_leader_looking(std::int64_t round);
  void on_link_up(LinkId link, ServerId peer);
  void on_link_down(LinkId link);
  void on_packet(LinkId link, QuorumPacket packet);
  void on_snapshot_installed(const SnapshotInstalled& installed);
  void on_submit(Request request);
  void on_revalidate(const AskRevalidate& ask);
  void on_progress();
  void leave();  ///< Closes what this role has opened.
  void check() const;

  ServerId leader() const { return leader_; }
  bool leader_quorate() const { return leader_quorate_; }
  bool observing() const { return observer_; }

 private:
  enum class Stage {
    Connecting,
    AwaitEpoch,    ///< FOLLOWERINFO sent.
    StoreEpoch,    ///< LEADERINFO came; acceptedEpoch is on its way to the disk.
    AwaitPlan,     ///< ACKEPOCH sent.
    Installing,    ///< SNAP: the driver has the stream.
    Plan,          ///< Between DIFF, TRUNC or SNAP and NEWLEADER.
    StorePlan,     ///< NEWLEADER came; its ACK waits for the disk.
    AwaitServing,  ///< Acknowledged; UPTODATE is due.
    UpToDate,
  };

  void handle(QuorumPacket& packet);
  bool handle_handshake(const QuorumPacket& packet);
  void on_leader_info(const QuorumPacket& packet);
  void send_ack_epoch(bool promised_before);
  void on_diff(Zxid zxid);
  void on_trunc(Zxid zxid);
  void on_snap();
  void begin_plan();
  void on_proposal(QuorumPacket& packet);
  void on_commit(Zxid zxid);
  void on_inform(QuorumPacket& packet);
  void on_activate(QuorumPacket& packet);
  void check_place();
  void on_new_leader(const QuorumPacket& packet);
  void on_up_to_date();
  void on_sync();
  void on_ping(Zxid zxid);
  void on_answer(const QuorumPacket& packet);
  void need_snapshot(const char* why);
  void misbehaved(std::string what);
  void send_acks();
  bool plan_stage() const {
    return (stage_ >= Stage::Plan && stage_ <= Stage::UpToDate) || handing_over_;
  }

  Core* core_;
  ServerId leader_;
  bool observer_;  ///< As this role has introduced itself.
  std::optional<LinkId> link_;
  Stage stage_ = Stage::Connecting;
  std::int64_t connect_until_;
  std::int64_t deadline_;
  std::optional<std::int64_t> reopen_at_;
  std::uint32_t epoch_ = 0;
  bool leader_quorate_ = false;
  bool reported_blank_ = false;
  std::uint64_t barrier_ = 0;    ///< The write that must be durable before the next word.
  std::optional<Zxid> diff_to_;  ///< What DIFF said the plan would reach.
  bool cut_ = false;             ///< TRUNC shortened the log.
  bool plan_records_ = false;
  Zxid snapshot_;  ///< Of the SNAP of this sync; records up to it are in the tree.
  bool snapshot_taken_ = false;
  std::optional<Ensemble> config_;  ///< Of NEWLEADER; in force from UPTODATE on.
  std::optional<std::pair<Zxid, ServerId>> designated_;  ///< Who leads once this is applied.
  Zxid marked_;  ///< Committed as far as this stream says; effective at UPTODATE.
  Zxid acked_;   ///< Proposals up to here need no ACK of ours any more.
  bool up_to_date_ = false;
  bool handing_over_ = false;  ///< The leader goes on in the next epoch, on this link.
  Zxid serve_from_;
  std::deque<QuorumPacket> held_;  ///< Packets that came while the stream is being installed.
  std::size_t syncs_asked_ = 0;
  std::deque<Zxid> syncs_;  ///< Answered ones, each waiting until this is applied.
};

}  // namespace quorate::consensus
