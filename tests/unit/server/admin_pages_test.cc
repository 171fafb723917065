// Routes, JSON and Prometheus text of the admin pages, without a socket.
#include <doctest/doctest.h>

#include <set>
#include <sstream>

#include "server/admin/command_table.h"
#include "server/admin/http_routes.h"
#include "server/admin/metric_table.h"
#include "server/admin/prometheus.h"
#include "tests/support/fake_admin_source.h"

namespace quorate::server {
namespace {

struct Fixture {
  Config config;
  FakeAdminSource source;
  std::string json(const char* name) {
    const CommandRow* row = find_command(name);
    REQUIRE(row != nullptr);
    const AdminFacts facts = source.facts(row->wants);
    return command_json(*row, {config, facts, "tickTime=1\n"});
  }
  std::string metrics() { return prometheus_text(source.facts(kMetrics), /*standalone=*/true); }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Page page_of(std::string_view method, std::string_view target) {
  return route_of(method, target, AdminConfig{}, /*metrics_only=*/false).page;
}

}  // namespace

TEST_CASE("routes: pages by path, commands by name and alias") {
  CHECK(page_of("GET", "/commands") == Page::CommandList);
  CHECK(page_of("GET", "/commands/") == Page::CommandList);
  CHECK(page_of("GET", "/commands/mntr") == Page::Command);
  CHECK(page_of("HEAD", "/commands/monitor?x=1") == Page::Command);
  CHECK(page_of("GET", "/commands/nonsense") == Page::UnknownCommand);
  CHECK(page_of("GET", "/commandsmntr") == Page::NotFound);
  CHECK(page_of("GET", "/metrics") == Page::Metrics);
  CHECK(page_of("GET", "/healthz") == Page::Health);
  CHECK(page_of("GET", "/readyz?verbose") == Page::Ready);
  CHECK(page_of("GET", "/") == Page::NotFound);
  CHECK(page_of("GET", "") == Page::NotFound);
}

TEST_CASE("routes: a command by the wrong method is refused, TRACE always") {
  CHECK(page_of("POST", "/commands/mntr") == Page::Refused);
  CHECK(page_of("GET", "/commands/restore") == Page::Refused);
  CHECK(page_of("POST", "/commands/restore") == Page::Command);
  CHECK(page_of("DELETE", "/metrics") == Page::Refused);
  CHECK(page_of("TRACE", "/commands") == Page::Forbidden);
}

TEST_CASE("routes: the port of the metrics provider has nothing but metrics") {
  CHECK(route_of("GET", "/metrics", {}, true).page == Page::Metrics);
  CHECK(route_of("GET", "/commands/stat_reset", {}, true).page == Page::NotFound);
}

TEST_CASE("routes: parameters are decoded, broken escapes stay") {
  const Route route = route_of("GET", "/commands/stmk?traceMask=%35&a+b=%4&%zz", {}, false);
  CHECK(route.parameters.at("traceMask") == "5");
  CHECK(route.parameters.at("a b") == "%4");
  CHECK(route.parameters.contains("%zz"));
}

TEST_CASE("commands: names and aliases are distinct") {
  std::set<std::string_view> names, words;
  for (const CommandRow& row : command_rows()) {
    if (!row.word.empty()) CHECK(words.insert(row.word).second);
    if (!row.name.empty()) CHECK(names.insert(row.name).second);
    for (std::string_view alias : row.aliases) {
      if (!alias.empty()) CHECK(names.insert(alias).second);
    }
  }
  CHECK(words.size() == 19);
}

TEST_CASE("command list: links in ZooKeeper's form, in the order of names") {
  const std::string html = command_list_html(AdminConfig{});
  CHECK(
      html.starts_with("<a href=\"/commands/configuration\">configuration</a>\n<br/>\n"
                       "<a href=\"/commands/connection_stat_reset\">"));
  CHECK(html.ends_with("<a href=\"/commands/zabstate\">zabstate</a>\n<br/>\n"));
}

TEST_CASE("JSON: two blanks, blanks around the colon, command and error last") {
  Fixture f;
  CHECK(f.json("ruok") == "{\n  \"command\" : \"ruok\",\n  \"error\" : null\n}");
  CHECK(f.json("gtmk") ==
        "{\n  \"tracemask\" : 306,\n  \"command\" : \"get_trace_mask\",\n  \"error\" : null\n}");
  CHECK(f.json("voting_view") ==
        "{\n  \"current_config\" : { },\n  \"command\" : \"voting_view\",\n  \"error\" : null\n}");
  f.source.now.digests = {{Zxid{128}, 6634550778}, {Zxid{256}, 7592417517}};
  CHECK(f.json("hash") ==
        "{\n  \"digests\" : [ {\n    \"zxid\" : 128,\n    \"digest\" : 6634550778,\n"
        "    \"digest_version\" : 2\n  }, {\n    \"zxid\" : 256,\n    \"digest\" : 7592417517,\n"
        "    \"digest_version\" : 2\n  } ],\n  \"command\" : \"hash\",\n  \"error\" : null\n}");
}

TEST_CASE("JSON: members are those of now, observers those that the leader has synced") {
  Fixture f;
  f.source.now.ensemble = consensus::Ensemble(
      {{ServerId{3}, "a", 1, 2, false, ""}, {ServerId{4}, "b", 5, 6, true, ""}}, 7);
  f.source.now.status.observers = {ServerId{4}};
  f.source.now.status.synced_observers = 1;
  CHECK(contains(f.json("obsr"),
                 "\"synced_observers\" : 1,\n  \"observers\" : [ {\n    \"sid\" : 4,\n"
                 "    \"address\" : \"b:5\"\n  } ]"));
  CHECK(contains(f.json("voting_view"), "\"3\" : {"));
  CHECK_FALSE(contains(f.json("voting_view"), "\"4\" : {"));
}

TEST_CASE("JSON: leader on a standalone server puts the error first") {
  Fixture f;
  CHECK(f.json("lead") ==
        "{\n  \"error\" : \"server is not initialized\",\n  \"command\" : \"leader\"\n}");
}

TEST_CASE("JSON: watches by session and by path, bytes that are no UTF-8 included") {
  Fixture f;
  f.source.now.watches = {{SessionId{7}, {"/a", "/\xff"}}, {SessionId{8}, {"/a"}}};
  CHECK(contains(f.json("wchc"), "\"7\" : [ \"/a\", \"/\xEF\xBF\xBD\" ]"));
  CHECK(contains(f.json("wchp"), "\"/a\" : [ 7, 8 ]"));
}

TEST_CASE("JSON: while not serving only what needs no server is answered") {
  Fixture f;
  f.source.now.status.serving = false;
  CHECK(contains(f.json("srvr"), "currently serving requests\""));
  CHECK(contains(f.json("icfg"), "\"initial_configuration\" : \"tickTime=1\\n\""));
}

TEST_CASE("JSON: every command renders on an empty server") {
  Fixture f;
  for (const CommandRow& row : command_rows()) {
    if (row.json == nullptr) continue;
    CAPTURE(row.name);
    CHECK(f.json(std::string(row.name).c_str()).ends_with("\n}"));
  }
}

TEST_CASE("Prometheus: gauges, counters, and summaries with quantiles") {
  Fixture f;
  f.source.now.status.node_count = 7;
  f.source.metrics.replica.snaps_sent = 2;
  for (int i = 0; i < 100; ++i) f.source.metrics.fsync_us.add(1500);
  f.source.metrics.replica.read_latency.add(3);
  f.source.metrics.replica.reads.add("/app/x", 90);
  const std::string text = f.metrics();
  CHECK(contains(text, "# TYPE znode_count gauge\nznode_count 7\n"));
  CHECK(contains(text, "# TYPE snap_count counter\nsnap_count 2\n"));
  CHECK(
      contains(text, "fsynctime{quantile=\"0.5\"} 1.5\nfsynctime_count 100\nfsynctime_sum 150\n"));
  CHECK(contains(text, "readlatency{quantile=\"0.99\"} 3\n"));
  CHECK(contains(text, "read_per_namespace_sum{key=\"app\"} 90\n"));
  CHECK(contains(text, "election_time{quantile=\"0.5\"} NaN\nelection_time_count 0\n"));
  CHECK(contains(text, "# TYPE process_resident_memory_bytes gauge\n"));
  CHECK_FALSE(contains(text, "jvm"));
}

TEST_CASE("Prometheus: a name has its TYPE once, ahead of its samples") {
  Fixture f;
  std::set<std::string> families;
  std::string family;
  std::istringstream lines(f.metrics());
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      CHECK(families.insert(family).second);
    } else if (!line.starts_with("#")) {
      CHECK(line.starts_with(family));
    }
  }
  CHECK(families.size() > 120);
}

TEST_CASE("mntr: with the Prometheus provider the samples' names, with zk_") {
  Fixture f;
  f.config.metrics.provider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
  const AdminFacts facts = f.source.facts(kMetrics);
  const std::string text = find_word("mntr")->text({f.config, facts});
  CHECK(contains(text, "zk_fsynctime{quantile=\"0.5\"}\tNaN\n"));
  CHECK(contains(text, "zk_znode_count\t0\n"));
  CHECK(contains(text, "zk_server_state\tstandalone\n"));
  CHECK_FALSE(contains(text, "zk_avg_fsynctime"));
}

TEST_CASE("mntr: quotas and name spaces carry their name") {
  Fixture f;
  f.source.now.quotas = {{"q", 2, -1, 2, 3}};
  f.source.now.quota_refusals = {{"q", 5}};
  f.source.metrics.replica.writes.add("/app", 12);
  const AdminFacts facts = f.source.facts(kMetrics);
  const std::string text = find_word("mntr")->text({f.config, facts});
  CHECK(contains(text, "zk_q_quota_count_limit_per_namespace\t2\n"));
  CHECK(contains(text, "zk_q_quota_bytes_limit_per_namespace\t-1\n"));
  CHECK(contains(text, "zk_q_quota_exceeded_error_per_namespace\t5\n"));
  CHECK(contains(text, "zk_avg_app_write_per_namespace\t12.0\n"));
}

}  // namespace quorate::server
