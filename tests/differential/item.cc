#include "tests/differential/item.h"

#include <algorithm>
#include <cstdio>

#include "znode/proto/jute.h"

namespace quorate::differential {

std::string hex_digits(ByteView bytes) {
  std::string text;
  char two[3];
  for (std::byte one : bytes) {
    std::snprintf(two, sizeof two, "%02x", std::to_integer<unsigned>(one));
    text += two;
  }
  return text;
}

namespace {

std::string quoted(std::string_view text) {
  std::string shown = "\"";
  char escape[5];
  for (char c : text.substr(0, 300)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || static_cast<unsigned char>(c) > 0x7e) {
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
      shown += escape;
    } else {
      shown += c;
    }
  }
  shown += '"';
  if (text.size() > 300) {
    shown += " of " + std::to_string(text.size()) + " bytes, hash " +
             std::to_string(std::hash<std::string_view>{}(text));
  }
  return shown;
}

std::string shown(const std::optional<std::string>& text) {
  return text ? quoted(*text) : "null";
}

/// Reads a body into fields, each under a prefix ("" or "2." within a multi).
class BodyReader {
 public:
  BodyReader(ByteView body, Item& item) : in_(body), item_(item) {}

  void plain(const std::string& name, std::string text) {
    item_.fields.push_back({prefix_ + name, Kind::Plain, std::move(text)});
  }
  void i32(const std::string& name) { plain(name, std::to_string(in_.i32())); }
  void string(const std::string& name) { plain(name, shown(in_.nullable_string())); }
  void buffer(const std::string& name) { plain(name, shown(in_.buffer())); }
  void zxid(const std::string& name) { number(name, Kind::Zxid, in_.i64()); }

  void number(const std::string& name, Kind kind, std::int64_t value, std::int64_t zxid = 0) {
    item_.fields.push_back({prefix_ + name, kind, {}, value, zxid});
  }

  void stat() {
    const Stat stat = in_.stat();
    number("czxid", Kind::Zxid, stat.czxid);
    number("mzxid", Kind::Zxid, stat.mzxid);
    number("ctime", Kind::Time, stat.ctime, stat.czxid);
    number("mtime", Kind::Time, stat.mtime, stat.mzxid);
    plain("version", std::to_string(stat.version));
    plain("cversion", std::to_string(stat.cversion));
    plain("aversion", std::to_string(stat.aversion));
    number("ephemeralOwner", Kind::Session, stat.ephemeral_owner);
    plain("dataLength", std::to_string(stat.data_length));
    plain("numChildren", std::to_string(stat.num_children));
    number("pzxid", Kind::Zxid, stat.pzxid);
  }

  /// Names whose order nobody promises.
  void names(const std::string& name) {
    std::vector<std::string> all;
    const std::int32_t count = in_.i32();
    for (std::int32_t i = 0; i < count && in_.ok(); ++i)
      all.push_back(shown(in_.nullable_string()));
    std::sort(all.begin(), all.end());
    plain(name, listed(count, all));
  }

  void acl() {
    std::vector<std::string> all;
    const std::int32_t count = in_.i32();
    for (std::int32_t i = 0; i < count && in_.ok(); ++i) {
      std::string one = std::to_string(in_.i32()) + ":";
      one += shown(in_.nullable_string()) + ":";
      one += shown(in_.nullable_string());
      all.push_back(std::move(one));
    }
    plain("acl", listed(count, all));
  }

  void identities() {
    std::vector<std::string> all;
    const std::int32_t count = in_.i32();
    for (std::int32_t i = 0; i < count && in_.ok(); ++i) {
      std::string scheme = shown(in_.nullable_string());
      all.push_back(scheme + ":" + shown(in_.nullable_string()));
    }
    std::sort(all.begin(), all.end());
    plain("identities", listed(count, all));
  }

  void multi() {
    for (int part = 0; in_.ok() && in_.remaining() > 0; ++part) {
      prefix_ = std::to_string(part) + ".";
      const std::int32_t type = in_.i32();
      plain("type", std::to_string(type));
      const bool done = in_.boolean();
      plain("done", done ? "1" : "0");
      i32("err");
      if (done) break;
      result(type);
    }
    prefix_.clear();
  }

  void response(std::int32_t op);

  void finish() {
    if (in_.finish()) plain("cut short", "yes");
    if (in_.remaining() > 0) plain("rest", hex_digits(in_.rest()));
  }

 private:
  static std::string listed(std::int32_t count, const std::vector<std::string>& all) {
    std::string text = std::to_string(count) + " [";
    for (const std::string& one : all) text += one + " ";
    return text + "]";
  }

  void result(std::int32_t type) {
    switch (static_cast<OpCode>(type)) {
      case OpCode::Error:
        return i32("result");
      case OpCode::GetChildren:
        return names("children");
      case OpCode::Create:
      case OpCode::Create2:
      case OpCode::SetData:
      case OpCode::GetData:
        return response(type);
      default:
        return;
    }
  }

  JuteReader in_;
  Item& item_;
  std::string prefix_;
};

void BodyReader::response(std::int32_t op) {
  switch (static_cast<OpCode>(op)) {
    case OpCode::Create:
    case OpCode::Sync:
      return string("path");
    case OpCode::Create2:
    case OpCode::CreateContainer:
    case OpCode::CreateTtl:
      string("path");
      return stat();
    case OpCode::Exists:
    case OpCode::SetData:
    case OpCode::SetAcl:
      return stat();
    case OpCode::GetData:
    case OpCode::Reconfig:
      buffer("data");
      return stat();
    case OpCode::GetAcl:
      acl();
      return stat();
    case OpCode::GetChildren:
      return names("children");
    case OpCode::GetChildren2:
      names("children");
      return stat();
    case OpCode::GetEphemerals:
      return names("ephemerals");
    case OpCode::GetAllChildrenNumber:
      return i32("totalNumber");
    case OpCode::AddWatch:
      return i32("result");
    case OpCode::WhoAmI:
      return identities();
    case OpCode::Sasl:
      return buffer("token");
    case OpCode::Multi:
    case OpCode::MultiRead:
      return multi();
    default:
      return;  // The header alone; anything else shows up as "rest".
  }
}

}  // namespace

Bytes Request::packet(int side) const {
  Bytes packet;
  JuteWriter out(packet);
  out.i32(xid);
  out.i32(op);
  out.raw(body);
  if (first_field) store_be(packet.data() + 8, first_field->zxid[side]);
  return packet;
}

const Field* Item::find(const std::string& name) const {
  for (const Field& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

Field* Item::find(const std::string& name) {
  return const_cast<Field*>(static_cast<const Item*>(this)->find(name));
}

std::string Item::text(const std::string& name) const {
  const Field* field = find(name);
  return field == nullptr ? "" : field->shown();
}

void Item::erase(const std::string& name) {
  std::erase_if(fields, [&](const Field& field) { return field.name == name; });
}

std::string Item::shown() const {
  std::string text = event ? "event" : "reply";
  for (const Field& field : fields) text += " " + field.name + "=" + field.shown();
  return text;
}

bool is_event(ByteView packet) {
  return packet.size() >= 4 && load_be<std::int32_t>(packet.data()) == xid::kEvent;
}

Item decode_event(ByteView packet) {
  Item item;
  item.event = true;
  BodyReader body(packet, item);
  body.i32("xid");
  body.zxid("zxid");
  body.i32("err");
  body.i32("type");
  body.i32("state");
  body.string("path");
  body.finish();
  return item;
}

Item decode_reply(ByteView packet, const Request& request) {
  Item item;
  BodyReader body(packet, item);
  body.i32("xid");
  body.zxid("zxid");
  if (packet.size() >= 16) item.err = load_be<std::int32_t>(packet.data() + 12);
  body.i32("err");
  if (item.err == 0) body.response(request.op);
  body.finish();
  return item;
}

Item decode_connect_response(ByteView packet) {
  Item item;
  JuteReader in(packet);
  BodyReader body(packet, item);
  body.plain("length", std::to_string(packet.size()));
  body.plain("protocolVersion", std::to_string(in.i32()));
  body.plain("timeOut", std::to_string(in.i32()));
  body.number("sessionId", Kind::Session, in.i64());
  const Buffer password = in.buffer();
  const bool zero = password && password->find_first_not_of('\0') == std::string::npos;
  body.plain("password", password ? std::to_string(password->size()) + (zero ? " zero" : "")
                                  : std::string("null"));
  if (in.remaining() > 0) body.plain("readOnly", std::to_string(in.i8()));
  return item;
}

// ---- Pairing ---------------------------------------------------------------------------------

std::string Pairing::zxid_difference(std::int64_t a, std::int64_t b) const {
  if (a <= 0 || b <= 0) return a == b ? "" : "not the same special value";
  const auto at = zxids_.lower_bound(a);
  if (at != zxids_.end() && at->first == a) {
    return at->second == b
               ? ""
               : "the first server's number stood for " + std::to_string(at->second) + " before";
  }
  if (const auto back = zxids_back_.find(b); back != zxids_back_.end()) {
    return "the second server's number stood for " + std::to_string(back->second) + " before";
  }
  const bool above = at == zxids_.begin() || std::prev(at)->second < b;
  const bool below = at == zxids_.end() || b < at->second;
  return above && below ? "" : "order of zxids is not the same";
}

std::string Pairing::session_difference(std::int64_t a, std::int64_t b) const {
  if (a == 0 || b == 0) return a == b ? "" : "one is 0";
  const auto at = sessions_.find(a);
  const auto back = sessions_back_.find(b);
  if (at == sessions_.end() && back == sessions_back_.end()) return "";
  if (at == sessions_.end() || back == sessions_back_.end() || at->second != b) {
    return "not the same session";
  }
  return "";
}

std::string Pairing::time_difference(const Field& a, const Field& b) const {
  if ((a.number == 0) != (b.number == 0)) return "one is 0";
  const Field* fields[] = {&a, &b};
  for (int side = 0; side < 2; ++side) {
    const auto at = times_[side].find(fields[side]->zxid);
    if (at != times_[side].end() && at->second != fields[side]->number) {
      return std::string(side == 0 ? "the first" : "the second") +
             " server gives one txn two times, also " + std::to_string(at->second);
    }
  }
  constexpr std::int64_t kMinute = 60'000;
  return std::abs(a.number - b.number) < kMinute ? "" : "more than a minute apart";
}

std::string Pairing::difference(const Item& a, const Item& b) const {
  if (a.event != b.event) return "an event and a reply";
  for (std::size_t i = 0; i < std::min(a.fields.size(), b.fields.size()); ++i) {
    const Field &one = a.fields[i], &other = b.fields[i];
    std::string why;
    if (one.name != other.name || one.kind != other.kind) return one.name + " and " + other.name;
    if (one.kind == Kind::Plain && one.text != other.text) why = "not the same";
    if (one.kind == Kind::Zxid) why = zxid_difference(one.number, other.number);
    if (one.kind == Kind::Session) why = session_difference(one.number, other.number);
    if (one.kind == Kind::Time) why = time_difference(one, other);
    if (!why.empty()) return one.name + ": " + why;
  }
  return a.fields.size() == b.fields.size() ? "" : "one has more fields";
}

void Pairing::learn(const Item& a, const Item& b) {
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    const Field &one = a.fields[i], &other = b.fields[i];
    if (one.kind == Kind::Zxid && one.number > 0) {
      zxids_[one.number] = other.number;
      zxids_back_[other.number] = one.number;
    } else if (one.kind == Kind::Session && one.number != 0) {
      sessions_[one.number] = other.number;
      sessions_back_[other.number] = one.number;
    } else if (one.kind == Kind::Time) {
      times_[0][one.zxid] = one.number;
      times_[1][other.zxid] = other.number;
    }
  }
}

}  // namespace quorate::differential
