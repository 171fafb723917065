// The processes of a run that use the real client library, and what is checked of them.
#pragma once

#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "tests/sim/recipes/promises.h"

namespace quorate::sim {

class Process;
struct World;

class Recipes {
 public:
  Recipes(World& world, Random random);
  ~Recipes();

  void start();
  /// Faults have stopped: whoever is paused runs on.
  void heal();
  /// Clients do not begin anything new from here on.
  void check_progress();
  void finish();

  bool uses(SessionId session) const;
  const Process& process(int number) const { return *processes_[static_cast<std::size_t>(number)]; }

  // ---- Faults
  void freeze(Random& lot);
  void crash(Random& lot, Micros down);
  void cut(Random& lot, Micros span);
  void drop(Random& lot);
  void restart(Random& lot);

  Promises promises;

 private:
  void check_end(const Process& process) const;
  Process& any(Random& lot);

  World& world_;
  Random random_;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace quorate::sim
