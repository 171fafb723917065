#include "examples/pipeline/web/web_target.h"

#include <doctest/doctest.h>

#include <string>

using namespace pipeline;

TEST_CASE("web target: path and query are decoded, of repeated names the last counts") {
  WebRequest request;
  REQUIRE(parse_target("/api/a%20b+c?prefix=%2Fblog%2F&top=3&x+y=a+b&top=5&empty&=v&&", request));
  CHECK(request.path == "/api/a b+c");
  CHECK(request.query.at("prefix") == "/blog/");
  CHECK(request.query.at("top") == "5");
  CHECK(request.query.at("x y") == "a b");
  CHECK(request.query.at("empty") == "");
  CHECK(request.query.at("") == "v");
  CHECK(request.query.size() == 5);
}

TEST_CASE("web target: what cannot be read is refused whole") {
  for (const char* bad : {"", "api", "http://x/", "*", "/%", "/%4", "/%zz", "/a%00b", "/a?b=%",
                          "/%ff", "/a?%c3%28=1", "/a\tb"}) {
    CAPTURE(bad);
    WebRequest request;
    CHECK(!parse_target(bad, request));
  }
}

TEST_CASE("web origin: only pages of this server, under a name that is known to be its own") {
  struct Row {
    const char* origin;
    const char* host;
    bool same;
  };
  for (const Row& row : {
           Row{"http://127.0.0.1:8080", "127.0.0.1:8080", true},
           Row{"http://localhost:8080", "LOCALHOST:8080", true},
           Row{"http://[::1]:8080", "[::1]:8080", true},
           Row{"https://10.0.0.7", "10.0.0.7", true},
           Row{"http://lab.example:80", "lab.example:80", true},
           Row{"http://127.0.0.1:8081", "127.0.0.1:8080", false},
           Row{"http://localhost:8080", "127.0.0.1:8080", false},
           Row{"http://evil.example", "127.0.0.1:8080", false},
           Row{"http://evil.example:8080", "evil.example:8080", false},
           Row{"http://127.0.0.1.evil.example", "127.0.0.1.evil.example", false},
           Row{"null", "127.0.0.1:8080", false},
           Row{"http://", "", false},
           Row{"", "127.0.0.1", false},
       }) {
    CAPTURE(row.origin);
    CAPTURE(row.host);
    CHECK(same_origin(row.origin, row.host, {"Lab.example"}) == row.same);
  }
}
