#include "examples/leader_follower/plan.h"

#include <doctest/doctest.h>

#include "examples/leader_follower/board.h"

using namespace leader_follower;

namespace {

std::set<std::string> jobs(std::uint64_t first, std::uint64_t count) {
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < count; ++i) names.insert(number_name(first + i));
  return names;
}

/// The view after the plan has been carried out.
View after(View view, const Plan& plan) {
  for (const Assignment& one : plan.take_back) {
    CHECK(view.assigned.at(one.member).erase(one.job) == 1);
  }
  for (const std::string& member : plan.dismiss) {
    CHECK(view.assigned.at(member).empty());
    view.assigned.erase(member);
  }
  for (const Assignment& one : plan.give) {
    for (const auto& [member, has] : view.assigned) CHECK(has.count(one.job) == 0);
    CHECK(view.assigned.at(one.member).insert(one.job).second);
  }
  return view;
}

}  // namespace

TEST_CASE("plan: no member gets more than its capacity, no job two members") {
  View view{{{"a", {}}, {"b", {}}, {"c", {}}}, {{"a", 2}, {"b", 3}, {"c", 1}}, jobs(0, 10)};
  const View now = after(view, make_plan(view));
  CHECK(now.assigned.at("a").size() == 2);
  CHECK(now.assigned.at("b").size() == 3);
  CHECK(now.assigned.at("c").size() == 1);
  CHECK(make_plan(now).empty());
}

TEST_CASE("plan: who has least gets the next job, and jobs go out in their order") {
  View view{{{"a", {"000000"}}, {"b", {}}, {"c", {}}}, {{"a", 4}, {"b", 4}, {"c", 4}}, jobs(0, 4)};
  const std::vector<Assignment> expected = {{"b", "000001"}, {"c", "000002"}, {"a", "000003"}};
  CHECK(make_plan(view).give == expected);
}

TEST_CASE(
    "plan: what a member had that is gone is taken back, and given to others before the rest") {
  View view{{{"a", {"000003"}}, {"gone", {"000001", "000002"}}}, {{"a", 2}}, jobs(1, 9)};
  const Plan plan = make_plan(view);
  CHECK(plan.take_back == std::vector<Assignment>{{"gone", "000001"}, {"gone", "000002"}});
  CHECK(plan.dismiss == std::vector<std::string>{"gone"});
  CHECK(plan.give == std::vector<Assignment>{{"a", "000001"}});
  after(view, plan);
}

TEST_CASE("plan: a living member keeps what it has, also when others have nothing") {
  View view{{{"a", jobs(0, 4)}, {"b", {}}}, {{"a", 4}, {"b", 4}}, jobs(0, 4)};
  CHECK(make_plan(view).empty());
}

TEST_CASE("plan: a member without a place, or without capacity, gets nothing") {
  View view{{{"a", {}}}, {{"a", 0}, {"b", 3}}, jobs(0, 3)};
  CHECK(make_plan(view).empty());
}

TEST_CASE("plan: nobody there, or nothing to do: nothing happens") {
  CHECK(make_plan({{}, {}, jobs(0, 3)}).empty());
  CHECK(make_plan({{{"a", {}}}, {{"a", 3}}, {}}).empty());
}
