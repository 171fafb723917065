#include "server/config/overrides.h"

#include <doctest/doctest.h>

#include "server/config/config_table.h"
#include "server/config/parse.h"

namespace quorate::server {
namespace {

const ReadFile kFile = [](const std::string& path) -> std::optional<std::string> {
  if (path != "zoo.cfg") return std::nullopt;
  return "tickTime=2000\ndataDir=/d\nclientPort=2181\n";
};

TEST_CASE("the environment name of a key keeps its words") {
  CHECK(environment_name("tickTime") == "QUORATE_CFG_TICK_TIME");
  CHECK(environment_name("jute.maxbuffer") == "QUORATE_CFG_JUTE_MAXBUFFER");
  CHECK(environment_name("4lw.commands.whitelist") == "QUORATE_CFG_4LW_COMMANDS_WHITELIST");
  CHECK(environment_name("skipACL") == "QUORATE_CFG_SKIP_ACL");
}

TEST_CASE("no two keys share an environment name") {
  for (const ConfigRow& one : config_rows()) {
    int equal = 0;
    for (const ConfigRow& other : config_rows()) {
      equal += environment_name(one.key) == environment_name(other.key) ? 1 : 0;
    }
    CHECK_MESSAGE(equal == 1, one.key);
  }
}

TEST_CASE("variables with the prefix become settings, a mistyped one is reported") {
  const std::string entries[] = {"QUORATE_CFG_TICK_TIME=500", "PATH=/bin", "QUORATE_BIN=x",
                                 "QUORATE_CFG_TICKTIME=1", "QUORATE_CFG_SERVER_2=b:1:2"};
  std::vector<std::string> unknown;
  const auto found = environment_overrides(entries, unknown);
  REQUIRE(found.size() == 2);
  CHECK(found[0].key == "tickTime");
  CHECK(found[0].value == "500");
  CHECK(found[1].key == "server.2");
  CHECK(unknown == std::vector<std::string>{"QUORATE_CFG_TICKTIME"});
}

TEST_CASE("ZooKeeper's JVM flags are understood, those of the Java machine left alone") {
  const std::string entries[] = {
      "SERVER_JVMFLAGS=-Xmx1g -Dzookeeper.4lw.commands.whitelist=* -Djute.maxbuffer=2000000 -Da=b"};
  std::vector<std::string> unknown;
  const auto found = environment_overrides(entries, unknown);
  REQUIRE(found.size() == 2);
  CHECK(found[0].key == "4lw.commands.whitelist");
  CHECK(found[0].value == "*");
  CHECK(found[1].key == "jute.maxbuffer");
}

TEST_CASE("JVMFLAGS name the JAAS file, too") {
  std::vector<std::string> entries{
      "JVMFLAGS=-Djava.security.auth.login.config=/etc/jaas.conf -Djava.security.debug=all "
      "-Dzookeeper.superUser.1=ann"};
  std::vector<std::string> unknown;
  const auto found = environment_overrides(entries, unknown);
  REQUIRE(found.size() == 2);
  CHECK(found[0].key == "java.security.auth.login.config");
  CHECK(found[0].value == "/etc/jaas.conf");
  CHECK(found[1].key == "superUser.1");
  CHECK(found[1].value == "ann");
}

TEST_CASE("an argument is a setting only in the form -Dkey=value") {
  ConfigOverride one;
  CHECK(parse_override("-Dzookeeper.snapCount=7", one));
  CHECK(one.key == "snapCount");
  CHECK(one.value == "7");
  CHECK(parse_override("-DdataDir=/a=b", one));
  CHECK(one.value == "/a=b");
  CHECK_FALSE(parse_override("-D=1", one));
  CHECK_FALSE(parse_override("-Dx", one));
  CHECK_FALSE(parse_override("-Dzookeeper.=1", one));
  CHECK_FALSE(parse_override("zoo.cfg", one));
}

TEST_CASE("an override replaces the file's value, the later of two wins") {
  const auto config =
      load_config("zoo.cfg", kFile, {{"tickTime", "300", "x"}, {"tickTime", "400", "y"}});
  REQUIRE(config.has_value());
  CHECK(config->tick_time_ms == 400);
  CHECK(config->storage.data_dir == "/d");
}

TEST_CASE("a wrong override is reported where it was set") {
  const auto config =
      load_config("zoo.cfg", kFile, {{"tickTime", "no", "command line: -DtickTime=no"}});
  REQUIRE(config.has_error());
  CHECK(config.error().text().starts_with("command line: -DtickTime=no: tickTime: \"no\""));
}

TEST_CASE("ZooKeeper's start form without a file makes a standalone server") {
  const auto config = make_config({"2199", "/data", "700", "9"});
  REQUIRE(config.has_value());
  CHECK(config->client.port == 2199);
  CHECK(config->storage.data_dir == "/data");
  CHECK(config->tick_time_ms == 700);
  CHECK(config->client.max_per_address == 9);
  CHECK(config->ensemble.standalone);
}

}  // namespace
}  // namespace quorate::server
