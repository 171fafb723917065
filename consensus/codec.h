// ZooKeeper's bytes on both server ports, so that ensembles may mix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "consensus/messages.h"

namespace quorate::consensus {

/// Decoding errors: one code is enough, the text of the event names the packet.
enum class CodecError { Malformed = 1 };
ErrorCode make_error_code(CodecError error);

// ---- Election port ---------------------------------------------------------------------------

/// First bytes on an election connection, from the connector: who it is and where it listens.
struct InitialMessage {
  ServerId sid;
  std::string
      address;  ///< "host:port" of the connector's election address; may hold several by '|'.
};
inline constexpr std::int64_t kInitialMessageV1 = -65536;
inline constexpr std::int64_t kInitialMessageV2 = -65535;

Bytes encode(
    const InitialMessage& message);  ///< V1, in one piece: ZooKeeper reads it with one call.

/// Looks for a whole initial message at the front of `input` and consumes it. Nothing yet: more
/// bytes are needed. Accepts V1, V2 and the oldest form (a bare sid).
/// Error: Malformed for another negative version, or an address longer than 2048 bytes.
Result<std::optional<InitialMessage>> take_initial_message(ByteView& input);

Bytes encode(const Notification& notification);  ///< Body only; frames are int length + body.
/// Bodies of 28, 40 and from 44 bytes on are known forms; anything else is Malformed.
Result<Notification> decode_notification(ByteView body);
inline constexpr std::int32_t kMaxNotificationFrame = 524288;

// ---- Quorum port -----------------------------------------------------------------------------

/// Appends the packet. There is no outer frame.
void encode(Bytes& out, const QuorumPacket& packet);

/// Takes one whole packet from the front of `input`, or nothing when more bytes are needed.
/// Error: Malformed when a length is negative (other than -1), above `max_field`, or a vector count
/// impossible.
Result<std::optional<QuorumPacket>> take_packet(ByteView& input, std::size_t max_field);

SharedBytes encode_learner_info(const LearnerInfo& info);
Result<LearnerInfo> decode_learner_info(ByteView data);

/// LEADERINFO: int protocol version, then Quorate's mark when we are the leader.
SharedBytes encode_leader_info();
struct LeaderInfo {
  std::int32_t protocol_version = 0;
  bool quorate = false;
};
Result<LeaderInfo> decode_leader_info(ByteView data);

SharedBytes encode_int(std::int32_t value);
Result<std::int32_t> decode_int(ByteView data);

QuorumPacket encode_request(const Request& request);
Result<Request> decode_request(const QuorumPacket& packet);

/// REVALIDATE: the learner's question and the leader's answer.
struct RevalidateQuestion {
  SessionId session;
  std::int32_t timeout_ms = 0;
};
struct RevalidateAnswer {
  SessionId session;
  bool valid = false;
};
QuorumPacket encode_question(const RevalidateQuestion& question);
QuorumPacket encode_answer(const RevalidateAnswer& answer);
Result<RevalidateQuestion> decode_question(const QuorumPacket& packet);
Result<RevalidateAnswer> decode_answer(const QuorumPacket& packet);

/// The one txn the core looks into: the config text of a reconfig record, nothing of another.
std::optional<std::string_view> reconfig_text(ByteView record);
/// COMMITANDACTIVATE and INFORMANDACTIVATE: who is to lead, before the record's bytes in the
/// latter.
SharedBytes encode_designated(ServerId leader, ByteView record);
struct Designated {
  ServerId leader;
  ByteView record;
};
Result<Designated> decode_designated(ByteView data);

/// PING replies: sessions heard of since the last one. Empty is length 0, never null.
struct SessionTouch {
  SessionId session;
  std::int32_t timeout_ms = 0;
};
SharedBytes encode_touches(const std::vector<SessionTouch>& touches);
Result<std::vector<SessionTouch>> decode_touches(ByteView data);

}  // namespace quorate::consensus

template <>
struct boost::system::is_error_code_enum<quorate::consensus::CodecError> : std::true_type {};
