#include "server/config/command_line.h"

#include <doctest/doctest.h>

namespace quorate::server {
namespace {

using Action = CommandLine::Action;

TEST_CASE("a zoo.cfg with settings behind it") {
  const CommandLine line = parse_command_line({"zoo.cfg", "-DtickTime=100"});
  CHECK(line.wrong.empty());
  CHECK(line.action == Action::Run);
  CHECK(line.operands == std::vector<std::string>{"zoo.cfg"});
  REQUIRE(line.overrides.size() == 1);
  CHECK(line.overrides[0].key == "tickTime");
}

TEST_CASE("port and data folder instead of a zoo.cfg") {
  CHECK(parse_command_line({"2181", "/data"}).wrong.empty());
  CHECK(parse_command_line({"2181", "/data", "2000", "60"}).wrong.empty());
  CHECK_FALSE(parse_command_line({"2181"}).wrong.empty());
  CHECK_FALSE(parse_command_line({"2181", "/data", "2000", "60", "1"}).wrong.empty());
}

TEST_CASE("what cannot be meant is named") {
  CHECK(parse_command_line({}).wrong == "a zoo.cfg is missing");
  CHECK(parse_command_line({"a", "b"}).wrong == "more than one zoo.cfg");
  CHECK(parse_command_line({"--what"}).wrong == "--what is not known");
  CHECK(parse_command_line({"--check"}).wrong == "--check takes one DIR");
  CHECK(parse_command_line({"--help", "x"}).wrong == "--help takes nothing else");
  CHECK_FALSE(parse_command_line({"--check", "--import", "x"}).wrong.empty());
  CHECK_FALSE(parse_command_line({"--import", "old"}).wrong.empty());
}

TEST_CASE("import and export name both sides") {
  const CommandLine line = parse_command_line({"--import", "old", "--config", "zoo.cfg"});
  CHECK(line.wrong.empty());
  CHECK(line.action == Action::Import);
  CHECK(line.operands == std::vector<std::string>{"old"});
  CHECK(line.config == "zoo.cfg");
}

TEST_CASE("every key stands in the reference") {
  CHECK(keys_text().find("| `tickTime` | 3000 | 1 to 3600000 | `QUORATE_CFG_TICK_TIME` |") !=
        std::string::npos);
}

}  // namespace
}  // namespace quorate::server
