#include "server/admin/four_letter.h"

#include <doctest/doctest.h>

#include <set>

#include "server/admin/metric_table.h"

namespace quorate::server {
namespace {

struct FakeSource : AdminSource {
  ServerStatus now;
  int resets = 0;
  ServerStatus status() override { return now; }
  std::size_t connection_count() override { return 3; }
  void reset_statistics() override { ++resets; }
};

struct Fixture {
  Config config;
  FakeSource source;
  Fixture() {
    config.admin.all_words = true;
    source.now.serving = true;
    source.now.mode = "standalone";
  }
  std::string ask(const char* word) {
    const auto answer = answer_four_letter_word(word, config, source);
    REQUIRE(answer.has_value());
    return *answer;
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("four-letter words: anything else is the length of a packet") {
  Fixture f;
  CHECK_FALSE(answer_four_letter_word("GET ", f.config, f.source).has_value());
  CHECK_FALSE(answer_four_letter_word("xxxx", f.config, f.source).has_value());
  CHECK_FALSE(
      answer_four_letter_word(std::string_view("\0\0\0\x2d", 4), f.config, f.source).has_value());
}

TEST_CASE("four-letter words: outside of the whitelist the exact refusal") {
  Fixture f;
  f.config.admin.all_words = false;
  f.config.admin.words = {"srvr"};
  CHECK(f.ask("ruok") == "ruok is not executed because it is not in the whitelist.\n");
  CHECK(contains(f.ask("srvr"), "Mode: standalone\n"));
}

TEST_CASE("four-letter words: what this version cannot answer is refused the same way") {
  Fixture f;
  CHECK(f.ask("wchp") == "wchp is not executed because it is not in the whitelist.\n");
}

TEST_CASE("four-letter words: while not serving only ruok, isro and envi answer") {
  Fixture f;
  f.source.now.serving = false;
  const std::string sentence = "This ZooKeeper instance is not currently serving requests\n";
  CHECK(f.ask("srvr") == sentence);
  CHECK(f.ask("mntr") == sentence);
  CHECK(f.ask("ruok") == "imok");
  CHECK(f.ask("isro") == "null");
  CHECK(contains(f.ask("envi"), "zookeeper.version=3.9.5-"));
}

TEST_CASE("srvr: the lines of ZooKeeper, in its order") {
  Fixture f;
  f.source.now.packets_received = 9;
  f.source.now.packets_sent = 8;
  f.source.now.avg_latency_ms = 0.88144;
  f.source.now.max_latency_ms = 9;
  f.source.now.outstanding = 2;
  f.source.now.last_applied = Zxid::make(1, 0x1f);
  f.source.now.node_count = 5;
  const std::string text = f.ask("srvr");
  CHECK(text.substr(text.find('\n') + 1) ==
        "Latency min/avg/max: 0/0.8814/9\nReceived: 9\nSent: 8\nConnections: 3\nOutstanding: 2\n"
        "Zxid: 0x10000001f\nMode: standalone\nNode count: 5\n");
  CHECK(contains(text, "Zookeeper version: 3.9.5-quorate-0.1.0, built on "));
}

TEST_CASE("srvr: a leader adds the sizes of proposals") {
  Fixture f;
  f.source.now.mode = "leader";
  f.source.now.last_proposal_size = 48;
  f.source.now.min_proposal_size = 36;
  f.source.now.max_proposal_size = 98;
  CHECK(contains(f.ask("srvr"), "Proposal sizes last/min/max: 48/36/98\n"));
}

TEST_CASE("mntr: zk_ key, tab, value; leader's and ensemble's keys only there") {
  Fixture f;
  f.source.now.node_count = 7;
  const std::string alone = f.ask("mntr");
  CHECK(contains(alone, "zk_znode_count\t7\n"));
  CHECK(contains(alone, "zk_server_state\tstandalone\n"));
  CHECK(contains(alone, "zk_avg_latency\t0.0\n"));
  CHECK_FALSE(contains(alone, "zk_quorum_size"));
  CHECK_FALSE(contains(alone, "zk_synced_followers"));
  f.config.ensemble.standalone = false;
  f.source.now.mode = "leader";
  f.source.now.synced_followers = 2;
  CHECK(contains(f.ask("mntr"), "zk_synced_followers\t2\n"));
}

TEST_CASE("metric table: names are distinct") {
  std::set<std::string> names;
  for (const MetricRow& row : metric_rows()) CHECK(names.insert(row.name).second);
}

TEST_CASE("conf: keys of ZooKeeper; an ensemble adds its members, the last line without LF") {
  Fixture f;
  f.config.client.port = 2181;
  CHECK(contains(f.ask("conf"), "clientPort=2181\nsecureClientPort=-1\n"));
  CHECK(contains(f.ask("conf"), "serverId=0\n"));
  f.config.ensemble.standalone = false;
  f.config.ensemble.self = ServerId{1};
  f.config.ensemble.members = {{ServerId{1}, "a", 2888, 3888, false, ""}};
  CHECK(contains(f.ask("conf"), "membership: \nserver.1=a:2888:3888:participant\nversion=0"));
}

TEST_CASE("srst resets the statistics") {
  Fixture f;
  CHECK(f.ask("srst") == "Server stats reset.\n");
  CHECK(f.source.resets == 1);
}

TEST_CASE("averages: up to four places, at least one") {
  CHECK(average_text(0) == "0.0");
  CHECK(average_text(3.2295) == "3.2295");
  CHECK(average_text(1.5) == "1.5");
}

}  // namespace quorate::server
