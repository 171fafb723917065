// getEphemerals (spec: tree-semantics 8).
#include "znode/ops/table.h"

namespace quorate::znode {
namespace {

/// Own session only. The prefix is one of text, not of path elements; null, blank and "/" mean all.
Code read_ephemerals(const ReadContext& context, JuteReader& body, JuteWriter& out) {
  std::string prefix = body.string();
  if (body.finish()) return Code::MarshallingError;
  if (prefix.find_first_not_of(" \t\r\n\f\v") == std::string::npos) prefix.clear();
  std::vector<std::string> found;
  for (const std::string& path : context.tree.ephemerals(context.caller.session)) {
    if (path.starts_with(prefix)) found.push_back(path);
  }
  out.strings(found);
  return Code::Ok;
}

}  // namespace

constinit const OpSpec kGetEphemerals = {
    .info = {OpCode::GetEphemerals, "getEphemerals", OpKind::Read}, .read = read_ephemerals};

}  // namespace quorate::znode
