// test_client_follow --servers=HOST:PORT,... --clients=N: clients that follow the ensemble. Each
// line on standard input is answered with one line of JSON: where they are, the lists that they
// have, how many sessions are over, how many times one has moved. Ends, and closes them, with the
// input.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdint>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "quorate/client.h"

namespace {

using namespace quorate::client;

/// One client; everything on the only thread of its context.
struct Watched {
  Watched(boost::asio::io_context& io, const ConnectOptions& options)
      : client(io.get_executor(), options) {
    client.add_session_listener([this](const SessionEvent& event) {
      over = over || is_final(event.state);
      const bool linked =
          event.state == SessionState::Connected || event.state == SessionState::Reconnected;
      server = linked ? event.server : "";
      if (!linked) return;
      if (!latest.empty() && latest != server) ++moves;
      latest = server;
    });
  }

  Client client;
  std::string server, latest;
  bool over = false;
  int moves = 0;
};

template <class Map>
std::string object_of(const Map& counts) {
  std::string out = "{";
  for (const auto& [name, count] : counts) {
    out += (out.size() > 1 ? ", \"" : "\"") + name + "\": " + std::to_string(count);
  }
  return out + "}";
}

std::string describe(const std::vector<std::unique_ptr<Watched>>& clients) {
  std::map<std::string, int> servers, lists;
  int over = 0, moves = 0;
  for (const auto& each : clients) {
    ++servers[each->server];
    ++lists[each->client.servers()];
    over += each->over ? 1 : 0;
    moves += each->moves;
  }
  return "{\"servers\": " + object_of(servers) + ", \"lists\": " + object_of(lists) +
         ", \"over\": " + std::to_string(over) + ", \"moves\": " + std::to_string(moves) + "}";
}

std::string value_of(int argc, char** argv, const std::string& name, const std::string& otherwise) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("--" + name + "=")) return word.substr(name.size() + 3);
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  ConnectOptions options(value_of(argc, argv, "servers", "127.0.0.1:2181"));
  options.session_timeout = std::chrono::seconds(10);
  options.connect_timeout = std::chrono::seconds(20);
  options.follow_ensemble = true;
  boost::asio::io_context io(1);
  auto work = boost::asio::make_work_guard(io);
  std::thread thread([&io] { io.run(); });
  std::vector<std::unique_ptr<Watched>> clients;
  const int count = std::stoi(value_of(argc, argv, "clients", "10"));
  for (int i = 0; i < count; ++i) clients.push_back(std::make_unique<Watched>(io, options));
  std::vector<std::future<ConnectReport>> connects;
  for (auto& each : clients) {
    connects.push_back(each->client.async_connect(boost::asio::use_future));
  }
  for (auto& each : connects) each.get();
  for (std::string line; std::getline(std::cin, line);) {
    std::promise<std::string> answer;
    boost::asio::post(io, [&] { answer.set_value(describe(clients)); });
    std::cout << answer.get_future().get() << std::endl;
  }
  for (auto& each : clients) each->client.async_close(boost::asio::use_future).get();
  work.reset();
  io.stop();
  thread.join();
}
