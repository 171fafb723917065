// Virtual TCP and the election links.
//
// Inside a connection bytes are FIFO, split anywhere, and lost only as a suffix, together with the
// connection. Between connections nothing is ordered. A cut path delays (the kernel sends again),
// it does not lose. Ends of a connection may disagree: half-open after a silent death.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "consensus/messages.h"
#include "tests/sim/plan.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/trace.h"

namespace quorate::sim {

using HostId = int;           ///< Servers 1..n, clients from kFirstClient on.
using ConnId = std::int64_t;  ///< Never used twice in a run.
inline constexpr HostId kFirstClient = 100;

enum class Port { Quorum, Client };

/// What runs on a host. Calls come from events of the scheduler only.
class Host {
 public:
  virtual ~Host() = default;
  virtual void on_accepted(ConnId conn, HostId from, Port port) = 0;
  virtual void on_connected(ConnId conn, bool ok) = 0;
  virtual void on_bytes(ConnId conn, ByteView bytes) = 0;
  /// The connection has ended; nothing of it comes later.
  virtual void on_end(ConnId conn) = 0;
  virtual void on_vote(HostId from, const consensus::Notification& notification) = 0;
  virtual void on_election_link(HostId peer, bool reachable) = 0;
};

class Network {
 public:
  Network(const Plan& plan, Scheduler& scheduler, Trace& trace, Random random);

  // ---- Hosts
  // -------------------------------------------------------------------------------------
  void attach(HostId id, Host& host);
  /// The host's process is gone. `silent`: the machine died too, so nobody is told; otherwise its
  /// kernel resets all connections.
  void detach(HostId id, bool silent);

  // ---- Connections
  // -------------------------------------------------------------------------------
  /// Answered by on_connected() of `from`, unless that host goes away.
  ConnId connect(HostId from, HostId to, Port port);
  void send(ConnId conn, HostId from, Bytes bytes);
  std::size_t queued(ConnId conn, HostId from) const;
  /// `from` ends it; what it has sent before still arrives, and then the end. No on_end for `from`.
  void close(ConnId conn, HostId from);
  /// The connection breaks: what is under way is lost, both ends hear of it.
  void break_connection(ConnId conn);
  std::vector<ConnId> connections(HostId host) const;
  /// The one at the other end; 0 when both ends are gone.
  HostId other_end(ConnId conn, HostId from) const;

  // ---- Election
  // ----------------------------------------------------------------------------------
  void vote(HostId from, HostId to, consensus::Notification notification);

  // ---- Faults
  // ------------------------------------------------------------------------------------
  void cut(HostId from, HostId to) { cuts_.insert({from, to}); }
  void heal() {
    cuts_.clear();
    slow_.clear();
  }
  bool any_cut() const { return !cuts_.empty(); }
  bool is_cut(HostId from, HostId to) const { return cuts_.contains({from, to}); }
  /// All delays from `from` to `to` times `factor`.
  void slow(HostId from, HostId to, int factor) { slow_[{from, to}] = factor; }
  void break_election_link(HostId a, HostId b);

 private:
  struct Direction {
    Bytes waiting;  ///< Sent, not delivered.
    Micros earliest = 0;
    bool moving = false;  ///< A delivery event exists.
    bool end = false;     ///< The sender has closed: the end follows the bytes.
  };
  struct Conn {
    HostId host[2];  ///< [0] connected to [1].
    Port port;
    bool broken = false;            ///< Bytes are lost from here on: never a hole, always a suffix.
    bool open[2] = {false, false};  ///< Whether the process at that end still has it.
    Direction direction[2];         ///< [i]: from host[i] to the other.
  };
  struct VoteSlot {
    std::optional<consensus::Notification> waiting;
    std::optional<consensus::Notification> moving;
    bool scheduled = false;
  };
  using Pair = std::pair<HostId, HostId>;

  Micros delay(HostId from, HostId to);
  Host* host(HostId id) const;
  void try_connect(ConnId id);
  void finish_connect(ConnId id, bool ok);
  void move(ConnId id, int side);
  void deliver(ConnId id, int side);
  void tell_end(ConnId id, int side);
  void end_arrives(ConnId id, int side);
  void deliver_stale(const Conn& old, int side, ByteView bytes);
  void move_vote(Pair pair);
  void deliver_vote(Pair pair);
  void tell_link(HostId to, HostId peer, bool reachable);

  const Plan& plan_;
  Scheduler& scheduler_;
  Trace& trace_;
  Random random_;
  std::map<HostId, Host*> hosts_;
  std::set<HostId> silent_;  ///< Machine is down: connects to it get no answer.
  std::map<ConnId, Conn> conns_;
  ConnId next_conn_ = 1;
  std::map<Pair, VoteSlot> votes_;
  std::set<Pair> unreachable_;  ///< {a, b}: a was told that b is gone.
  std::set<Pair> cuts_;
  std::map<Pair, int> slow_;
};

}  // namespace quorate::sim
