#include "shell/acl_text.h"

#include <doctest/doctest.h>

using namespace quorate::shell;

TEST_CASE("ACL text: split at the first and the last colon, letters in any order") {
  const ParsedAcl one = parse_acl("world:anyone:cdrwa");
  REQUIRE(one.acl.size() == 1);
  CHECK(one.faults.empty());
  CHECK(one.acl[0].who.scheme == "world");
  CHECK(one.acl[0].perms == 31);
  const ParsedAcl two = parse_acl("digest:u:aGFzaA==:awr,ip:10.0.0.1:r");
  REQUIRE(two.acl.size() == 2);
  CHECK(two.acl[0].who.id == "u:aGFzaA==");
  CHECK(perms_text(two.acl[0].perms) == "rwa");
  CHECK(acl_text(two.acl[1]) == "ip:10.0.0.1:r");
}

TEST_CASE("ACL text: what is wrong is told in zkCli's words and left out") {
  CHECK(parse_acl("bad").faults ==
        std::vector<std::string>{"bad does not have the form scheme:id:perm"});
  CHECK(parse_acl("a:b").acl.empty());
  const ParsedAcl unknown = parse_acl("world:anyone:rx");
  CHECK(unknown.faults == std::vector<std::string>{"Unknown perm type: x"});
  REQUIRE(unknown.acl.size() == 1);
  CHECK(unknown.acl[0].perms == 1);
}

TEST_CASE("ACL lines: two for each entry, letters in the order cdrwa") {
  CHECK(acl_lines(parse_acl("world:anyone:awrdc").acl) == "'world,'anyone\n: cdrwa\n");
}
