#include "server/replica/reconfig_plan.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "znode/proto/error.h"

namespace quorate::server {
namespace {

using consensus::Ensemble;
using consensus::Member;

Member member(int id, bool observer = false) {
  const auto port = static_cast<std::uint16_t>(2000 + id);
  return {ServerId{id}, "host" + std::to_string(id),
          port,         static_cast<std::uint16_t>(port + 1000),
          observer,     "0.0.0.0:2181"};
}

Ensemble three() {
  return Ensemble({member(1), member(2), member(3)}, 0x100000000);
}

struct Plan {
  Result<Ensemble> members;
  std::string why;
};

Plan plan(const znode::ReconfigRequest& request, const Ensemble& now = three(),
          std::size_t voters_min = 2) {
  std::string why;
  Result<Ensemble> members = plan_members(now, request, 0x100000007, voters_min, why);
  return {std::move(members), why};
}

znode::ReconfigRequest change(const char* joining, const char* leaving) {
  znode::ReconfigRequest request;
  if (joining != nullptr) request.joining = joining;
  if (leaving != nullptr) request.leaving = leaving;
  return request;
}

znode::ReconfigRequest anew(const char* members) {
  znode::ReconfigRequest request;
  request.new_members = members;
  return request;
}

}  // namespace

TEST_CASE("reconfig: servers join and leave, the version is the zxid") {
  const Plan grown =
      plan(change("server.4=host4:2004:3004;2181, server.5=host5:1:2:observer;9", "3"));
  REQUIRE(grown.members.has_value());
  CHECK(grown.members->text() ==
        "server.1=host1:2001:3001:participant;0.0.0.0:2181\n"
        "server.2=host2:2002:3002:participant;0.0.0.0:2181\n"
        "server.4=host4:2004:3004:participant;0.0.0.0:2181\n"
        "server.5=host5:1:2:observer;0.0.0.0:9\nversion=100000007");
}

TEST_CASE("reconfig: who joins under the id of a member takes its place") {
  const Plan moved = plan(change("server.3=other:5:6:observer;7", nullptr));
  REQUIRE(moved.members.has_value());
  CHECK(moved.members->find(ServerId{3})->host == "other");
  CHECK(moved.members->find(ServerId{3})->observer);
  CHECK(moved.members->voter_count() == 2);
}

TEST_CASE(
    "reconfig: ids that are no members leave without a trace; nothing at all is a config too") {
  CHECK(plan(change(nullptr, "9, 8")).members->same_members(three()));
  CHECK(plan(change(nullptr, nullptr)).members->same_members(three()));
  CHECK(plan(change("", " , ")).members->same_members(three()));
}

TEST_CASE("reconfig: all members anew, by commas or lines, and groups with them") {
  const Plan listed = plan(anew("server.1=a:1:2;3,server.2=b:1:2;3\nserver.7=c:1:2"));
  REQUIRE(listed.members.has_value());
  CHECK(listed.members->voters() == std::vector<ServerId>{{1}, {2}, {7}});
  CHECK(listed.members->version() == 0x100000007);
  const Plan grouped = plan(
      anew("server.1=a:1:2;3,server.2=b:1:2;3,server.3=c:1:2;3,group.1=1:2,group.2=3,weight.3=2"));
  REQUIRE(grouped.members.has_value());
  CHECK(grouped.members->hierarchical());
  CHECK(grouped.members->weight(ServerId{3}) == 2);
  // These can be changed as a whole only.
  const Plan refused = plan(change("server.4=d:1:2;3", nullptr), *grouped.members);
  CHECK(to_code(refused.members.error()) == Code::BadArguments);
  CHECK(refused.why == "with groups all members must be given anew");
}

TEST_CASE("reconfig: what makes no sense is BadArguments, and the log says why") {
  struct Row {
    znode::ReconfigRequest request;
    const char* why;
  };
  for (const Row& row : {
           Row{change("server.4=d:1:2", nullptr), "server.4 has no client port"},
           Row{change("server.4", nullptr), "expected server.N=..."},
           Row{change("server.x=d:1:2;3", nullptr), "expected server.N=..."},
           Row{change("server.256=d:1:2;3", nullptr), "N from 0 to 255"},
           Row{change("server.4=d:1;3", nullptr), "server.4: "},
           Row{change("server.4=d:1:2:boss;3", nullptr), "is no role"},
           Row{change(nullptr, "two"), "is no server id"},
           Row{change(nullptr, "1,2"), "1 participants would be left, 2 are the least"},
           Row{change("server.4=host1:2001:9;3", nullptr), "share an address and a port"},
           Row{change("server.4=host4:3002:9;host2:2002", nullptr), "share an address and a port"},
           Row{anew(""), "no participant"},
           Row{anew("server.1=a:1:2;3,server.1=b:1:2;3"), "twice"},
           Row{anew("server.1=a:1:2;3,server.2=b:1:2;3,group.1=1"), "is in no group"},
           Row{anew("server.1=a:1:2;3,peerType=x"), "unknown key"},
           Row{anew("server.1=a:1:2:observer;3"), "no participant"},
           Row{anew("server.300=a:1:2;3,server.2=b:1:2;3"), "from 0 to 255"},
       }) {
    CAPTURE(row.why);
    const Plan refused = plan(row.request);
    REQUIRE(refused.members.has_error());
    CHECK(to_code(refused.members.error()) == Code::BadArguments);
    CHECK_MESSAGE(refused.why.find(row.why) != std::string::npos, refused.why);
  }
}

TEST_CASE("reconfig: servers of one machine are told apart by their ports only") {
  const char* local = "server.4=127.0.0.1:1:2;3,server.5=127.0.0.1:1:2;3";
  CHECK(plan(change(local, nullptr)).members.has_value());
}

TEST_CASE("reconfig: without standaloneEnabled one participant is enough") {
  CHECK(plan(change(nullptr, "1,2"), three(), 1).members.has_value());
  CHECK(to_code(plan(change(nullptr, "1,2,3"), three(), 1).members.error()) == Code::BadArguments);
}

}  // namespace quorate::server
