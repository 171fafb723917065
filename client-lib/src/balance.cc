#include "client-lib/src/balance.h"

#include <algorithm>
#include <utility>

namespace quorate::client {

namespace {

void shuffle(std::vector<std::size_t>& order, Random& random) {
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random.below(i)]);
  }
}

/// True with probability share / of.
bool chance(std::size_t share, std::size_t of, Random& random) {
  return random.below(of) < share;
}

}  // namespace

Move plan_move(const std::vector<Host>& before, const std::vector<Host>& after,
               const std::optional<Host>& current, Random& random) {
  std::vector<std::size_t> kept, fresh;
  for (std::size_t i = 0; i < after.size(); ++i) {
    (holds(before, after[i]) ? kept : fresh).push_back(i);
  }
  shuffle(kept, random);
  shuffle(fresh, random);

  Move move;
  const bool stays = current && holds(after, *current);
  const bool grows = after.size() > before.size();
  if (!current || (stays && (!grows || chance(before.size(), after.size(), random)))) {
    move.order = kept;
    move.order.insert(move.order.end(), fresh.begin(), fresh.end());
    shuffle(move.order, random);
    // They count from the present one on.
    auto present = std::find_if(move.order.begin(), move.order.end(),
                                [&](std::size_t i) { return current && after[i] == *current; });
    if (present != move.order.end()) std::iter_swap(move.order.begin(), present);
    return move;
  }

  // Who leaves goes to the new servers, as many as it takes to fill them; when the ensemble grows
  // all who leave, else a share that leaves the kept servers with their part of those who must go.
  move.leave = true;
  const std::size_t share = grows ? 0 : kept.size() * (before.size() - after.size());
  const std::size_t of = grows ? 1 : after.size() * (before.size() - kept.size());
  while (!kept.empty() || !fresh.empty()) {
    const bool old = fresh.empty() || (!kept.empty() && chance(share, of, random));
    std::vector<std::size_t>& from = old ? kept : fresh;
    move.order.push_back(from.back());
    from.pop_back();
  }
  return move;
}

}  // namespace quorate::client
