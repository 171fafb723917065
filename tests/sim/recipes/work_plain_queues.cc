// Queues without acknowledgement: each item to one consumer, in its turn.
#include <algorithm>
#include <iterator>

#include "client-lib/src/recipes/entries.h"
#include "client-lib/src/recipes/job.h"
#include "client-lib/src/recipes/steps.h"
#include "quorate/recipes/queue.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::kAwait;
using client::Queue;
namespace asio = boost::asio;

namespace {

/// Time enough to empty the queues before the end.
Micros puts_end(const World& world) {
  return world.plan.load_end - 6 * kSecond;
}

asio::awaitable<void> produce(LifePtr life) {
  Queue plain(*life->face, kPlainQueues[0]), urgent(*life->face, kPlainQueues[1]);
  PlainQueues& queues = life->promises.plain_queues;
  for (int number = 0; goes_on(life) && life->world.scheduler.now() < puts_end(life->world);
       ++number) {
    const std::string item = life->name + "-" + std::to_string(number);
    const bool by_priority = life->random.percent(50);
    const int priority =
        by_priority ? static_cast<int>(life->random.below(3)) : Queue::kDefaultPriority;
    if (is_long(*life, kPlainQueues[by_priority ? 1 : 0])) {
      co_await sleep(life, 500 * kMillisecond);
      continue;
    }
    queues.put_begins(item);
    auto [error] = co_await (by_priority ? urgent : plain).async_put(item, priority, kAwait);
    if (life->over || is_end(error)) co_return;
    if (!error) queues.put_ends(item);
    const Micros pause = some_time(*life, 600 * kMillisecond);
    co_await sleep(life, pause);
  }
}

/// The mutant: asks again when the connection was lost, and takes an item that is gone then for one
/// that he has taken out himself.
asio::awaitable<client::Answer<std::string>> take_naively(LifePtr life, std::string path) {
  while (true) {
    auto [lost, listing] = co_await life->face->async_get_children(path, kAwait);
    if (life->over || is_end(lost)) co_return lost;
    const std::vector<std::string> names = client::entries_in_order(listing.children);
    for (const std::string& name : names) {
      const std::string node = path + "/" + name;
      auto [unread, item] = co_await life->face->async_get_data(node, kAwait);
      if (life->over || is_end(unread)) co_return unread;
      if (unread) continue;
      client::ErrorCode kept = Code::ConnectionLoss;
      bool in_doubt = false;
      while (client::again(kept)) {
        std::tie(kept) = co_await life->face->async_remove(node, client::kAnyVersion, kAwait);
        if (life->over || is_end(kept)) co_return kept;
        in_doubt = in_doubt || client::again(kept);
      }
      if (!kept || in_doubt) co_return std::move(*item.data);
    }
    const Micros pause = some_time(*life, 100 * kMillisecond);
    co_await sleep(life, pause);
    if (life->over) co_return client::ErrorCode(client::ClientErrc::Closed);
  }
}

asio::awaitable<client::Answer<std::string>> take(LifePtr life, Queue& queue, std::string path) {
  if (life->world.plan.mutant == Mutant::NaiveTake) co_return co_await take_naively(life, path);
  const auto limit = some_limit(*life);
  auto [error, item] = co_await queue.async_take(limit, kAwait);
  if (error) co_return error;
  co_return std::move(item);
}

asio::awaitable<void> consume(LifePtr life, std::string path) {
  Queue queue(*life->face, path);
  PlainQueues& queues = life->promises.plain_queues;
  std::int64_t seen = 0;
  while (!life->over) {
    // Until there is a session, and then now and then.
    if (life->face->session_id().value == 0 || life->random.percent(50)) {
      auto [error, stat] = co_await life->face->async_exists(path, kAwait);
      if (life->over || is_end(error)) co_return;
      if (!error) seen = std::max(seen, stat.pzxid);
    }
    const SessionId session = life->face->session_id();
    if (session.value == 0) continue;
    queues.take_begins(session);
    client::Answer<std::string> item = co_await take(life, queue, path);
    if (life->over || is_end(item.error)) co_return;
    if (item.error) continue;
    const std::string wrong = queues.taken(path, item.value, session, seen);
    if (!wrong.empty()) life->promises.fail(wrong);
    life->promises.progress("item of " + path, -1);
    const Micros pause = some_time(*life, 100 * kMillisecond);
    co_await sleep(life, pause);
  }
}

}  // namespace

asio::awaitable<void> work_plain_queues(LifePtr life) {
  for (const char* path : kPlainQueues) {
    life->promises.progress(std::string("item of ") + path, -1);
    beside(life, consume(life, path));
  }
  co_await produce(life);
}

}  // namespace quorate::sim
