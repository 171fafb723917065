// Faults at random moments, from the subset the plan has switched on, half of them around the
// leader: uniform choices seldom hit the interesting case.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/sim/network.h"

namespace quorate::sim {

struct World;
class Server;

class Nemesis {
 public:
  Nemesis(World& world, Random random);
  void start();
  /// The end of all faults: everybody runs, every path is open.
  void heal();

 private:
  void next();
  void strike();
  Server& target();
  Micros down_time();
  Micros span();
  void crash();
  void crash_all();
  void partition();
  void one_way();
  void slow_link();
  void reset();
  void slow_disk();
  void freeze();
  void client_drop();
  void disk_error();
  void disk_full();
  void bit_flip();
  void cut_between(const std::vector<HostId>& side);

  World& world_;
  Random random_;
  std::vector<std::pair<const char*, void (Nemesis::*)()>> enabled_;
};

}  // namespace quorate::sim
