// The blocking face of Client: for scripts, tests, shells and simple workers. No Boost header.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "quorate/options.h"
#include "quorate/transaction.h"
#include "quorate/types.h"

namespace quorate::client {

class Client;

/// An answer: the value, or why there is none.
template <class T>
struct Reply {
  Code code = Code::Ok;  ///< The server's or ZooKeeper's client code; SystemError for all others.
  std::string message;   ///< Operation, path and reason in words; empty when ok.
  T value{};

  bool ok() const { return code == Code::Ok; }
  explicit operator bool() const { return ok(); }
};

/// The value of an answer that has none.
struct Nothing {};
using Status = Reply<Nothing>;

/// What became of connect().
struct Connected {
  std::string server;
  SessionId session_id;
  std::int64_t timeout_ms = 0;
  /// "host:port" and reason of every host that was tried in vain.
  std::vector<std::pair<std::string, std::string>> failures;
};

using WatchCallback = std::function<void(const WatchEvent&)>;

/// One session with its own I/O thread. Every function blocks its caller until the answer is there
/// and may be called from any thread but the I/O thread: callbacks and session listeners run on
/// that one and must neither block nor call back into this class. Errors, guarantees and safety of
/// repetition are those of the function of the same name in client.h.
class SyncClient {
 public:
  explicit SyncClient(ConnectOptions options);
  /// Drops the connection; the session lives on until it expires. close() ends it at once.
  ~SyncClient();
  SyncClient(const SyncClient&) = delete;
  SyncClient& operator=(const SyncClient&) = delete;

  /// The same session with another limit for the operations called on it:
  /// `client.with_timeout(100ms).exists(...)`. Lives no longer than this object.
  SyncClient with_timeout(std::chrono::milliseconds operation_timeout) const;

  /// Waits for the first session, at most ConnectOptions::connect_timeout. Once.
  Reply<Connected> connect();
  /// Ends the session. Takes a round trip; three seconds beside a server that says nothing, no time
  /// without a connection: the session is left to expire then. What waits in other threads ends
  /// with it, so this is how to stop a program that is blocked.
  void close();

  /// Other hosts from now on; see Client::async_update_servers().
  Status update_servers(const std::string& connect_string);

  /// The connect string in use; see Client::servers().
  std::string servers() const;
  SessionState state() const;
  SessionId session_id() const;
  std::uint64_t add_session_listener(std::function<void(const SessionEvent&)> listener);
  /// When it returns the listener is not called any more; it waits for a call under way, unless it
  /// is itself called by a callback.
  void remove_session_listener(std::uint64_t id);

  Reply<CreateReply> create(const std::string& path, Buffer data, CreateOptions options = {});
  Reply<GetDataReply> get_data(const std::string& path, WatchCallback watch = {});
  Reply<Stat> set_data(const std::string& path, Buffer data, std::int32_t version = kAnyVersion);
  Reply<Stat> exists(const std::string& path, WatchCallback watch = {});
  Status remove(const std::string& path, std::int32_t version = kAnyVersion);
  Reply<GetChildrenReply> get_children(const std::string& path, WatchCallback watch = {});
  Status sync(const std::string& path);
  Reply<GetAclReply> get_acl(const std::string& path);
  Reply<Stat> set_acl(const std::string& path, AclList acl, std::int32_t version = kAnyVersion);
  Status add_auth(const std::string& scheme, const std::string& identity);

  /// The message names the operation that failed.
  Reply<TransactionReply> commit(Transaction transaction);
  Reply<ReadBatchReply> multi_read(ReadBatch batch);

  /// Watches made by a callback are told apart by nothing: remove_watches() takes back all of this
  /// client at `path`.
  Status add_watch(const std::string& path, AddWatchMode mode, WatchCallback watch);
  Status remove_watches(const std::string& path, WatchType type = WatchType::Any,
                        bool local = false);
  Status check_watches(const std::string& path, WatchType type);

  Reply<std::vector<std::string>> get_ephemerals(const std::string& prefix = "/");
  Reply<std::int32_t> get_all_children_number(const std::string& path);
  Reply<std::vector<AuthId>> who_am_i();
  Reply<ConfigReply> get_config(WatchCallback watch = {});
  Reply<ConfigReply> reconfig(ReconfigOptions options);

  /// The Asio client underneath; recipes are built on it. Lives as long as this object.
  Client& async_face();

 private:
  struct Io;
  SyncClient(std::shared_ptr<Io> io, std::unique_ptr<Client> face);
  Client& from_outside() const;

  std::shared_ptr<Io> io_;
  std::unique_ptr<Client> face_;  ///< Of with_timeout(); else io_'s own.
};

}  // namespace quorate::client
