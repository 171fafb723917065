// What an idle session costs in the replica: connection, table, tracker, owner. The socket's part
// is not in it (tests/bench measures whole processes).
#include <doctest/doctest.h>
#include <malloc.h>

#include <memory>

#include "server/replica/replica.h"
#include "tests/support/fake_ports.h"
#include "znode/proto/records.h"

namespace quorate::server {
namespace {

/// Ports that keep nothing.
struct ForgetfulDisk : FakeDisk {
  void write(std::uint64_t first, std::vector<consensus::LogWrite> more) override {
    last_write = first + more.size() - 1;
  }
  void checkpoint(znode::CheckpointBatch) override {}
};
struct CountingClients : FakeClients {
  void send(ConnectionId, ByteView frames) override { bytes += frames.size(); }
  std::size_t bytes = 0;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCountsHeap = false;  // The sanitizers' own allocator answers otherwise.
#else
constexpr bool kCountsHeap = true;
#endif

std::size_t heap_bytes() {
  return mallinfo2().uordblks;
}

}  // namespace

TEST_CASE("sessions: 19,500 idle ones take at most 700 bytes each of the replica's memory") {
  constexpr int kSessions = 19500, kBatch = 100;
  ForgetfulDisk disk;
  FakeLinks links;
  CountingClients clients;
  FakeClock clock;
  FakeObserver observer;
  ReplicaOptions options;
  options.peer.self = ServerId{1};
  options.peer.standalone = true;
  Recovered recovered;
  recovered.durable.blank = true;
  Replica replica(std::move(options), std::move(recovered), {disk, links, clients, clock, observer},
                  Random(1));
  const auto settle = [&] {
    replica.pump();
    replica.on_synced(disk.last_write);
    replica.pump();
  };
  replica.on_tick();
  settle();
  ConnectRequest request;
  request.timeout_ms = 40000;
  const Bytes handshake = encode_all(request);
  const std::size_t before = heap_bytes();
  for (int i = 1; i <= kSessions; ++i) {
    replica.on_client_open(ConnectionId{i}, {"192.168.100.200"});
    replica.on_client_frame(ConnectionId{i}, handshake);
    if (i % kBatch == 0) settle();
  }
  settle();
  REQUIRE(replica.tree().sessions().size() == kSessions);
  CHECK(clients.bytes == static_cast<std::size_t>(kSessions) * 40);
  const std::size_t each = (heap_bytes() - before) / kSessions;
  MESSAGE("bytes per session: " << each);
  if (kCountsHeap) CHECK(each <= 700);
  // Pings leave nothing behind.
  const std::size_t open = heap_bytes();
  Bytes ping;
  JuteWriter out(ping);
  encode(out, RequestHeader{xid::kPing, OpCode::Ping});
  for (int round = 0; round < 20; ++round) {
    clock.now += 2000;
    replica.on_tick();
    for (int i = 1; i <= kSessions; ++i) {
      replica.on_client_frame(ConnectionId{i}, ping);
    }
    settle();
  }
  CHECK(replica.tree().sessions().size() == kSessions);
  if (kCountsHeap) CHECK(heap_bytes() <= open + kSessions * 40);
}

}  // namespace quorate::server
