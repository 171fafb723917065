#include "server/replica/applier.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/ensure.h"

namespace quorate::server {

namespace {

std::string describe_failure(const consensus::LogRecord& record, const ErrorCode& error) {
  std::string text = "txn cannot be applied zxid=" + to_string(record.zxid);
  Result<TxnHeader> header = znode::peek_header(record.bytes.view());
  if (header) text += " type=" + std::to_string(static_cast<std::int32_t>(header->type));
  return text + " error=\"" + error.message() +
         "\" action=\"report it; a member of an ensemble may move its data away, the leader syncs "
         "it\"";
}

/// A change that nobody watches is not counted, as in ZooKeeper.
void count_watchers(ReplicaMetrics& metrics, EventType type, std::size_t watchers) {
  if (watchers == 0) return;
  Summary& summary = type == EventType::NodeCreated           ? metrics.created_watches
                     : type == EventType::NodeDeleted         ? metrics.deleted_watches
                     : type == EventType::NodeChildrenChanged ? metrics.children_watches
                                                              : metrics.changed_watches;
  summary.add(static_cast<std::int64_t>(watchers));
}

}  // namespace

/// Bytes of path and data; a part of a multi counts with its path alone.
void Applier::count_writes(const znode::Outcome& outcome) {
  const std::size_t data =
      outcome.stat ? static_cast<std::size_t>(std::max(outcome.stat->data_length, 0)) : 0;
  for (const znode::Fire& fire : outcome.fires) {
    if (fire.type == EventType::NodeChildrenChanged) continue;
    metrics_.writes.add(fire.path, fire.path.size() + data);
  }
}

znode::Outcome Applier::apply(const consensus::LogRecord& record, znode::ReplayMode mode) {
  Result<znode::Outcome> outcome = znode::apply(tree_, record.bytes.view(), mode);
  if (!outcome) fatal(describe_failure(record, outcome.error()));
  ENSURE(outcome->header.zxid == record.zxid);
  count_writes(*outcome);
  if (watches_.size() > 0) notify(*outcome, record.zxid);
  return std::move(*outcome);
}

void Applier::set_config(std::string_view text, Zxid version, std::int64_t wall_ms) {
  const znode::Outcome outcome = znode::set_config(tree_, text, version, wall_ms);
  if (watches_.size() > 0) notify(outcome, tree_.last_applied());
}

void Applier::notify(const znode::Outcome& outcome, Zxid zxid) {
  for (const znode::Fire& fire : outcome.fires) {
    std::vector<ConnectionId> watchers = watches_.take(fire);
    if (watchers.empty()) continue;
    count_watchers(metrics_, fire.type, watchers.size());
    const AclList* acl = options_.skip_acl ? nullptr : znode::event_acl(tree_, fire);
    connections_.broadcast(fire, zxid, acl, std::move(watchers));
  }
  for (const znode::Outcome& part : outcome.parts) notify(part, zxid);
}

}  // namespace quorate::server
