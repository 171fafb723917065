// The session with the ensemble as commands see it: every wait ends at Ctrl-C.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quorate/client.h"
#include "quorate/sync_client.h"
#include "shell/output.h"

namespace quorate::shell {

using client::Reply;
using client::Status;

/// What went wrong, as a reply; its message is "getData /a: NoNode".
template <class T>
Reply<T> failed_reply(const client::ErrorCode& error) {
  Reply<T> reply;
  reply.code = to_code(error);
  reply.message = client::describe(error);
  return reply;
}

/// Runs `start(handler)` and waits for handler(error, value), for Ctrl-C (OperationTimeout,
/// "cancelled") or for `limit`. A reply that comes later is forgotten.
template <class T, class Start>
Reply<T> ask(Start start, std::chrono::milliseconds limit = std::chrono::hours(24)) {
  struct Waiting {
    std::mutex mutex;  // The answer comes on the client's thread.
    std::condition_variable came;
    std::optional<Reply<T>> reply;
  };
  auto waiting = std::make_shared<Waiting>();
  start([waiting](client::ErrorCode error, T value) {
    Reply<T> reply;
    if (error) reply = failed_reply<T>(error);
    reply.value = std::move(value);
    const std::lock_guard lock(waiting->mutex);
    waiting->reply = std::move(reply);
    waiting->came.notify_one();
  });
  const auto end = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(waiting->mutex);
  while (!waiting->reply) {
    // Short naps: a signal handler may set a flag, but not wake a condition variable.
    waiting->came.wait_for(lock, std::chrono::milliseconds(20));
    if (waiting->reply) break;
    if (cancel_flag() || std::chrono::steady_clock::now() > end) {
      Reply<T> late;
      late.code = client::Code::RequestTimeout;
      late.message = "cancelled";
      return late;
    }
  }
  return std::move(*waiting->reply);
}

/// One session at a time; `connect` may replace it. Functions as in SyncClient.
class Remote {
 public:
  using Listener = std::function<void(const client::SessionEvent&)>;

  explicit Remote(Listener listener) : listener_(std::move(listener)) {}
  ~Remote();

  Reply<client::Connected> connect(client::ConnectOptions options);
  void close();
  /// There is a session that may yet be of use.
  bool alive() const;
  client::SessionState state() const;
  client::SessionId session_id() const;
  /// "host:port" of the connection, "" while there is none. Any thread.
  std::string server() const;
  client::SessionEvent last_event() const;
  const client::ConnectOptions& options() const { return options_; }
  /// Whether the server knows multiRead (ZooKeeper 3.6). Asked once per session.
  bool reads_batches();
  client::Client& face() { return sync_->async_face(); }

  Reply<client::CreateReply> create(const std::string& path, client::Buffer data,
                                    client::CreateOptions options);
  Reply<client::GetDataReply> get_data(const std::string& path, client::Watcher watch = {});
  Reply<client::Stat> set_data(const std::string& path, client::Buffer data, std::int32_t version);
  Reply<client::Stat> exists(const std::string& path, client::Watcher watch = {});
  Status remove(const std::string& path, std::int32_t version);
  Reply<client::GetChildrenReply> get_children(
      const std::string& path, client::Watcher watch = {},
      std::chrono::milliseconds limit = std::chrono::hours(24));
  Status sync(const std::string& path);
  Reply<client::GetAclReply> get_acl(const std::string& path);
  Reply<client::Stat> set_acl(const std::string& path, client::AclList acl, std::int32_t version);
  Status add_auth(const std::string& scheme, const std::string& identity);
  Reply<client::TransactionReply> commit(client::Transaction transaction);
  Status add_watch(const std::string& path, client::AddWatchMode mode, client::Watcher watcher);
  Status remove_watches(const std::string& path, client::WatchType type, client::Watcher watcher,
                        bool local);
  Reply<std::vector<std::string>> get_ephemerals(const std::string& prefix);
  Reply<std::int32_t> get_all_children_number(const std::string& path);
  Reply<std::vector<client::AuthId>> who_am_i();
  Reply<client::ConfigReply> get_config(client::Watcher watch = {});
  Reply<client::ConfigReply> reconfig(client::ReconfigOptions options);

 private:
  void hear(const client::SessionEvent& event);

  Listener listener_;
  client::ConnectOptions options_;
  std::unique_ptr<client::SyncClient> sync_;
  std::optional<bool> reads_batches_;
  mutable std::mutex mutex_;  // last_event_, which the client's thread writes.
  client::SessionEvent last_event_;
};

}  // namespace quorate::shell
