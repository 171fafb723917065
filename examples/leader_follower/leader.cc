#include "examples/leader_follower/leader.h"

#include <cstdio>
#include <string_view>
#include <thread>
#include <utility>

#include "examples/leader_follower/say.h"
#include "examples/leader_follower/text.h"

namespace leader_follower {

namespace {

Code note_refusal(Board& board, const Options& options, const Term& term) {
  say(options, "refused: leader of term " + std::to_string(term.token) +
                   " is late, another has taken office");
  return board.count_refusal("leader");
}

}  // namespace

Code carry_out_late(Board& board, const Options& options, const LatePlan& late) {
  const auto taken = board.carry_out(late.term, late.plan);
  if (!taken) return taken.code;
  return taken.value == Taken::Refused ? note_refusal(board, options, late.term) : Code::Ok;
}

Code Leader::lead(qc::Hold& hold, std::optional<LatePlan>& late) {
  const auto term = board_.take_office(hold.token(), member_);
  if (!term) return term.code;
  if (term.value.token > hold.token()) {
    return note_refusal(board_, options_, {hold.token(), member_, 0});
  }
  say(options_, "leads: term " + std::to_string(hold.token()));
  hold.on_invalid([bell = &bell_] { bell->ring(); });
  while (hold.valid()) {
    View view;
    if (const Code code = look(view); code != Code::Ok) return code;
    const Plan plan = make_plan(view);
    if (plan.empty()) {
      bell_.wait();
      continue;
    }
    say(options_, "assigns: " + std::to_string(plan.give.size()) + " jobs, takes back " +
                      std::to_string(plan.take_back.size()));
    if (options_.delay_per_plan.count() > 0) std::this_thread::sleep_for(options_.delay_per_plan);
    // The hold is not asked again: however close to the change it were asked, a pause between the
    // two would make the answer worthless. The term decides.
    const auto taken = board_.carry_out(term.value, plan);
    if (!taken) {
      late = LatePlan{term.value, plan};
      return taken.code;
    }
    if (taken.value == Taken::Refused) return note_refusal(board_, options_, term.value);
  }
  return Code::Ok;
}

Code Leader::list(const std::string& place, std::vector<std::string>& names) {
  auto known = lists_.find(place);
  // A watch may be from an earlier term, whose list is gone.
  if (known == lists_.end() || !bell_.armed(place)) {
    auto read = board_.list(place, &bell_);
    if (!read) {
      lists_.erase(place);
      return read.code;
    }
    known = lists_.insert_or_assign(place, std::move(read.value)).first;
  }
  names = known->second;
  return Code::Ok;
}

Code Leader::look(View& view) {
  // In this order. A member joins together with its place, so one whose place was seen and who is
  // not among the members, read later, is gone. And a job that is done leaves the queue together
  // with its place, so one that was seen in nobody's hands, and is in the queue, read later, is
  // free; the check in carry_out() holds even so.
  std::vector<std::string> places, jobs, members, queue;
  if (const Code code = list("assigned", places); code != Code::Ok) return code;
  for (const std::string& member : places) {
    const Code code = list("assigned/" + member, jobs);
    if (code == Code::NoNode) continue;
    if (code != Code::Ok) return code;
    view.assigned[member].insert(jobs.begin(), jobs.end());
  }
  std::erase_if(lists_, [&](const auto& entry) {
    return entry.first.starts_with("assigned/") && view.assigned.count(entry.first.substr(9)) == 0;
  });
  if (const Code code = list("members", members); code != Code::Ok) return code;
  for (const std::string& member : members) view.members[member] = 0;
  if (const Code code = capacities(view); code != Code::Ok) return code;
  if (const Code code = list("queue", queue); code != Code::Ok) return code;
  view.queue.insert(queue.begin(), queue.end());
  return Code::Ok;
}

Code Leader::capacities(View& view) {
  std::erase_if(capacities_,
                [&](const auto& entry) { return view.members.count(entry.first) == 0; });
  for (auto& [member, capacity] : view.members) {
    auto known = capacities_.find(member);
    if (known == capacities_.end()) {
      const auto text = board_.read("members/" + member);
      // Gone meanwhile: no room. The watch on the members rings, and the next look sees it.
      if (text.code != Code::Ok && text.code != Code::NoNode) return text.code;
      if (!text) continue;
      std::size_t number = 0;
      take_number(std::string_view(text.value), number);
      known = capacities_.emplace(member, number).first;
    }
    capacity = known->second;
  }
  return Code::Ok;
}

}  // namespace leader_follower
