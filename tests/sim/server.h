// One server process of the simulated ensemble: the real Replica over simulated ports.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consensus/event.h"
#include "server/replica/ports.h"
#include "server/replica/replica.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"

namespace quorate::sim {

struct World;

class Server final : public Host, public DiskOwner {
 public:
  Server(World& world, int id, Random random);
  ~Server() override;

  void start();
  /// Power cut or kill: the process is gone, un-synced data perhaps too. Restarts after `down`.
  void crash(bool silent, test::Loss loss, Micros down);
  void crash_at(CrashPoint point, Micros down);
  /// When consensus tells of this the next time.
  void crash_at(consensus::EventKind moment, Micros down);
  void happened(consensus::EventKind event);
  /// The process does not run for so long; the world goes on.
  void freeze(Micros duration);
  void thaw();
  /// Ends of faults: runs again, disk at full speed.
  void heal();
  void set_disk_slow(int factor);
  /// The n-th change of its files from now on fails; the process ends by that.
  void fail_disk(std::int64_t n, Micros down);
  /// While the server is down: the n-th change at its next start.
  void fail_disk_at_start(std::int64_t n);
  /// No more than `left` bytes fit on its disk, until free_disk().
  void fill_disk(std::uint64_t left, Micros down);
  void free_disk();
  /// Its clock on the wall, not the one that counts time.
  void jump_wall(std::int64_t ms);
  /// While it is down: flips a bit of what its log knows as durable.
  void damage();
  /// From damage() until a leader has synced it.
  bool damaged() const;
  /// For the end of a run.
  void check_recovery_equals_memory();

  int id() const { return id_; }
  bool alive() const { return life_ != nullptr; }
  bool frozen() const { return frozen_; }
  bool leading() const;
  const LogState& ordered() const { return ordered_; }  ///< As its replica ordered it.
  const LogState& durable() const { return durable_; }  ///< As the disk really holds it.
  /// Bytes that wait on the fullest link to another server.
  std::size_t longest_queue() const;
  /// Has it, or had it before its disk was damaged: what it acknowledged then counts for ever.
  bool held(Zxid zxid, const SharedBytes& bytes) const;
  const server::Replica& replica() const;

  // ---- Host
  // --------------------------------------------------------------------------------------
  void on_accepted(ConnId conn, HostId from, Port port) override;
  void on_connected(ConnId conn, bool ok) override;
  void on_bytes(ConnId conn, ByteView bytes) override;
  void on_end(ConnId conn) override;
  void on_vote(HostId from, const consensus::Notification& notification) override;
  void on_election_link(HostId peer, bool reachable) override;

  // ---- DiskOwner
  // ---------------------------------------------------------------------------------
  void post(Micros delay, std::function<void()> action) override;
  server::Replica& replica() override;
  void crash_point_reached() override;
  void write_ordered(const consensus::LogWrite& write) override;
  void installed(Zxid zxid) override { ordered_.install(zxid); }

 private:
  struct Life;
  friend class SimLinks;
  friend class SimClients;
  friend class SimClock;
  friend class SimObserver;

  void run(const std::function<void()>& action);
  void tell_on();
  void arrive(std::function<void()> action);
  void tick();
  server::StorageOptions storage_options() const;
  server::ReplicaOptions replica_options() const;
  void check_recovered(const server::Recovered& recovered, const server::StorageFault& notice);
  bool dropped_all(const server::Recovered& recovered, const server::StorageFault& notice);
  void refused(const server::StorageFault& fault);
  void forget_tail(const std::string& path, std::uint64_t proven);
  std::vector<std::pair<std::string, std::uint64_t>> durable_part() const;

  World& world_;
  int id_;
  Random random_;
  test::SimFiles files_;
  LogState ordered_, durable_;
  std::vector<consensus::LogWrite> in_doubt_;  ///< Of the last crash: some first part survived.
  Zxid install_in_doubt_;
  struct Flip {
    std::string path;
    std::uint64_t offset;
    std::uint8_t mask;
  };
  std::optional<Flip> flip_;   ///< Until the next start has dealt with it.
  LogState lost_;              ///< What damage has taken.
  std::uint64_t excused_ = 0;  ///< Failures of the disk that have ended a life already.
  std::unique_ptr<Life> life_;
  std::uint64_t incarnation_ = 0;
  bool ever_opened_ = false;
  bool frozen_ = false;
  std::optional<consensus::EventKind> armed_;   ///< Moment of the next crash.
  std::vector<std::function<void()>> backlog_;  ///< What arrived while frozen.
  Micros down_ = 0;                             ///< How long the armed crash lasts.
  std::int64_t clock_offset_ms_;
  std::int64_t drift_ppm_;
  std::int64_t wall_jumps_ms_ = 0;
};

/// Thrown by the hook of fatal(): one of many servers in this process dies.
struct ServerFatal {
  std::string what;
};

}  // namespace quorate::sim
