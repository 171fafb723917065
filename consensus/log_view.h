// The recent log in memory, with the marks that say how far each record has come.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "consensus/input.h"

namespace quorate::consensus {

/// Marks, always: base <= applied <= committed <= last, applied <= synced <= last. The tail behind
/// `applied` is never evicted: it can still be cut (R18), or is still to be applied.
class LogView {
 public:
  struct Limits {
    std::size_t records = 500;
    std::size_t bytes = 16u << 20;
  };
  /// What recovery found; all of it is durable. `applied` is the zxid of the rebuilt tree.
  LogView(Limits limits, Zxid base, std::vector<LogRecord> records, Zxid applied);

  Zxid base() const { return base_; }  ///< The zxid just before the first record held.
  Zxid last() const { return records_.empty() ? base_ : records_.back().zxid; }
  Zxid synced() const { return synced_; }
  Zxid committed() const { return committed_; }
  Zxid applied() const { return applied_; }
  const std::deque<LogRecord>& records() const { return records_; }

  /// R6: the successor of last(), or the first one of a higher epoch.
  bool follows(Zxid zxid) const;
  void append(LogRecord record);
  void mark_synced(Zxid zxid);
  /// False, and nothing happens, when the cut would not end exactly on `after` (R20) or would reach
  /// below what is applied.
  bool truncate(Zxid after);
  /// A whole tree as of `zxid` has taken the place of log and tree.
  void reset(Zxid zxid);
  void commit(Zxid zxid);
  bool has_appliable() const { return committed_ > applied_ && synced_ > applied_; }
  /// Records that are committed and durable here, in order; moves applied().
  std::vector<LogRecord> take_appliable();

  const LogRecord* find(Zxid zxid) const;
  const LogRecord* next_after(Zxid zxid) const;
  /// Position in records() of the first record behind `zxid`.
  std::size_t index_after(Zxid zxid) const;

  /// Records behind `zxid` stay although they are applied: a running transfer needs them.
  void hold_from(std::optional<Zxid> zxid);
  void check() const;  ///< Order of the marks, shape of the zxids.

 private:
  void evict();
  bool holds(Zxid zxid) const { return zxid == base_ || find(zxid) != nullptr; }

  Limits limits_;
  Zxid base_;
  std::deque<LogRecord> records_;
  std::size_t bytes_ = 0;
  Zxid synced_;
  Zxid committed_;
  Zxid applied_;
  std::optional<Zxid> hold_from_;
};

/// Whether `next` may stand behind `last` in a log (R6).
bool continues(Zxid last, Zxid next);

}  // namespace quorate::consensus
