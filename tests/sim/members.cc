#include "tests/sim/members.h"

#include <utility>
#include <vector>

namespace quorate::sim {

std::string address_of(int server) {
  return "10.0.0." + std::to_string(server);
}

namespace {

std::string line(int server, Part part) {
  return "server." + std::to_string(server) + "=" + address_of(server) +
         ":2888:3888:" + (part == Part::Observer ? "observer" : "participant") + ";2181";
}

void add(std::optional<std::string>& list, const std::string& piece) {
  list = list ? *list + "," + piece : piece;
}

}  // namespace

std::optional<std::string> MembersIntent::joining() const {
  std::optional<std::string> list;
  for (const auto& [server, part] : members) {
    if (!anew && part != Part::None) add(list, line(server, part));
  }
  return list;
}

std::optional<std::string> MembersIntent::leaving() const {
  std::optional<std::string> list;
  for (const auto& [server, part] : members) {
    if (!anew && part == Part::None) add(list, std::to_string(server));
  }
  return list;
}

std::optional<std::string> MembersIntent::new_members() const {
  std::optional<std::string> list;
  for (const auto& [server, part] : members) {
    if (anew && part != Part::None) add(list, line(server, part));
  }
  return list;
}

consensus::Ensemble first_members(const Plan& plan, int server) {
  std::vector<consensus::Member> members;
  for (int id = 1; id <= plan.servers; ++id) {
    if (plan.joins(id) && id != server) continue;
    // Where clients find it, only where some look it up there.
    const char* client = plan.processes > 0 ? "0.0.0.0:2181" : "";
    members.push_back({ServerId{id}, address_of(id), 2888, 3888, plan.observes(id), client});
  }
  return consensus::Ensemble(std::move(members));
}

Part part_of(const consensus::Ensemble& ensemble, int server) {
  const consensus::Member* member = ensemble.find(ServerId{server});
  if (member == nullptr) return Part::None;
  return member->observer ? Part::Observer : Part::Voter;
}

std::string wrong_outcome(const MembersIntent& intent, const consensus::Ensemble& now,
                          const consensus::Ensemble& next, int servers) {
  for (int id = 1; id <= servers; ++id) {
    auto named = intent.members.find(id);
    Part expected = named != intent.members.end() ? named->second
                    : intent.anew                 ? Part::None
                                                  : part_of(now, id);
    if (part_of(next, id) != expected) {
      return "a reconfig gives server " + std::to_string(id) + " a part nobody asked for";
    }
  }
  return {};
}

}  // namespace quorate::sim
