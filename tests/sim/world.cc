#include "tests/sim/world.h"

#include "base/ensure.h"
#include "tests/sim/recipes/recipes.h"

namespace quorate::sim {
namespace {

[[noreturn]] void fatal_in_simulation(std::string_view what) {
  throw ServerFatal{std::string(what)};
}

}  // namespace

World::World(const Plan& the_plan, bool print)
    : plan(the_plan),
      random(the_plan.seed),
      scheduler(random.fork()),
      trace(scheduler, print),
      checks(*this),
      network(plan, scheduler, trace, random.fork()),
      nemesis(*this, random.fork()) {
  for (int id = 1; id <= plan.servers; ++id) {
    servers.push_back(std::make_unique<Server>(*this, id, random.fork()));
  }
  for (int number = 0; number < plan.clients; ++number) {
    clients.push_back(std::make_unique<Client>(*this, number, random.fork()));
  }
  if (plan.processes > 0) recipes = std::make_unique<Recipes>(*this, random.fork());
}

World::~World() = default;

void World::run_until(Micros when) {
  while (scheduler.step(when)) {
  }
}

/// ElectsLeader, Progress (hazards 8.4): a while after the last fault every client gets writes
/// through.
void World::check_progress() const {
  for (int number = 0; number < plan.clients; ++number) {
    auto last = checks.last_progress().find(number);
    if (last == checks.last_progress().end() || last->second < plan.faults_end) {
      throw Violation("no progress: client " + std::to_string(number) +
                      " got no write through since the faults ended");
    }
  }
}

Outcome World::run() {
  set_fatal_hook(fatal_in_simulation);
  Outcome outcome;
  try {
    for (auto& server : servers) {
      Micros pause = random.between(0, 200) * kMillisecond;
      scheduler.after(pause, [&server] {
        if (!server->alive()) server->start();
      });
    }
    for (auto& client : clients) {
      scheduler.after(random.between(0, 500) * kMillisecond, [&client] { client->start(); });
    }
    if (recipes) recipes->start();
    scheduler.after(plan.faults.any() ? random.between(0, 3) * kSecond : 0,
                    [this] { nemesis.start(); });
    run_until(plan.faults_end);
    nemesis.heal();
    run_until(plan.load_end);
    check_progress();
    if (recipes) recipes->check_progress();
    run_until(plan.end);
    settle();
    checks.finish();
    if (recipes) recipes->finish();
  } catch (const Violation& violation) {
    outcome.violation = violation.what();
  }
  recipes.reset();
  set_fatal_hook(nullptr);
  outcome.when = scheduler.now();
  outcome.hash = trace.hash();
  outcome.events = trace.events();
  outcome.commits = checks.committed_count();
  outcome.acknowledged = checks.acknowledged();
  return outcome;
}

/// The last txn may be a session's end an instant ago: gives it a moment to reach everybody.
void World::settle() {
  for (int i = 0; i < 200; ++i) {
    bool equal = true;
    for (const auto& server : servers) {
      equal = equal && server->alive() &&
              server->replica().tree().last_applied() == checks.last_committed();
    }
    if (equal) return;
    run_until(scheduler.now() + 10 * kMillisecond);
  }
}

}  // namespace quorate::sim
