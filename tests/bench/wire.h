// Sessions on ZooKeeper's bare client wire, as many as wanted, on one thread.
//
// The load generator shares the machine with the servers, so it does no more than it must: epoll,
// one read buffer for all, one write per round of the loop and connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/bench/settings.h"
#include "znode/proto/frame.h"
#include "znode/proto/records.h"

namespace quorate::bench {

using Clock = std::chrono::steady_clock;

class Wire;

/// A request under way.
struct Flying {
  std::int32_t xid;
  OpCode op;
  Clock::time_point since;
};

/// What a mode wants to hear of its sessions.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_session(Wire&) {}
  virtual void on_reply(Wire&, const Flying&, Code, ByteView /*body*/) {}
  virtual void on_event(Wire&) {}
  /// The connection is gone. By default the run cannot go on.
  virtual void on_lost(Wire&, const std::string& why) { give_up("connection lost: " + why); }
};

class Loop {
 public:
  explicit Loop(Listener& listener);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Handles what has happened, waiting for it until `until` at the latest.
  void run_once(Clock::time_point until);
  void run_until(Clock::time_point until);
  /// Gives up after `seconds`, naming `what`.
  template <class Condition>
  void run_until(const char* what, double seconds, Condition condition) {
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
    while (!condition()) {
      run_once(Clock::now() + std::chrono::milliseconds(100));
      if (Clock::now() > end) give_up(std::string("not in time: ") + what);
    }
  }

 private:
  friend class Wire;
  Listener& listener_;
  int epoll_;
  std::vector<std::byte> buffer_;
  std::vector<Wire*> to_flush_;
};

/// One connection with its session.
class Wire {
 public:
  /// Begins to connect. `number` chooses the host, and the loopback address to come from where the
  /// host is on the loopback: one address has ports for some 28,000 connections only.
  Wire(Loop& loop, const Settings& settings, int number);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  bool has_session() const { return session_.value != 0; }
  std::size_t in_flight() const { return flying_.size(); }
  int number() const { return number_; }

  void create(const std::string& path, const std::string& data);
  void get(const std::string& path, bool watch, Clock::time_point due = Clock::now());
  void set(const std::string& path, const std::string& data, Clock::time_point due = Clock::now());
  void sync();  ///< Behind it the server shows whatever was acknowledged before, by any server.
  void count_nodes();  ///< getAllChildrenNumber of the root.
  void ping();

 private:
  friend class Loop;
  template <class Fill>
  void begin(OpCode op, Clock::time_point since, Fill&& fill);
  void say_hello();
  void need_flush();
  void flush();
  void read();
  bool on_frame(ByteView frame);
  void watch_for_writing(bool wanted);
  void lose(const std::string& why);

  Loop& loop_;
  int number_;
  int fd_ = -1;
  FrameReader frames_{64 << 20};
  SessionId session_;
  std::deque<Flying> flying_;
  Bytes out_;
  std::size_t sent_ = 0;
  std::int32_t last_xid_ = 0;
  bool to_flush_ = false, connecting_ = true, writing_ = false;
};

}  // namespace quorate::bench
