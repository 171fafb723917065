#include "tests/sim/recipes/wire.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::sim {
namespace {

constexpr const char* kMarks = "-__marks__/";

bool has_path(OpCode op) {
  switch (op) {
    case OpCode::Create:
    case OpCode::Create2:
    case OpCode::Delete:
    case OpCode::Exists:
    case OpCode::GetData:
    case OpCode::GetChildren2:
      return true;
    default:
      return false;
  }
}

std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

// ---- Out
// -----------------------------------------------------------------------------------------

Bytes Wire::leaves(const Bytes& frames) {
  FrameReader reader(64 << 20);
  const ErrorCode fault = reader.feed(frames, [this](ByteView frame) {
    if (std::exchange(shaken_out_, true)) asked(frame);
    return true;
  });
  ENSURE(!fault);
  ENSURE(reader.buffered() == 0);
  return frames;
}

void Wire::asked(ByteView frame) {
  JuteReader in(frame);
  RequestHeader header;
  decode(in, header);
  if (header.xid < 0) return;  // Pings and watches brought along.
  Asked asked{header.xid, header.type, {}};
  if (has_path(header.type)) asked.path = in.string();
  open_.push_back(std::move(asked));
}

// ---- In
// ------------------------------------------------------------------------------------------

Bytes Wire::arrives(ByteView bytes) {
  Bytes out;
  const ErrorCode fault = frames_.feed(bytes, [&](ByteView frame) {
    Bytes whole;
    append_frame(whole, [&](JuteWriter& writer) { writer.raw(frame); });
    if (!std::exchange(shaken_in_, true)) {
      if (auto answer = decode_all<ConnectResponse>(frame)) log_.session = answer->session_id;
      append(out, whole);
      return true;
    }
    JuteReader in(frame);
    ReplyHeader header;
    decode(in, header);
    Asked asked;
    if (header.xid > 0 && !open_.empty() && open_.front().xid == header.xid) {
      asked = std::move(open_.front());
      open_.pop_front();
      answered(header, asked, in.rest());
    }
    if (passes(header, asked, in.rest(), out)) append(out, whole);
    return true;
  });
  ENSURE(!fault);
  // Without a planted bug the client gets the bytes as they came, cut where they were cut.
  return log_.mutant == Mutant::None ? Bytes(bytes.begin(), bytes.end()) : out;
}

void Wire::ended() {
  for (const Asked& asked : open_) {
    const bool creates = asked.op == OpCode::Create2 || asked.op == OpCode::Create;
    if (creates) log_.lost_creates.insert(asked.path);
  }
  open_.clear();
}

void Wire::answered(const ReplyHeader& header, const Asked& asked, ByteView body) {
  const bool contender = name_in(asked.path).find("lock__") != std::string::npos;
  if (asked.op == OpCode::GetChildren2 && header.err == Code::NoNode && contender) {
    REACHED("predecessor gone before its watch");
  }
  if (asked.op == OpCode::Exists && asked.path.find(kMarks) != std::string::npos) {
    if (header.err == Code::Ok) REACHED("lost transaction found by its mark");
    if (header.err == Code::NoNode) REACHED("lost transaction not carried out");
  }
  if (asked.op != OpCode::GetData || header.err != Code::Ok) return;
  GetDataResponse reply;
  JuteReader in(body);
  decode(in, reply);
  if (reply.stat.ephemeral_owner == 0) return;
  for (const std::string& lost : log_.lost_creates) {
    if (!asked.path.starts_with(lost)) continue;
    const bool own = reply.stat.ephemeral_owner == log_.session.value;
    if (own && asked.path != lost) REACHED("create reply lost, node found by its GUID");
    if (!own) REACHED("node of the wanted name belongs to another session");
  }
}

/// What the planted bugs of this port change.
bool Wire::passes(const ReplyHeader& header, const Asked& asked, ByteView body, Bytes& out) {
  if (log_.mutant == Mutant::LoseEvents && header.xid == xid::kEvent) {
    JuteReader in(body);
    WatcherEvent event;
    decode(in, event);
    return event.type != EventType::NodeDeleted || !log_.random.percent(30);
  }
  if (log_.mutant == Mutant::LoseChildEvents && header.xid == xid::kEvent) {
    JuteReader in(body);
    WatcherEvent event;
    decode(in, event);
    return event.type != EventType::NodeChildrenChanged || !log_.random.percent(30);
  }
  if (log_.mutant == Mutant::ForgetMarks && asked.op == OpCode::Exists && header.err == Code::Ok &&
      asked.path.find(kMarks) != std::string::npos) {
    append_frame(out, [&](JuteWriter& writer) {
      encode(writer, ReplyHeader{header.xid, header.zxid, Code::NoNode});
    });
    return false;
  }
  if (log_.mutant == Mutant::TrustOwner && asked.op == OpCode::GetData && header.err == Code::Ok) {
    GetDataResponse reply;
    JuteReader in(body);
    decode(in, reply);
    if (reply.stat.ephemeral_owner != 0) reply.stat.ephemeral_owner = log_.session.value;
    append_frame(out, [&](JuteWriter& writer) {
      encode(writer, header);
      encode(writer, reply);
    });
    return false;
  }
  return true;
}

}  // namespace quorate::sim
