#include "client-lib/src/recipes/steps.h"

#include <algorithm>

namespace quorate::client {

namespace {

/// So many reads in flight at once: far below ConnectOptions::pending_max, above any round trip.
constexpr std::size_t kBatch = 1024;

/// Answers of one batch of reads.
template <class Value>
struct Gathered {
  Gathered(std::size_t count, const Client& client)
      : left(count), bell(std::make_shared<Bell>(client)) {}

  void note(const std::string& name, ErrorCode error, Value value) {
    if (!error) {
      found.emplace(name, std::move(value));
    } else if (error != ErrorCode(Code::NoNode)) {
      fault = error;
    }
    if (--left == 0) bell->ring();
  }

  std::size_t left;
  BellPtr bell;
  std::map<std::string, Value> found;
  ErrorCode fault;
};

template <class Value>
using AskOne = void (*)(Client&, std::string, asio::any_completion_handler<void(ErrorCode, Value)>);

template <class Value>
asio::awaitable<Answer<std::map<std::string, Value>>> gather(JobPtr job, std::string folder,
                                                             std::vector<std::string> names,
                                                             AskOne<Value> ask) {
  std::map<std::string, Value> all;
  for (std::size_t begin = 0; begin < names.size();) {
    const std::size_t end = std::min(names.size(), begin + kBatch);
    auto batch = std::make_shared<Gathered<Value>>(end - begin, job->client());
    for (std::size_t i = begin; i < end; ++i) {
      auto note = [batch, name = names[i]](ErrorCode error, Value value) {
        batch->note(name, error, std::move(value));
      };
      ask(job->client(), folder.empty() ? names[i] : join_path(folder, names[i]), std::move(note));
    }
    while (batch->left > 0 && !job->why()) co_await Bell::wait(batch->bell);
    if (job->why()) co_return job->why();
    if (again(batch->fault)) continue;
    if (batch->fault) co_return batch->fault;
    all.merge(batch->found);
    begin = end;
  }
  co_return all;
}

void ask_stat(Client& client, std::string path, Client::StatHandler handler) {
  client.start_exists(std::move(path), Watcher(), std::move(handler));
}

/// One that may not be read is as one that is not there.
void ask_node(Client& client, std::string path,
              asio::any_completion_handler<void(ErrorCode, NodeAndChildren)> handler) {
  using Handler = asio::any_completion_handler<void(ErrorCode, NodeAndChildren)>;
  struct Both {
    explicit Both(Handler h) : handler(std::move(h)) {}
    Handler handler;
    NodeAndChildren found;
    ErrorCode error;
  };
  auto both = std::make_shared<Both>(std::move(handler));
  client.start_get_data(path, Watcher(), [both](ErrorCode error, GetDataReply node) {
    both->error = error;
    both->found.node = std::move(node);
  });
  // Operations of one thread complete in their order.
  client.start_get_children(path, Watcher(), [both](ErrorCode error, GetChildrenReply listing) {
    if (!both->error) both->error = error;
    if (both->error == ErrorCode(Code::NoAuth)) both->error = Code::NoNode;
    both->found.children = std::move(listing.children);
    std::move(both->handler)(both->error, std::move(both->found));
  });
}

void ask_data(Client& client, std::string path, Client::GetDataHandler handler) {
  client.start_get_data(std::move(path), Watcher(), std::move(handler));
}

}  // namespace

bool again(const ErrorCode& error) {
  return error == ErrorCode(Code::ConnectionLoss) || error == ErrorCode(Code::OperationTimeout);
}

std::string join_path(const std::string& folder, const std::string& name) {
  return folder == "/" ? "/" + name : folder + "/" + name;
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::string name_of_node(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Watcher ringing(BellPtr bell) {
  std::function<void(const WatchEvent&)> ring = [bell](const WatchEvent&) { bell->ring(); };
  return Watcher(std::move(ring));
}

asio::awaitable<Answer<GetChildrenReply>> list(JobPtr job, std::string path, Watcher watcher) {
  while (true) {
    auto [error, reply] = co_await job->client().async_get_children(path, watcher, kAwait);
    if (job->why()) co_return job->why();
    if (again(error)) continue;
    if (error) co_return error;
    co_return std::move(reply);
  }
}

asio::awaitable<Answer<GetDataReply>> read(JobPtr job, std::string path, Watcher watcher) {
  while (true) {
    auto [error, reply] = co_await job->client().async_get_data(path, watcher, kAwait);
    if (job->why()) co_return job->why();
    if (again(error)) continue;
    if (error) co_return error;
    co_return std::move(reply);
  }
}

asio::awaitable<Answer<Stat>> look(JobPtr job, std::string path, Watcher watcher) {
  while (true) {
    auto [error, stat] = co_await job->client().async_exists(path, watcher, kAwait);
    if (job->why()) co_return job->why();
    if (again(error)) continue;
    if (error) co_return error;
    co_return stat;
  }
}

asio::awaitable<ErrorCode> catch_up(JobPtr job, std::string path) {
  while (true) {
    auto [error] = co_await job->client().async_sync(path, kAwait);
    if (job->why()) co_return job->why();
    if (!again(error)) co_return error;
  }
}

asio::awaitable<ErrorCode> drop(JobPtr job, std::string path) {
  while (true) {
    auto [error] = co_await job->client().async_remove(path, kAnyVersion, kAwait);
    if (job->why()) co_return job->why();
    if (again(error)) continue;
    co_return error == ErrorCode(Code::NoNode) ? ErrorCode() : error;
  }
}

asio::awaitable<ErrorCode> make_path(JobPtr job, std::string path) {
  if (path.empty() || path == "/") co_return ErrorCode();
  for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    std::string part = path.substr(0, end);
    CreateOptions options;
    auto [error, reply] =
        co_await job->client().async_create(part, Buffer(""), std::move(options), kAwait);
    if (job->why()) co_return job->why();
    const bool there = !error || error == ErrorCode(Code::NodeExists);
    // NoAuth on an ancestor says nothing about the rest of the way.
    if (!there && error != ErrorCode(Code::NoAuth) && !again(error)) co_return error;
    if (end == std::string::npos) co_return ErrorCode();
  }
}

asio::awaitable<Answer<std::map<std::string, Stat>>> look_at_all(JobPtr job, std::string folder,
                                                                 std::vector<std::string> names) {
  return gather<Stat>(std::move(job), std::move(folder), std::move(names), &ask_stat);
}

asio::awaitable<Answer<std::map<std::string, GetDataReply>>> read_all(
    JobPtr job, std::string folder, std::vector<std::string> names) {
  return gather<GetDataReply>(std::move(job), std::move(folder), std::move(names), &ask_data);
}

asio::awaitable<Answer<std::map<std::string, NodeAndChildren>>> read_nodes(
    JobPtr job, std::vector<std::string> paths) {
  return gather<NodeAndChildren>(std::move(job), "", std::move(paths), &ask_node);
}

}  // namespace quorate::client
