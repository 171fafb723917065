#include "znode/quota.h"

#include <charconv>

#include "znode/node.h"
#include "znode/tree_impl.h"

namespace quorate::znode {
namespace {

constexpr std::string_view kRoot = "/zookeeper/quota";
constexpr std::string_view kLimits = "/zookeeper_limits";
constexpr std::string_view kStats = "/zookeeper_stats";
constexpr std::int64_t kNone = -1;

/// The counts are text that anybody may write, so a sum may overflow: it wraps, as in Java.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

/// "key=value", and whatever a further "=" begins is ignored. An empty value means no limit.
std::optional<std::int64_t> value_of(std::string_view pair, std::size_t equals) {
  std::string_view digits = pair.substr(equals + 1);
  digits = digits.substr(0, digits.find('='));
  if (digits.empty()) return kNone;
  if (digits.front() == '+') digits.remove_prefix(1);
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, fault] = std::from_chars(digits.data(), end, value);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<std::string_view> prefix_of(std::string_view path, std::string_view name) {
  if (!is_below_quota(path) || !path.ends_with(name)) return std::nullopt;
  path.remove_suffix(name.size());
  if (path.size() <= kRoot.size()) return std::nullopt;
  return path.substr(kRoot.size());
}

std::optional<QuotaBreach> breach_of(const char* what, std::int64_t change, std::int64_t soft,
                                     std::int64_t hard, std::int64_t used) {
  const bool is_hard = hard > kNone;
  const std::int64_t limit = is_hard ? hard : soft;
  if (change == 0 || limit <= kNone || sum(used, change) <= limit) return std::nullopt;
  return QuotaBreach{is_hard, what, sum(used, change), limit};
}

/// Without a limit ZooKeeper adds -1 per quota; so the sum may fall below it.
std::int64_t limit_of(std::int64_t hard, std::int64_t soft) {
  return hard > kNone ? hard : soft;
}

std::string top_name(std::string_view prefix) {
  prefix.remove_prefix(1);
  return std::string(prefix.substr(0, prefix.find('/')));
}

}  // namespace

QuotaText::QuotaText(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(",;");
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    if (const auto value = value_of(pair, equals)) {
      values_[std::string(pair.substr(0, equals))] = *value;
    }
  }
}

std::int64_t QuotaText::get(const char* key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? kNone : found->second;
}

void QuotaText::set(std::int64_t count, std::int64_t bytes) {
  values_["count"] = count;
  values_["bytes"] = bytes;
}

std::string QuotaText::text() const {
  std::string text = "count=" + std::to_string(count()) + ",bytes=" + std::to_string(bytes());
  bool first = true;
  for (const auto& [key, value] : values_) {
    if (key == "count" || key == "bytes") continue;
    text += (first ? "=;" : ";") + key + '=' + std::to_string(value);
    first = false;
  }
  return text;
}

std::string add_to_stats(std::string_view text, QuotaUse change) {
  QuotaText stats(text);
  stats.set(sum(stats.count(), change.count), sum(stats.bytes(), change.bytes));
  return stats.text();
}

std::optional<std::string_view> limited_by(std::string_view path) {
  return prefix_of(path, kLimits);
}
std::optional<std::string_view> counted_by(std::string_view path) {
  return prefix_of(path, kStats);
}
std::string limits_path(std::string_view prefix) {
  return std::string(kRoot).append(prefix).append(kLimits);
}
std::string stats_path(std::string_view prefix) {
  return std::string(kRoot).append(prefix).append(kStats);
}

std::optional<QuotaBreach> quota_breach(const QuotaText& limits, const QuotaText& stats,
                                        QuotaUse change) {
  const auto count =
      breach_of("count", change.count, limits.count(), limits.count_hard(), stats.count());
  if (count && count->hard) return count;
  const auto bytes =
      breach_of("bytes", change.bytes, limits.bytes(), limits.bytes_hard(), stats.bytes());
  return bytes && (bytes->hard || !count) ? bytes : count;
}

std::vector<QuotaRow> quota_usage(const DataTree& tree) {
  std::map<std::string, QuotaRow> rows;
  for (const std::string& prefix : tree.impl().quotas) {
    QuotaRow& row = rows[top_name(prefix)];
    const Node* limits = tree.find(limits_path(prefix));
    const Node* stats = tree.find(stats_path(prefix));
    if (limits != nullptr && limits->data()) {
      const QuotaText text(*limits->data());
      row.count_limit = sum(row.count_limit, limit_of(text.count_hard(), text.count()));
      row.bytes_limit = sum(row.bytes_limit, limit_of(text.bytes_hard(), text.bytes()));
    }
    if (stats != nullptr && stats->data()) {
      const QuotaText text(*stats->data());
      row.count = sum(row.count, text.count());
      row.bytes = sum(row.bytes, text.bytes());
    }
  }
  std::vector<QuotaRow> all;
  for (auto& [name, row] : rows) {
    row.name = name;
    all.push_back(std::move(row));
  }
  return all;
}

}  // namespace quorate::znode
