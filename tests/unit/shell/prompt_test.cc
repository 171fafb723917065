#include "shell/prompt.h"

#include <doctest/doctest.h>

using namespace quorate::shell;
using quorate::client::SessionState;

namespace {

Situation connected() {
  Situation out;
  out.state = SessionState::Connected;
  out.servers = "zoo1:2181,zoo2:2181";
  out.server = "zoo2:2181";
  out.role = "follower";
  out.directory = "/app";
  return out;
}

}  // namespace

TEST_CASE("the prompt: server, role and directory; in red what is lost or over") {
  Situation now = connected();
  CHECK(prompt_text(Style(), now) == "zoo2:2181 follower /app> ");
  now.state = SessionState::ReadOnly;
  CHECK(prompt_text(Style(), now) == "zoo2:2181 read-only /app> ");
  now.role = "";
  CHECK(prompt_text(Style(), now) == "zoo2:2181 read-only /app> ");
  now.state = SessionState::Suspended;
  now.server = "";
  CHECK(prompt_text(Style(), now) == "zoo1:2181,zoo2:2181 (lost) /app> ");
  now.state = SessionState::Expired;
  now.directory = "";
  CHECK(prompt_text(Style(), now) == "(expired) /> ");
}

TEST_CASE("the prompt with zkCli's habits is zkCli's") {
  Style style;
  style.zkcli = true;
  Situation now = connected();
  now.lines = 3;
  CHECK(prompt_text(style, now) == "[zk: zoo1:2181,zoo2:2181(CONNECTED) 3] ");
  now.server = "";
  CHECK(prompt_text(style, now) == "[zk: zoo1:2181,zoo2:2181(CONNECTING) 3] ");
  now.state = SessionState::Closed;
  CHECK(prompt_text(style, now) == "[zk: zoo1:2181,zoo2:2181(CLOSED) 3] ");
}

TEST_CASE("colours stand between marks and take no room") {
  Style style;
  style.colour = true;
  const std::string plain = prompt_text(Style(), connected());
  const std::string coloured = prompt_text(style, connected());
  CHECK(coloured.size() > plain.size());
  CHECK(shown_width(coloured) == plain.size());
  CHECK(shown_width("gr\xc3\xbc\xc3\x9f") == 4);
  // libedit cannot draw marks that follow on one another.
  for (const SessionState state :
       {SessionState::Connected, SessionState::ReadOnly, SessionState::Closed}) {
    for (const char* role : {"", "leader"}) {
      Situation now = connected();
      now.state = state;
      now.role = role;
      CHECK(prompt_text(style, now).find("\1\1") == std::string::npos);
    }
  }
}

TEST_CASE("candidates stand in columns, and more than a screenful is counted") {
  CHECK(in_columns({"a", "bb", "c"}, 80, 100) == "a   bb  c\n");
  CHECK(in_columns({"a", "bb", "c"}, 9, 100) == "a   bb\nc\n");
  CHECK(in_columns({"a", "bb", "c"}, 1, 100) == "a\nbb\nc\n");
  CHECK(in_columns({"a", "b", "c", "d"}, 80, 3) == "a  b  c\nand 1 more\n");
  CHECK(in_columns({"\xc3\xbc", "b", "c"}, 80, 9) == "\xc3\xbc  b  c\n");
}
