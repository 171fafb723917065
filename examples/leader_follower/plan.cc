#include "examples/leader_follower/plan.h"

#include <utility>

namespace leader_follower {

Plan make_plan(const View& view) {
  Plan plan;
  std::set<std::string> taken;
  for (const auto& [member, jobs] : view.assigned) {
    if (view.members.count(member) != 0) {
      taken.insert(jobs.begin(), jobs.end());
      continue;
    }
    for (const std::string& job : jobs) plan.take_back.push_back({member, job});
    plan.dismiss.push_back(member);
  }
  std::set<std::pair<std::size_t, std::string>> room;  // Load and name: the front has least.
  for (const auto& [member, capacity] : view.members) {
    const auto has = view.assigned.find(member);
    const std::size_t load = has == view.assigned.end() ? 0 : has->second.size();
    // A member without a place for assignments has not been seen whole: the next look will.
    if (has != view.assigned.end() && load < capacity) room.insert({load, member});
  }
  for (const std::string& job : view.queue) {
    if (room.empty()) break;
    if (taken.count(job) != 0) continue;
    auto [load, member] = std::move(room.extract(room.begin()).value());
    plan.give.push_back({member, job});
    if (load + 1 < view.members.at(member)) room.insert({load + 1, member});
  }
  return plan;
}

}  // namespace leader_follower
