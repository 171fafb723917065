#include "quorate/recipes/lock.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client-lib/src/blocking.h"
#include "client-lib/src/completion.h"
#include "client-lib/src/recipes/contender.h"
#include "quorate/recipes/sync_lock.h"

namespace quorate::client {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

struct Holder {
  ErrorCode error;
  std::string id;
};

asio::awaitable<Holder> read_holder(std::shared_ptr<Client> owned, std::string path) {
  Client& client = *owned;
  Holder out;
  while (true) {
    auto [error, reply] = co_await client.async_get_children(path, kAwait);
    if (error) {
      out.error = error;
      co_return out;
    }
    const std::vector<Place> line = places_in_line(reply.children);
    if (line.empty()) {
      out.error = Code::NoNode;
      co_return out;
    }
    const std::string first = path + "/" + line.front().name;
    auto [gone, node] = co_await client.async_get_data(first, kAwait);
    if (gone == ErrorCode(Code::NoNode)) continue;  // It left between the two reads.
    out.error = gone;
    if (!gone) out.id = node.data.value_or("");
    co_return out;
  }
}

asio::awaitable<void> run_holder(std::shared_ptr<Client> client, std::string path,
                                 Lock::HolderHandler handler) {
  const asio::any_io_executor strand = client->get_executor();
  Holder holder = co_await read_holder(std::move(client), std::move(path));
  post_completion(std::move(handler), strand, holder.error, std::move(holder.id));
}

}  // namespace

void Lock::start_acquire(std::chrono::milliseconds limit, AcquireHandler handler) {
  auto contender = std::make_shared<Contender>(client_, path_, id_);
  contender->start(limit, std::move(handler));
}

void Lock::start_holder(HolderHandler handler) {
  // Not make_shared: the borrowing constructor is for recipes alone.
  std::shared_ptr<Client> face(new Client(client_, Client::Borrow()));
  asio::co_spawn(client_.get_executor(), run_holder(std::move(face), path_, std::move(handler)),
                 asio::detached);
}

Reply<Hold> SyncLock::acquire(std::chrono::milliseconds limit) {
  Lock lock(client_.async_face(), path_, id_);
  return wait_for<Hold>("lock " + path_,
                        [&](auto handler) { lock.start_acquire(limit, std::move(handler)); });
}

Reply<std::string> SyncLock::holder() {
  Lock lock(client_.async_face(), path_, id_);
  return wait_for<std::string>("holder of " + path_,
                               [&](auto handler) { lock.start_holder(std::move(handler)); });
}

}  // namespace quorate::client
