// create, create2, createContainer, createTTL (spec: tree-semantics 3, 4, 5).
#include "base/ensure.h"
#include "znode/acl.h"
#include "znode/ops/table.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

constexpr std::int64_t kTtlOwner = static_cast<std::int64_t>(0xff00000000000000ULL);
constexpr std::int64_t kTtlMask = 0xffffffffffLL;

ErrorCode check_mode(const Draft& draft, std::int32_t flags) {
  if (flags < 0 || flags > static_cast<std::int32_t>(CreateMode::PersistentSequentialWithTtl)) {
    return Code::BadArguments;
  }
  const auto mode = static_cast<CreateMode>(flags);
  const bool ttl =
      mode == CreateMode::PersistentWithTtl || mode == CreateMode::PersistentSequentialWithTtl;
  if (!ttl) return {};
  // Neither create nor create2 has a field for the time.
  return draft.options.extended_types_enabled ? Code::BadArguments : Code::Unimplemented;
}

/// CreateMode::Container is a plain node here: only createContainer makes containers.
Result<CreateTxn> prepare_create(const Draft& draft, const CreateRequest& request) {
  if (ErrorCode refused = check_mode(draft, request.flags)) return refused;
  const auto mode = static_cast<CreateMode>(request.flags);
  if (!draft.session_alive()) return Code::SessionExpired;
  if (!has_path_form(request.path)) return Code::BadArguments;
  Result<AclList> acl = fixed_acl(request.acl, draft.caller.identities, draft.options.acl_schemes);
  if (!acl) return acl.error();
  const NodeState* parent = draft.view.find(parent_path(request.path));
  if (parent == nullptr) return Code::NoNode;
  if (!draft.may(perm::kCreate, *parent)) return Code::NoAuth;
  const std::int32_t creates = parent->stat.cversion;
  std::string path = is_sequential(mode) ? with_sequence(request.path, creates) : request.path;
  if (!is_valid_path(path)) return Code::BadArguments;
  if (draft.view.find(path) != nullptr) return Code::NodeExists;
  if (is_session_owner(parent->stat.ephemeral_owner)) return Code::NoChildrenForEphemerals;
  // The counter wraps (spec: tree-semantics 4).
  const auto after = static_cast<std::int32_t>(static_cast<std::uint32_t>(creates) + 1);
  return CreateTxn{std::move(path), request.data, std::move(*acl), is_ephemeral(mode), after};
}

/// The parent counts creates and remembers the last. Never backwards: a replayed create may be
/// older than the parent that a fuzzy snapshot brought.
void count_create(const ApplyContext& context, NodeState& parent, std::int32_t cversion) {
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
  NodeState* parent = context.state.edit(parent_path(txn.path));
  if (parent == nullptr) {
    ENSURE(context.mode == ReplayMode::Fuzzy);
    return;
  }
  NodeState* node = context.state.edit(txn.path);
  if (node != nullptr) {
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
  node = &context.state.insert(*parent, txn.path, txn.data, txn.acl, stat);
  if (context.outcome == nullptr) return;
  context.outcome->path = txn.path;
  context.outcome->stat = client_stat(*node);
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
  add_node(context, txn, kTtlOwner | (txn.ttl_ms & kTtlMask));
}

constexpr auto kPrepareCreate = prepare_with<CreateRequest, CreateTxn, prepare_create>;

}  // namespace

constinit const OpSpec kCreate = write_op<CreateTxn, apply_create>(
    {OpCode::Create, "create", OpKind::Write}, kPrepareCreate, reply_path);
constinit const OpSpec kCreate2 = write_op<CreateTxn, apply_create>(
    {OpCode::Create2, "create2", OpKind::Write}, kPrepareCreate, reply_path_and_stat);
// Applied because a ZooKeeper leader may send them; not yet accepted from clients.
constinit const OpSpec kCreateContainer = write_op<CreateContainerTxn, apply_container>(
    {OpCode::CreateContainer, "createContainer", OpKind::Write}, nullptr, reply_path_and_stat);
constinit const OpSpec kCreateTtl = write_op<CreateTtlTxn, apply_ttl>(
    {OpCode::CreateTtl, "createTTL", OpKind::Write}, nullptr, reply_path_and_stat);

}  // namespace quorate::znode
