// Role Leading: learners from their first word to UPTODATE, proposals, heartbeats, reconfigs
// (zab-protocol sections 6, 7, 10.1, 11, 13, 14).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "consensus/core.h"
#include "consensus/discovery.h"
#include "consensus/following.h"
#include "consensus/peer.h"
#include "consensus/proposal_tracker.h"

namespace quorate::consensus {

class Leader {
 public:
  explicit Leader(Core& core);

  void on_tick();
  void on_notification(ServerId from, const Notification& n);
  void on_accepted(LinkId link);
  void on_link_down(LinkId link);
  void on_packet(LinkId link, const QuorumPacket& packet);
  void on_transfer_done(const TransferDone& done);
  void on_submit(Request request);
  void on_propose(LogRecord record);
  void on_answer(const AnswerRevalidate& answer);
  void on_progress();
  /// The driver proposes all requests of one Ready before it steps anything else.
  void requests_taken(std::size_t count) { unproposed_ += count; }
  void requests_forgotten() { unproposed_ = 0; }
  void on_tree_replacing(Zxid zxid);
  void on_tree_replaced(Zxid zxid);
  void leave();
  void check() const;

  Zxid next_zxid() const { return Zxid::make(epoch_, counter_ + 1); }
  bool may_propose() const;
  std::size_t outstanding() const { return tracker_.size(); }
  Peer::LearnerCounts learner_counts() const;
  std::vector<ServerId> synced_observers() const;
  bool quorum_synced(const Ensemble& config) const;

 private:
  enum class Phase { Discovery, StoreAccepted, Promises, StoreCurrent, Synchronising, Established };
  enum class Stage {
    Connected,     ///< Has not said who it is.
    Reported,      ///< FOLLOWERINFO came.
    Informed,      ///< LEADERINFO sent.
    Promised,      ///< ACKEPOCH came; waits for the epoch's quorum.
    Transferring,  ///< SNAP: the driver sends a tree; nothing else goes out.
    Syncing,       ///< Plan and NEWLEADER sent; gets all traffic.
    Synced,        ///< NEWLEADER acknowledged: its ACKs count.
  };
  struct Sent {
    Zxid zxid;
    std::int64_t at = 0;
  };
  struct Entry {
    Stage stage = Stage::Connected;
    ServerId sid{-1};
    bool quorate = false;  ///< By the mark in its LearnerInfo.
    bool without_vote = false;
    bool observer = false;  ///< Gets INFORM, and proposals only as part of its plan.
    Zxid last;
    Zxid applied_at_transfer;
    std::int64_t heard = 0;
    std::vector<Zxid> early_acks;  ///< Came before the NEWLEADER ACK; count from then on.
    std::deque<Sent> unacked;
    /// PINGs since UPTODATE, which every learner answers one by one, and the answers.
    std::uint64_t pings = 0;
    std::uint64_t pings_answered = 0;
    std::uint64_t confirms_at = 0;  ///< With this many answers it has confirmed the round.
  };
  struct PendingSync {
    std::optional<LinkId> origin;
    Zxid behind;
    std::uint64_t round = 0;  ///< Of confirmation: one that began when it was there already.
  };
  using Learners = std::map<LinkId, Entry>;

  // leader.cc: epochs, proposals, clients.
  void advance();
  void establish();
  void commit_ready();
  void ack_own();
  void pump_requests();
  void start_sync_request(const Request& request);
  void version_config();
  void retire();
  void begin_round();
  void finish_round();
  void finish_syncs();
  void commit_reconfig(const LogRecord& record);
  std::vector<ServerId> synced_servers() const;
  void end_of_counter();
  bool may_hand_over() const;
  void hand_over();
  std::int32_t phase_limit() const;
  void check_quorum();
  void call_absent();
  void watch_following();
  std::vector<ServerId> voters_here() const;
  bool counter_left(std::size_t wanted) const;

  // leader_learners.cc: one learner.
  void on_info(LinkId link, Entry& entry, const QuorumPacket& packet);
  void on_ack_epoch(LinkId link, Entry& entry, const QuorumPacket& packet);
  void on_ack(LinkId link, Entry& entry, Zxid zxid);
  void on_new_leader_ack(LinkId link, Entry& entry);
  void on_learner_traffic(LinkId link, Entry& entry, const QuorumPacket& packet);
  void supersede(LinkId link, SessionId session);
  void inform(LinkId link, Entry& entry);
  void begin_sync(LinkId link, Entry& entry);
  void send_history(LinkId link, Entry& entry, Zxid after);
  void broadcast_proposal(const LogRecord& record);
  void broadcast_commit(const LogRecord& record);
  void drop(LinkId link, std::string why, bool misbehaved = false);
  bool lives(ServerId sid) const;
  void replace_older(LinkId link, ServerId sid);
  void hold_log();
  void watch_learners();
  void ping(LinkId link, Entry& entry);
  void ping_all();
  Zxid plan_point() const;
  bool established() const { return phase_ == Phase::Established; }
  static bool forwards(const Entry& entry) { return entry.stage >= Stage::Syncing; }

  Core* core_;
  Phase phase_ = Phase::Discovery;
  Discovery discovery_;
  Following following_;
  ProposalTracker tracker_;
  Learners learners_;
  std::uint32_t epoch_ = 0;
  std::uint32_t counter_ = 0;
  std::uint64_t barrier_ = 0;
  /// From one epoch to the next inside the open links: clients are served on, writes wait.
  bool handing_over_ = false;
  std::optional<std::uint64_t> next_epoch_barrier_;  ///< Standalone: the counter has run out.
  std::int64_t deadline_ = 0;
  std::int64_t next_ping_ = 0;
  std::int64_t next_check_ = 0;
  Zxid self_acked_;
  std::deque<Request> waiting_;  ///< Arrival order; syncs keep their place in it.
  std::deque<PendingSync> syncs_;
  std::uint64_t round_ = 0;            ///< The last round of confirmation that has begun.
  std::uint64_t round_confirmed_ = 0;  ///< A quorum still followed after this one had begun.
  struct Retired {
    std::int64_t until = 0;
    ServerId successor;
  };
  /// A reconfig has left this leader out: nothing is committed here any more.
  std::optional<Retired> retired_;
  std::size_t unproposed_ = 0;  ///< Requests handed out whose Propose may still come.
};

}  // namespace quorate::consensus
