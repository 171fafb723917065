// Everything a client and a ZooKeeper server said to each other decodes and encodes to the same
// bytes; what is cut short is refused.
#include <map>

#include "golden/captures.h"
#include "znode/ops/table.h"
#include "znode/proto/records.h"

namespace quorate::golden {
namespace {

template <class Record>
void round_trip(ByteView body) {
  Result<Record> whole = decode_all<Record>(body);
  REQUIRE(whole.has_value());
  CHECK(encode_all(*whole) == Bytes(body.begin(), body.end()));
  for (std::size_t size = 0; size < body.size(); ++size) {
    Result<Record> cut = decode_all<Record>(body.first(size));
    // A shorter form may be legal (the handshake of old clients), but then it is that form.
    if (cut) CHECK(encode_all(*cut) == Bytes(body.begin(), body.begin() + std::ptrdiff_t(size)));
    if (!cut) CHECK(cut.error() == Code::MarshallingError);
  }
}

void round_trip_multi(ByteView body) {
  Result<std::vector<znode::SubRequest>> parts = znode::split_multi(body);
  REQUIRE(parts.has_value());
  Bytes again;
  JuteWriter out(again);
  for (const znode::SubRequest& part : *parts) {
    encode(out, MultiHeader{part.op, false, -1});
    out.raw(part.body);
  }
  encode(out, MultiHeader{OpCode::Error, true, -1});
  CHECK(again == Bytes(body.begin(), body.end()));
  for (std::size_t size = 0; size < body.size(); ++size) {
    CHECK_FALSE(znode::split_multi(body.first(size)).has_value());
  }
}

using RoundTrip = void (*)(ByteView);

const std::map<std::string, RoundTrip>& round_trips() {
  static const std::map<std::string, RoundTrip> table = {
      {"ConnectRequest", round_trip<ConnectRequest>},
      {"ConnectResponse", round_trip<ConnectResponse>},
      {"CreateRequest", round_trip<CreateRequest>},
      {"CreateResponse", round_trip<CreateResponse>},
      {"Create2Response", round_trip<Create2Response>},
      {"CreateTTLRequest", round_trip<CreateTtlRequest>},
      {"PathWatchRequest", round_trip<PathWatchRequest>},
      {"StatResponse", round_trip<StatResponse>},
      {"GetDataResponse", round_trip<GetDataResponse>},
      {"SetDataRequest", round_trip<SetDataRequest>},
      {"PathRequest", round_trip<PathRequest>},
      {"SyncResponse", round_trip<PathRequest>},
      {"GetACLResponse", round_trip<GetAclResponse>},
      {"GetChildrenResponse", round_trip<GetChildrenResponse>},
      {"GetChildren2Response", round_trip<GetChildren2Response>},
      {"CheckVersionRequest", round_trip<CheckVersionRequest>},
      {"DeleteRequest", round_trip<DeleteRequest>},
      {"SetACLRequest", round_trip<SetAclRequest>},
      {"AuthPacket", round_trip<AuthPacket>},
      {"Multi", round_trip_multi},
      {"WatcherEvent", round_trip<WatcherEvent>},
      {"SetWatches", round_trip<SetWatchesRequest>},
      {"SetWatches2", round_trip<SetWatches2Request>},
  };
  return table;
}

bool is_malformed_on_purpose(const Json& decoded) {
  const auto body = decoded.find("body");
  return body != decoded.end() && body->is_object() && body->contains("raw");
}

/// Requests that real servers answered with -5 as a whole.
bool is_refused_multi(const Json& line) {
  if (line["decoded"]["record"] != "Multi") return false;
  for (const Json& part : line["decoded"]["body"]) {
    const auto type = part["header"]["type"].get<std::int32_t>();
    const bool write = type == 1 || type == 2 || type == 5 || type == 13 || type == 15 ||
                       type == 19 || type == 21 || type == -1;
    if (!write) return true;
    const Json& body = part["body"];
    if (body.is_object() && body.contains("flags") && body["flags"].get<int>() > 6) return true;
  }
  return false;
}

/// Reads the header, checks it against the recorder's fields and leaves the record.
void check_header(const Json& line, const Json& header, ByteView& body) {
  const bool request = line["direction"] == "c2s";
  const std::size_t size = request ? 8 : 16;
  REQUIRE(body.size() >= size);
  if (request) {
    round_trip<RequestHeader>(body.first(size));
    const RequestHeader got = *decode_all<RequestHeader>(body.first(size));
    CHECK(got.xid == header["xid"].get<std::int32_t>());
    CHECK(static_cast<std::int32_t>(got.type) == header["type"].get<std::int32_t>());
  } else {
    round_trip<ReplyHeader>(body.first(size));
    const ReplyHeader got = *decode_all<ReplyHeader>(body.first(size));
    CHECK(got.xid == header["xid"].get<std::int32_t>());
    CHECK(got.zxid.value == header["zxid"].get<std::int64_t>());
    CHECK(static_cast<std::int32_t>(got.err) == header["err"].get<std::int32_t>());
  }
  body = body.subspan(size);
}

/// The record of a line, or nothing for lines without one.
std::size_t check_file(const std::string& file) {
  std::size_t checked = 0;
  each_line(file, [&](const Json& line) {
    CAPTURE(line["name"].get<std::string>());
    const Bytes frame = from_hex(line["hex"].get<std::string>());
    const Json& decoded = line["decoded"];
    if (frame.size() < 4 || !decoded.is_object() || is_malformed_on_purpose(decoded)) return;
    const auto record = decoded.find("record");
    if (record == decoded.end() || !record->is_string()) return;
    const auto round = round_trips().find(record->get<std::string>());
    if (round == round_trips().end()) return;
    REQUIRE(load_be<std::int32_t>(frame.data()) == static_cast<std::int32_t>(frame.size() - 4));
    ByteView body = ByteView(frame).subspan(4);
    if (decoded.contains("header")) check_header(line, decoded["header"], body);
    if (is_refused_multi(line)) {
      CHECK_FALSE(znode::split_multi(body).has_value());
    } else {
      round->second(body);
    }
    ++checked;
  });
  return checked;
}

Buffer buffer_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  const Bytes bytes = from_hex(value["hex"].get<std::string>());
  return std::string(as_text(bytes));
}

Stat stat_of(const Json& s) {
  return {s["czxid"],      s["mzxid"],       s["ctime"],    s["mtime"],
          s["version"],    s["cversion"],    s["aversion"], s["ephemeralOwner"],
          s["dataLength"], s["numChildren"], s["pzxid"]};
}

void check_connect_fields(const ConnectRequest& got, const Json& body) {
  CHECK(got.protocol_version == body["protocolVersion"].get<std::int32_t>());
  CHECK(got.last_zxid_seen.value == body["lastZxidSeen"].get<std::int64_t>());
  CHECK(got.timeout_ms == body["timeOut"].get<std::int32_t>());
  CHECK(got.session_id.value == body["sessionId"].get<std::int64_t>());
  CHECK(got.password == buffer_of(body["passwd"]));
  CHECK(got.read_only.has_value() == body.contains("readOnly"));
}

void check_create_fields(const CreateRequest& got, const Json& body) {
  CHECK(got.path == body["path"].get<std::string>());
  CHECK(got.data == buffer_of(body["data"]));
  CHECK(got.flags == body["flags"].get<std::int32_t>());
  if (body["acl"].is_null()) return;
  REQUIRE(got.acl.size() == body["acl"].size());
  for (std::size_t i = 0; i < got.acl.size(); ++i) {
    CHECK(got.acl[i].perms == body["acl"][i]["perms"].get<std::int32_t>());
    CHECK(got.acl[i].who.scheme == body["acl"][i]["id"]["scheme"].get<std::string>());
    CHECK(got.acl[i].who.id == body["acl"][i]["id"]["id"].get<std::string>());
  }
}

std::size_t check_fields(const std::string& file) {
  std::size_t checked = 0;
  each_line(file, [&](const Json& line) {
    const Json& decoded = line["decoded"];
    if (!decoded.is_object() || is_malformed_on_purpose(decoded)) return;
    const std::string record = decoded.value("record", Json()).is_string()
                                   ? decoded["record"].get<std::string>()
                                   : std::string();
    CAPTURE(line["name"].get<std::string>());
    const Bytes frame = from_hex(line["hex"].get<std::string>());
    const std::size_t header = !decoded.contains("header")  ? 4
                               : line["direction"] == "c2s" ? 12
                                                            : 20;
    if (frame.size() < header) return;
    const ByteView body = ByteView(frame).subspan(header);
    const Json fields = decoded.value("body", Json());
    ++checked;
    if (record == "ConnectRequest") {
      check_connect_fields(*decode_all<ConnectRequest>(body), fields);
    } else if (record == "CreateRequest") {
      check_create_fields(*decode_all<CreateRequest>(body), fields);
    } else if (record == "StatResponse") {
      CHECK(decode_all<StatResponse>(body)->stat == stat_of(fields["stat"]));
    } else if (record == "Create2Response") {
      CHECK(decode_all<Create2Response>(body)->stat == stat_of(fields["stat"]));
    } else if (record == "GetDataResponse") {
      const GetDataResponse got = *decode_all<GetDataResponse>(body);
      CHECK(got.data == buffer_of(fields["data"]));
      CHECK(got.stat == stat_of(fields["stat"]));
    } else {
      --checked;
    }
  });
  return checked;
}

}  // namespace

TEST_CASE("client wire: every recorded record decodes and encodes to the same bytes") {
  if (!available()) return;
  for (const char* file : {"captures/golden-3.8.0.jsonl", "captures/golden-3.9.5.jsonl"}) {
    CAPTURE(file);
    CHECK(check_file(file) > 180);
  }
}

TEST_CASE("client wire: decoded fields are those the recorder decoded") {
  if (!available()) return;
  for (const char* file : {"captures/golden-3.8.0.jsonl", "captures/golden-3.9.5.jsonl"}) {
    CAPTURE(file);
    CHECK(check_fields(file) > 60);
  }
}

}  // namespace quorate::golden
