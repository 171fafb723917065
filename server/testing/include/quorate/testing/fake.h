// An ensemble that exists in a test only: no socket, no thread, no file, and a clock that moves
// when the test says so. It answers as the real server does, because it is the real one, and fails
// when and how the test has scripted it; the same script, the same order of events, every time.
// Guide: docs/client_guide.md, "Testing your service". No Boost header.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "quorate/options.h"
#include "quorate/types.h"
#include "quorate/virtual_world.h"

namespace quorate::testing {

/// What was waited for did not come, or a script makes no sense. what() says what was on the way.
class [[gnu::visibility("default")]] FakeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a request asks for, by the names of SyncClient's functions. Any: every one but Connect,
/// Ping and RestoreWatches, whose number depends on time.
enum class Op {
  Any,
  Connect,  ///< The handshake of a new connection, also of one that brings its session along.
  Create,
  Remove,
  Exists,
  GetData,
  SetData,
  GetChildren,
  GetAcl,
  SetAcl,
  Sync,
  Commit,  ///< A transaction; it has the paths of all its parts.
  MultiRead,
  AddAuth,
  AddWatch,
  RemoveWatches,
  RestoreWatches,  ///< After a reconnect; without a path.
  Close,
  Ping,
  Other,
};
/// "create", ...
const char* name_of(Op op);

/// Which request a fault strikes: `Request(Op::Create).below("/locks").nth(2)` is the second one
/// that creates something there, counted from when the fault is scripted.
class Request {
 public:
  Request() = default;
  Request(Op op) : op_(op) {}
  Request(Op op, std::string path) : op_(op), path_(std::move(path)) {}

  /// About that node or one below it; below it only, where `path` ends with '/'. What the server is
  /// asked for counts: chroot and the GUIDs of recipes are part of it, the sequence number is not.
  Request& below(std::string path) {
    path_ = std::move(path);
    below_ = true;
    return *this;
  }
  Request& nth(int number) {
    nth_ = number;
    return *this;
  }
  Request& of(SessionId session) {
    session_ = session;
    return *this;
  }

 private:
  friend class FakeEnsemble;
  Op op_ = Op::Any;
  std::string path_;  ///< "": any.
  bool below_ = false;
  int nth_ = 1;
  std::optional<SessionId> session_;
};

/// One that has come, as history() tells it.
struct RequestRecord {
  std::chrono::milliseconds when{0};  ///< Since the ensemble was made.
  SessionId session;
  Op op = Op::Other;
  std::string path;
  std::optional<client::Code> answer;  ///< None: lost, or not answered yet when it was looked at.
};
/// "1203 ms 0x100.. create /a: Ok".
std::string to_string(const RequestRecord& record);

/// What the ensemble is like.
struct FakeOptions {
  FakeOptions() {}

  /// "fake1:2181,fake2:2181,...", which never differ in what they know.
  int servers = 1;
  /// Decides all that is drawn: GUIDs, the order of hosts, jitter.
  std::uint64_t seed = 1;
  /// Of every message, one way.
  std::chrono::microseconds latency{500};
  /// A session's timeout may be from two of these to a minute.
  std::chrono::milliseconds tick_time{100};
  /// jute.maxbuffer.
  std::int32_t request_bytes_max = 0xfffff;
  /// So long, by its own clock, run_until() and calls that block wait; then they throw FakeError.
  std::chrono::milliseconds patience = std::chrono::minutes(10);
};

/// An ensemble and the clock of all its clients.
///
///     FakeEnsemble fake;                                   // blocking clients
///     SyncClient client(fake.options());
///     client.connect();
///     fake.lose_reply(Op::Create);
///     client.create("/a", "x");                            // ConnectionLoss; "/a" is there
///
///     boost::asio::io_context io;                          // clients of quorate/client.h
///     FakeEnsemble fake;
///     fake.drive(io);
///     Client client(io.get_executor(), fake.options());
///
/// Everything happens on the thread that uses it: in a call of a blocking client, which gives turns
/// until its answer is there, or in advance(), settle() and run_until(). So callbacks and
/// coroutines run inside of those, and time stands still outside. Clients of it are used by the
/// test's thread and by those of start_thread() alone, and go before it does. Tasks of a
/// SyncLeaderSelector are such threads.
///
/// A fault strikes once. Where several are scripted for one request, the first of them does.
class [[gnu::visibility("default")]] FakeEnsemble {
 public:
  explicit FakeEnsemble(FakeOptions options = {});
  ~FakeEnsemble();
  FakeEnsemble(const FakeEnsemble&) = delete;
  FakeEnsemble& operator=(const FakeEnsemble&) = delete;

  /// For a client of this ensemble; change timeouts and what else you like.
  client::ConnectOptions options() const {
    client::ConnectOptions options(connect_string());
    options.runtime = client::make_virtual_runtime(world());
    return options;
  }
  std::string connect_string() const;
  std::shared_ptr<client::VirtualWorld> world() const;

  // ---- Time
  /// Runs `io`, a boost::asio::io_context, in every turn from now on. It must be there whenever
  /// time passes; it may be gone when this object ends, which does not run it any more.
  template <class Context>
  void drive(Context & io) {
    drive_loop(&io, [&io] {
      if (io.stopped()) io.restart();
      return io.poll_one() != 0;
    });
  }
  /// So much time passes, with all that happens in it.
  void advance(std::chrono::milliseconds span);
  /// Until no message is on its way, but for those held up by a fault. Takes a few latencies.
  void settle();
  /// Until `done`, which is asked after each turn; FakeError after FakeOptions::patience.
  void run_until(const std::function<bool()>& done);
  /// Since the beginning.
  std::chrono::milliseconds elapsed() const;
  /// Runs `body` on a thread of the fake's own, where what blocks lets the test and the others go
  /// on: calls of blocking clients and recipes, and the functions above. One of all runs at a time,
  /// and only while time passes for the test, so that a script stays exact. It must not wait in any
  /// other way (sleep, a condition variable): that would hold up everything; advance() is its
  /// sleep. What it throws comes out of the call in which the test lets time pass. Let it end
  /// before the fake does: its waits throw FakeError then.
  void start_thread(std::function<void()> body);

  // ---- Faults of one request
  /// It never arrives; the connection breaks.
  void lose_request(Request request);
  /// It is carried out; the connection breaks before the reply, and what is behind it, have left.
  void lose_reply(Request request);
  /// It is carried out at once, the reply held up for so long, and all that its connection has to
  /// say behind it.
  void delay_reply(Request request, std::chrono::milliseconds span);
  /// It is not carried out but answered so. Not for Connect, Ping and Close.
  void answer(Request request, client::Code code);
  /// Calls `action` when it arrives, before it is carried out; or when it has been, before the
  /// reply leaves. There, every other function may be called but those under "Time".
  void before(Request request, std::function<void()> action);
  void after(Request request, std::function<void()> action);

  /// Whether all that was scripted has struck; at the end of a test: whether it has tested
  /// anything.
  bool all_struck() const;
  /// What has not, in words.
  std::vector<std::string> outstanding() const;
  /// Forgets that.
  void clear_faults();

  // ---- Faults now
  /// All connections break, or that of one session; sessions live on. What was on its way is lost.
  void cut();
  void cut(SessionId session);
  /// New connections are refused for so long.
  void refuse(std::chrono::milliseconds span);
  /// Nothing arrives anywhere for so long; nothing breaks, nothing is lost. What a network that
  /// hangs, and a machine that is paused, look like from the other side.
  void stall(std::chrono::milliseconds span);
  /// Ends a session as if its time were up: its ephemeral nodes go, its client is told Expired.
  /// False: there is none.
  bool expire(SessionId session);
  /// One server, or all (0): connections break and are refused until start(). While none runs no
  /// session's time passes.
  void stop(int server = 0);
  void start(int server = 0);
  /// The quorum is lost, or there again: connections break, and a tick later new clients with
  /// ConnectOptions::read_only are served, for reading. One that has a session waits for a server
  /// that knows it.
  void set_read_only(bool yes);

  // ---- What somebody else does, to whom nothing happens; at once
  client::Code create(const std::string& path, const std::string& data = "",
                      client::CreateMode mode = client::CreateMode::Persistent);
  client::Code set(const std::string& path, const std::string& data);
  client::Code remove(const std::string& path);
  std::optional<std::string> get(const std::string& path);
  std::vector<std::string> children(const std::string& path);  ///< Sorted.
  std::optional<client::Stat> stat(const std::string& path);
  /// What /zookeeper/config says, as after a reconfig: "server.1=fake1:2888:3888;2181", a line for
  /// each member, and at last "version=" with a hexadecimal number. For clients that follow it.
  client::Code set_config(const std::string& text);

  // ---- What has happened
  /// All requests but pings, in the order of their coming; the last 10,000 of them.
  std::vector<RequestRecord> history() const;
  /// How many of `op` have come.
  int count(Op op) const;
  int connections() const;  ///< That stand.

 private:
  void drive_loop(const void* owner, std::function<bool()> poll);

  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::testing
