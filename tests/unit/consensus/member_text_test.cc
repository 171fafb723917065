#include "consensus/member_text.h"

#include <doctest/doctest.h>

namespace quorate::consensus {

TEST_CASE("members: host, both ports, role and client part") {
  const auto member = parse_member(ServerId{3}, "zoo3:2888:3888:Observer;10.0.0.3:2181");
  REQUIRE(member.has_value());
  CHECK(member->id == ServerId{3});
  CHECK(member->host == "zoo3");
  CHECK(member->quorum_port == 2888);
  CHECK(member->election_port == 3888);
  CHECK(member->observer);
  CHECK(member->client_address == "10.0.0.3:2181");
}

TEST_CASE("members: without an address the client part means all addresses") {
  CHECK(parse_member(ServerId{1}, "a:1:2;2181")->client_address == "0.0.0.0:2181");
  CHECK(parse_member(ServerId{1}, "a:1:2")->client_address.empty());
}

TEST_CASE("members: IPv6 stands in square brackets") {
  const auto member = parse_member(ServerId{1}, "[fe80::1]:2888:3888;[::1]:2181");
  REQUIRE(member.has_value());
  CHECK(member->host == "fe80::1");
  CHECK(member->client_address == "[::1]:2181");
  CHECK(parse_host_port("[::1]:2181")->host == "::1");
}

TEST_CASE("members: a wrong line says what would be right") {
  struct Row {
    const char* value;
    const char* part;
  };
  for (const Row& row :
       {Row{"", "expected host:quorumPort:electionPort"},
        Row{"a", "expected host:quorumPort:electionPort"},
        Row{"a:2888", "expected host:quorumPort:electionPort"},
        Row{":2888:3888", "expected host:quorumPort:electionPort"},
        Row{"fe80::1:2888:3888", "square brackets"}, Row{"[fe80::1:2888:3888", "square brackets"},
        Row{"a:0:3888", "\"0\" is no port"}, Row{"a:2888:65536", "\"65536\" is no port"},
        Row{"a:2888:38x8", "\"38x8\" is no port"}, Row{"a:2888:2888", "must differ"},
        Row{"a:2888:3888:voter", "\"voter\" is no role"},
        Row{"a:1:2|b:1:2", "more than one address"}, Row{"a:1:2;", "client part \"\" is no port"},
        Row{"a:1:2;b:c:3", "client part"}}) {
    CAPTURE(row.value);
    const auto member = parse_member(ServerId{1}, row.value);
    REQUIRE(member.has_error());
    CHECK(member.error().what.find(row.part) != std::string::npos);
  }
}

}  // namespace quorate::consensus
