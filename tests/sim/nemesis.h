// Faults at random moments, from the subset the plan has switched on, half of them around the
// leader: uniform choices seldom hit the interesting case.
#pragma once

#include <cstdint>
#include <optional>
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
  /// A leader sends the proposal of a reconfig.
  void reconfig_leaves(HostId leader, HostId learner);

 private:
  void next();
  void strike();
  bool left_out(const char* name) const;
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
  void rolling_restart();
  void roll(std::size_t index, Random lot);
  void client_crash();
  void wall_jump();
  void reconfig();
  void process_freeze();
  void process_crash();
  void process_cut();
  void process_drop();
  void process_restart();
  void cut_between(const std::vector<HostId>& side);

  World& world_;
  Random random_;  ///< When; and one lot for each strike, so that one left out shifts no other.
  Random lot_;     ///< Of the strike under way.
  std::uint64_t strikes_ = 0;
  bool rolling_ = false;
  std::optional<Random> cut_at_reconfig_;  ///< Of the strike that asked for the reconfig.
  std::vector<std::pair<const char*, void (Nemesis::*)()>> enabled_;
};

}  // namespace quorate::sim
