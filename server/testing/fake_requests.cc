#include "server/testing/fake_requests.h"

#include <utility>

namespace quorate::testing {

namespace {

Op op_of(OpCode code) {
  switch (code) {
    case OpCode::Create:
    case OpCode::Create2:
    case OpCode::CreateContainer:
    case OpCode::CreateTtl:
      return Op::Create;
    case OpCode::Delete:
      return Op::Remove;
    case OpCode::Exists:
      return Op::Exists;
    case OpCode::GetData:
      return Op::GetData;
    case OpCode::SetData:
      return Op::SetData;
    case OpCode::GetChildren:
    case OpCode::GetChildren2:
      return Op::GetChildren;
    case OpCode::GetAcl:
      return Op::GetAcl;
    case OpCode::SetAcl:
      return Op::SetAcl;
    case OpCode::Sync:
      return Op::Sync;
    case OpCode::Multi:
      return Op::Commit;
    case OpCode::MultiRead:
      return Op::MultiRead;
    case OpCode::Auth:
      return Op::AddAuth;
    case OpCode::AddWatch:
      return Op::AddWatch;
    case OpCode::RemoveWatches:
      return Op::RemoveWatches;
    case OpCode::SetWatches:
    case OpCode::SetWatches2:
      return Op::RestoreWatches;
    case OpCode::CloseSession:
      return Op::Close;
    case OpCode::Ping:
      return Op::Ping;
    default:
      return Op::Other;
  }
}

template <class Record>
std::string path_in(JuteReader& in) {
  Record record;
  decode(in, record);
  return std::move(record.path);
}

/// Reads one part of a transaction to its end.
std::string path_of_part(OpCode type, JuteReader& in) {
  switch (type) {
    case OpCode::CreateTtl:
      return path_in<CreateTtlRequest>(in);
    case OpCode::Delete:
      return path_in<DeleteRequest>(in);
    case OpCode::SetData:
      return path_in<SetDataRequest>(in);
    case OpCode::Check:
      return path_in<CheckVersionRequest>(in);
    case OpCode::GetData:
    case OpCode::GetChildren:
      return path_in<PathWatchRequest>(in);
    default:
      return path_in<CreateRequest>(in);
  }
}

std::vector<std::string> paths_of_parts(JuteReader& in) {
  std::vector<std::string> paths;
  while (in.ok()) {
    MultiHeader header;
    decode(in, header);
    if (!in.ok() || header.done) break;
    paths.push_back(path_of_part(header.type, in));
  }
  return paths;
}

/// Whether its record begins with a path.
bool has_path(Op op) {
  switch (op) {
    case Op::AddAuth:
    case Op::RestoreWatches:
    case Op::Close:
    case Op::Ping:
    case Op::Other:
      return false;
    default:
      return true;
  }
}

}  // namespace

AskedFor asked_for(ByteView frame) {
  JuteReader in(frame);
  RequestHeader header;
  decode(in, header);
  AskedFor asked;
  asked.xid = header.xid;
  if (!in.ok()) return asked;
  asked.op = op_of(header.type);
  if (asked.op == Op::Commit || asked.op == Op::MultiRead) {
    asked.paths = paths_of_parts(in);
  } else if (has_path(asked.op)) {
    asked.paths.push_back(in.string());
  }
  return asked;
}

const char* name_of(Op op) {
  switch (op) {
    case Op::Any:
      return "any request";
    case Op::Connect:
      return "connect";
    case Op::Create:
      return "create";
    case Op::Remove:
      return "remove";
    case Op::Exists:
      return "exists";
    case Op::GetData:
      return "get_data";
    case Op::SetData:
      return "set_data";
    case Op::GetChildren:
      return "get_children";
    case Op::GetAcl:
      return "get_acl";
    case Op::SetAcl:
      return "set_acl";
    case Op::Sync:
      return "sync";
    case Op::Commit:
      return "commit";
    case Op::MultiRead:
      return "multi_read";
    case Op::AddAuth:
      return "add_auth";
    case Op::AddWatch:
      return "add_watch";
    case Op::RemoveWatches:
      return "remove_watches";
    case Op::RestoreWatches:
      return "restore_watches";
    case Op::Close:
      return "close";
    case Op::Ping:
      return "ping";
    case Op::Other:
      break;
  }
  return "other";
}

std::string to_string(const RequestRecord& record) {
  std::string text = std::to_string(record.when.count()) + " ms " +
                     quorate::to_string(record.session) + " " + name_of(record.op);
  if (!record.path.empty()) text += " " + record.path;
  return text + ": " + (record.answer ? std::string(keeper_name(*record.answer)) : "no answer");
}

}  // namespace quorate::testing
