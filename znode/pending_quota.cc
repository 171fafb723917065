// Quotas in the leader's view: two creates in one batch are both counted, though neither has
// reached the tree.
#include <algorithm>

#include "znode/pending_impl.h"
#include "znode/proto/error.h"

namespace quorate::znode {
namespace {

std::optional<std::string> copy(std::optional<std::string_view> text) {
  return std::string(text.value_or(std::string_view()));
}

std::optional<std::string> text_of(const Node* node) {
  return node == nullptr ? std::nullopt : copy(node->data());
}

bool is_at_or_below(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

QuotaNote note_of(std::string_view prefix, const QuotaBreach& breach, bool refused) {
  const std::string what(breach.what);
  QuotaNote note;
  note.text = "quota exceeded path=" + std::string(prefix) + ' ' + what + '=' +
              std::to_string(breach.would_be) + ' ' + (breach.hard ? "hardLimit=" : "softLimit=") +
              std::to_string(breach.limit) + (refused ? " refused" : "");
  prefix.remove_prefix(1);
  note.name = std::string(prefix.substr(0, prefix.find('/')));
  note.refused = refused;
  return note;
}

}  // namespace

ErrorCode PendingView::Impl::check_quota(std::string_view path, QuotaUse change,
                                         bool enforce) const {
  const auto prefix = quota_of(path);
  if (!prefix) return {};
  const PendingQuota found = quota(*prefix);
  if (!found.stats) return {};
  const auto breach = quota_breach(QuotaText(*found.limits), QuotaText(*found.stats), change);
  if (!breach) return {};
  const bool refused = enforce && breach->hard;
  quota_note = note_of(*prefix, *breach, refused);
  return refused ? ErrorCode(Code::QuotaExceeded) : ErrorCode();
}

/// The same steps in the same order as DataTree's.
void PendingView::Impl::quota_created(const std::string& path,
                                      std::optional<std::string_view> data) {
  if (const auto prefix = limited_by(path)) {
    quota_entry(*prefix).limits = copy(data);
  } else if (const auto counted = counted_by(path)) {
    const QuotaUse use = use_of(*counted);
    QuotaText text;
    text.set(use.count, use.bytes);
    quota_entry(*counted).stats = text.text();
  }
  add_use(path, {1, static_cast<std::int64_t>(data ? data->size() : 0)});
}

void PendingView::Impl::quota_deleted(const std::string& path, std::int64_t bytes) {
  if (const auto prefix = limited_by(path)) {
    quota_entry(*prefix).limits.reset();
  } else if (const auto counted = counted_by(path)) {
    quota_entry(*counted).stats.reset();
  }
  add_use(path, {-1, -bytes});
}

void PendingView::Impl::quota_changed(std::string_view path, std::optional<std::string_view> data,
                                      std::int64_t more) {
  if (const auto prefix = limited_by(path)) {
    quota_entry(*prefix).limits = copy(data);
  } else if (const auto counted = counted_by(path)) {
    quota_entry(*counted).stats = copy(data);
  }
  if (more != 0) add_use(path, {0, more});
}

void PendingView::Impl::add_use(std::string_view path, QuotaUse change) {
  const auto prefix = quota_of(path);
  if (!prefix) return;
  PendingQuota& entry = quota_entry(*prefix);
  if (entry.stats) entry.stats = add_to_stats(*entry.stats, change);
}

std::optional<std::string_view> PendingView::Impl::quota_of(std::string_view path) const {
  return longest_quota(path, [this](std::string_view one) {
    auto at = quotas_in_flight.find(one);
    return at == quotas_in_flight.end() ? tree.quotas.contains(one) : at->second.limits.has_value();
  });
}

PendingView::Impl::PendingQuota PendingView::Impl::quota(std::string_view prefix) const {
  if (auto at = quotas_in_flight.find(prefix); at != quotas_in_flight.end()) return at->second;
  return {text_of(tree.node_at(limits_path(prefix))), text_of(tree.node_at(stats_path(prefix))),
          Zxid{}};
}

PendingView::Impl::PendingQuota& PendingView::Impl::quota_entry(std::string_view prefix) {
  auto at = quotas_in_flight.find(prefix);
  const bool added = at == quotas_in_flight.end();
  if (remembering) {
    quota_undo_log.push_back(
        {std::string(prefix), added ? std::nullopt : std::optional(at->second)});
  }
  if (added) at = quotas_in_flight.emplace(std::string(prefix), quota(prefix)).first;
  if (at->second.last != zxid) quota_landings.push_back({zxid, at->first});
  at->second.last = zxid;
  return at->second;
}

/// What the tree holds, corrected by what is in flight.
QuotaUse PendingView::Impl::use_of(std::string_view prefix) const {
  QuotaUse use = tree.use_of(prefix);
  for (const auto& [path, node] : nodes) {
    if (!is_at_or_below(path, prefix)) continue;
    const Node* before = tree.node_at(path);
    if (node.exists) use.bytes += std::max(node.data_length, 0);
    if (before != nullptr) use.bytes -= std::max(before->data_length(), 0);
    use.count += (node.exists ? 1 : 0) - (before != nullptr ? 1 : 0);
  }
  return use;
}

}  // namespace quorate::znode
