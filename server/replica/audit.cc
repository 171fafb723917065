#include "server/replica/audit.h"

#include <map>
#include <optional>

#include "znode/proto/jute.h"

namespace quorate::server::audit {
namespace {

/// What a part of a request tells beside its outcome.
struct Told {
  const char* operation = nullptr;
  std::string path;
  const char* node_type = nullptr;
  std::optional<std::string> acl;
};

class Line {
 public:
  Line& add(std::string_view key, std::string_view value) {
    if (!text_.empty()) text_ += '\t';
    text_ += key;
    text_ += '=';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      text_ += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

const char* node_type(std::int32_t flags) {
  switch (static_cast<CreateMode>(flags)) {
    case CreateMode::Persistent:
      return "persistent";
    case CreateMode::Ephemeral:
      return "ephemeral";
    case CreateMode::PersistentSequential:
      return "persistent_sequential";
    case CreateMode::EphemeralSequential:
      return "ephemeral_sequential";
    case CreateMode::Container:
      return "container";
    case CreateMode::PersistentWithTtl:
      return "persistent_with_ttl";
    case CreateMode::PersistentSequentialWithTtl:
      return "persistent_sequential_with_ttl";
  }
  return nullptr;
}

std::string acl_text(const AclList& list) {
  std::string out;
  for (const Acl& acl : list) {
    if (!out.empty()) out += ',';
    out += acl.who.scheme + ':' + acl.who.id + ':';
    for (const auto& [bit, letter] : {std::pair{perm::kCreate, 'c'},
                                      {perm::kDelete, 'd'},
                                      {perm::kRead, 'r'},
                                      {perm::kWrite, 'w'},
                                      {perm::kAdmin, 'a'}}) {
      if ((acl.perms & bit) != 0) out += letter;
    }
  }
  return out;
}

/// Of a password only the user's name is told.
std::string users_of(std::span<const AuthId> identities) {
  std::string out;
  for (const AuthId& one : identities) {
    if (!out.empty()) out += ',';
    out += one.scheme == "digest" ? one.id.substr(0, one.id.find(':')) : one.id;
  }
  return out;
}

/// The next record of `in`; without an operation where ZooKeeper tells nothing of it.
Told told_of(OpCode op, JuteReader& in) {
  Told told;
  switch (op) {
    case OpCode::Create:
    case OpCode::Create2:
    case OpCode::CreateContainer: {
      CreateRequest request;
      decode(in, request);
      told = {"create", std::move(request.path), node_type(request.flags), {}};
      break;
    }
    case OpCode::CreateTtl: {
      CreateTtlRequest request;
      decode(in, request);
      told = {"create", std::move(request.path), node_type(request.flags), {}};
      break;
    }
    case OpCode::Delete:
    case OpCode::DeleteContainer: {
      DeleteRequest request;
      decode(in, request);
      told = {"delete", std::move(request.path), nullptr, {}};
      break;
    }
    case OpCode::SetData: {
      SetDataRequest request;
      decode(in, request);
      told = {"setData", std::move(request.path), nullptr, {}};
      break;
    }
    case OpCode::SetAcl: {
      SetAclRequest request;
      decode(in, request);
      told = {"setAcl", std::move(request.path), nullptr, acl_text(request.acl)};
      break;
    }
    case OpCode::Check: {
      CheckVersionRequest request;
      decode(in, request);
      break;
    }
    case OpCode::Reconfig:
      told = {"reconfig", "/zookeeper/config", nullptr, {}};
      break;
    default:
      break;
  }
  return told;
}

std::string line_of(const Asker& asker, const Told& told, bool worked) {
  Line line;
  line.add("session", to_string(asker.session)).add("user", users_of(asker.identities));
  line.add("ip", asker.address).add("operation", told.operation);
  if (!told.path.empty()) line.add("znode", told.path);
  if (told.node_type != nullptr) line.add("znode_type", told.node_type);
  if (told.acl) line.add("acl", *told.acl);
  return line.add("result", worked ? "success" : "failure").text();
}

void tell_parts(const Asker& asker, ByteView request, const znode::Outcome& outcome,
                const Sink& sink) {
  JuteReader in(request);
  for (const znode::Outcome& part : outcome.parts) {
    MultiHeader header;
    decode(in, header);
    if (!in.ok() || header.done) return;
    Told told = told_of(header.type, in);
    if (!part.path.empty()) told.path = part.path;
    if (told.operation != nullptr) sink(line_of(asker, told, /*worked=*/true));
  }
}

}  // namespace

bool concerns(OpCode op) {
  switch (op) {
    case OpCode::Create:
    case OpCode::Create2:
    case OpCode::CreateContainer:
    case OpCode::CreateTtl:
    case OpCode::Delete:
    case OpCode::DeleteContainer:
    case OpCode::SetData:
    case OpCode::SetAcl:
    case OpCode::Multi:
    case OpCode::Reconfig:
      return true;
    default:
      return false;
  }
}

void tell_request(const Asker& asker, OpCode op, ByteView request, const znode::Outcome& outcome,
                  const Sink& sink) {
  const bool worked = outcome.header.type != OpCode::Error && outcome.error == Code::Ok;
  if (op == OpCode::Multi) {
    bool all = worked;
    for (const znode::Outcome& part : outcome.parts) all = all && part.error == Code::Ok;
    if (all) return tell_parts(asker, request, outcome, sink);
    return sink(line_of(asker, {"multiOperation", "", nullptr, {}}, /*worked=*/false));
  }
  JuteReader in(request);
  Told told = told_of(op, in);
  if (told.operation == nullptr) return;
  if (!outcome.path.empty()) told.path = outcome.path;
  sink(line_of(asker, told, worked));
}

void tell_ephemerals(std::string_view server_user, const znode::Outcome& closed, const Sink& sink) {
  for (const znode::Fire& fire : closed.fires) {
    if (fire.type != EventType::NodeDeleted) continue;
    Line line;
    line.add("session", to_string(closed.header.client_id)).add("user", server_user);
    line.add("operation", "ephemeralZNodeDeletionOnSessionCloseOrExpire");
    sink(line.add("znode", fire.path).add("result", "success").text());
  }
}

std::string server_line(std::string_view server_user, std::string_view operation,
                        std::string_view result) {
  return Line().add("user", server_user).add("operation", operation).add("result", result).text();
}

}  // namespace quorate::server::audit
