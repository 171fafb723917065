#include "quorate/sync_client.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <optional>
#include <thread>

#include "base/ensure.h"
#include "client-lib/src/blocking.h"
#include "quorate/client.h"

namespace quorate::client {

struct SyncClient::Io {
  explicit Io(ConnectOptions options)
      : context(1),
        work(context.get_executor()),
        client(std::in_place, context.get_executor(), std::move(options)),
        runtime(runtime_of(*client)) {
    if (VirtualWorld* world = runtime->world()) {
      world->add_loop(this, [this] { return run_one(); });
    } else {
      thread = std::thread([this] { context.run(); });
    }
  }

  ~Io() {
    const asio::any_io_executor strand = client->get_executor();
    client.reset();
    if (VirtualWorld* world = runtime->world()) {
      context.poll();  // The client gives its connection up.
      world->remove_loop(this);
      return;
    }
    // Behind the post by which the client gives its connection up.
    asio::post(strand, [this] { context.stop(); });
    thread.join();
  }

  bool run_one() {
    inside = true;
    bool ran = false;
    try {
      ran = context.poll_one() != 0;
    } catch (...) {  // Of a user's callback.
      inside = false;
      throw;
    }
    inside = false;
    return ran;
  }

  /// Whether the caller is one of the client's own callbacks.
  bool called_back() const {
    return thread.joinable() ? std::this_thread::get_id() == thread.get_id() : inside;
  }

  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::optional<Client> client;
  const std::shared_ptr<Runtime> runtime;
  std::thread thread;   ///< None in a virtual world.
  bool inside = false;  ///< There: the loop is at work.
};

SyncClient::SyncClient(ConnectOptions options) : io_(std::make_shared<Io>(std::move(options))) {}
SyncClient::SyncClient(std::shared_ptr<Io> io, std::unique_ptr<Client> face)
    : io_(std::move(io)), face_(std::move(face)) {}
SyncClient::~SyncClient() = default;

SyncClient SyncClient::with_timeout(std::chrono::milliseconds operation_timeout) const {
  // Not make_unique: the borrowing constructor is Client's own.
  std::unique_ptr<Client> face(new Client(*io_->client, Client::Borrow{operation_timeout}));
  return SyncClient(io_, std::move(face));
}

/// The I/O thread would wait for itself.
Client& SyncClient::from_outside() const {
  ENSURE(!io_->called_back());
  return face_ ? *face_ : *io_->client;
}

Reply<Connected> SyncClient::connect() {
  Client& client = from_outside();
  auto report = wait_for<ConnectReport>(
      client, "connect", [&](auto handler) { client.start_connect(std::move(handler)); });
  Reply<Connected> reply;
  reply.code = report.code;
  reply.message = std::move(report.message);
  reply.value.server = report.value.server;
  reply.value.session_id = report.value.session_id;
  reply.value.timeout_ms = report.value.timeout_ms;
  for (const auto& failure : report.value.failures) {
    reply.value.failures.emplace_back(failure.server, failure.reason.message());
  }
  return reply;
}

void SyncClient::close() {
  Client& client = from_outside();
  wait_done(client, "close", [&](auto handler) { client.start_close(std::move(handler)); });
}

Status SyncClient::update_servers(const std::string& connect_string) {
  Client& client = from_outside();
  return wait_done(client, "updateServers " + connect_string, [&](auto handler) {
    client.start_update_servers(connect_string, std::move(handler));
  });
}

std::string SyncClient::servers() const {
  return io_->client->servers();
}
SessionState SyncClient::state() const {
  return io_->client->state();
}
SessionId SyncClient::session_id() const {
  return io_->client->session_id();
}

std::uint64_t SyncClient::add_session_listener(std::function<void(const SessionEvent&)> listener) {
  return io_->client->add_session_listener(std::move(listener));
}

void SyncClient::remove_session_listener(std::uint64_t id) {
  io_->client->remove_session_listener(id);
  // With one thread for all no call is under way, and nothing could be waited for.
  if (io_->called_back() || io_->runtime->world() != nullptr) return;
  std::promise<void> removed;
  asio::post(io_->client->get_executor(), [&removed] { removed.set_value(); });
  removed.get_future().wait();
}

Reply<CreateReply> SyncClient::create(const std::string& path, Buffer data, CreateOptions options) {
  Client& client = from_outside();
  return wait_for<CreateReply>(client, "create " + path, [&](auto handler) {
    client.start_create(path, std::move(data), std::move(options), std::move(handler));
  });
}

Reply<GetDataReply> SyncClient::get_data(const std::string& path, WatchCallback watch) {
  Client& client = from_outside();
  return wait_for<GetDataReply>(client, "getData " + path, [&](auto handler) {
    client.start_get_data(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Reply<Stat> SyncClient::set_data(const std::string& path, Buffer data, std::int32_t version) {
  Client& client = from_outside();
  return wait_for<Stat>(client, "setData " + path, [&](auto handler) {
    client.start_set_data(path, std::move(data), version, std::move(handler));
  });
}

Reply<Stat> SyncClient::exists(const std::string& path, WatchCallback watch) {
  Client& client = from_outside();
  return wait_for<Stat>(client, "exists " + path, [&](auto handler) {
    client.start_exists(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Status SyncClient::remove(const std::string& path, std::int32_t version) {
  Client& client = from_outside();
  return wait_done(client, "delete " + path,
                   [&](auto handler) { client.start_remove(path, version, std::move(handler)); });
}

Reply<GetChildrenReply> SyncClient::get_children(const std::string& path, WatchCallback watch) {
  Client& client = from_outside();
  return wait_for<GetChildrenReply>(client, "getChildren " + path, [&](auto handler) {
    client.start_get_children(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Status SyncClient::sync(const std::string& path) {
  Client& client = from_outside();
  return wait_done(client, "sync " + path,
                   [&](auto handler) { client.start_sync(path, std::move(handler)); });
}

Reply<GetAclReply> SyncClient::get_acl(const std::string& path) {
  Client& client = from_outside();
  return wait_for<GetAclReply>(client, "getAcl " + path, [&](auto handler) {
    client.start_get_acl(path, std::move(handler));
  });
}

Reply<Stat> SyncClient::set_acl(const std::string& path, AclList acl, std::int32_t version) {
  Client& client = from_outside();
  return wait_for<Stat>(client, "setAcl " + path, [&](auto handler) {
    client.start_set_acl(path, std::move(acl), version, std::move(handler));
  });
}

Status SyncClient::add_auth(const std::string& scheme, const std::string& identity) {
  Client& client = from_outside();
  return wait_done(client, "addAuth " + scheme, [&](auto handler) {
    client.start_add_auth(scheme, identity, std::move(handler));
  });
}

Reply<TransactionReply> SyncClient::commit(Transaction transaction) {
  Client& client = from_outside();
  const std::vector<Transaction::Op> ops = transaction.ops();
  auto reply = wait_for<TransactionReply>(client, "multi", [&](auto handler) {
    client.start_commit(std::move(transaction), std::move(handler));
  });
  if (const std::size_t failed = reply.value.failed; failed < ops.size()) {
    const std::string path = std::visit([](const auto& each) { return each.path; }, ops[failed]);
    reply.message += " (operation " + std::to_string(failed + 1) + " of " +
                     std::to_string(ops.size()) + ", " + path + ")";
  }
  return reply;
}

Reply<ReadBatchReply> SyncClient::multi_read(ReadBatch batch) {
  Client& client = from_outside();
  return wait_for<ReadBatchReply>(client, "multiRead", [&](auto handler) {
    client.start_multi_read(std::move(batch), std::move(handler));
  });
}

Status SyncClient::add_watch(const std::string& path, AddWatchMode mode, WatchCallback watch) {
  Client& client = from_outside();
  return wait_done(client, "addWatch " + path, [&](auto handler) {
    client.start_add_watch(path, mode, watcher_of(std::move(watch)), std::move(handler));
  });
}

Status SyncClient::remove_watches(const std::string& path, WatchType type, bool local) {
  Client& client = from_outside();
  return wait_done(client, "removeWatches " + path, [&](auto handler) {
    client.start_remove_watches(path, type, Watcher(), local, std::move(handler));
  });
}

Status SyncClient::check_watches(const std::string& path, WatchType type) {
  Client& client = from_outside();
  return wait_done(client, "checkWatches " + path, [&](auto handler) {
    client.start_check_watches(path, type, std::move(handler));
  });
}

Reply<std::vector<std::string>> SyncClient::get_ephemerals(const std::string& prefix) {
  Client& client = from_outside();
  return wait_for<std::vector<std::string>>(client, "getEphemerals " + prefix, [&](auto handler) {
    client.start_get_ephemerals(prefix, std::move(handler));
  });
}

Reply<std::int32_t> SyncClient::get_all_children_number(const std::string& path) {
  Client& client = from_outside();
  return wait_for<std::int32_t>(client, "getAllChildrenNumber " + path, [&](auto handler) {
    client.start_get_all_children_number(path, std::move(handler));
  });
}

Reply<std::vector<AuthId>> SyncClient::who_am_i() {
  Client& client = from_outside();
  return wait_for<std::vector<AuthId>>(
      client, "whoAmI", [&](auto handler) { client.start_who_am_i(std::move(handler)); });
}

Reply<ConfigReply> SyncClient::get_config(WatchCallback watch) {
  Client& client = from_outside();
  return wait_for<ConfigReply>(client, "getConfig", [&](auto handler) {
    client.start_get_config(watcher_of(std::move(watch)), std::move(handler));
  });
}

Reply<ConfigReply> SyncClient::reconfig(ReconfigOptions options) {
  Client& client = from_outside();
  return wait_for<ConfigReply>(client, "reconfig", [&](auto handler) {
    client.start_reconfig(std::move(options), std::move(handler));
  });
}

Client& SyncClient::async_face() {
  return from_outside();
}

}  // namespace quorate::client
