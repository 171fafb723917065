#include "examples/kappa/code.h"

#include <doctest/doctest.h>

using namespace kappa_app;

TEST_CASE("code: found by name; what there is not is not found") {
  REQUIRE(find_code("v1") != nullptr);
  CHECK(find_code("v1")->name == "v1");
  CHECK(find_code("") == nullptr);
  CHECK(find_code("v") == nullptr);
  CHECK(find_code("v11") == nullptr);
}

TEST_CASE("code: v1 counts every hit, v2 those of people") {
  pipeline::EventView hit;
  hit.agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0";
  CHECK(find_code("v1")->counts(hit));
  CHECK(find_code("v2")->counts(hit));
  for (const char* robot :
       {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "BaiduSpider",
        "Yahoo! Slurp", "my-crawler"}) {
    CAPTURE(robot);
    hit.agent = robot;
    CHECK(find_code("v1")->counts(hit));
    CHECK_FALSE(find_code("v2")->counts(hit));
  }
}
