#include "tests/sim/recipes/tallies.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace quorate::sim {

// ---- Queue
// ---------------------------------------------------------------------------------------

std::string QueueTally::taken(const std::string& node, const std::string& item) {
  const auto put = puts_.find(item);
  if (put == puts_.end()) return "item " + item + " was taken, but nobody has put it";
  if (put->second == Done::No) return "item " + item + " was taken, but its put was refused";
  const auto known = nodes_.emplace(node, item).first;
  if (known->second != item) return "node " + node + " held " + known->second + ", now " + item;
  const auto acknowledged = acknowledged_.find(item);
  if (acknowledged == acknowledged_.end() || acknowledged->second == node) return {};
  return "item " + item + " was put once and is there as " + acknowledged->second + " and " + node;
}

std::string QueueTally::acknowledged(const std::string& node, const std::string& item) {
  const auto [at, fresh] = acknowledged_.emplace(item, node);
  if (fresh) return {};
  return "item " + item + " was acknowledged twice, as " + at->second + " and as " + node;
}

void QueueTally::finish() const {
  for (const auto& [item, put] : puts_) {
    if (put == Done::Yes && !worked_.contains(item)) {
      throw Violation("item " + item + " was put and is lost: nobody has worked on it");
    }
    if (acknowledged_.contains(item) && !worked_.contains(item)) {
      throw Violation("item " + item + " was acknowledged, but not worked on");
    }
  }
  const ModelNode* entries = world_.checks.model().now("/queue/entries");
  if (entries != nullptr && !entries->children->empty()) {
    throw Violation("the queue still holds " + std::to_string(entries->children->size()) +
                    " items, the first " + *entries->children->begin());
  }
}

// ---- Counter
// -------------------------------------------------------------------------------------

std::string CounterTally::ends(std::int64_t delta, Done done, std::int64_t before,
                               std::int64_t after) {
  if (done == Done::Unknown) return {};
  perhaps_ -= delta;
  if (done == Done::No) return {};
  surely_ += delta;
  if (after - before != delta) return "the counter was told to add something else";
  if (!seen_.insert(after).second) {
    return "two changes have made the counter " + std::to_string(after);
  }
  return {};
}

void CounterTally::finish() const {
  const ModelNode* node = world_.checks.model().now("/counter");
  const std::string text = node != nullptr && node->data ? *node->data : "";
  const std::int64_t value = text.empty() ? 0 : std::stoll(text);
  if (value >= surely_ && value <= surely_ + perhaps_) return;
  throw Violation("the counter is " + std::to_string(value) + ", acknowledged were " +
                  std::to_string(surely_) + ", unknown " + std::to_string(perhaps_));
}

// ---- Barriers
// ------------------------------------------------------------------------------------

bool BarrierTally::down_between(Micros begin, Micros end) const {
  if (up_.empty() || up_.front().first > begin) return true;  // Before the first raise.
  for (std::size_t i = 0; i < up_.size(); ++i) {
    const Micros until = i + 1 < up_.size() ? up_[i + 1].first : end;
    if (!up_[i].second && up_[i].first <= end && until >= begin) return true;
  }
  return false;
}

std::string BarrierTally::passed(int round, int process, SessionId session, std::size_t wanted) {
  round_ = std::max(round_, round + 1);
  inside_[{round, process}] = session;
  if (most_[round] >= wanted) return {};
  return "round " + std::to_string(round) + " was passed with " + std::to_string(most_[round]) +
         " of " + std::to_string(wanted) + " participants in";
}

std::string BarrierTally::left(int round, int process) const {
  for (const auto& [who, session] : inside_) {
    if (who.first != round || who.second == process) continue;
    if (!world_.checks.model().session_alive(session)) continue;
    return "round " + std::to_string(round) + " was left by process " + std::to_string(process) +
           " while process " + std::to_string(who.second) + " was in it";
  }
  return {};
}

void BarrierTally::life_over(int process) {
  std::erase_if(inside_, [&](const auto& who) { return who.first.second == process; });
}

void BarrierTally::committed() {
  const Model& model = world_.checks.model();
  const bool up = model.now("/gate") != nullptr;
  if (up_.empty() ? up : up_.back().second != up) up_.emplace_back(world_.scheduler.now(), up);
  const ModelNode* path = model.now(path_of(round_));
  if (path == nullptr) return;
  const std::size_t in = path->children->size() - (path->children->contains("ready") ? 1 : 0);
  most_[round_] = std::max(most_[round_], in);
}

}  // namespace quorate::sim
