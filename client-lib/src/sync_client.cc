#include "quorate/sync_client.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
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
        thread([this] { context.run(); }) {}

  ~Io() {
    const asio::any_io_executor strand = client->get_executor();
    client.reset();
    // Behind the post by which the client gives its connection up.
    asio::post(strand, [this] { context.stop(); });
    thread.join();
  }

  /// The I/O thread would wait for itself.
  Client& from_outside() {
    ENSURE(std::this_thread::get_id() != thread.get_id());
    return *client;
  }

  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::optional<Client> client;
  std::thread thread;
};

namespace {

Watcher watcher_of(WatchCallback watch) {
  return watch ? Watcher(std::move(watch)) : Watcher();
}

}  // namespace

SyncClient::SyncClient(ConnectOptions options) : io_(std::make_unique<Io>(std::move(options))) {}
SyncClient::~SyncClient() = default;

Reply<Connected> SyncClient::connect() {
  Client& client = io_->from_outside();
  auto report = wait_for<ConnectReport>(
      "connect", [&](auto handler) { client.start_connect(std::move(handler)); });
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
  Client& client = io_->from_outside();
  wait_done("close", [&](auto handler) { client.start_close(std::move(handler)); });
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
}

Reply<CreateReply> SyncClient::create(const std::string& path, Buffer data, CreateOptions options) {
  Client& client = io_->from_outside();
  return wait_for<CreateReply>("create " + path, [&](auto handler) {
    client.start_create(path, std::move(data), std::move(options), std::move(handler));
  });
}

Reply<GetDataReply> SyncClient::get_data(const std::string& path, WatchCallback watch) {
  Client& client = io_->from_outside();
  return wait_for<GetDataReply>("getData " + path, [&](auto handler) {
    client.start_get_data(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Reply<Stat> SyncClient::set_data(const std::string& path, Buffer data, std::int32_t version) {
  Client& client = io_->from_outside();
  return wait_for<Stat>("setData " + path, [&](auto handler) {
    client.start_set_data(path, std::move(data), version, std::move(handler));
  });
}

Reply<Stat> SyncClient::exists(const std::string& path, WatchCallback watch) {
  Client& client = io_->from_outside();
  return wait_for<Stat>("exists " + path, [&](auto handler) {
    client.start_exists(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Status SyncClient::remove(const std::string& path, std::int32_t version) {
  Client& client = io_->from_outside();
  return wait_done("delete " + path,
                   [&](auto handler) { client.start_remove(path, version, std::move(handler)); });
}

Reply<GetChildrenReply> SyncClient::get_children(const std::string& path, WatchCallback watch) {
  Client& client = io_->from_outside();
  return wait_for<GetChildrenReply>("getChildren " + path, [&](auto handler) {
    client.start_get_children(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Status SyncClient::sync(const std::string& path) {
  Client& client = io_->from_outside();
  return wait_done("sync " + path,
                   [&](auto handler) { client.start_sync(path, std::move(handler)); });
}

Client& SyncClient::async_face() {
  return io_->from_outside();
}

}  // namespace quorate::client
