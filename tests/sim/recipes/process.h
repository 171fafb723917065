// A process that uses the real client library: one Client at a time, on the virtual clock and
// network. Nothing of it runs but in turns that the scheduler gives; while it is paused it gets
// none, and what comes meanwhile waits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "client-lib/src/runtime.h"
#include "quorate/client.h"
#include "tests/sim/network.h"
#include "tests/sim/recipes/wire.h"

namespace quorate::sim {

class Process;
class Promises;
struct World;

/// From the making of a client to its end: the process ends, or its session does. What works in it
/// runs on the client's strand and ends when `over` is set.
struct Life {
  Life(Process& owner, std::uint64_t which, Random chance);

  Process& process;
  World& world;
  Promises& promises;
  const std::uint64_t number;
  const std::string name;  ///< "p2.1": process and life.
  Random random;
  bool over = false;
  bool follows = false;  ///< The ensemble's own list of servers.
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
  WireLog wire_log;
  Random draws;  ///< Of the runtime.
  std::shared_ptr<client::Runtime> runtime;
  std::optional<client::Client> face;
  std::map<std::uint64_t, client::Timer*> asleep;  ///< Of sleep().
  /// What differs from the tree once all is quiet; each says nothing when nothing does.
  std::vector<std::function<std::string()>> at_end;
};
using LifePtr = std::shared_ptr<Life>;

/// So long on the clock of the process; shorter when its life ends.
boost::asio::awaitable<void> sleep(LifePtr life, Micros span);
/// Until the life ends.
boost::asio::awaitable<void> rest_of(LifePtr life);
/// Whether new work is to be begun.
bool goes_on(const LifePtr& life);
/// When to leave again: in some seconds or, where the load would have ended by then, not at all.
/// What all are to know in the end needs the time in between to reach them.
Micros some_end_of_stay(Life& life);

class Process final : public Host, public client::VirtualWorld {
 public:
  Process(World& world, Promises& promises, int number, Random random);
  ~Process() override;

  void start();
  /// The process ends; a new one begins after `down`. `silent`: the machine dies, nobody is told.
  void crash(bool silent, Micros down);
  /// Ends its session with a farewell and begins another.
  void say_farewell();
  void freeze(Micros duration);
  void thaw();
  /// Its connection breaks, and with it what is under way.
  void drop();

  World& world() const { return world_; }
  Promises& promises() const { return promises_; }
  int number() const { return number_; }
  HostId host() const { return kFirstProcess + number_; }
  bool alive() const { return life_ != nullptr; }
  /// Has had its turn of all that came: what it says is what it knows.
  bool current() const { return life_ != nullptr && !frozen_ && !behind_; }
  const Life& life() const { return *life_; }
  SessionId session() const;
  Micros current_since() const { return current_since_; }

  // ---- VirtualWorld, of one life after the other
  TimePoint now() override { return clock(); }
  std::uint64_t draw() override { return life_->draws.next(); }
  /// A turn when its clock says `when`.
  void at(TimePoint when, std::function<void()> action) override;
  Connection connect(const std::string& host, std::uint16_t port,
                     std::shared_ptr<client::VirtualEnd> end) override;
  void send(Connection connection, ByteView bytes) override;
  void close(Connection connection) override;
  // No client here blocks.
  void add_loop(const void*, std::function<bool()>) override {}
  void remove_loop(const void*) override {}
  void run_until(const std::function<bool()>&) override {}
  void start_thread(std::function<void()>) override {}

  // ---- Host
  void on_accepted(ConnId, HostId, Port) override {}
  void on_connected(ConnId conn, bool ok) override;
  void on_bytes(ConnId conn, ByteView bytes) override;
  void on_end(ConnId conn) override;
  void on_vote(HostId, const consensus::Notification&) override {}
  void on_election_link(HostId, bool) override {}

  static constexpr HostId kFirstProcess = kFirstClient + 100;

 private:
  struct Late {
    bool timer;
    std::function<void()> action;
  };
  struct Open {
    std::shared_ptr<client::VirtualEnd> end;
    std::shared_ptr<Wire> wire;
  };

  TimePoint clock() const;
  void begin();
  void end_life();
  void renew_after(Micros pause);
  void on_session(const client::SessionEvent& event);
  void turn(bool timer, std::function<void()> action);
  void poll();
  void link_event(ConnId conn, std::function<void(Open&)> action);

  World& world_;
  Promises& promises_;
  int number_;
  Random random_;
  LifePtr life_;
  std::uint64_t lives_ = 0;
  std::uint64_t waits_ = 0;  ///< Counts what is scheduled to begin anew.
  bool attached_ = false, frozen_ = false, behind_ = false;
  Micros current_since_ = 0;
  std::uint64_t pauses_ = 0;
  std::vector<Late> backlog_;
  std::map<ConnId, Open> links_;
  std::int64_t drift_ppm_;
  std::int64_t clock_base_ms_;
};

}  // namespace quorate::sim
