// The connections of a fake ensemble: bytes take their time, in order; they are held up, lost, or
// cut off when the script says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "quorate/testing/fake.h"
#include "server/testing/fake_world.h"

namespace quorate::testing {

class FakeNetwork : public FakeWorld {
 public:
  explicit FakeNetwork(const FakeOptions& options);

  // ---- From clients
  Connection connect(const std::string& host, std::uint16_t port,
                     std::shared_ptr<client::VirtualEnd> end) override;
  void send(Connection connection, ByteView bytes) override;
  void close(Connection connection) override;

  // ---- From the script
  void refuse_until(TimePoint end) { refused_until_ = end; }
  void stall_until(TimePoint end) { stalled_until_ = end; }
  /// Nothing is on its way but what is held up.
  bool quiet() const;
  std::string host(int server) const;

 protected:
  // ---- To the servers
  virtual void on_accepted(Connection connection) = 0;
  virtual void on_received(Connection connection, ByteView bytes) = 0;
  /// The client's end has gone, or the connection broke.
  virtual void on_gone(Connection connection) = 0;

  // ---- From the servers
  void deliver(Connection connection, ByteView bytes);
  /// What is delivered from now on arrives so much later.
  void hold(Connection connection, std::chrono::milliseconds span);
  /// Behind what was delivered.
  void end(Connection connection);
  /// Both ends are told; what is on its way is lost.
  void break_off(Connection connection);

  std::vector<Connection> standing() const;
  std::vector<Connection> standing_of(int server) const;
  void set_down(int server, bool down);
  bool is_down(int server) const { return down_.contains(server); }
  int servers() const { return servers_; }
  /// Nobody is told anything any more.
  void forget_connections();

 private:
  enum class What { Open, Refusal, Bytes, End };
  struct Message {
    What what;
    TimePoint due;
    bool held;
    quorate::Bytes bytes;
  };
  using Queue = std::deque<Message>;
  struct Wire {
    std::shared_ptr<client::VirtualEnd> end;  ///< None: the client has closed it.
    int server = 0;
    bool standing = false;  ///< The server knows it.
    Queue to_server, to_client;
    TimePoint held_until;
  };
  using Direction = Queue Wire::*;

  void push(Connection connection, Direction way, What what, ByteView bytes = {});
  void arrive(Connection connection, Direction way);
  void at_server(Connection connection, const Message& message);
  void at_client(Connection connection, const Message& message);
  bool has_news(const Queue& queue) const;

  const int servers_;
  const std::chrono::microseconds latency_;
  TimePoint refused_until_, stalled_until_;
  std::set<int> down_;
  Connection last_ = 0;
  std::map<Connection, Wire> wires_;
};

}  // namespace quorate::testing
