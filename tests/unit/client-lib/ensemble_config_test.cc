#include "client-lib/src/ensemble_config.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace quorate;
using namespace quorate::client;
using Lines = std::vector<std::string>;

namespace {

Lines hosts(const EnsembleConfig& config) {
  Lines out;
  for (const Host& host : config.hosts) out.push_back(to_string(host));
  return out;
}
Lines hosts(const std::string& text, bool secure = false) {
  return hosts(read_ensemble_config(text, secure));
}

}  // namespace

TEST_CASE("configuration: where clients find each server, participants and observers alike") {
  const EnsembleConfig config = read_ensemble_config(
      "server.1=zk1:2888:3888:participant;zk1:2181\n"
      "server.2=zk2:2888:3888:observer;10.0.0.2:2182\n"
      "group.1=1:2\nweight.1=1\n"
      "version=10000001f",
      /*secure=*/false);
  CHECK(hosts(config) == Lines{"zk1:2181", "10.0.0.2:2182"});
  CHECK(config.complete);
  CHECK(config.version == 0x10000001f);
}

TEST_CASE("configuration: a server that listens everywhere is at the host of its own address") {
  for (const char* everywhere : {"0.0.0.0:2181", "[::]:2181", "[0:0:0:0:0:0:0:0]:2181",
                                 "0:0:0:0:0:0:0:0:2181", ":2181", "2181"}) {
    CAPTURE(everywhere);
    CHECK(hosts(std::string("server.7=zk7:2888:3888:participant;") + everywhere) ==
          Lines{"zk7:2181"});
  }
  CHECK(hosts("server.1=[2001:db8::1]:2888:3888;[::]:2181") == Lines{"[2001:db8::1]:2181"});
  CHECK(hosts("server.1=a:2888:3888|b:2889:3889:participant;0.0.0.0:2181") == Lines{"a:2181"});
  // Its own address is everywhere, too: no client finds that.
  CHECK(hosts("server.1=0.0.0.0:2888:3888;0.0.0.0:2181").empty());
}

TEST_CASE("configuration: a server without a client address is left out, and that is noticed") {
  const EnsembleConfig config = read_ensemble_config(
      "server.1=zk1:2888:3888:participant\nserver.2=zk2:2888:3888:participant;2181\nversion=5",
      /*secure=*/false);
  CHECK(hosts(config) == Lines{"zk2:2181"});
  CHECK_FALSE(config.complete);
}

TEST_CASE("configuration: a secure address is for clients with TLS only, and preferred by them") {
  const std::string text =
      "server.1=zk1:2888:3888;0.0.0.0:2181;0.0.0.0:2281\n"
      "server.2=zk2:2888:3888;2181\n";
  CHECK(hosts(text) == Lines{"zk1:2181", "zk2:2181"});
  CHECK(hosts(text, /*secure=*/true) == Lines{"zk1:2281", "zk2:2181"});
}

TEST_CASE("configuration: what makes no sense is left out, and nothing breaks") {
  for (const char* text : {"",
                           "\n\n",
                           "version=",
                           "version=xyz",
                           "server.1",
                           "server.1=",
                           "server.1=;",
                           "server.1=a",
                           "server.1=a:1:2;",
                           "server.1=a:1:2;a:",
                           "server.1=a:1:2;a:0",
                           "server.1=a:1:2;a:65536",
                           "server.1=a:1:2;a:2181x",
                           "server.1=a:1:2;-1",
                           "server.1=a b:1:2;2181",
                           "server.1=a/b:1:2;2181",
                           "server.1=a,b:1:2;2181",
                           "server.1=[a:1:2;2181",
                           "server.1=:1:2;1",
                           "server.1=a:1:2;[b:2181"}) {
    CAPTURE(text);
    CHECK(hosts(text).empty());
    CHECK_FALSE(read_ensemble_config(text, false).version);
  }
  CHECK(hosts("server.1=a:1:2;2181\r\nserver.2=a:1:2;2181\nserver.3=b:1:2;1\n") ==
        Lines{"a:2181", "b:1"});
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += "server." + std::to_string(i) + "=a:1:2;" + std::to_string(i + 1) + "\n";
  CHECK(hosts(many).size() == 255);
}

TEST_CASE("configuration: the same hosts in another order are the same") {
  const Host a{"a", 1}, b{"b", 1}, c{"b", 2};
  CHECK(same_hosts({a, b}, {b, a}));
  CHECK_FALSE(same_hosts({a, b}, {a, c}));
  CHECK_FALSE(same_hosts({a, b}, {a, b, c}));
  CHECK_FALSE(same_hosts({a}, {}));
}
