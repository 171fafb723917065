// What peers say to one another: election notifications and the packets of the quorum port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace quorate::consensus {

/// ServerState on the wire of the election port.
enum class PeerState : std::int32_t { Looking = 0, Following = 1, Leading = 2, Observing = 3 };

/// One vote with its circumstances; the sender is known from its connection, never from the body.
struct Notification {
  PeerState state = PeerState::Looking;
  ServerId leader;              ///< Proposed leader.
  Zxid zxid;                    ///< Proposed leader's last logged zxid.
  std::int64_t round = 0;       ///< "electionEpoch": the sender's logical clock.
  std::int64_t peer_epoch = 0;  ///< Proposed leader's currentEpoch.
  std::int32_t version = 2;     ///< 0 and 1: no config follows; 2: config follows.
  std::string config;           ///< Last-seen config text.
  friend bool operator==(const Notification&, const Notification&) = default;
};

/// QuorumPacket types of the learner channel (zab-protocol section 5).
enum class PacketType : std::int32_t {
  Request = 1,
  Proposal = 2,
  Ack = 3,
  Commit = 4,
  Ping = 5,
  Revalidate = 6,
  Sync = 7,
  Inform = 8,
  CommitAndActivate = 9,
  NewLeader = 10,
  FollowerInfo = 11,
  UpToDate = 12,
  Diff = 13,
  Trunc = 14,
  Snap = 15,
  ObserverInfo = 16,
  LeaderInfo = 17,
  AckEpoch = 18,
  InformAndActivate = 19,
};
const char* name_of(PacketType type);

/// An identity a client has proved, as a REQUEST carries it. (The consensus core looks at neither.)
struct WireId {
  std::string scheme;
  std::string id;
  friend bool operator==(const WireId&, const WireId&) = default;
};

struct QuorumPacket {
  PacketType type = PacketType::Ping;
  Zxid zxid;
  /// Null and empty are different on the wire: a ZooKeeper leader drops a learner whose PING reply
  /// carries null.
  std::optional<SharedBytes> data;
  std::optional<std::vector<WireId>> authinfo;
  friend bool operator==(const QuorumPacket&, const QuorumPacket&) = default;
};

/// Data of FOLLOWERINFO and OBSERVERINFO. `mark` holds Quorate's trailing bytes, which ZooKeeper
/// ignores: by it Quorate servers know one another.
struct LearnerInfo {
  ServerId sid;
  std::int32_t protocol_version = 0x10000;
  std::int64_t config_version = 0;
  bool quorate = false;       ///< The mark was there.
  bool blank = false;         ///< From the mark: this server has no data and must not be counted.
  bool without_vote = false;  ///< From the mark: not now and not later.
};

/// A client's write (or sync) on its way to the leader: REQUEST.
struct Request {
  SessionId session;
  std::int32_t cxid = 0;
  std::int32_t op = 0;  ///< OpCode; the core only tells sync from the others.
  SharedBytes body;     ///< As the client sent it, without its header.
  std::optional<std::vector<WireId>> authinfo;
  /// Leader only: the learner's link it came by; nothing for a client of the leader itself.
  std::optional<LinkId> origin;
  /// Leader only: by its link the session has been asked for anew since, for a later connection.
  bool superseded = false;
  friend bool operator==(const Request&, const Request&) = default;
};
inline constexpr std::int32_t kSyncOp = 9;

}  // namespace quorate::consensus
