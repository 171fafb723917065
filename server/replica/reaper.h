// Leader (and standalone): when to look for containers and TTL nodes to delete, and how fast to
// delete them (spec: tree-semantics 9).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "znode/reaper.h"

namespace quorate::server {

struct ReaperOptions {
  std::int64_t check_interval_ms = 60000;  ///< znode.container.checkIntervalMs
  std::int64_t max_per_minute = 10000;     ///< znode.container.maxPerMinute
  znode::ReapRules rules;
};

/// From lead() to stop(): one look per interval, spread over ticks; what it finds is handed out at
/// an even pace. A look begins only when the one before has been worked off.
class Reaper {
 public:
  explicit Reaper(const ReaperOptions& options) : options_(options) {}

  void lead(std::int64_t now_ms);
  void stop();

  /// Looks at a bounded number of nodes. `wall_ms` is the clock that the times of nodes are from.
  void tick(const znode::DataTree& tree, std::int64_t now_ms, std::int64_t wall_ms);
  /// The next node to delete, if its time has come; it stays the next one until taken().
  const std::string* due(std::int64_t now_ms) const;
  void taken(std::int64_t now_ms);

  const znode::ReapRules& rules() const { return options_.rules; }

  /// Nodes looked at per tick: about a millisecond's work.
  static constexpr std::size_t kLooksPerTick = 2000;

 private:
  bool leading_ = false;
  ReaperOptions options_;
  std::int64_t next_look_ms_ = 0;
  std::int64_t next_delete_us_ = 0;
  std::optional<znode::ReapScan> scan_;
  std::deque<std::string> queue_;
};

}  // namespace quorate::server
