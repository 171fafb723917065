// The differences that are allowed, each by a row of the specification. Whatever is not explained
// by one of these is a fault.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/differential/generator.h"
#include "tests/differential/item.h"
#include "tests/differential/request.h"

namespace quorate::differential {

enum class RuleId {
  EventZxid,
  WatchModes,
  WatcherTypes,
  AncestorWatch,
  MultiCreate2,
  MultiFlags,
  ExistsRead,
  Surrogates,
  CheckAlone,
  DeleteContainer,
  AuthOrder,
  Count,
};

struct Rule {
  const char* name;
  const char* source;  ///< The row of the specification, and what the older server does.
};

const Rule& rule(RuleId id);

/// Rewrites a pair of answers, so far as a rule says, into equal ones; counts what it did. The
/// first of a pair is always the oracle's.
class Normaliser {
 public:
  void begin_run();
  void new_connection(int slot);

  /// Drops events that servers before 3.9 send or keep for another reason than ours.
  void drop_events(int slot, std::vector<Item>& oracle, std::vector<Item>& ours);
  void event(Item& oracle, Item& ours);
  void reply(int slot, const Request& request, Item& oracle, Item& ours);
  void use(RuleId id) { ++uses_[static_cast<std::size_t>(id)]; }

  // ---- What watches there are, as far as a rule needs it --------------------------------------
  /// Every reply of ours, in order, behind reply().
  void note_reply(int slot, const Request& request, const Item& ours);
  void note_event(int slot, const Item& ours);

  void print() const;  ///< All rules with their uses, to stdout.

 private:
  enum Watch : unsigned { kData = 1, kChild = 2, kPersistent = 4, kRecursive = 8 };
  struct Watches {
    std::map<std::string, unsigned> on;     ///< Kinds set on a path.
    std::map<std::string, bool> uncertain;  ///< Several kinds on one path; true: also below it.
  };

  void note_watch(int slot, const std::string& path, unsigned kind);
  bool is_uncertain(int slot, const std::string& path) const;
  bool below_recursive(int slot, const std::string& path) const;
  bool anybody_watches(const std::string& path) const;
  void same_character(Item& oracle, Item& ours);
  void watch_query(int slot, const Request& request, Item& oracle, Item& ours);

  Watches watches_[kSlots];
  std::uint64_t uses_[static_cast<std::size_t>(RuleId::Count)] = {};
};

}  // namespace quorate::differential
