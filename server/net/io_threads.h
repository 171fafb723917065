// Threads that serve client sockets, for machines whose one event loop is not enough. Each owns a
// ClientLoop; commands go in and events come out as whole batches.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/net/client_loop.h"

namespace quorate::server {

/// What the event loop wants of a thread's connections, in this order.
struct ClientCommands {
  enum class Kind : std::uint8_t {
    Add,
    Send,
    Close,
    Pause,
    Resume,
    AwaitDrained,
    StopReading,
    Tls
  };
  struct Item {
    ConnectionId id;
    Kind kind = Kind::Send;
    Transport transport = Transport::Plain;  ///< Add.
    int socket = -1;                         ///< Add.
    std::size_t length = 0;                  ///< Send: of `bytes`, one behind the other.
  };
  std::vector<Item> items;
  Bytes bytes;
  std::shared_ptr<const TlsContext> tls;  ///< Tls.
};

/// What has happened on a thread's connections, in this order.
struct ClientHappenings {
  enum class Kind : std::uint8_t { Word, Open, Frame, Drained, Ended, Gone };
  struct Item {
    ConnectionId id;
    Kind kind = Kind::Frame;
    bool secure = false;     ///< Open.
    std::size_t length = 0;  ///< Word, Open (the subject), Frame: of `bytes`.
  };
  std::vector<Item> items;
  Bytes bytes;
  std::size_t thread = 0;
};

/// One thread. The event loop calls; `deliver` is called by the thread, whole batches.
class IoThread : private ClientEvents {
 public:
  using Deliver = std::function<void(ClientHappenings)>;
  IoThread(const ClientLoopLimits& limits, Deliver deliver);
  ~IoThread() override;

  /// Queues; they leave at flush().
  ClientCommands& commands() { return commands_; }
  void flush();
  std::uint64_t failed_handshakes() const { return loop_.failed_handshakes(); }
  /// Ends the thread; its connections end with it.
  void stop();

 private:
  void run();
  void drain();
  void carry_out(ClientCommands commands);
  void note(ClientHappenings::Kind kind, ConnectionId id, ByteView bytes, bool secure = false);

  void on_word(ConnectionId id, std::string_view word) override;
  void on_open(ConnectionId id, bool secure, const std::string& subject) override;
  void on_frame(ConnectionId id, ByteView frame) override;
  void on_drained(ConnectionId id) override;
  void on_ended(ConnectionId id) override;
  void on_gone(ConnectionId id) override;
  void on_acceptable(int) override {}
  void on_batch() override;

  ClientCommands commands_;  ///< Event loop.
  const Deliver deliver_;
  ClientLoop loop_;              ///< The thread.
  ClientHappenings happenings_;  ///< The thread.
  int wakeup_;
  // Guards inbox_ and stopped_: the one way in. A post per command would wake the thread for each.
  std::mutex mutex_;
  std::vector<ClientCommands> inbox_;
  bool stopped_ = false;
  std::thread thread_;  ///< Last: begins when all else is built.
};

/// The way back: batches of all threads to the event loop. A thread that is far ahead of the loop
/// waits, so that what clients send is kept by the kernel and not here.
class ClientMailbox {
 public:
  /// `wake` is called by any thread when there is something to take, once until take().
  explicit ClientMailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void put(ClientHappenings batch);      ///< Any thread.
  std::vector<ClientHappenings> take();  ///< Event loop.
  void close();                          ///< Nobody takes any more; nobody waits.

 private:
  const std::function<void()> wake_;
  // Guards all below: whole batches change hands under it, nothing is called.
  std::mutex mutex_;
  std::condition_variable taken_;
  std::vector<ClientHappenings> batches_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace quorate::server
