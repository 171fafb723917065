// multi: several writes, all or none (spec: client-protocol 7, tree-semantics 6). Its prepare and
// apply run the rows of its parts; see op.cc.
#include "znode/ops/table.h"

namespace quorate::znode {
namespace {

constexpr std::int32_t kModes = 7;  // Flags 0..6

template <class Request>
bool skip(JuteReader& in) {
  Request request;
  decode(in, request);
  return in.ok();
}

template <class Request>
bool skip_create(JuteReader& in) {
  Request request;
  decode(in, request);
  return in.ok() && request.flags >= 0 && request.flags < kModes;
}

/// The result of a part carries the op that made it; all creates that answer with a Stat are one.
OpCode result_type(const Outcome& part) {
  switch (part.header.type) {
    case OpCode::CreateContainer:
    case OpCode::CreateTtl:
      return OpCode::Create2;
    default:
      return part.header.type;
  }
}

}  // namespace

bool skip_sub_write(OpCode op, JuteReader& in) {
  switch (op) {
    case OpCode::Create:
    case OpCode::Create2:
    case OpCode::CreateContainer:
      return skip_create<CreateRequest>(in);
    case OpCode::CreateTtl:
      return skip_create<CreateTtlRequest>(in);
    case OpCode::Delete:
      return skip<DeleteRequest>(in);
    case OpCode::SetData:
      return skip<SetDataRequest>(in);
    case OpCode::Check:
      return skip<CheckVersionRequest>(in);
    default:
      return false;
  }
}

Result<std::vector<SubRequest>> split_multi(ByteView body) {
  JuteReader in(body);
  std::vector<SubRequest> requests;
  while (true) {
    MultiHeader header;
    decode(in, header);
    if (ErrorCode fault = in.finish()) return fault;
    if (header.done) return requests;
    ByteView rest = in.rest();
    if (!skip_sub_write(header.type, in)) return Code::MarshallingError;
    requests.push_back({header.type, rest.first(rest.size() - in.remaining())});
  }
}

void reply_multi(JuteWriter& out, const Outcome& outcome) {
  for (const Outcome& part : outcome.parts) {
    const OpCode type = result_type(part);
    encode(out, MultiHeader{type, /*done=*/false, static_cast<std::int32_t>(part.error)});
    if (type == OpCode::Error) {
      out.i32(static_cast<std::int32_t>(part.error));
    } else if (const OpSpec* spec = find_spec(type); spec->reply != nullptr) {
      spec->reply(out, part);
    }
  }
  encode(out, MultiHeader{OpCode::Error, /*done=*/true, -1});
}

constinit const OpSpec kMulti = {.info = {OpCode::Multi, "multi", OpKind::Write},
                                 .reply = reply_multi};

}  // namespace quorate::znode
