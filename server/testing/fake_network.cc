#include "server/testing/fake_network.h"

#include <algorithm>
#include <utility>

namespace quorate::testing {

namespace {

constexpr std::string_view kHost = "fake";

}  // namespace

FakeNetwork::FakeNetwork(const FakeOptions& options)
    : FakeWorld(options.seed, options.patience),
      servers_(options.servers),
      latency_(options.latency) {}

std::string FakeNetwork::host(int server) const {
  return std::string(kHost) + std::to_string(server);
}

// ---- Clients
// -------------------------------------------------------------------------------------

FakeNetwork::Connection FakeNetwork::connect(const std::string& name, std::uint16_t,
                                             std::shared_ptr<client::VirtualEnd> end) {
  const Connection connection = ++last_;
  Wire& wire = wires_[connection];
  wire.end = std::move(end);
  for (int server = 1; server <= servers_; ++server) {
    if (host(server) == name) wire.server = server;
  }
  push(connection, &Wire::to_server, What::Open);
  return connection;
}

void FakeNetwork::send(Connection connection, ByteView bytes) {
  push(connection, &Wire::to_server, What::Bytes, bytes);
}

void FakeNetwork::close(Connection connection) {
  const auto known = wires_.find(connection);
  if (known == wires_.end()) return;
  known->second.end.reset();
  known->second.to_client.clear();
  push(connection, &Wire::to_server, What::End);
}

// ---- On the way
// ----------------------------------------------------------------------------------

void FakeNetwork::push(Connection connection, Direction way, What what, ByteView bytes) {
  const auto known = wires_.find(connection);
  if (known == wires_.end()) return;
  Wire& wire = known->second;
  Queue& queue = wire.*way;
  const TimePoint usual = now() + latency_;
  TimePoint due = usual;
  if (way == &Wire::to_client) due = std::max(due, wire.held_until);
  if (!queue.empty()) due = std::max(due, queue.back().due);
  queue.push_back({what, due, due > usual, quorate::Bytes(bytes.begin(), bytes.end())});
  at(due, [this, connection, way] { arrive(connection, way); });
}

void FakeNetwork::arrive(Connection connection, Direction way) {
  while (true) {
    const auto known = wires_.find(connection);
    if (known == wires_.end()) return;
    Queue& queue = known->second.*way;
    if (queue.empty() || queue.front().due > now()) return;
    if (now() < stalled_until_) {
      return at(stalled_until_, [this, connection, way] { arrive(connection, way); });
    }
    const Message message = std::move(queue.front());
    queue.pop_front();
    way == &Wire::to_server ? at_server(connection, message) : at_client(connection, message);
  }
}

void FakeNetwork::at_server(Connection connection, const Message& message) {
  Wire& wire = wires_.at(connection);
  switch (message.what) {
    case What::Open:
      wire.standing = wire.server != 0 && !down_.contains(wire.server) && now() >= refused_until_;
      if (wire.standing) on_accepted(connection);
      push(connection, &Wire::to_client, wire.standing ? What::Open : What::Refusal);
      return;
    case What::End:
      if (std::exchange(wire.standing, false)) on_gone(connection);
      wires_.erase(connection);
      return;
    default:
      if (wire.standing) on_received(connection, message.bytes);
  }
}

void FakeNetwork::at_client(Connection connection, const Message& message) {
  const std::shared_ptr<client::VirtualEnd> end = wires_.at(connection).end;
  if (!end) return;
  if (message.what == What::Bytes) return end->arrived(message.bytes);
  if (message.what == What::End) return end->ended();
  end->connected(message.what == What::Open);
}

bool FakeNetwork::has_news(const Queue& queue) const {
  return std::any_of(queue.begin(), queue.end(),
                     [](const Message& message) { return !message.held; });
}

bool FakeNetwork::quiet() const {
  if (time() < stalled_until_) return true;
  return std::none_of(wires_.begin(), wires_.end(), [this](const auto& each) {
    return has_news(each.second.to_server) || has_news(each.second.to_client);
  });
}

// ---- Servers
// -------------------------------------------------------------------------------------

void FakeNetwork::deliver(Connection connection, ByteView bytes) {
  push(connection, &Wire::to_client, What::Bytes, bytes);
}

void FakeNetwork::hold(Connection connection, std::chrono::milliseconds span) {
  const auto known = wires_.find(connection);
  if (known != wires_.end()) known->second.held_until = now() + span;
}

void FakeNetwork::end(Connection connection) {
  const auto known = wires_.find(connection);
  if (known == wires_.end()) return;
  known->second.standing = false;
  push(connection, &Wire::to_client, What::End);
}

void FakeNetwork::break_off(Connection connection) {
  const auto known = wires_.find(connection);
  if (known == wires_.end()) return;
  Wire& wire = known->second;
  wire.to_client.clear();
  wire.held_until = {};
  if (std::exchange(wire.standing, false)) on_gone(connection);
  push(connection, &Wire::to_client, What::End);
}

std::vector<FakeNetwork::Connection> FakeNetwork::standing() const {
  std::vector<Connection> all;
  for (const auto& [connection, wire] : wires_) {
    if (wire.standing) all.push_back(connection);
  }
  return all;
}

std::vector<FakeNetwork::Connection> FakeNetwork::standing_of(int server) const {
  std::vector<Connection> all = standing();
  std::erase_if(all, [&](Connection each) { return wires_.at(each).server != server; });
  return all;
}

void FakeNetwork::set_down(int server, bool down) {
  if (!down) {
    down_.erase(server);
    return;
  }
  down_.insert(server);
  for (const Connection connection : standing_of(server)) break_off(connection);
}

void FakeNetwork::forget_connections() {
  for (const auto& [connection, wire] : std::exchange(wires_, {})) {
    if (wire.end) wire.end->forget();
  }
}

}  // namespace quorate::testing
