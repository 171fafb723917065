#include "consensus/codec.h"

#include <string_view>
#include <utility>

namespace quorate::consensus {
namespace {

// Boost gives its category base no virtual destructor on purpose: categories are never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class CodecCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "quorate.consensus.codec"; }
  std::string message(int) const override { return "malformed peer message"; }
};
#pragma GCC diagnostic pop

constexpr std::size_t kMaxAddress = 2048;
// Bytes behind ZooKeeper's own fields: it reads what it knows and ignores the rest.
constexpr std::string_view kMark = "QUORATE";
constexpr std::uint8_t kMarkVersion = 1;
constexpr std::uint8_t kFlagBlank = 1;
constexpr std::uint8_t kFlagWithoutVote = 2;

template <class T>
void put(Bytes& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(T));
  store_be(out.data() + at, value);
}

void put_text(Bytes& out, std::string_view text) {
  put(out, static_cast<std::int32_t>(text.size()));
  append(out, as_bytes(text));
}

void put_mark(Bytes& out, std::uint8_t flags) {
  append(out, as_bytes(kMark));
  put(out, kMarkVersion);
  put(out, flags);
}

/// Flags of the mark at `at`, or nothing: no mark, or one too short to be ours.
std::optional<std::uint8_t> find_mark(ByteView data, std::size_t at) {
  if (data.size() < at + kMark.size() + 2) return std::nullopt;
  if (as_text(data.subspan(at, kMark.size())) != kMark) return std::nullopt;
  return std::to_integer<std::uint8_t>(data[at + kMark.size() + 1]);
}

/// Walks over input that may end anywhere. `missing` (more bytes are needed) and `bad` stick.
class Cursor {
 public:
  explicit Cursor(ByteView input) : input_(input) {}

  template <class T>
  T number() {
    ByteView bytes = take(sizeof(T));
    return bytes.empty() ? T{} : load_be<T>(bytes.data());
  }
  ByteView take(std::size_t count) {
    if (missing || bad) return {};
    if (input_.size() - at_ < count) {
      missing = true;
      return {};
    }
    at_ += count;
    return input_.subspan(at_ - count, count);
  }
  /// Length of a buffer, string or vector; nothing for null (-1).
  std::optional<std::size_t> length(std::size_t max) {
    const auto value = number<std::int32_t>();
    if (missing || bad || value == -1) return std::nullopt;
    if (value < 0 || static_cast<std::size_t>(value) > max) {
      bad = true;
      return std::nullopt;
    }
    return static_cast<std::size_t>(value);
  }
  std::size_t used() const { return at_; }
  bool done() const { return !missing && !bad; }

  bool missing = false;
  bool bad = false;

 private:
  ByteView input_;
  std::size_t at_ = 0;
};

/// Counts what identities take together: each alone within the limit would still add up.
std::optional<std::vector<WireId>> read_ids(Cursor& in, std::size_t max_field) {
  const auto count = in.length(max_field / 8);
  if (!count) return std::nullopt;
  std::vector<WireId> ids;
  std::size_t room = max_field;
  const auto text = [&]() -> std::string {
    const auto size = in.length(room);
    if (!size) return {};
    room -= *size;
    return std::string(as_text(in.take(*size)));
  };
  for (std::size_t i = 0; i < *count && in.done(); ++i) {
    WireId id;
    id.scheme = text();
    id.id = text();
    ids.push_back(std::move(id));
  }
  return ids;
}

Bytes copy_of(ByteView view) {
  return Bytes(view.begin(), view.end());
}

bool known_state(std::int32_t state) {
  return state >= 0 && state <= 3;
}

}  // namespace

ErrorCode make_error_code(CodecError error) {
  static const CodecCategory category;
  return {static_cast<int>(error), category};
}

const char* name_of(PacketType type) {
  switch (type) {
    case PacketType::Request:
      return "REQUEST";
    case PacketType::Proposal:
      return "PROPOSAL";
    case PacketType::Ack:
      return "ACK";
    case PacketType::Commit:
      return "COMMIT";
    case PacketType::Ping:
      return "PING";
    case PacketType::Revalidate:
      return "REVALIDATE";
    case PacketType::Sync:
      return "SYNC";
    case PacketType::Inform:
      return "INFORM";
    case PacketType::CommitAndActivate:
      return "COMMITANDACTIVATE";
    case PacketType::NewLeader:
      return "NEWLEADER";
    case PacketType::FollowerInfo:
      return "FOLLOWERINFO";
    case PacketType::UpToDate:
      return "UPTODATE";
    case PacketType::Diff:
      return "DIFF";
    case PacketType::Trunc:
      return "TRUNC";
    case PacketType::Snap:
      return "SNAP";
    case PacketType::ObserverInfo:
      return "OBSERVERINFO";
    case PacketType::LeaderInfo:
      return "LEADERINFO";
    case PacketType::AckEpoch:
      return "ACKEPOCH";
    case PacketType::InformAndActivate:
      return "INFORMANDACTIVATE";
  }
  return "UNKNOWN";
}

// ---- Election port ---------------------------------------------------------------------------

Bytes encode(const InitialMessage& message) {
  Bytes out;
  put(out, kInitialMessageV1);
  put(out, message.sid.value);
  put_text(out, message.address);
  return out;
}

Result<std::optional<InitialMessage>> take_initial_message(ByteView& input) {
  Cursor in(input);
  InitialMessage message;
  const auto first = in.number<std::int64_t>();
  if (in.missing) return std::optional<InitialMessage>();
  if (first >= 0) {
    // The oldest form is a bare sid; the acceptor then falls back to the address of its config.
    message.sid = {first};
  } else if (first == kInitialMessageV1 || first == kInitialMessageV2) {
    message.sid = {in.number<std::int64_t>()};
    const auto size = in.number<std::int32_t>();
    if (in.missing) return std::optional<InitialMessage>();
    if (size < 1 || static_cast<std::size_t>(size) > kMaxAddress) {
      return make_error_code(CodecError::Malformed);
    }
    message.address = as_text(in.take(static_cast<std::size_t>(size)));
    if (in.missing) return std::optional<InitialMessage>();
  } else {
    return make_error_code(CodecError::Malformed);
  }
  input = input.subspan(in.used());
  return std::optional<InitialMessage>(std::move(message));
}

Bytes encode(const Notification& notification) {
  Bytes out;
  put(out, static_cast<std::int32_t>(notification.state));
  put(out, notification.leader.value);
  put(out, notification.zxid.value);
  put(out, notification.round);
  put(out, notification.peer_epoch);
  put(out, notification.version);
  if (notification.version >= 2) {
    put_text(out, notification.config);
  } else if (notification.version == 1) {
    put(out, std::int32_t{0});  // 44 bytes: what tells version 1 from the form without version.
  }
  return out;
}

Result<Notification> decode_notification(ByteView body) {
  if (body.size() != 28 && body.size() != 40 && body.size() < 44) {
    return make_error_code(CodecError::Malformed);
  }
  Cursor in(body);
  Notification notification;
  const auto state = in.number<std::int32_t>();
  if (!known_state(state)) return make_error_code(CodecError::Malformed);
  notification.state = static_cast<PeerState>(state);
  notification.leader = {in.number<std::int64_t>()};
  notification.zxid = {in.number<std::int64_t>()};
  notification.round = in.number<std::int64_t>();
  notification.version = 0;
  if (body.size() == 28) {
    notification.peer_epoch = notification.zxid.epoch();
    return notification;
  }
  notification.peer_epoch = in.number<std::int64_t>();
  if (body.size() == 40) return notification;
  notification.version = in.number<std::int32_t>();
  if (notification.version >= 2) {
    const auto size = in.length(body.size() - in.used() - sizeof(std::int32_t));
    if (!size) return make_error_code(CodecError::Malformed);
    notification.config = as_text(in.take(*size));
  }
  return notification;
}

// ---- Quorum port -----------------------------------------------------------------------------

void encode(Bytes& out, const QuorumPacket& packet) {
  out.reserve(out.size() + 20 + (packet.data ? packet.data->size() : 0));
  put(out, static_cast<std::int32_t>(packet.type));
  put(out, packet.zxid.value);
  if (packet.data) {
    put(out, static_cast<std::int32_t>(packet.data->size()));
    append(out, packet.data->view());
  } else {
    put(out, std::int32_t{-1});
  }
  if (!packet.authinfo) {
    put(out, std::int32_t{-1});
    return;
  }
  put(out, static_cast<std::int32_t>(packet.authinfo->size()));
  for (const WireId& id : *packet.authinfo) {
    put_text(out, id.scheme);
    put_text(out, id.id);
  }
}

Result<std::optional<QuorumPacket>> take_packet(ByteView& input, std::size_t max_field) {
  Cursor in(input);
  QuorumPacket packet;
  packet.type = static_cast<PacketType>(in.number<std::int32_t>());
  packet.zxid = {in.number<std::int64_t>()};
  const auto size = in.length(max_field);
  const ByteView data = size ? in.take(*size) : ByteView();
  packet.authinfo = read_ids(in, max_field);
  if (in.bad) return make_error_code(CodecError::Malformed);
  if (in.missing) return std::optional<QuorumPacket>();
  if (size) packet.data = SharedBytes(copy_of(data));  // Copied only once the packet is whole.
  input = input.subspan(in.used());
  return std::optional<QuorumPacket>(std::move(packet));
}

SharedBytes encode_learner_info(const LearnerInfo& info) {
  Bytes out;
  put(out, info.sid.value);
  put(out, info.protocol_version);
  put(out, info.config_version);
  if (info.quorate) {
    put_mark(out, static_cast<std::uint8_t>((info.blank ? kFlagBlank : 0) |
                                            (info.without_vote ? kFlagWithoutVote : 0)));
  }
  return SharedBytes(std::move(out));
}

Result<LearnerInfo> decode_learner_info(ByteView data) {
  Cursor in(data);
  LearnerInfo info;
  info.sid = {in.number<std::int64_t>()};
  if (in.missing) return make_error_code(CodecError::Malformed);
  // Ancient learners send 8 or 12 bytes; what is absent keeps its default.
  if (data.size() >= 12) info.protocol_version = in.number<std::int32_t>();
  if (data.size() >= 20) info.config_version = in.number<std::int64_t>();
  if (const auto flags = find_mark(data, 20)) {
    info.quorate = true;
    info.blank = (*flags & kFlagBlank) != 0;
    info.without_vote = (*flags & kFlagWithoutVote) != 0;
  }
  return info;
}

SharedBytes encode_leader_info() {
  Bytes out;
  put(out, std::int32_t{0x10000});
  put_mark(out, 0);
  return SharedBytes(std::move(out));
}

Result<LeaderInfo> decode_leader_info(ByteView data) {
  Cursor in(data);
  LeaderInfo info;
  info.protocol_version = in.number<std::int32_t>();
  if (in.missing) return make_error_code(CodecError::Malformed);
  info.quorate = find_mark(data, 4).has_value();
  return info;
}

SharedBytes encode_int(std::int32_t value) {
  Bytes out;
  put(out, value);
  return SharedBytes(std::move(out));
}

Result<std::int32_t> decode_int(ByteView data) {
  if (data.size() != sizeof(std::int32_t)) return make_error_code(CodecError::Malformed);
  return load_be<std::int32_t>(data.data());
}

QuorumPacket encode_request(const Request& request) {
  Bytes out;
  out.reserve(16 + request.body.size());
  put(out, request.session.value);
  put(out, request.cxid);
  put(out, request.op);
  append(out, request.body.view());
  return {PacketType::Request, kBlankZxid, SharedBytes(std::move(out)), request.authinfo};
}

Result<Request> decode_request(const QuorumPacket& packet) {
  if (!packet.data) return make_error_code(CodecError::Malformed);
  const ByteView data = packet.data->view();
  Cursor in(data);
  Request request;
  request.session = {in.number<std::int64_t>()};
  request.cxid = in.number<std::int32_t>();
  request.op = in.number<std::int32_t>();
  if (in.missing) return make_error_code(CodecError::Malformed);
  request.body = SharedBytes(copy_of(data.subspan(in.used())));
  request.authinfo = packet.authinfo;
  return request;
}

QuorumPacket encode_question(const RevalidateQuestion& question) {
  Bytes out;
  put(out, question.session.value);
  put(out, question.timeout_ms);
  return {PacketType::Revalidate, kBlankZxid, SharedBytes(std::move(out)), std::nullopt};
}

QuorumPacket encode_answer(const RevalidateAnswer& answer) {
  Bytes out;
  put(out, answer.session.value);
  put(out, static_cast<std::uint8_t>(answer.valid ? 1 : 0));
  return {PacketType::Revalidate, kBlankZxid, SharedBytes(std::move(out)), std::nullopt};
}

Result<RevalidateQuestion> decode_question(const QuorumPacket& packet) {
  if (!packet.data || packet.data->size() != 12) return make_error_code(CodecError::Malformed);
  Cursor in(packet.data->view());
  RevalidateQuestion question;
  question.session = {in.number<std::int64_t>()};
  question.timeout_ms = in.number<std::int32_t>();
  return question;
}

Result<RevalidateAnswer> decode_answer(const QuorumPacket& packet) {
  if (!packet.data || packet.data->size() != 9) return make_error_code(CodecError::Malformed);
  Cursor in(packet.data->view());
  RevalidateAnswer answer;
  answer.session = {in.number<std::int64_t>()};
  answer.valid = in.number<std::uint8_t>() != 0;
  return answer;
}

std::optional<std::string_view> reconfig_text(ByteView record) {
  constexpr std::int32_t kReconfigTxn = 16;
  constexpr std::size_t kTypeAt = 28;  // Behind client id, cxid, zxid and time.
  if (record.size() < kTypeAt + 4 ||
      load_be<std::int32_t>(record.data() + kTypeAt) != kReconfigTxn) {
    return std::nullopt;
  }
  Cursor in(record.subspan(kTypeAt + 4));
  if (const auto path = in.length(record.size())) in.take(*path);
  const auto size = in.length(record.size());
  if (!size) return std::nullopt;
  const ByteView data = in.take(*size);
  return in.done() ? std::optional(as_text(data)) : std::nullopt;
}

SharedBytes encode_designated(ServerId leader, ByteView record) {
  Bytes out;
  out.reserve(sizeof leader.value + record.size());
  put(out, leader.value);
  append(out, record);
  return SharedBytes(std::move(out));
}

Result<Designated> decode_designated(ByteView data) {
  Cursor in(data);
  Designated designated;
  designated.leader = {in.number<std::int64_t>()};
  if (!in.done()) return make_error_code(CodecError::Malformed);
  designated.record = data.subspan(in.used());
  return designated;
}

SharedBytes encode_touches(const std::vector<SessionTouch>& touches) {
  Bytes out;
  out.reserve(touches.size() * 12);
  for (const SessionTouch& touch : touches) {
    put(out, touch.session.value);
    put(out, touch.timeout_ms);
  }
  return SharedBytes(std::move(out));
}

Result<std::vector<SessionTouch>> decode_touches(ByteView data) {
  if (data.size() % 12 != 0) return make_error_code(CodecError::Malformed);
  std::vector<SessionTouch> touches;
  touches.reserve(data.size() / 12);
  Cursor in(data);
  while (in.used() < data.size()) {
    SessionTouch touch;
    touch.session = {in.number<std::int64_t>()};
    touch.timeout_ms = in.number<std::int32_t>();
    touches.push_back(touch);
  }
  return touches;
}

}  // namespace quorate::consensus
