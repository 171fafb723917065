// Sums and lists of what was asked of queues, counters and barriers, and what came of it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "tests/sim/scheduler.h"

namespace quorate::sim {

struct World;

enum class Done { Yes, No, Unknown };

/// A locking queue: what was put is done once, and not before it was worked on.
class QueueTally {
 public:
  explicit QueueTally(World& world) : world_(world) {}

  void put_begins(const std::string& item) { puts_[item] = Done::Unknown; }
  void put_ends(const std::string& item, Done done) { puts_[item] = done; }
  /// Returns what is wrong, or nothing.
  std::string taken(const std::string& node, const std::string& item);
  void worked(const std::string& item) { worked_.insert(item); }
  std::string acknowledged(const std::string& node, const std::string& item);
  void finish() const;

 private:
  World& world_;
  std::map<std::string, Done> puts_;  ///< By item; items differ.
  std::set<std::string> worked_;
  std::map<std::string, std::string> nodes_;         ///< Item by node.
  std::map<std::string, std::string> acknowledged_;  ///< Node by item.
};

/// A counter that only grows: between the sum of what was acknowledged and of what may have been.
class CounterTally {
 public:
  explicit CounterTally(World& world) : world_(world) {}

  void begins(std::int64_t delta) { perhaps_ += delta; }
  /// Returns what is wrong, or nothing.
  std::string ends(std::int64_t delta, Done done, std::int64_t before, std::int64_t after);
  void finish() const;

 private:
  World& world_;
  std::int64_t surely_ = 0, perhaps_ = 0;
  std::set<std::int64_t> seen_;  ///< What the counter was after an acknowledged change.
};

/// A barrier that is up or down, and double barriers, one path for each round.
class BarrierTally {
 public:
  explicit BarrierTally(World& world) : world_(world) {}

  // ---- Barrier
  bool down_between(Micros begin, Micros end) const;

  // ---- Double barrier
  std::string path_of(int round) const { return "/rounds/" + std::to_string(round); }
  /// The round that nobody has passed yet.
  int round() const { return round_; }
  std::string passed(int round, int process, SessionId session, std::size_t wanted);
  void leaves(int round, int process) { inside_.erase({round, process}); }
  /// `process` was told that all have left.
  std::string left(int round, int process) const;
  void life_over(int process);

  void committed();

 private:
  World& world_;
  std::vector<std::pair<Micros, bool>> up_;  ///< Since when the barrier is up or not.
  int round_ = 1;
  std::map<int, std::size_t> most_;  ///< How many were in at once, by round.
  std::map<std::pair<int, int>, SessionId> inside_;
};

}  // namespace quorate::sim
