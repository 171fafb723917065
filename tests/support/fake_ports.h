// Ports of the replica that remember what they were told and answer when a test says so.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/replica/ports.h"
#include "znode/proto/frame.h"

namespace quorate::server {

/// Keeps the log in memory. Nothing is durable before answer() hands out the number to report.
class FakeDisk : public Disk {
 public:
  void write(std::uint64_t first, std::vector<consensus::LogWrite> more) override {
    last_write = first + more.size() - 1;
    for (auto& write : more) writes.push_back(std::move(write));
  }
  void checkpoint(znode::CheckpointBatch portion) override {
    checkpoints.push_back(std::move(portion));
  }
  std::size_t checkpoint_backlog() const override { return backlog; }
  void read_snapshot(LinkId link) override { reads.push_back(link); }
  void drop_snapshot(LinkId link) override { dropped.push_back(link); }
  void install(LinkId link, znode::CheckpointBatch whole) override {
    installs.emplace_back(link, std::move(whole));
  }
  void drop_install(LinkId link) override { dropped_installs.push_back(link); }

  std::size_t records() const { return log().size(); }
  std::vector<consensus::LogRecord> log() const {
    std::vector<consensus::LogRecord> records;
    for (const auto& write : writes) {
      if (const auto* append = std::get_if<consensus::AppendRecord>(&write)) {
        records.push_back(append->record);
      }
    }
    return records;
  }

  std::vector<consensus::LogWrite> writes;
  std::uint64_t last_write = 0;
  std::size_t backlog = 0;
  std::vector<znode::CheckpointBatch> checkpoints;
  std::vector<LinkId> reads, dropped, dropped_installs;
  std::vector<std::pair<LinkId, znode::CheckpointBatch>> installs;
};

class FakeLinks : public Links {
 public:
  struct Sent {
    LinkId link;
    consensus::QuorumPacket packet;
  };
  void set_members(const consensus::Membership& members) override {
    configs.push_back(members.last_seen().text());
  }
  void vote(ServerId to, const consensus::Notification& notification) override {
    votes.emplace_back(to, notification);
  }
  void open(ServerId peer) override { opened.push_back(peer); }
  void cancel(ServerId peer) override { cancelled.push_back(peer); }
  void close(LinkId link) override { closed.push_back(link); }
  void send(LinkId link, const consensus::QuorumPacket& packet) override {
    sent.push_back({link, packet});
  }
  void send_raw(LinkId link, SharedBytes bytes) override { append(raw[link], bytes.view()); }
  std::size_t queued_bytes(LinkId) const override { return queued; }
  void flush() override { ++flushes; }

  std::vector<std::pair<ServerId, consensus::Notification>> votes;
  std::vector<ServerId> opened, cancelled;
  std::vector<std::string> configs;  ///< The newest one known, each time there was news.
  std::vector<LinkId> closed;
  std::vector<Sent> sent;
  std::map<LinkId, Bytes> raw;
  std::size_t queued = 0;
  int flushes = 0;
};

/// Cuts what is sent to each connection into frames.
class FakeClients : public Clients {
 public:
  void send(ConnectionId connection, ByteView frames) override {
    ++sends[connection];
    FrameReader reader;
    (void)reader.feed(frames, [&](ByteView frame) {
      received[connection].emplace_back(frame.begin(), frame.end());
      return true;
    });
  }
  void close(ConnectionId connection) override { closed.insert(connection); }
  void pause(ConnectionId connection) override { paused.insert(connection); }
  void resume(ConnectionId connection) override { paused.erase(connection); }
  void flush() override {}

  /// The oldest frame not taken yet; empty when there is none.
  Bytes take(ConnectionId connection) {
    auto& queue = received[connection];
    if (queue.empty()) return {};
    Bytes first = std::move(queue.front());
    queue.pop_front();
    return first;
  }

  std::map<ConnectionId, std::deque<Bytes>> received;
  std::map<ConnectionId, int> sends;
  std::set<ConnectionId> closed, paused;
};

class FakeClock : public Clock {
 public:
  std::int64_t now_ms() const override { return now; }
  std::int64_t wall_ms() const override { return 1'700'000'000'000 + now; }
  std::int64_t now = 1000;
};

class FakeObserver : public Observer {
 public:
  void on_event(const consensus::Event& event) override { events.push_back(event); }
  void note(char severity, const std::string& text) override {
    notes.push_back(severity + (' ' + text));
  }
  void audit(const std::string& line) override { audited.push_back(line); }
  std::vector<consensus::Event> events;
  std::vector<std::string> notes, audited;
};

struct FakePorts {
  FakeDisk disk;
  FakeLinks links;
  FakeClients clients;
  FakeClock clock;
  FakeObserver observer;
  Ports ports() { return {disk, links, clients, clock, observer}; }
};

}  // namespace quorate::server
