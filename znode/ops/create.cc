// create, create2, createContainer, createTTL (spec: tree-semantics 3, 4, 5).
#include <optional>
#include <utility>

#include "base/ensure.h"
#include "znode/acl.h"
#include "znode/ops/table.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

/// What all four creates have in common.
struct Wish {
  const std::string& path;
  const Buffer& data;
  const AclList& acl;
  std::int32_t flags;
  std::optional<std::int64_t> ttl_ms;  ///< createTTL only.
};

/// What the node will be, once nothing speaks against it.
struct Settled {
  std::string path;
  AclList acl;
  std::int32_t parent_cversion;
};

/// The flags alone, and whether they fit the time: a TTL belongs to createTTL and to its flags
/// only.
ErrorCode check_mode(const Draft& draft, const Wish& wish) {
  constexpr auto kLast = static_cast<std::int32_t>(CreateMode::PersistentSequentialWithTtl);
  if (wish.flags < 0 || wish.flags > kLast) return Code::BadArguments;
  const auto mode = static_cast<CreateMode>(wish.flags);
  const bool ttl_mode =
      mode == CreateMode::PersistentWithTtl || mode == CreateMode::PersistentSequentialWithTtl;
  if (ttl_mode && !draft.options.extended_types_enabled) return Code::Unimplemented;
  if (ttl_mode != wish.ttl_ms.has_value()) return Code::BadArguments;
  const bool fits = !ttl_mode || (*wish.ttl_ms > 0 && *wish.ttl_ms <= std::int64_t{kTtlMask});
  return fits ? ErrorCode() : ErrorCode(Code::BadArguments);
}

/// In the order of tree-semantics 5: the first rule that is broken is the answer.
Result<Settled> settle(const Draft& draft, const Wish& wish) {
  if (ErrorCode refused = check_mode(draft, wish)) return refused;
  const auto mode = static_cast<CreateMode>(wish.flags);
  if (!draft.session_alive()) return Code::SessionExpired;
  // Nobody but its server would know when to delete it. (A container with such flags is nonsense,
  // for which ZooKeeper has the other code.)
  if (is_ephemeral(mode) && draft.caller.local) {
    const bool container = draft.op == OpCode::CreateContainer;
    return container ? Code::SessionExpired : Code::EphemeralOnLocalSession;
  }
  if (!has_path_form(wish.path)) return Code::BadArguments;
  Result<AclList> acl = fixed_acl(wish.acl, draft.caller.identities, draft.options.acl_schemes);
  if (!acl) return acl.error();
  const std::optional<NodeState> parent = draft.view.find(parent_path(wish.path));
  if (!parent) return Code::NoNode;
  if (!draft.may(perm::kCreate, *parent)) return Code::NoAuth;
  const std::int32_t creates = parent->stat.cversion;
  std::string path = is_sequential(mode) ? with_sequence(wish.path, creates) : wish.path;
  if (!is_valid_path(path)) return Code::BadArguments;
  if (draft.view.find(path)) return Code::NodeExists;
  if (is_session_owner(parent->stat.ephemeral_owner)) return Code::NoChildrenForEphemerals;
  const auto bytes = static_cast<std::int64_t>(wish.data ? wish.data->size() : 0);
  if (ErrorCode refused = draft.check_quota(path, 1, bytes)) return refused;
  // The counter wraps (spec: tree-semantics 4).
  const auto after = static_cast<std::int32_t>(static_cast<std::uint32_t>(creates) + 1);
  return Settled{std::move(path), std::move(*acl), after};
}

/// CreateMode::Container is a plain node here: only createContainer makes containers.
Result<CreateTxn> prepare_create(const Draft& draft, CreateRequest& request) {
  Result<Settled> node =
      settle(draft, {request.path, request.data, request.acl, request.flags, std::nullopt});
  if (!node) return node.error();
  const bool ephemeral = is_ephemeral(static_cast<CreateMode>(request.flags));
  return CreateTxn{std::move(node->path), std::move(request.data), std::move(node->acl), ephemeral,
                   node->parent_cversion};
}

/// A container whatever the flags say; they still may ask for a sequence number.
Result<CreateContainerTxn> prepare_container(const Draft& draft, CreateRequest& request) {
  Result<Settled> node =
      settle(draft, {request.path, request.data, request.acl, request.flags, std::nullopt});
  if (!node) return node.error();
  return CreateContainerTxn{std::move(node->path), std::move(request.data), std::move(node->acl),
                            node->parent_cversion};
}

Result<CreateTtlTxn> prepare_ttl(const Draft& draft, CreateTtlRequest& request) {
  Result<Settled> node =
      settle(draft, {request.path, request.data, request.acl, request.flags, request.ttl_ms});
  if (!node) return node.error();
  return CreateTtlTxn{std::move(node->path), std::move(request.data), std::move(node->acl),
                      node->parent_cversion, request.ttl_ms};
}

/// The parent counts creates and remembers the last. Never backwards: a replayed create may be
/// older than the parent that a fuzzy snapshot brought.
void count_create(const ApplyContext& context, NodeEdit& parent, std::int32_t cversion) {
  if (cversion == -1) {  // Logs before 3.4 have no such field.
    cversion = static_cast<std::int32_t>(static_cast<std::uint32_t>(parent.stat.cversion) + 1);
  }
  if (cversion <= parent.stat.cversion) return;
  parent.stat.cversion = cversion;
  parent.stat.pzxid = context.header.zxid.value;
  context.state.changed(parent);
}

template <class Record>
void add_node(const ApplyContext& context, const Record& txn, std::int64_t owner) {
  std::optional<NodeEdit> parent = context.state.edit(parent_path(txn.path));
  if (!parent) {
    ENSURE(context.mode == ReplayMode::Fuzzy);
    return;
  }
  if (std::optional<NodeEdit> node = context.state.edit(txn.path)) {
    // The snapshot took the node already; its ACL list may be missing there (ZOOKEEPER-4846).
    ENSURE(context.mode == ReplayMode::Fuzzy);
    count_create(context, *parent, txn.parent_cversion);
    context.state.set_acl(*node, txn.acl);
    context.state.changed(*node);
    return;
  }
  count_create(context, *parent, txn.parent_cversion);
  StoredStat stat;
  stat.czxid = stat.mzxid = stat.pzxid = context.header.zxid.value;
  stat.ctime = stat.mtime = context.header.time_ms;
  stat.ephemeral_owner = owner;
  const NodeState node = context.state.insert(*parent, txn.path, txn.data, txn.acl, stat);
  if (context.outcome == nullptr) return;
  context.outcome->path = txn.path;
  context.outcome->stat = client_stat(node);
  context.fire(EventType::NodeCreated, txn.path);
  context.fire(EventType::NodeChildrenChanged, parent_path(txn.path));
}

void apply_create(const ApplyContext& context, const CreateTxn& txn) {
  add_node(context, txn, txn.ephemeral ? context.header.client_id.value : 0);
}

void apply_container(const ApplyContext& context, const CreateContainerTxn& txn) {
  add_node(context, txn, kContainerOwner);
}

void apply_ttl(const ApplyContext& context, const CreateTtlTxn& txn) {
  add_node(context, txn, ttl_owner(txn.ttl_ms));
}

constexpr auto kPrepareCreate = prepare_with<CreateRequest, CreateTxn, prepare_create>;

}  // namespace

constinit const OpSpec kCreate = write_op<CreateTxn, apply_create>(
    {OpCode::Create, "create", OpKind::Write}, kPrepareCreate, reply_path);
constinit const OpSpec kCreate2 = write_op<CreateTxn, apply_create>(
    {OpCode::Create2, "create2", OpKind::Write}, kPrepareCreate, reply_path_and_stat);
constinit const OpSpec kCreateContainer = write_op<CreateContainerTxn, apply_container>(
    {OpCode::CreateContainer, "createContainer", OpKind::Write},
    prepare_with<CreateRequest, CreateContainerTxn, prepare_container>, reply_path_and_stat);
constinit const OpSpec kCreateTtl = write_op<CreateTtlTxn, apply_ttl>(
    {OpCode::CreateTtl, "createTTL", OpKind::Write},
    prepare_with<CreateTtlRequest, CreateTtlTxn, prepare_ttl>, reply_path_and_stat);

}  // namespace quorate::znode
