// A Quorate server inside a test's own process. No Boost header.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/ids.h"

namespace quorate::testing {

/// A server could not start. what() names the reason and the remedy, as its log would.
class [[gnu::visibility("default")]] ServerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the server is like.
struct ServerOptions {
  ServerOptions() {}

  /// Where the data is, and stays. Empty: a temporary folder, removed with the object.
  std::string data_dir;
  /// On 127.0.0.1. 0: one that is free. Either is kept by the object also while its server is down.
  std::uint16_t port = 0;
  /// A session's timeout may be from two of these to a minute.
  std::chrono::milliseconds tick_time{100};
  /// jute.maxbuffer.
  std::int32_t request_bytes_max = 0xfffff;
  /// Whether a write is on the disk before it is acknowledged, as on a server in earnest. Without
  /// it tests are faster, and kill() loses as little; only a machine that fails would lose
  /// something.
  bool sync_to_disk = false;
  /// Further keys of zoo.cfg (quorate-server --keys). They win over all above.
  std::map<std::string, std::string> settings;
};

/// One standalone server on threads of its own: the real one, with its real log and checkpoint. A
/// process may have any number. It touches nothing of the process: no signal handler, environment,
/// working folder or standard stream, with two exceptions: a disk that refuses a write, and a
/// broken invariant, end the process with a message on standard error, as they end the real server.
///
/// All functions block until done and may be called from any thread, but not from callbacks of a
/// client that is connected to this server, and the destructor at the end only.
class [[gnu::visibility("default")]] Server {
 public:
  /// Serves clients when it returns. ServerError: it could not.
  explicit Server(ServerOptions options = {});
  /// As stop().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// "127.0.0.1:PORT", the same for the life of the object.
  std::string connect_string() const;
  std::uint16_t port() const;
  const std::string& data_dir() const;
  bool running() const;

  /// As SIGTERM: takes no more requests, answers those in work, writes a checkpoint. Sessions go on
  /// when it starts again. Without effect when it does not run.
  void stop();
  /// As kill -9, as far as that can be had within a process: connections break at once, requests in
  /// work are not answered, what is queued for the disk is not written, and no checkpoint is.
  /// Whether a request without an answer was carried out is open. What the log had been given
  /// stays, also without sync_to_disk: this is no power failure.
  void kill();
  /// Again on the same data and port. Without effect when it runs. ServerError: it could not.
  void start();
  /// stop() and start(): clients reconnect by themselves, and keep their sessions if those last.
  void restart();

  /// Ends a session at once, as if its time were up: its ephemeral nodes go, its client is told
  /// Expired. False: there is no such session, or the server does not run.
  bool expire_session(SessionId session);

  /// Where the servers of this process log: a file, "-" for standard error, "" for nowhere, which
  /// it is without this call. std::logic_error once the first server has been made.
  static void log_to(const std::string& file);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::testing
