#include "server/admin/four_letter.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include <set>

#include "server/admin/command_table.h"
#include "server/admin/metric_table.h"
#include "tests/support/fake_admin_source.h"

namespace quorate::server {
namespace {

struct Fixture {
  Config config;
  FakeAdminSource source;
  Fixture() { config.admin.all_words = true; }
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
  f.config.admin.words = {"wchs"};
  CHECK(f.ask("ruok") == "ruok is not executed because it is not in the whitelist.\n");
  CHECK(contains(f.ask("srvr"), "Mode: standalone\n"));
}

TEST_CASE("four-letter words: while not serving only ruok, isro and envi answer") {
  Fixture f;
  f.source.now.status.serving = false;
  const std::string sentence = "This ZooKeeper instance is not currently serving requests\n";
  CHECK(f.ask("srvr") == sentence);
  CHECK(f.ask("mntr") == sentence);
  CHECK(f.ask("ruok") == "imok");
  CHECK(f.ask("isro") == "null");
  CHECK(contains(f.ask("envi"), "zookeeper.version=3.9.5-"));
}

TEST_CASE("four-letter words: a server in read-only mode answers, and says what it is") {
  Fixture f;
  f.source.now.status.serving = false;
  f.source.now.status.read_only = true;
  f.source.now.status.mode = "read-only";
  CHECK(f.ask("isro") == "ro");
  CHECK(contains(f.ask("srvr"), "\nREAD-ONLY mode; serving only read-only clients\nLatency "));
  CHECK(contains(f.ask("stat"), "READ-ONLY mode; serving only read-only clients\nClients:\n"));
  CHECK(contains(f.ask("srvr"), "Mode: read-only\n"));
  CHECK(contains(f.ask("mntr"), "zk_server_state\tread-only\n"));
  CHECK(contains(f.ask("dump"), "Global Sessions(0)"));
  const CommandRow* row = find_command("is_read_only");
  REQUIRE(row != nullptr);
  CHECK(contains(command_json(*row, {f.config, f.source.now}), "true"));
}

TEST_CASE("four-letter words: a leader that takes no clients answers as one that does not serve") {
  Fixture f;
  f.source.now.status.mode = "leader";
  f.source.now.status.shuns_clients = true;
  CHECK(contains(f.ask("srvr"), "not currently serving requests"));
  CHECK(f.ask("isro") == "null");
}

TEST_CASE("srvr: the lines of ZooKeeper, in its order") {
  Fixture f;
  f.source.now.status.packets_received = 9;
  f.source.now.status.packets_sent = 8;
  f.source.now.status.avg_latency_ms = 0.88144;
  f.source.now.status.max_latency_ms = 9;
  f.source.now.status.outstanding = 2;
  f.source.now.status.last_applied = Zxid::make(1, 0x1f);
  f.source.now.status.node_count = 5;
  const std::string text = f.ask("srvr");
  CHECK(text.substr(text.find('\n') + 1) ==
        "Latency min/avg/max: 0/0.8814/9\nReceived: 9\nSent: 8\nConnections: 3\nOutstanding: 2\n"
        "Zxid: 0x10000001f\nMode: standalone\nNode count: 5\n");
  CHECK(contains(text, "Zookeeper version: 3.9.5-quorate-0.1.0, built on "));
}

TEST_CASE("srvr: a leader adds the sizes of proposals") {
  Fixture f;
  f.source.now.status.mode = "leader";
  f.source.now.status.last_proposal_size = 48;
  f.source.now.status.min_proposal_size = 36;
  f.source.now.status.max_proposal_size = 98;
  CHECK(contains(f.ask("srvr"), "Proposal sizes last/min/max: 48/36/98\n"));
}

TEST_CASE("mntr: zk_ key, tab, value; leader's and ensemble's keys only there") {
  Fixture f;
  f.source.now.status.node_count = 7;
  const std::string alone = f.ask("mntr");
  CHECK(contains(alone, "zk_znode_count\t7\n"));
  CHECK(contains(alone, "zk_server_state\tstandalone\n"));
  CHECK(contains(alone, "zk_avg_latency\t0.0\n"));
  CHECK_FALSE(contains(alone, "zk_quorum_size"));
  CHECK_FALSE(contains(alone, "zk_synced_followers"));
  f.config.ensemble.standalone = false;
  f.source.now.status.mode = "leader";
  f.source.now.status.synced_followers = 2;
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
  f.config.client.secure_port = 2281;
  CHECK(contains(f.ask("conf"), "clientPort=2181\nsecureClientPort=2281\n"));
  CHECK(contains(f.ask("conf"), "serverId=0\n"));
  f.config.ensemble.standalone = false;
  f.config.ensemble.self = ServerId{1};
  f.config.ensemble.members = {{ServerId{1}, "a", 2888, 3888, false, ""}};
  CHECK(contains(f.ask("conf"), "membership: \nserver.1=a:2888:3888:participant\nversion=0"));
  // What a reconfig has made of it.
  f.source.now.client_port = consensus::HostPort{"127.0.0.1", 2182};
  CHECK(contains(f.ask("conf"), "clientPort=2182\n"));
  f.source.now.ensemble = consensus::Ensemble({{ServerId{1}, "b", 1, 2, true, ""}}, 0x1a);
  CHECK(contains(f.ask("conf"), "electionPort=2\nquorumPort=1\npeerType=1\n"));
  CHECK(contains(f.ask("conf"), "membership: \nserver.1=b:1:2:observer\nversion=1a"));
}

TEST_CASE("four-letter words: every word of ZooKeeper has a row") {
  for (const char* word :
       {"conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok",
        "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs", "\xff\xf4\xff\xfd"}) {
    CAPTURE(word);
    const CommandRow* row = find_word(word);
    REQUIRE(row != nullptr);
    CHECK(static_cast<bool>(row->text));
  }
}

TEST_CASE("four-letter words: only hash says without a line feed that the server does not serve") {
  Fixture f;
  f.source.now.status.serving = false;
  CHECK(f.ask("hash") == "This ZooKeeper instance is not currently serving requests");
  CHECK(f.ask("gtmk") == "306");
}

TEST_CASE("four-letter words: a refused word changes nothing") {
  Fixture f;
  f.config.admin.all_words = false;
  f.ask("srst");
  f.ask("crst");
  CHECK(f.source.resets + f.source.connection_resets == 0);
}

TEST_CASE("stmk: the mask is the eight bytes behind the word") {
  Fixture f;
  const auto answer =
      answer_four_letter_word(std::string_view("stmk\0\0\0\0\0\0\x01\x32", 12), f.config, f.source);
  CHECK(answer == "306");
  CHECK(answer_four_letter_word(std::string_view("stmk\0\0\0\0\0\0\0\x05", 12), f.config,
                                f.source) == "5");
  CHECK(f.ask("gtmk") == "5");
}

ConnectionStatus busy_connection() {
  ConnectionStatus one;
  one.address = "127.0.0.1";
  one.port = 36690;
  one.received = one.sent = 109;
  one.session = SessionId{0x100002105050000};
  one.last_op = OpCode::Create;
  one.established_ms = 1795226178468;
  one.timeout_ms = 10000;
  one.last_cxid = 0x6b;
  one.last_zxid = Zxid{0x62};
  one.last_response_ms = 2175509;
  one.last_latency_ms = 2;
  one.avg_latency_ms = 1;
  one.max_latency_ms = 22;
  return one;
}

TEST_CASE("cons: the line of a session, and three figures alone without one") {
  Fixture f;
  ConnectionStatus fresh;
  fresh.address = "::1";
  fresh.port = 54636;
  fresh.received = 1;
  fresh.reading = false;
  f.source.now.connections = {fresh, busy_connection()};
  CHECK(f.ask("cons") ==
        " /[::1]:54636[0](queued=0,recved=1,sent=0)\n"
        " /127.0.0.1:36690[1](queued=0,recved=109,sent=109,sid=0x100002105050000,lop=CREA,"
        "est=1795226178468,to=10000,lcxid=0x6b,lzxid=0x62,lresp=2175509,llat=2,minlat=0,avglat=1,"
        "maxlat=22)\n\n");
}

TEST_CASE("cons: no lcxid before the first request") {
  Fixture f;
  f.source.now.connections = {busy_connection()};
  f.source.now.connections[0].last_cxid = -1;
  CHECK_FALSE(contains(f.ask("cons"), "lcxid"));
}

TEST_CASE("stat: the clients stand between version and figures") {
  Fixture f;
  f.source.now.connections = {busy_connection()};
  CHECK(contains(f.ask("stat"),
                 "\nClients:\n /127.0.0.1:36690[1](queued=0,recved=109,sent=109)\n\nLatency "));
}

TEST_CASE("dump: buckets of sessions where this server expires them, else a list") {
  Fixture f;
  ServerStatus& status = f.source.now.status;
  status.now_ms = 5000;
  status.wall_ms = 1795226180000;
  f.source.now.sessions = {{SessionId{0x11}, 4000, 8000}, {SessionId{0x12}, 4000, 8000}};
  f.source.now.ephemerals = {{SessionId{0x11}, {"/a", "/b"}}};
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  CHECK(f.ask("dump") ==
        "SessionTracker dump:\nSession Sets (1)/(2):\n"
        "2 expire at Sat Nov 21 01:56:23 UTC 2026:\n\t0x11\n\t0x12\nephemeral nodes dump:\n"
        "Sessions with Ephemerals (1):\n0x11:\n\t/a\n\t/b\nConnections dump:\n"
        "Connections Sets (0)/(0):\n");
  status.mode = "follower";
  CHECK(contains(f.ask("dump"), "dump:\nGlobal Sessions(2):\n0x11\t4000ms\n0x12\t4000ms\n"));
}

TEST_CASE("dump: local sessions stand before the global ones, on every server that has them") {
  Fixture f;
  f.config.ensemble.local_sessions = true;
  f.config.ensemble.standalone = false;
  ServerStatus& status = f.source.now.status;
  status.now_ms = 5000;
  status.wall_ms = 1795226180000;
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  f.source.now.sessions = {{SessionId{0x11}, 4000, 8000, false},
                           {SessionId{0x21}, 4000, 8000, true},
                           {SessionId{0x22}, 4000, 8000, true}};
  const std::string local =
      "SessionTracker dump:\nLocal Session Sets (1)/(2):\n"
      "2 expire at Sat Nov 21 01:56:23 UTC 2026:\n\t0x21\n\t0x22\n";
  status.mode = "leader";
  CHECK(f.ask("dump").starts_with(local + "Global Session Sets (1)/(1):\n"
                                          "1 expire at Sat Nov 21 01:56:23 UTC 2026:\n\t0x11\n"));
  status.mode = "follower";
  CHECK(f.ask("dump").starts_with(local + "Global Sessions(1):\n0x11\t4000ms\n"));
  // Switched off, but some are left of before.
  f.config.ensemble.local_sessions = false;
  f.source.now.sessions.clear();
  CHECK(f.ask("dump").starts_with("SessionTracker dump:\nGlobal Sessions(0):\n"));
  status.local_sessions = 1;
  CHECK(f.ask("dump").starts_with("SessionTracker dump:\nLocal Session Sets (0)/(0):\n"));
}

TEST_CASE("wchs, wchc, wchp: watches counted, by session, by path") {
  Fixture f;
  f.source.now.watch_summary = {1, 2, 2};
  f.source.now.watches = {{SessionId{0x1e}, {"/cap/secret", "/cap/w/r"}}};
  CHECK(f.ask("wchs") == "1 connections watching 2 paths\nTotal watches:2\n");
  CHECK(f.ask("wchc") == "0x1e\n\t/cap/secret\n\t/cap/w/r\n\n");
  CHECK(f.ask("wchp") == "/cap/secret\n\t0x1e\n/cap/w/r\n\t0x1e\n\n");
}

TEST_CASE("hash: zxid in hex, digest in decimal") {
  Fixture f;
  f.source.now.digests = {{Zxid{128}, 6634550778}, {Zxid{256}, 7592417517}};
  CHECK(f.ask("hash") == "80: 6634550778\n100: 7592417517\n");
}

TEST_CASE("four-letter words: what costs a walk is copied only for the words that show it") {
  Fixture f;
  for (const char* word : {"ruok", "isro", "conf", "dirs", "envi", "gtmk"}) f.ask(word);
  CHECK(f.source.wanted == kNothingMore);
  f.ask("mntr");
  CHECK(f.source.wanted == kMetrics);
}

TEST_CASE("crst resets the connections' statistics") {
  Fixture f;
  CHECK(f.ask("crst") == "Connection stats reset.\n");
  CHECK(f.source.connection_resets == 1);
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
