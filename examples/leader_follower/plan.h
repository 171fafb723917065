// Who is to do which job: the leader's decision, from what it sees, without any coordination.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace leader_follower {

/// The board as a leader sees it.
struct View {
  std::map<std::string, std::set<std::string>> assigned;  ///< Member to jobs; also of members gone.
  std::map<std::string, std::size_t> members;             ///< Who is there, to capacity.
  std::set<std::string> queue;                            ///< Every job that is not done.
};

struct Assignment {
  std::string member;
  std::string job;
  friend bool operator==(const Assignment&, const Assignment&) = default;
};

/// What is to be changed, in this order.
struct Plan {
  std::vector<Assignment> take_back;
  std::vector<std::string> dismiss;  ///< Members that are gone.
  std::vector<Assignment> give;
  bool empty() const { return take_back.empty() && dismiss.empty() && give.empty(); }
};

/// Takes back what members have that are gone, and gives what nobody has to members that have room,
/// each time to the one with least: first the jobs that were submitted first. What a living member
/// has it keeps, so a job is in one pair of hands until it is done or the hands are gone.
Plan make_plan(const View& view);

}  // namespace leader_follower
