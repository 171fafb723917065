// A client on the real wire: one session at a time that moves between servers, a random workload,
// and a note of everything it is told.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/sim/model.h"
#include "tests/sim/network.h"
#include "znode/proto/frame.h"
#include "znode/proto/records.h"

namespace quorate::sim {

struct World;

class Client final : public Host {
 public:
  Client(World& world, int number, Random random);

  void start();
  /// Loses its connection, and looks for another server.
  void drop();
  /// Its process ends: it comes back after `down` and knows nothing. `silent`: nobody is told.
  void crash(bool silent, Micros down);
  /// Asks for other members, whatever the answer.
  void reconfig(const MembersIntent& members);
  bool connected() const { return state_ == State::Up; }
  SessionId session() const { return session_; }

  void on_accepted(ConnId, HostId, Port) override {}
  void on_connected(ConnId conn, bool ok) override;
  void on_bytes(ConnId conn, ByteView bytes) override;
  void on_end(ConnId conn) override;
  void on_vote(HostId, const consensus::Notification&) override {}
  void on_election_link(HostId, bool) override {}

 private:
  enum class State { Idle, Connecting, Handshake, Up };
  struct Pending {
    std::int32_t xid;
    std::optional<std::size_t> operation;  ///< Nothing: of the connection (setWatches, ping).
    OpCode op;
    std::string path;
    bool watch = false;
    Micros sent = 0;
  };
  /// An active one-shot watch: data or child table, path.
  struct WatchKey {
    bool child;
    std::string path;
    auto operator<=>(const WatchKey&) const = default;
  };
  struct Watch {
    Zxid since;   ///< No change of interest up to here.
    bool exists;  ///< The node was there (getData, exists); false: waits for its creation.
  };

  HostId host() const { return kFirstClient + number_; }
  void connect();
  void lose();
  void beat();
  void work();
  void issue();
  void issue_write();
  void issue_reaped_create(WriteIntent intent, bool container);
  void issue_read();
  void issue_sync();
  bool rests();
  void issue_refused_write();
  std::string random_path();
  template <class Record>
  void request(OpCode op, const Record& record, std::optional<std::size_t> operation,
               const std::string& path, bool watch);
  template <class Record>
  void request_write(WriteIntent intent, const Record& record);
  void send(Bytes frame);
  bool frame(ByteView body);
  void handshake_done(ByteView body);
  void reply(const ReplyHeader& header, ByteView body);
  void fresh_session();

  void restore_watches();
  void watches_restored(Zxid zxid);
  void take_watch(const Pending& pending, const ReplyHeader& header);
  void event(const ReplyHeader& header, const WatcherEvent& event);
  void consume(const WatchKey& key, const ReplyHeader& header);
  void check_missed(Zxid zxid) const;

  World& world_;
  int number_;
  Random random_;
  State state_ = State::Idle;
  ConnId conn_ = 0;
  HostId server_ = 0;       ///< That `conn_` goes to.
  HostId home_ = 0;         ///< Where its session was opened; 0: none yet.
  bool reads_only_;         ///< Puts up with a server in read-only mode.
  bool read_only_ = false;  ///< Is connected to one.
  int failures_ = 0;        ///< Connections in a row that did not come up.
  FrameReader frames_;
  SessionId session_;
  std::string password_;
  std::int32_t timeout_ms_ = 0;
  Zxid last_zxid_;
  std::int32_t next_xid_ = 1;
  std::deque<Pending> pending_;
  bool closing_ = false;
  bool rested_ = false;  ///< Since its last acknowledged write.
  bool restoring_ = false;
  Zxid relative_;  ///< Of the setWatches under way.
  std::map<WatchKey, Watch> watches_;
  std::map<std::string, std::int32_t> versions_;  ///< Last seen, for compare-and-set.
  std::vector<std::string> listed_;               ///< Children seen, to delete some.
  Micros last_heard_ = 0, last_sent_ = 0;
  std::uint64_t values_ = 0;
  std::uint64_t attempt_ = 0;
};

}  // namespace quorate::sim
