// ConnectOptions::follow_ensemble: the list of servers goes with the ensemble's own configuration.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "quorate/sync_client.h"
#include "quorate/testing/fake.h"

namespace quorate::testing {
namespace {

using namespace std::chrono_literals;
using client::Code;
using client::ConnectOptions;
using client::SessionEvent;
using client::SessionState;
using client::SyncClient;
using Names = std::set<std::string>;

const std::string kConfig = "/zookeeper/config";

FakeOptions five_servers() {
  FakeOptions options;
  options.servers = 5;
  return options;
}

/// "server.N=fakeN:..." of these, and a version.
std::string members(const std::vector<int>& ids, int version) {
  std::string text;
  for (const int id : ids) {
    const std::string number = std::to_string(id);
    text += "server." + number + "=fake" + number + ":2888:3888:participant;0.0.0.0:2181\n";
  }
  return text + "version=" + std::to_string(version);
}

/// Of a connect string, without its chroot.
Names hosts_of(const std::string& connect_string) {
  Names out;
  const std::string hosts = connect_string.substr(0, connect_string.find('/'));
  for (std::size_t begin = 0; begin <= hosts.size();) {
    const std::size_t end = std::min(hosts.find(',', begin), hosts.size());
    out.insert(hosts.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}
Names fakes(const std::vector<int>& ids) {
  Names out;
  for (const int id : ids) out.insert("fake" + std::to_string(id) + ":2181");
  return out;
}

/// A client that follows, and what it was told.
struct Following : SyncClient {
  Following(FakeEnsemble& fake, const std::string& servers, std::uint64_t seed = 1)
      : Following(options_of(fake, servers, seed)) {}
  explicit Following(ConnectOptions options) : SyncClient(std::move(options)) {
    add_session_listener([kept = told](const SessionEvent& event) { kept->push_back(event); });
    const auto connected = connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
  }
  static ConnectOptions options_of(FakeEnsemble& fake, const std::string& servers,
                                   std::uint64_t seed = 1) {
    ConnectOptions options = fake.options();
    options.servers = servers;
    options.session_timeout = 10s;
    options.seed = seed;
    options.follow_ensemble = true;
    return options;
  }
  /// The server that it is connected to.
  std::string server() const { return told->back().server; }
  Names hosts() const { return hosts_of(servers()); }
  bool moved() const { return told->size() > 1; }

  std::shared_ptr<std::vector<SessionEvent>> told = std::make_shared<std::vector<SessionEvent>>();
};

int reads_of_config(const FakeEnsemble& fake) {
  const auto all = fake.history();
  return static_cast<int>(std::count_if(all.begin(), all.end(), [](const RequestRecord& each) {
    return each.op == Op::GetData && each.path == kConfig;
  }));
}

}  // namespace

TEST_CASE("follow: off unless it is asked for") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2, 3}, 1));
  ConnectOptions options = Following::options_of(fake, "fake1");
  options.follow_ensemble = ConnectOptions().follow_ensemble;
  Following client(options);
  fake.advance(1min);
  CHECK(reads_of_config(fake) == 0);
  CHECK(client.servers() == "fake1:2181");
}

TEST_CASE("follow: one known server is enough to find the others, and to outlive it") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2, 3}, 1));
  Following client(fake, "fake1:2181");
  fake.settle();
  CHECK(client.hosts() == fakes({1, 2, 3}));
  fake.stop(1);
  fake.settle();
  CHECK(client.exists("/").ok());
  CHECK(client.server() != "fake1:2181");
}

TEST_CASE("follow: a change is taken when it happens, under any chroot, which stays") {
  FakeEnsemble fake(five_servers());
  fake.create("/app");
  fake.set_config(members({1, 2}, 1));
  Following client(fake, "fake1,fake2/app");
  fake.settle();
  CHECK(reads_of_config(fake) == 1);
  fake.set_config(members({1, 2, 4}, 2));
  fake.settle();
  CHECK(client.hosts() == fakes({1, 2, 4}));
  CHECK(client.servers().ends_with("/app"));
  fake.set_config(members({4}, 3));
  fake.settle();
  CHECK(client.servers() == "fake4:2181/app");
  CHECK(client.server() == "fake4:2181");
  CHECK(client.create("/here", "").ok());
  CHECK(fake.stat("/app/here").has_value());
}

TEST_CASE("follow: three become five become three, and each has its share of the clients") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2, 3}, 1));
  std::vector<std::unique_ptr<Following>> clients;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    clients.push_back(std::make_unique<Following>(fake, "fake1,fake2,fake3", seed));
  }
  std::vector<SessionId> sessions;
  for (const auto& each : clients) sessions.push_back(each->session_id());
  const auto load = [&] {
    std::map<std::string, int> at;
    for (const auto& each : clients) ++at[each->server()];
    return at;
  };
  const auto moved = [&] {
    return std::count_if(clients.begin(), clients.end(),
                         [](const auto& each) { return each->moved(); });
  };
  fake.settle();
  CHECK(moved() == 0);

  fake.set_config(members({1, 2, 3, 4, 5}, 2));
  fake.settle();
  CHECK(load().size() == 5);
  for (const auto& [server, count] : load()) {
    CAPTURE(server);
    CHECK(count >= 10);  // Of 20 in the mean; the seeds are what they are.
    CHECK(count <= 30);
  }
  // No more than must: two fifths.
  CHECK(moved() >= 30);
  CHECK(moved() <= 50);

  fake.set_config(members({3, 4, 5}, 3));
  fake.settle();
  CHECK(load().size() == 3);
  for (const auto& [server, count] : load()) {
    CAPTURE(server);
    CHECK(fakes({3, 4, 5}).contains(server));
    CHECK(count >= 23);  // Of 33.
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    CHECK(clients[i]->session_id() == sessions[i]);
    CHECK(clients[i]->state() != SessionState::Expired);
  }
}

TEST_CASE("follow: a client of an old connect string moves as if the ensemble had grown now") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2, 3, 4, 5}, 2));
  int at_new = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Following client(fake, "fake1,fake2,fake3", seed);
    fake.settle();
    at_new += client.server() == "fake4:2181" || client.server() == "fake5:2181" ? 1 : 0;
    client.close();
  }
  CHECK(at_new >= 12);  // Of 20 in the mean.
  CHECK(at_new <= 28);
}

TEST_CASE("follow: addresses that cannot be reached are not for this client, and nothing happens") {
  FakeEnsemble fake(five_servers());
  fake.set_config(
      "server.1=zk-0.inside:2888:3888:participant;2181\n"
      "server.2=zk-1.inside:2888:3888:participant;2181\nversion=1");
  Following client(fake, "fake1");
  fake.advance(1min);
  CHECK(client.servers() == "fake1:2181");
  CHECK_FALSE(client.moved());
  // Others later can.
  fake.set_config(members({2, 3}, 2));
  fake.settle();
  CHECK(client.hosts() == fakes({2, 3}));
  CHECK(client.server() != "fake1:2181");
}

TEST_CASE("follow: who shall move stays where it is until the server to go to is there") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1}, 1));
  Following client(fake, "fake1");
  fake.settle();
  fake.stop(2);
  fake.set_config(members({2}, 2));
  fake.advance(1min);
  CHECK(client.server() == "fake1:2181");
  CHECK(client.servers() == "fake1:2181");
  CHECK_FALSE(client.moved());
  // Tried again on the next connection.
  fake.start(2);
  fake.cut();
  fake.advance(1s);
  CHECK(client.server() == "fake2:2181");
  CHECK(client.servers() == "fake2:2181");
}

TEST_CASE("follow: a network that swallows connects costs its limit, not the session") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1}, 1));
  Following client(fake, "fake1");
  fake.settle();
  fake.set_config(members({2}, 2));
  // The reply with the new list arrives; then silence, shorter than the session's timeout.
  fake.run_until([&] { return reads_of_config(fake) == 2; });
  fake.stall(4s);
  fake.advance(30s);
  CHECK(client.state() != SessionState::Expired);
  CHECK(client.exists("/").ok());
}

TEST_CASE("follow: the hosts of the connect string are a last resort") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({2}, 1));
  Following client(fake, "fake1");
  fake.settle();
  CHECK(client.servers() == "fake2:2181");
  CHECK(client.server() == "fake2:2181");
  fake.stop(2);
  fake.advance(1s);
  CHECK(client.server() == "fake1:2181");
  CHECK(client.state() == SessionState::Reconnected);
}

TEST_CASE("follow: who was on its way to a server that is no member any more goes on from there") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1}, 1));
  Following client(fake, "fake1");
  fake.settle();
  // The connection breaks when the new list has been read and its server is being reached.
  fake.set_config(members({2}, 2));
  fake.run_until([&] { return reads_of_config(fake) == 2; });
  fake.advance(1ms);
  fake.cut();
  fake.advance(1s);
  CHECK(client.servers() == "fake2:2181");
  CHECK(client.server() == "fake2:2181");
}

TEST_CASE("follow: back from the last resort, once a server of the list is reached again") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({2}, 1));
  Following client(fake, "fake1");
  fake.settle();
  fake.stop(2);
  fake.advance(1s);
  CHECK(client.server() == "fake1:2181");
  fake.start(2);
  fake.stop(1);
  fake.start(1);
  fake.advance(1s);
  CHECK(client.server() == "fake2:2181");
}

TEST_CASE("follow: a configuration that may not be read changes nothing, and is asked for again") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2}, 1));
  fake.answer(Request(Op::GetData, kConfig), Code::NoAuth);
  Following client(fake, "fake1");
  fake.advance(1min);
  CHECK(client.servers() == "fake1:2181");
  CHECK(client.create("/a", "").ok());
  CHECK(reads_of_config(fake) == 1);

  SUBCASE("with another identity") {
    CHECK(client.add_auth("digest", "ann:secret").ok());
  }
  SUBCASE("on the next connection") {
    fake.cut();
  }
  fake.advance(1s);
  CHECK(reads_of_config(fake) == 2);
  CHECK(client.hosts() == fakes({1, 2}));
}

TEST_CASE("follow: lost requests and replies are made up for") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2}, 1));
  SUBCASE("request") {
    fake.lose_request(Request(Op::GetData, kConfig));
  }
  SUBCASE("reply") {
    fake.lose_reply(Request(Op::GetData, kConfig));
  }
  SUBCASE("time") {
    fake.delay_reply(Request(Op::GetData, kConfig), 5s);
  }
  ConnectOptions options = Following::options_of(fake, "fake1");
  options.operation_timeout = 1s;
  Following client(options);
  fake.advance(10s);
  CHECK(fake.all_struck());
  CHECK(client.hosts() == fakes({1, 2}));
}

TEST_CASE("follow: an empty list, one without client ports, and an older one are not taken") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2}, 5));
  Following client(fake, "fake1,fake2");
  fake.settle();
  for (const std::string& text :
       {std::string(), std::string("version=6"),
        std::string("server.3=fake3:2888:3888:participant\nversion=7"), members({3}, 4)}) {
    CAPTURE(text);
    fake.set_config(text);
    fake.settle();
    CHECK(client.hosts() == fakes({1, 2}));
  }
  CHECK_FALSE(client.moved());
  CHECK(reads_of_config(fake) == 5);
}

TEST_CASE("follow: a list with gaps adds to the hosts of the connect string, and takes none away") {
  FakeEnsemble fake(five_servers());
  Following client(fake, "fake1,fake2");
  fake.set_config(
      "server.1=fake1:2888:3888:participant\nserver.2=fake2:2888:3888:participant\n"
      "server.3=fake3:2888:3888:observer;0.0.0.0:2181\nversion=1");
  fake.settle();
  CHECK(client.hosts() == fakes({1, 2, 3}));
  fake.set_config(
      "server.1=fake1:2888:3888:participant\n"
      "server.4=fake4:2888:3888:observer;0.0.0.0:2181\nversion=2");
  fake.settle();
  CHECK(client.hosts() == fakes({1, 2, 4}));
}

TEST_CASE("follow: the end of the session ends it; the next client begins where this one was") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({2, 3}, 1));
  Following client(fake, "fake1");
  fake.settle();
  fake.expire(client.session_id());
  fake.advance(1s);
  CHECK(client.state() == SessionState::Expired);
  const int asked = reads_of_config(fake);
  fake.set_config(members({4}, 2));
  fake.advance(1min);
  CHECK(reads_of_config(fake) == asked);
  Following next(fake, client.servers());
  fake.settle();
  CHECK(next.servers() == "fake4:2181");
}

TEST_CASE("follow: a read-only server's configuration is not followed; the ensemble's is") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2}, 1));
  fake.set_read_only(true);
  fake.advance(1s);
  ConnectOptions options = Following::options_of(fake, "fake1");
  options.read_only = true;
  Following client(options);
  CHECK(client.state() == SessionState::ReadOnly);
  fake.advance(1min);
  CHECK(reads_of_config(fake) == 0);
  fake.set_read_only(false);
  fake.advance(1min);
  CHECK(client.state() == SessionState::Connected);
  CHECK(client.hosts() == fakes({1, 2}));
}

TEST_CASE("follow: what the user says counts until the next change") {
  FakeEnsemble fake(five_servers());
  fake.set_config(members({1, 2}, 1));
  Following client(fake, "fake1,fake2");
  fake.settle();
  CHECK(client.update_servers("fake5").ok());
  fake.settle();
  CHECK(client.servers() == "fake5:2181");
  CHECK(client.server() == "fake5:2181");
  fake.advance(1min);
  CHECK(client.servers() == "fake5:2181");
  fake.set_config(members({3, 4}, 2));
  fake.settle();
  CHECK(client.hosts() == fakes({3, 4}));
}

}  // namespace quorate::testing
