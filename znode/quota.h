// Quotas: what /zookeeper/quota says of a subtree (spec: tree-semantics 11). A quota on X stands in
// /zookeeper/quota<X>/zookeeper_limits; how much of it is used, in zookeeper_stats beside it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "znode/data_tree.h"

namespace quorate::znode {

/// The text of a limits or stats node: "count=N,bytes=N", and behind "=;" whatever else there is.
class QuotaText {
 public:
  /// Never fails: a pair that cannot be read counts as absent.
  explicit QuotaText(std::string_view text = {});

  std::int64_t count() const { return get("count"); }
  std::int64_t bytes() const { return get("bytes"); }
  std::int64_t count_hard() const { return get("countHardLimit"); }
  std::int64_t bytes_hard() const { return get("byteHardLimit"); }
  void set(std::int64_t count, std::int64_t bytes);

  /// As ZooKeeper writes it: old parsers stop at the "=" and do not see what is new.
  std::string text() const;

 private:
  std::int64_t get(const char* key) const;  ///< -1: absent, no limit.

  std::map<std::string, std::int64_t> values_;
};

struct QuotaUse {
  std::int64_t count = 0;
  std::int64_t bytes = 0;
};

/// The text of a stats node with `change` added.
std::string add_to_stats(std::string_view text, QuotaUse change);

/// Whether a txn at `path` may concern a quota's own nodes; quick, for the path of every write.
inline bool is_below_quota(std::string_view path) {
  return path.starts_with("/zookeeper/quota/");
}

/// The X of a limits or stats node; nothing for other nodes, and for the root, which has no quota.
std::optional<std::string_view> limited_by(std::string_view path);
std::optional<std::string_view> counted_by(std::string_view path);
std::string limits_path(std::string_view prefix);
std::string stats_path(std::string_view prefix);

/// The longest prefix of `path`, itself included, that `has_quota`; nothing when there is none.
template <class HasQuota>
std::optional<std::string_view> longest_quota(std::string_view path, HasQuota&& has_quota) {
  while (!path.empty()) {
    if (has_quota(path)) return path;
    path = path.substr(0, path.rfind('/'));
  }
  return std::nullopt;
}

/// A limit that a change goes beyond.
struct QuotaBreach {
  bool hard = false;
  const char* what = "";  ///< "count" or "bytes".
  std::int64_t would_be = 0;
  std::int64_t limit = 0;
};

/// What `change` would break; a hard limit before a soft one. Where both are set only the hard one
/// counts.
std::optional<QuotaBreach> quota_breach(const QuotaText& limits, const QuotaText& stats,
                                        QuotaUse change);

/// Metrics: limits and use by top-level node. -1: no limit.
struct QuotaRow {
  std::string name;  ///< "app" for quotas on /app and below.
  std::int64_t count_limit = 0, bytes_limit = 0, count = 0, bytes = 0;
};
/// By name. Costs a look at the quota nodes, so nothing without quotas.
std::vector<QuotaRow> quota_usage(const DataTree& tree);

}  // namespace quorate::znode
