// multiRead: several reads in one round (spec: client-protocol 7).
#include "znode/ops/table.h"

namespace quorate::znode {
namespace {

bool is_read(OpCode op) {
  return op == OpCode::GetData || op == OpCode::GetChildren;
}

struct SubRead {
  OpCode op;
  std::string path;
};

/// Error: MarshallingError for what does not decode, an op that no multi may hold, or reads and
/// writes mixed. A request of writes alone gives one that says so by its op: it is taken apart, and
/// refused at its first part.
Result<std::vector<SubRead>> split_reads(JuteReader& in) {
  std::vector<SubRead> reads;
  bool first = true, writes = false;
  while (true) {
    MultiHeader header;
    decode(in, header);
    if (ErrorCode fault = in.finish()) return fault;
    if (header.done) break;
    const bool read = is_read(header.type);
    if (!first && writes == read) return Code::MarshallingError;
    first = false;
    writes = !read;
    if (writes) {
      if (!skip_sub_write(header.type, in)) return Code::MarshallingError;
      if (reads.empty()) reads.push_back({header.type, {}});
      continue;
    }
    PathWatchRequest request;
    decode(in, request);
    if (ErrorCode fault = in.finish()) return fault;
    reads.push_back({header.type, std::move(request.path)});
  }
  return reads;
}

void end_list(JuteWriter& out) {
  encode(out, MultiHeader{OpCode::Error, /*done=*/true, -1});
}

/// Each part has its own result; one that fails does not stop the others. Watch flags count for
/// nothing.
void read_part(const ReadContext& context, const SubRead& part, JuteWriter& out) {
  const std::size_t start = out.out().size();
  encode(out, MultiHeader{part.op, /*done=*/false, 0});
  const Bytes request = encode_all(PathWatchRequest{part.path, /*watch=*/false});
  const Code code = read(context, part.op, request, out);
  if (code == Code::Ok) return;
  out.out().resize(start);
  encode(out, MultiHeader{OpCode::Error, /*done=*/false, static_cast<std::int32_t>(code)});
  out.i32(static_cast<std::int32_t>(code));
}

Code read_many(const ReadContext& context, JuteReader& body, JuteWriter& out) {
  Result<std::vector<SubRead>> parts = split_reads(body);
  if (!parts) return to_code(parts.error());
  if (!parts->empty() && !is_read(parts->front().op)) {
    // The one refusal that has a body.
    end_list(out);
    return Code::MarshallingError;
  }
  for (const SubRead& part : *parts) read_part(context, part, out);
  end_list(out);
  return Code::Ok;
}

}  // namespace

constinit const OpSpec kMultiRead = {.info = {OpCode::MultiRead, "multiRead", OpKind::Read},
                                     .read = read_many};

}  // namespace quorate::znode
