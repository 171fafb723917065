#include "server/log/log.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "tests/support/temporary_folder.h"

using namespace quorate;
using namespace quorate::server;

TEST_CASE("log lines: of one event so many leave per second, and the next tells how many did not") {
  log::RateLimit limit;
  std::uint64_t suppressed = 0;
  int admitted = 0;
  for (int i = 0; i < 50; ++i) {
    admitted += limit.admit("client_refused ip=" + std::to_string(i), 5000 + i, suppressed);
  }
  CHECK(admitted == log::kLinesPerSecond);
  CHECK(limit.admit("leading epoch=5", 5050, suppressed));
  CHECK(suppressed == 0);
  CHECK(limit.admit("client_refused ip=50", 6000, suppressed));
  CHECK(suppressed == 30);
  CHECK(limit.admit("client_refused ip=51", 6001, suppressed));
  CHECK(suppressed == 0);
}

TEST_CASE("log lines: a line has its level and its text, and nothing in it is a format") {
  test::TemporaryFolder folder;
  std::string path = folder.path() + "/log";
  log::open(path, /*debug=*/false);
  log::debug("hidden x=1");
  log::info("leading epoch=5 text={}");
  log::write('W', "service_lost");
  log::flush();
  log::open("", /*debug=*/false);
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  CHECK(text.str().find(" info leading epoch=5 text={}\n") != std::string::npos);
  CHECK(text.str().find(" warning service_lost\n") != std::string::npos);
  CHECK(text.str().find("hidden") == std::string::npos);
}
