#include "znode/ops/table.h"

#include <array>

#include "znode/acl.h"
#include "znode/acl_table.h"
#include "znode/path.h"
#include "znode/pending_impl.h"

namespace quorate::znode {
namespace {

// Ops without a function of the tree: the connection or the leader answers them.
constexpr OpSpec kSync = {.info = {OpCode::Sync, "sync", OpKind::Sync}};
constexpr OpSpec kPing = {.info = {OpCode::Ping, "ping", OpKind::Local}};
constexpr OpSpec kSetWatches = {.info = {OpCode::SetWatches, "setWatches", OpKind::Local}};
constexpr OpSpec kSetWatches2 = {.info = {OpCode::SetWatches2, "setWatches2", OpKind::Local}};

constexpr std::array kRows = {
    &kCreate,
    &kDelete,
    &kExists,
    &kGetData,
    &kSetData,
    &kGetAcl,
    &kSetAcl,
    &kGetChildren,
    &kSync,
    &kPing,
    &kGetChildren2,
    &kCheck,
    &kMulti,
    &kCreate2,
    &kReconfig,
    &kCheckWatches,
    &kRemoveWatches,
    &kCreateContainer,
    &kDeleteContainer,
    &kCreateTtl,
    &kMultiRead,
    &kSetWatches,
    &kGetEphemerals,
    &kGetAllChildrenNumber,
    &kSetWatches2,
    &kAddWatch,
    &kWhoAmI,
    &kCreateSession,
    &kCloseSession,
    &kErrorTxn,
};

/// Client ops are small numbers, so that a lookup is one load.
constexpr std::int32_t kFirst = -11, kLast = 107;

using Lookup = std::array<const OpSpec*, kLast - kFirst + 1>;

Lookup make_lookup() {
  Lookup lookup{};
  for (const OpSpec* row : kRows) {
    lookup[static_cast<std::size_t>(static_cast<std::int32_t>(row->info.code) - kFirst)] = row;
  }
  return lookup;
}

}  // namespace

const OpSpec* find_spec(OpCode code) {
  static const Lookup lookup = make_lookup();
  const auto value = static_cast<std::int32_t>(code);
  if (value < kFirst || value > kLast) return nullptr;
  return lookup[static_cast<std::size_t>(value - kFirst)];
}

const OpInfo& op_info(OpCode code) {
  static constexpr OpInfo unknown = {OpCode::Notification, "unknown", OpKind::Unknown};
  const OpSpec* spec = find_spec(code);
  return spec == nullptr ? unknown : spec->info;
}

bool Draft::session_alive() const {
  return caller.local || pending.session_alive(caller.session);
}

bool Draft::may(std::int32_t perm, const NodeState& node) const {
  return options.skip_acl || permits(view.acl_of(node), caller.identities, perm);
}

ErrorCode Draft::check_quota(std::string_view path, std::int64_t nodes, std::int64_t bytes) const {
  const PendingView::Impl& impl = pending.impl();
  if (!impl.has_quotas()) return {};
  return impl.check_quota(path, {nodes, bytes}, options.enforce_quota);
}

void ApplyContext::fire(EventType type, std::string_view path) const {
  if (outcome == nullptr) return;
  outcome->fires.push_back({type, std::string(shown_path(path))});
  if (header.type != OpCode::Multi) return;
  // Watches fire behind the whole multi, but what comes later in it may delete the node, or make
  // another one of its name: who may know is decided by the list of now.
  static const auto open = std::make_shared<const AclList>(open_acl());
  if (const std::optional<NodeState> node = state.find(path)) {
    outcome->fires.back().deleted_acl =
        node->acl == kOpenAcl ? open : std::make_shared<const AclList>(state.acl_of(*node));
  }
}

Result<std::int32_t> next_version(std::int32_t current, std::int32_t given) {
  if (given != kAnyVersion && given != current) return Code::BadVersion;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(current) + 1);
}

bool may_read(const ReadContext& context, const Node& node) {
  return context.options.skip_acl ||
         permits(context.tree.acls().list(node.acl()), context.caller.identities, perm::kRead);
}

void reply_path(JuteWriter& out, const Outcome& outcome) {
  out.string(outcome.path);
}
void reply_stat(JuteWriter& out, const Outcome& outcome) {
  out.stat(*outcome.stat);
}

void reply_path_and_stat(JuteWriter& out, const Outcome& outcome) {
  reply_path(out, outcome);
  reply_stat(out, outcome);
}

}  // namespace quorate::znode
