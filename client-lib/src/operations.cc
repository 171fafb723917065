// Operations on one node: records out, records in. Order as in client.h.
#include "client-lib/src/sender.h"
#include "quorate/client.h"

namespace quorate::client {

namespace {

ErrorCode read_stat(ByteView body, const std::string&, Stat& stat) {
  StatResponse response;
  const ErrorCode fault = read_record(body, response);
  stat = response.stat;
  return fault;
}

ErrorCode read_created(ByteView body, const std::string& chroot, CreateReply& reply) {
  Create2Response response;
  const ErrorCode fault = read_record(body, response);
  reply.path = strip_chroot(chroot, response.path);
  reply.stat = response.stat;
  return fault;
}

ErrorCode read_data(ByteView body, const std::string&, GetDataReply& reply) {
  GetDataResponse response;
  const ErrorCode fault = read_record(body, response);
  reply.data = std::move(response.data);
  reply.stat = response.stat;
  return fault;
}

ErrorCode read_children(ByteView body, const std::string&, GetChildrenReply& reply) {
  GetChildren2Response response;
  const ErrorCode fault = read_record(body, response);
  reply.children = std::move(response.children);
  reply.stat = response.stat;
  return fault;
}

ErrorCode read_acl(ByteView body, const std::string&, GetAclReply& reply) {
  GetAclResponse response;
  const ErrorCode fault = read_record(body, response);
  reply.acl = std::move(response.acl);
  reply.stat = response.stat;
  return fault;
}

ErrorCode read_count(ByteView body, const std::string&, std::int32_t& count) {
  JuteReader in(body);
  count = in.i32();
  return in.finish();
}

ErrorCode read_ephemerals(ByteView body, const std::string& chroot,
                          std::vector<std::string>& paths) {
  JuteReader in(body);
  for (const std::string& path : in.strings()) {
    // The prefix is one of text: "/app" also finds what is under "/apple".
    const bool inside = chroot.empty() || path == chroot || path.starts_with(chroot + "/");
    if (inside) paths.push_back(strip_chroot(chroot, path));
  }
  return in.finish();
}

ErrorCode read_identities(ByteView body, const std::string&, std::vector<AuthId>& identities) {
  JuteReader in(body);
  const std::size_t count = in.count(/*min_element_bytes=*/8);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    AuthId identity;
    identity.scheme = in.string();
    identity.id = in.string();
    identities.push_back(std::move(identity));
  }
  return in.finish();
}

ErrorCode read_config(ByteView body, const std::string& chroot, ConfigReply& reply) {
  GetDataReply data;
  const ErrorCode fault = read_data(body, chroot, data);
  reply.text = std::move(data.data).value_or("");
  reply.stat = data.stat;
  return fault;
}

/// The fields of exists, getData, getChildren2.
void put_read(Sender& sender, const Watcher& watcher) {
  std::string path = sender.wire_path();
  JuteWriter out = sender.body();
  out.string(path);
  out.boolean(watcher.sink() != nullptr);
  sender.watch(watcher, std::move(path));
}

void put_list(JuteWriter& out, const std::vector<std::string>& items) {
  std::optional<std::string> joined;
  for (const std::string& item : items) {
    if (joined) {
      *joined += "," + item;
    } else {
      joined = item;
    }
  }
  out.nullable_string(joined);
}

}  // namespace

OpCode create_op(CreateMode mode) {
  switch (mode) {
    case CreateMode::Container:
      return OpCode::CreateContainer;
    case CreateMode::PersistentWithTtl:
    case CreateMode::PersistentSequentialWithTtl:
      return OpCode::CreateTtl;
    default:
      return OpCode::Create2;
  }
}

void put_create(JuteWriter& out, OpCode op, const std::string& path, const Buffer& data,
                const CreateOptions& options) {
  out.string(path);
  out.buffer(data);
  out.acls(options.acl);
  out.i32(static_cast<std::int32_t>(options.mode));
  if (op == OpCode::CreateTtl) out.i64(options.ttl.count());
}

void Client::start_create(std::string path, Buffer data, CreateOptions options,
                          CreateHandler handler) {
  const OpCode op = create_op(options.mode);
  Sender sender(connection_, timeout_, op, "create");
  sender.path(std::move(path), is_sequential(options.mode));
  JuteWriter out = sender.body();
  put_create(out, op, sender.wire_path(), data, options);
  sender.go<CreateReply>(std::move(handler), read_created);
}

void Client::start_get_data(std::string path, Watcher watcher, GetDataHandler handler) {
  Sender sender(connection_, timeout_, OpCode::GetData, "getData");
  put_read(sender.path(std::move(path)), watcher);
  sender.go<GetDataReply>(std::move(handler), read_data);
}

void Client::start_set_data(std::string path, Buffer data, std::int32_t version,
                            StatHandler handler) {
  Sender sender(connection_, timeout_, OpCode::SetData, "setData");
  sender.path(std::move(path));
  JuteWriter out = sender.body();
  out.string(sender.wire_path());
  out.buffer(data);
  out.i32(version);
  sender.go<Stat>(std::move(handler), read_stat);
}

void Client::start_exists(std::string path, Watcher watcher, StatHandler handler) {
  Sender sender(connection_, timeout_, OpCode::Exists, "exists");
  put_read(sender.path(std::move(path)), watcher);
  sender.go<Stat>(std::move(handler), read_stat);
}

void Client::start_remove(std::string path, std::int32_t version, DoneHandler handler) {
  Sender sender(connection_, timeout_, OpCode::Delete, "delete");
  sender.path(std::move(path));
  sender.record(DeleteRequest{sender.wire_path(), version}).go(std::move(handler));
}

void Client::start_get_children(std::string path, Watcher watcher, GetChildrenHandler handler) {
  Sender sender(connection_, timeout_, OpCode::GetChildren2, "getChildren");
  put_read(sender.path(std::move(path)), watcher);
  sender.go<GetChildrenReply>(std::move(handler), read_children);
}

void Client::start_sync(std::string path, DoneHandler handler) {
  Sender sender(connection_, timeout_, OpCode::Sync, "sync");
  sender.path(std::move(path));
  sender.record(PathRequest{sender.wire_path()}).go(std::move(handler));
}

void Client::start_get_acl(std::string path, GetAclHandler handler) {
  Sender sender(connection_, timeout_, OpCode::GetAcl, "getAcl");
  sender.path(std::move(path));
  sender.record(PathRequest{sender.wire_path()}).go<GetAclReply>(std::move(handler), read_acl);
}

void Client::start_set_acl(std::string path, AclList acl, std::int32_t version,
                           StatHandler handler) {
  Sender sender(connection_, timeout_, OpCode::SetAcl, "setAcl");
  sender.path(std::move(path));
  sender.record(SetAclRequest{sender.wire_path(), std::move(acl), version})
      .go<Stat>(std::move(handler), read_stat);
}

void Client::start_add_auth(std::string scheme, std::string identity, DoneHandler handler) {
  Sender sender(connection_, timeout_, OpCode::Auth, "addAuth");
  // The scheme alone: an identity is a secret.
  const AuthPacket packet{0, scheme, std::move(identity)};
  sender.about(std::move(scheme)).record(packet).go(std::move(handler));
}

// ---- Watches -----------------------------------------------------------------------------------

void Client::start_add_watch(std::string path, AddWatchMode mode, Watcher watcher,
                             DoneHandler handler) {
  Sender sender(connection_, timeout_, OpCode::AddWatch, "addWatch");
  sender.path(std::move(path));
  if (!watcher.sink()) sender.refuse(Code::BadArguments);
  std::string wire = sender.wire_path();
  JuteWriter out = sender.body();
  out.string(wire);
  out.i32(static_cast<std::int32_t>(mode));
  sender.watch(watcher, std::move(wire), mode == AddWatchMode::PersistentRecursive);
  sender.go(std::move(handler));
}

void Client::start_remove_watches(std::string path, WatchType type, Watcher watcher, bool local,
                                  DoneHandler handler) {
  Sender sender(connection_, timeout_, OpCode::RemoveWatches, "removeWatches");
  sender.path(std::move(path));
  WatchRemoval removal;
  removal.type = type;
  removal.path = sender.wire_path();
  removal.local = local;
  JuteWriter out = sender.body();
  out.string(removal.path);
  out.i32(static_cast<std::int32_t>(type));
  sender.removal(std::move(removal), watcher).go(std::move(handler));
}

void Client::start_check_watches(std::string path, WatchType type, DoneHandler handler) {
  Sender sender(connection_, timeout_, OpCode::CheckWatches, "checkWatches");
  sender.path(std::move(path));
  JuteWriter out = sender.body();
  out.string(sender.wire_path());
  out.i32(static_cast<std::int32_t>(type));
  sender.go(std::move(handler));
}

// ---- The session and the ensemble --------------------------------------------------------------

void Client::start_get_ephemerals(std::string prefix, NamesHandler handler) {
  Sender sender(connection_, timeout_, OpCode::GetEphemerals, "getEphemerals");
  if (!prefix.starts_with('/')) sender.refuse(Code::BadArguments);
  JuteWriter out = sender.body();
  // The server takes "/" alone for all; behind a chroot it is text like any other.
  out.string(sender.chroot() + prefix);
  sender.about(std::move(prefix)).go<std::vector<std::string>>(std::move(handler), read_ephemerals);
}

void Client::start_get_all_children_number(std::string path, CountHandler handler) {
  Sender sender(connection_, timeout_, OpCode::GetAllChildrenNumber, "getAllChildrenNumber");
  sender.path(std::move(path));
  sender.record(PathRequest{sender.wire_path()}).go<std::int32_t>(std::move(handler), read_count);
}

void Client::start_who_am_i(IdentitiesHandler handler) {
  Sender sender(connection_, timeout_, OpCode::WhoAmI, "whoAmI");
  sender.go<std::vector<AuthId>>(std::move(handler), read_identities);
}

void Client::start_get_config(Watcher watcher, ConfigHandler handler) {
  const std::string path = "/zookeeper/config";  // Of the ensemble: under no chroot.
  Sender sender(connection_, timeout_, OpCode::GetData, "getConfig");
  sender.record(PathWatchRequest{path, watcher.sink() != nullptr});
  sender.watch(watcher, path).go<ConfigReply>(std::move(handler), read_config);
}

void Client::start_reconfig(ReconfigOptions options, ConfigHandler handler) {
  Sender sender(connection_, timeout_, OpCode::Reconfig, "reconfig");
  JuteWriter out = sender.body();
  put_list(out, options.joining);
  put_list(out, options.leaving);
  put_list(out, options.new_members);
  out.i64(options.from_config);
  sender.go<ConfigReply>(std::move(handler), read_config);
}

}  // namespace quorate::client
