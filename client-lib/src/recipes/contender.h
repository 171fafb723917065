// One place in the line of a lock, an election, or one side of a read-write lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client-lib/src/recipes/own_node.h"
#include "quorate/recipes/hold.h"

namespace quorate::client {

/// Who stands in the line, and who bars whom: a contender waits for those that came before it and
/// bear one of the marks in `barring`. The marks are kazoo's, so that both may stand in one line.
struct LineRules {
  std::string mark;
  std::vector<std::string> barring;

  static LineRules exclusive() { return {"__lock__", {"__lock__"}}; }
  static LineRules writer() { return {"__lock__", {"__lock__", "__rlock__"}}; }
  static LineRules reader() { return {"__rlock__", {"__lock__"}}; }
};

/// A child of a lock's znode, as its name tells it.
struct Place {
  std::string name;
  std::int32_t sequence = 0;
};

/// Children that bear one of `marks`, in the order of their sequence numbers, compared in a circle
/// (pitfall 49). For display: who may hold a lock is decided by czxid.
std::vector<Place> places_in_line(const std::vector<std::string>& children,
                                  const std::vector<std::string>& marks);

class Contender final : public OwnNode {
 public:
  Contender(const Client& client, const std::string& path, std::string id, LineRules rules);

  /// Stands in line until it is our turn. On any error the place is given up in the background.
  static asio::awaitable<Answer<Hold>> acquire(std::shared_ptr<Contender> self, JobPtr job);

 private:
  static asio::awaitable<ErrorCode> await_turn(std::shared_ptr<Contender> self, JobPtr job);
  static asio::awaitable<ErrorCode> rank(std::shared_ptr<Contender> self, JobPtr job,
                                         std::vector<std::string> barring);

  const LineRules rules_;
  /// Those that bar us, by czxid. Who is not among them once it was read came after us.
  std::optional<std::set<std::pair<std::int64_t, std::string>>> before_;
};

}  // namespace quorate::client
