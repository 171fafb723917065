#include "tests/sim/recipes/plain_queues.h"

#include <algorithm>
#include <cstdlib>

#include "base/ensure.h"
#include "tests/sim/world.h"

namespace quorate::sim {

/// "entry-100-0000000007". No run gets as far as the end of the numbers.
PlainQueues::Place PlainQueues::place_of(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  const std::size_t priority = name.rfind('-', dash - 1) + 1;
  return {std::atoi(name.c_str() + priority),
          static_cast<std::uint32_t>(std::atoll(name.c_str() + dash + 1))};
}

std::string PlainQueues::committed(const TxnHeader& header) {
  static const auto kNone = std::make_shared<const std::set<std::string>>();
  for (const std::string queue : kPlainQueues) {
    const ModelNode* node = world_.checks.model().now(queue);
    const auto now = node == nullptr ? kNone : node->children;
    auto& before = known_[queue];
    if (!before) before = kNone;
    if (before == now) continue;
    for (const std::string& name : *now) {
      if (before->contains(name)) continue;
      const std::string wrong = appeared(queue, name, header.zxid.value);
      if (!wrong.empty()) return wrong;
    }
    for (const std::string& name : *before) {
      if (!now->contains(name)) disappeared(queue, name, header);
    }
    before = now;
  }
  return {};
}

std::string PlainQueues::appeared(const std::string& queue, const std::string& name,
                                  std::int64_t zxid) {
  const std::string path = queue + "/" + name;
  const ModelNode* node = world_.checks.model().now(path);
  const std::string item = node->data.value_or("");
  if (!puts_.contains(item)) return path + " holds " + item + ", which nobody has put";
  const auto [known, fresh] = entries_.try_emplace(item);
  if (!fresh) {
    return "item " + item + " was put once and is in the queue as " + known->second.name +
           " and as " + name;
  }
  known->second = {queue, name, item, zxid, 0, {}, false};
  by_path_[path] = item;
  return {};
}

void PlainQueues::disappeared(const std::string& queue, const std::string& name,
                              const TxnHeader& header) {
  Entry& entry = entries_.at(by_path_.at(queue + "/" + name));
  entry.gone = header.zxid.value;
  entry.remover = header.client_id;
}

std::string PlainQueues::taken(const std::string& queue, const std::string& item, SessionId session,
                               std::int64_t seen) {
  --open_[session];
  const auto known = entries_.find(item);
  if (known == entries_.end()) return "item " + item + " was taken and has never been in a queue";
  Entry& entry = known->second;
  if (std::exchange(entry.taken, true)) return "item " + item + " was taken twice";
  if (entry.gone == 0) return "item " + item + " was taken and is in the queue";
  if (entry.remover != session) {
    return "item " + item + " was taken by session " + to_string(session) +
           " and taken out by session " + to_string(entry.remover);
  }
  const Place place = place_of(entry.name);
  bool overtakes = false;
  for (const auto& [other_item, other] : entries_) {
    if (other.queue != queue || other.taken || &other == &entry) continue;
    const bool there = other.gone == 0 || other.gone > entry.gone;
    if (there && place_of(other.name) < place && other.made <= seen) {
      return "item " + item + " (" + entry.name + ") was taken before " + other_item + " (" +
             other.name + "), which its consumer had to know";
    }
    overtakes = overtakes || (there && other.made < entry.made);
  }
  if (overtakes) REACHED("urgent item overtakes others");
  return {};
}

void PlainQueues::finish() const {
  std::map<SessionId, int> lost;
  for (const auto& [item, entry] : entries_) {
    if (entry.gone == 0) throw Violation("item " + item + " is left in " + entry.queue);
    if (!entry.taken) ++lost[entry.remover];
  }
  for (const auto& [session, count] : lost) {
    REACHED("queue item lost with its consumer");
    const auto open = open_.find(session);
    const int may = open == open_.end() ? 0 : open->second;
    if (count <= may) continue;
    throw Violation("session " + to_string(session) + " has taken out " + std::to_string(count) +
                    " items that nobody was given; so many of its calls ended without one: " +
                    std::to_string(may));
  }
  for (const auto& [item, put] : puts_) {
    if (put == Done::Yes && !entries_.contains(item)) {
      throw Violation("the put of item " + item + " was acknowledged, it has never been there");
    }
  }
}

}  // namespace quorate::sim
