// The ports of one server, on the virtual network. One life of the process each.
#pragma once

#include <map>
#include <set>
#include <string>

#include "server/replica/ports.h"
#include "tests/sim/network.h"

namespace quorate::sim {

struct World;
class Server;

class SimLinks final : public server::Links {
 public:
  SimLinks(World& world, Server& server) : world_(world), server_(server) {}

  /// On the virtual network a server is found by its id.
  void set_members(const consensus::Membership&) override {}
  void vote(ServerId to, const consensus::Notification& notification) override;
  void open(ServerId peer) override;
  void cancel(ServerId peer) override;
  void close(LinkId link) override;
  void send(LinkId link, const consensus::QuorumPacket& packet) override;
  void send_raw(LinkId link, SharedBytes bytes) override;
  std::size_t queued_bytes(LinkId link) const override;
  void flush() override;

  /// Bytes that wait on the fullest of them.
  std::size_t longest_queue() const;
  void accepted(ConnId conn);
  /// False when `conn` is none of ours, or not wanted any more.
  bool connected(ConnId conn, bool ok);
  bool has(ConnId conn) const { return up_.contains(conn); }
  void bytes(ConnId conn, ByteView input);
  /// True once per link.
  bool ended(ConnId conn);

 private:
  void attempt(ServerId peer);
  void confirm(LinkId link, const consensus::QuorumPacket& packet);
  void limit(ConnId conn);
  bool silenced(const consensus::QuorumPacket& packet) const;
  bool loses_upgrade(const consensus::QuorumPacket& packet) const;
  bool counts_unasked(HostId learner, const consensus::QuorumPacket& packet) const;
  void plant_behind(LinkId link, const consensus::QuorumPacket& packet);

  World& world_;
  Server& server_;
  std::map<ServerId, int> wanted_;  ///< Attempts so far.
  std::map<ConnId, ServerId> connecting_;
  std::set<ConnId> up_;
  std::map<ConnId, Bytes> out_;  ///< Until flush().
  /// For the mutant that makes up answers: links of learners, when they were heard of, and what is
  /// no whole packet yet.
  struct Learner {
    Micros heard = 0;
    Bytes part;
  };
  std::map<ConnId, Learner> learners_;
};

class SimClients final : public server::Clients {
 public:
  SimClients(World& world, Server& server) : world_(world), server_(server) {}

  void send(ConnectionId connection, ByteView frames) override;
  void close(ConnectionId connection) override;
  void pause(ConnectionId connection) override;
  void resume(ConnectionId connection) override;
  void flush() override;

  void accepted(ConnId conn, HostId from);
  bool has(ConnId conn) const { return conns_.contains(conn); }
  void bytes(ConnId conn, ByteView input);
  bool ended(ConnId conn) { return conns_.erase(conn) != 0; }

 private:
  struct Conn {
    Bytes in;
    Bytes out;
    Bytes late;  ///< Of the mutant: events that wait for the next answer.
    bool paused = false;
  };
  void drain(ConnId conn);
  static void events_last(Conn& conn);

  World& world_;
  Server& server_;
  std::map<ConnId, Conn> conns_;
};

class SimClock final : public server::Clock {
 public:
  SimClock(const World& world, const Server& server) : world_(world), server_(server) {}
  std::int64_t now_ms() const override;
  std::int64_t wall_ms() const override;

 private:
  const World& world_;
  const Server& server_;
};

class SimObserver final : public server::Observer {
 public:
  SimObserver(World& world, int id) : world_(world), id_(id) {}
  void on_event(const consensus::Event& event) override;
  void note(char severity, const std::string& text) override;

 private:
  World& world_;
  int id_;
};

}  // namespace quorate::sim
