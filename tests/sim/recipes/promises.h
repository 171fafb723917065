// What the recipes promise (docs/recipes.md), checked on what the processes that use them believe,
// on what the resources behind them are told, and on the committed history.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "tests/sim/recipes/config_history.h"
#include "tests/sim/recipes/plain_queues.h"
#include "tests/sim/recipes/tallies.h"
#include "tests/sim/scheduler.h"

namespace quorate::sim {

class Process;
struct World;

/// One who has won: from the moment it was told until it has stopped acting on it.
struct Claim {
  enum class Kind { Exclusive, Shared, Lease };
  std::string resource;
  Kind kind = Kind::Exclusive;
  int process = 0;
  std::int64_t token = 0;
  std::function<bool()> valid;  ///< What the recipe answers now.
  bool over = false;
};
using ClaimPtr = std::shared_ptr<Claim>;

/// A message to a resource on its way; the process may be paused or gone when it arrives.
struct Asked {
  bool answered = false;
  bool taken = false;      ///< False: refused for its token.
  std::int64_t value = 0;  ///< Read.
};
using AskedPtr = std::shared_ptr<Asked>;

class Promises {
 public:
  explicit Promises(World& world)
      : world_(world),
        queue(world),
        counter(world),
        barriers(world),
        plain_queues(world),
        config(world) {}

  /// The first broken promise; raise() throws it, outside of the library's frames.
  void fail(const std::string& what);
  void raise() const;

  // ---- One holder, or so many
  ClaimPtr won(const Process& process, std::string resource, Claim::Kind kind, std::int64_t token,
               std::function<bool()> valid);
  /// Looks at all claims of this process beside those of others.
  void check(int process);
  void life_over(int process);
  void expired(int process);
  std::size_t valid_claims(const std::string& prefix) const;

  // ---- Resources that know fencing tokens
  AskedPtr ask_read(const std::string& resource, std::int64_t token, Micros delay);
  AskedPtr ask_write(const std::string& resource, std::int64_t token, std::int64_t value,
                     Micros delay);

  // ---- Progress once faults have stopped
  /// Somebody waits for what must come, unless the process is paused or ends.
  std::uint64_t waits(const std::string& what, int process);
  void waits_no_more(std::uint64_t wait) { waiting_.erase(wait); }
  void progress(const std::string& what, int process);
  void check_progress() const;

  void committed(const TxnHeader& header);
  void finish();

  static constexpr std::size_t kLeases = 2;

 private:
  struct Fenced {
    std::int64_t highest = 0;
    std::int64_t value = 0;
    std::int64_t writes = 0;
  };
  struct Wait {
    std::string what;
    int process;
    Micros since;
  };

  bool believed(const Claim& claim) const;
  void check_pairs(const Claim& claim);
  void check_token(const Claim& claim);
  std::string name_of(const Claim& claim) const;

  World& world_;
  std::string broken_;
  std::vector<ClaimPtr> claims_;
  std::map<std::string, std::int64_t> last_token_;  ///< Of exclusive claims, by resource.
  std::map<std::string, Fenced> fenced_;
  std::map<std::uint64_t, Wait> waiting_;
  std::uint64_t next_wait_ = 1;
  std::map<std::pair<std::string, int>, Micros> progress_;

 public:
  QueueTally queue;
  CounterTally counter;
  BarrierTally barriers;
  PlainQueues plain_queues;
  ConfigHistory config;
};

}  // namespace quorate::sim
