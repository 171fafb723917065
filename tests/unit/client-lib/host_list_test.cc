#include "client-lib/src/host_list.h"

#include <doctest/doctest.h>

#include "quorate/errors.h"

using namespace quorate;
using namespace quorate::client;

TEST_CASE("connect string: hosts, ports, brackets and chroot are told apart") {
  struct Row {
    const char* text;
    std::vector<Host> hosts;
    const char* chroot;
  };
  for (const Row& row : {Row{"a", {{"a", 2181}}, ""}, Row{"a:1", {{"a", 1}}, ""},
                         Row{"a:65535,b:2,c", {{"a", 65535}, {"b", 2}, {"c", 2181}}, ""},
                         Row{" a:1 , b:2 ", {{"a", 1}, {"b", 2}}, ""},
                         Row{"127.0.0.1:2181/app", {{"127.0.0.1", 2181}}, "/app"},
                         Row{"[::1]:2182", {{"::1", 2182}}, ""},
                         Row{"[fe80::1],b:3/x/y", {{"fe80::1", 2181}, {"b", 3}}, "/x/y"},
                         Row{"a/", {{"a", 2181}}, ""}}) {
    CAPTURE(row.text);
    Result<ConnectString> parsed = parse_connect_string(row.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->hosts == row.hosts);
    CHECK(parsed->chroot == row.chroot);
  }
}

TEST_CASE("connect string: what is wrong is named") {
  struct Row {
    const char* text;
    ClientErrc expected;
  };
  for (const Row& row : {Row{"", ClientErrc::EmptyConnectString},
                         Row{"  ", ClientErrc::EmptyConnectString},
                         Row{"/app", ClientErrc::EmptyConnectString},
                         Row{"a,", ClientErrc::BadHost},
                         Row{",a", ClientErrc::BadHost},
                         Row{"a b", ClientErrc::BadHost},
                         Row{":2181", ClientErrc::BadHost},
                         Row{"::1", ClientErrc::BadHost},
                         Row{"[::1", ClientErrc::BadHost},
                         Row{"[]:1", ClientErrc::BadHost},
                         Row{"[::1]2181", ClientErrc::BadPort},
                         Row{"a:", ClientErrc::BadPort},
                         Row{"a:0", ClientErrc::BadPort},
                         Row{"a:65536", ClientErrc::BadPort},
                         Row{"a:-1", ClientErrc::BadPort},
                         Row{"a:1x", ClientErrc::BadPort},
                         Row{"a/b/", ClientErrc::BadChroot},
                         Row{"a//b", ClientErrc::BadChroot},
                         Row{"a/./b", ClientErrc::BadChroot},
                         Row{"a/..", ClientErrc::BadChroot}}) {
    CAPTURE(row.text);
    Result<ConnectString> parsed = parse_connect_string(row.text);
    REQUIRE(parsed.has_error());
    CHECK(parsed.error() == ErrorCode(row.expected));
  }
}

TEST_CASE("chroot: added to what goes out, stripped from what comes in") {
  CHECK(add_chroot("", "/a") == "/a");
  CHECK(add_chroot("/app", "/a") == "/app/a");
  CHECK(add_chroot("/app", "/") == "/app");
  CHECK(strip_chroot("", "/a") == "/a");
  CHECK(strip_chroot("/app", "/app/a") == "/a");
  CHECK(strip_chroot("/app", "/app") == "/");
  CHECK(strip_chroot("/app", "/apple") == "/apple");
  CHECK(strip_chroot("/app", "/other") == "/other");
}
