#include "quorate/retry.h"

#include <algorithm>

#include "client-lib/src/tries.h"

namespace quorate::client {

bool is_transient(const ErrorCode& error) {
  return error == ErrorCode(Code::ConnectionLoss) || error == ErrorCode(Code::OperationTimeout);
}

namespace {

/// Looks at the node `path`: is it what `creation` was to make?
asio::awaitable<Search> examine(TriesPtr tries, const Creation& creation, std::string path) {
  Search out;
  auto [error, node] = co_await tries->client->async_get_data(path, kTryAwait);
  if (error == ErrorCode(Code::NoNode)) co_return out;
  if (error) {
    out.found = Found::Failed;
    out.error = error;
    co_return out;
  }
  const bool owned = !is_ephemeral(creation.options.mode) ||
                     node.stat.ephemeral_owner == tries->client->session_id().value;
  // A GUID in the name says enough; a plain name is ours only with our data and our session.
  const bool named = !creation.name.empty();
  const bool certain = named || (is_ephemeral(creation.options.mode) && node.data == creation.data);
  out.found = owned && certain ? Found::Ours : Found::Theirs;
  out.reply.path = std::move(path);
  out.reply.stat = node.stat;
  co_return out;
}

}  // namespace

Creation plan_creation(const Client& client, std::string path, Buffer data, CreateOptions options) {
  Creation out;
  const std::size_t slash = path.rfind('/');
  if (is_sequential(options.mode) && slash != std::string::npos) {
    out.name = "_c_" + new_guid(client) + "-" + path.substr(slash + 1);
    out.parent = slash == 0 ? "/" : path.substr(0, slash);
    path = path.substr(0, slash + 1) + out.name;
  }
  out.path = std::move(path);
  out.data = std::move(data);
  out.options = std::move(options);
  return out;
}

asio::awaitable<Search> search_for(TriesPtr tries, const Creation& creation) {
  Search out;
  auto [unsynced] = co_await tries->client->async_sync(creation.path, kTryAwait);
  if (unsynced) {
    out.found = Found::Failed;
    out.error = unsynced;
    co_return out;
  }
  if (creation.name.empty()) co_return co_await examine(tries, creation, creation.path);
  auto [error, reply] = co_await tries->client->async_get_children(creation.parent, kTryAwait);
  if (error == ErrorCode(Code::NoNode)) co_return out;
  if (error) {
    out.found = Found::Failed;
    out.error = error;
    co_return out;
  }
  for (const std::string& child : reply.children) {
    if (!child.starts_with(creation.name)) continue;
    const std::string path = (creation.parent == "/" ? "" : creation.parent) + "/" + child;
    co_return co_await examine(tries, creation, path);
  }
  co_return out;
}

namespace {

asio::awaitable<Search> create_once(TriesPtr tries, const Creation& creation) {
  Search out;
  if (tries->in_doubt) {
    out = co_await search_for(tries, creation);
    if (out.found != Found::No) co_return out;
  }
  CreateOptions options = creation.options;
  auto [error, reply] = co_await tries->client->async_create(creation.path, creation.data,
                                                             std::move(options), kTryAwait);
  out.found = error ? Found::Failed : Found::Ours;
  out.error = error;
  out.reply = std::move(reply);
  co_return out;
}

asio::awaitable<void> run_create(TriesPtr tries, Creation creation, Client::CreateHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  Search result;
  do {
    result = co_await create_once(tries, creation);
  } while (result.found == Found::Failed && co_await tries->again(result.error));
  if (result.found == Found::Theirs) {
    const bool known = is_ephemeral(creation.options.mode);
    result.error = known ? ErrorCode(Code::NodeExists) : ErrorCode(ClientErrc::OutcomeUnknown);
  }
  finish_tries(tries, std::move(handler), result.error, std::move(result.reply));
}

asio::awaitable<void> run_get_data(TriesPtr tries, std::string path, Watcher watcher,
                                   Client::GetDataHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  GetDataReply reply;
  do {
    std::tie(error, reply) = co_await tries->client->async_get_data(path, watcher, kTryAwait);
  } while (co_await tries->again(error));
  finish_tries(tries, std::move(handler), error, std::move(reply));
}

asio::awaitable<void> run_exists(TriesPtr tries, std::string path, Watcher watcher,
                                 Client::StatHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  Stat stat;
  do {
    std::tie(error, stat) = co_await tries->client->async_exists(path, watcher, kTryAwait);
  } while (co_await tries->again(error));
  finish_tries(tries, std::move(handler), error, stat);
}

asio::awaitable<void> run_get_children(TriesPtr tries, std::string path, Watcher watcher,
                                       Client::GetChildrenHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  GetChildrenReply reply;
  do {
    std::tie(error, reply) = co_await tries->client->async_get_children(path, watcher, kTryAwait);
  } while (co_await tries->again(error));
  finish_tries(tries, std::move(handler), error, std::move(reply));
}

asio::awaitable<void> run_sync(TriesPtr tries, std::string path, Client::DoneHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  do {
    std::tie(error) = co_await tries->client->async_sync(path, kTryAwait);
  } while (co_await tries->again(error));
  finish_tries(tries, std::move(handler), error);
}

asio::awaitable<void> run_remove(TriesPtr tries, std::string path, std::int32_t version,
                                 Client::DoneHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  do {
    std::tie(error) = co_await tries->client->async_remove(path, version, kTryAwait);
  } while (co_await tries->again(error));
  if (tries->in_doubt && error == ErrorCode(Code::NoNode)) error = ErrorCode();
  finish_tries(tries, std::move(handler), error);
}

asio::awaitable<void> run_set_data(TriesPtr tries, std::string path, Buffer data,
                                   std::int32_t version, Client::StatHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  Stat stat;
  do {
    std::tie(error, stat) = co_await tries->client->async_set_data(path, data, version, kTryAwait);
  } while (co_await tries->again(error));
  if (tries->in_doubt && error == ErrorCode(Code::BadVersion)) {
    ErrorCode unread;
    GetDataReply node;
    do {
      std::tie(unread, node) = co_await tries->client->async_get_data(path, kTryAwait);
    } while (co_await tries->again(unread));
    if (unread) {
      error = unread;
    } else if (node.stat.version == version + 1 && node.data == data) {
      error = ErrorCode();
      stat = node.stat;
    }
  }
  finish_tries(tries, std::move(handler), error, stat);
}

asio::awaitable<void> run_get_acl(TriesPtr tries, std::string path, Client::GetAclHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  GetAclReply reply;
  do {
    std::tie(error, reply) = co_await tries->client->async_get_acl(path, kTryAwait);
  } while (co_await tries->again(error));
  finish_tries(tries, std::move(handler), error, std::move(reply));
}

/// Servers leave out what is there twice.
bool same_entries(const AclList& one, const AclList& other) {
  const auto within = [](const AclList& some, const AclList& all) {
    return std::all_of(some.begin(), some.end(), [&](const Acl& entry) {
      return std::find(all.begin(), all.end(), entry) != all.end();
    });
  };
  return within(one, other) && within(other, one);
}

/// What is said to a set_acl in doubt that was answered BadVersion: `found` is the list there is.
ErrorCode judge(const AclList& given, std::int32_t version, const GetAclReply& found) {
  if (found.stat.aversion != version + 1) return Code::BadVersion;
  if (same_entries(given, found.acl)) return {};
  const bool replaced = std::any_of(given.begin(), given.end(),
                                    [](const Acl& entry) { return entry.who.scheme == "auth"; });
  if (replaced) return ClientErrc::OutcomeUnknown;
  return Code::BadVersion;
}

asio::awaitable<void> run_set_acl(TriesPtr tries, std::string path, AclList acl,
                                  std::int32_t version, Client::StatHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  Stat stat;
  do {
    std::tie(error, stat) = co_await tries->client->async_set_acl(path, acl, version, kTryAwait);
  } while (co_await tries->again(error));
  if (tries->in_doubt && error == ErrorCode(Code::BadVersion)) {
    GetAclReply found;
    do {
      std::tie(error, found) = co_await tries->client->async_get_acl(path, kTryAwait);
    } while (co_await tries->again(error));
    if (!error) error = judge(acl, version, found);
    stat = found.stat;
  }
  finish_tries(tries, std::move(handler), error, stat);
}

}  // namespace

Retry::Retry(const Client& client, RetryPolicy policy)
    : client_(new Client(client.with_timeout(client.operation_timeout()))), policy_(policy) {}

void Retry::start_create(std::string path, Buffer data, CreateOptions options,
                         Client::CreateHandler handler) {
  Creation creation = plan_creation(*client_, std::move(path), std::move(data), std::move(options));
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_create(std::move(tries), std::move(creation), std::move(h));
  });
}

void Retry::start_get_data(std::string path, Watcher watcher, Client::GetDataHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_get_data(std::move(tries), std::move(path), std::move(watcher), std::move(h));
  });
}

void Retry::start_set_data(std::string path, Buffer data, std::int32_t version,
                           Client::StatHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_set_data(std::move(tries), std::move(path), std::move(data), version, std::move(h));
  });
}

void Retry::start_exists(std::string path, Watcher watcher, Client::StatHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_exists(std::move(tries), std::move(path), std::move(watcher), std::move(h));
  });
}

void Retry::start_remove(std::string path, std::int32_t version, Client::DoneHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_remove(std::move(tries), std::move(path), version, std::move(h));
  });
}

void Retry::start_get_children(std::string path, Watcher watcher,
                               Client::GetChildrenHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_get_children(std::move(tries), std::move(path), std::move(watcher), std::move(h));
  });
}

void Retry::start_sync(std::string path, Client::DoneHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_sync(std::move(tries), std::move(path), std::move(h));
  });
}

void Retry::start_get_acl(std::string path, Client::GetAclHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_get_acl(std::move(tries), std::move(path), std::move(h));
  });
}

void Retry::start_set_acl(std::string path, AclList acl, std::int32_t version,
                          Client::StatHandler handler) {
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_set_acl(std::move(tries), std::move(path), std::move(acl), version, std::move(h));
  });
}

}  // namespace quorate::client
