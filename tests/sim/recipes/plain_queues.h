// Queues whose items are taken out at once: what was put is in the queue once, goes to one consumer
// in its turn, and is lost only with that.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "tests/sim/recipes/tallies.h"
#include "znode/proto/records.h"

namespace quorate::sim {

/// In the order of arrival, and by priority.
inline constexpr const char* kPlainQueues[] = {"/plain", "/urgent"};

class PlainQueues {
 public:
  explicit PlainQueues(World& world) : world_(world) {}

  void put_begins(const std::string& item) { puts_[item] = Done::Unknown; }
  void put_ends(const std::string& item) { puts_[item] = Done::Yes; }

  /// A consumer that knows the queue as of pzxid `seen` is told that `item` is its own. Returns
  /// what is wrong, or nothing.
  std::string taken(const std::string& queue, const std::string& item, SessionId session,
                    std::int64_t seen);
  /// A take that was begun: until it has an item, one that it has removed may be lost with it.
  void take_begins(SessionId session) { ++open_[session]; }

  /// Returns what is wrong with the txn, or nothing.
  std::string committed(const TxnHeader& header);
  void finish() const;

 private:
  struct Entry {
    std::string queue, name, item;
    std::int64_t made = 0, gone = 0;  ///< Zxids.
    SessionId remover;
    bool taken = false;
  };
  /// Priority and number in one.
  using Place = std::pair<int, std::uint32_t>;
  static Place place_of(const std::string& name);

  std::string appeared(const std::string& queue, const std::string& name, std::int64_t zxid);
  void disappeared(const std::string& queue, const std::string& name, const TxnHeader& header);

  World& world_;
  std::map<std::string, Done> puts_;
  std::map<std::string, Entry> entries_;        ///< By item; items differ.
  std::map<std::string, std::string> by_path_;  ///< Item by path.
  std::map<SessionId, int> open_;               ///< Takes without an item.
  std::map<std::string, std::shared_ptr<const std::set<std::string>>> known_;
};

}  // namespace quorate::sim
