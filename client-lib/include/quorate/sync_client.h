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

  Reply<Connected> connect();
  void close();

  SessionState state() const;
  SessionId session_id() const;
  std::uint64_t add_session_listener(std::function<void(const SessionEvent&)> listener);
  void remove_session_listener(std::uint64_t id);

  Reply<CreateReply> create(const std::string& path, Buffer data, CreateOptions options = {});
  Reply<GetDataReply> get_data(const std::string& path, WatchCallback watch = {});
  Reply<Stat> set_data(const std::string& path, Buffer data, std::int32_t version = kAnyVersion);
  Reply<Stat> exists(const std::string& path, WatchCallback watch = {});
  Status remove(const std::string& path, std::int32_t version = kAnyVersion);
  Reply<GetChildrenReply> get_children(const std::string& path, WatchCallback watch = {});
  Status sync(const std::string& path);

  /// The Asio client underneath; recipes are built on it. Lives as long as this object.
  Client& async_face();

 private:
  struct Io;
  std::unique_ptr<Io> io_;
};

}  // namespace quorate::client
