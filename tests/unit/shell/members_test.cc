#include "shell/members.h"

#include <doctest/doctest.h>

#include "shell/four_letter.h"

using namespace quorate::shell;

TEST_CASE("cons: address, session, start and timeout of a connection; other lines are none") {
  ClientConnection out;
  REQUIRE(parse_connection(
      " /127.0.0.1:40112[1](queued=0,recved=4,sent=4,sid=0x100012,lop=PING,est=1700000000000,"
      "to=30000,lcxid=0x1)",
      out));
  CHECK(out.client == "127.0.0.1:40112");
  CHECK(out.session == "0x100012");
  CHECK(out.established_ms == 1'700'000'000'000);
  CHECK(out.timeout_ms == 30'000);
  for (const char* other : {"", "nonsense", " /1.2.3.4:5[0](queued=0,recved=1,sent=0)",
                            " /1.2.3.4:5[1](sid=0x0)", "/[("}) {
    CAPTURE(other);
    CHECK_FALSE(parse_connection(other, out));
  }
}

TEST_CASE("four-letter words: names and values by tab, colon or equals sign") {
  const auto fields = answer_fields("zk_version\t3.9\nMode: leader\nclientPort=2181\nnonsense\n");
  CHECK(fields.at("zk_version") == "3.9");
  CHECK(fields.at("Mode") == "leader");
  CHECK(fields.at("clientPort") == "2181");
  CHECK(fields.size() == 3);
}

TEST_CASE("tables: each column as wide as its widest field") {
  CHECK(text_table({{"a", "long"}, {"wider", "x"}}) == "a      long\nwider  x\n");
}
