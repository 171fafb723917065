#include "quorate/recipes/ephemeral_node.h"
#include "quorate/recipes/group_membership.h"
#include "tests/unit/recipes/recipe_world.h"

using namespace quorate::client;
using namespace std::chrono_literals;
using quorate::Code;
using quorate::ErrorCode;
using quorate::OpCode;

namespace {

std::vector<std::string> ids(const std::vector<Member>& members) {
  std::vector<std::string> out;
  for (const Member& member : members) out.push_back(member.id);
  return out;
}

}  // namespace

TEST_CASE("ephemeral node: is made with its parents, and anew whenever somebody deletes it") {
  RecipeWorld world;
  Client& client = world.client();
  EphemeralNode node(client, "/a/b/me", "one");
  node.start();
  Outcome<Empty> there;
  node.async_wait(0ms, into(there));
  must(world, there);
  CHECK(world.server.data("/a/b/me") == "one");
  CHECK(world.server.get("/a/b/me")->stat.ephemeral_owner == client.session_id().value);
  const std::int64_t first = world.server.get("/a/b/me")->stat.czxid;
  REQUIRE(world.server.remove("/a/b/me") == Code::Ok);
  world.run_until([&] { return world.server.get("/a/b/me").has_value(); });
  CHECK(world.server.get("/a/b/me")->stat.czxid > first);
  world.settle();
  CHECK(node.present());
  node.stop();
  world.run_until([&] { return !world.server.get("/a/b/me"); });
  CHECK_FALSE(node.present());
}

TEST_CASE("ephemeral node: new data reaches the node, also across a lost link and a deletion") {
  RecipeWorld world;
  Client& client = world.client();
  EphemeralNode node(client, "/me", "one");
  node.start();
  world.run_until([&] { return node.present(); });
  node.set_data("two");
  world.run_until([&] { return world.server.data("/me") == "two"; });
  world.server.lose_request(OpCode::SetData);
  node.set_data("three");
  world.run_until([&] { return world.server.data("/me") == "three"; });
  REQUIRE(world.server.remove("/me") == Code::Ok);
  world.run_until([&] { return world.server.data("/me") == "three"; });
  // Data that someone else wrote must not blind it to a deletion.
  REQUIRE(world.server.set("/me", "foreign") == Code::Ok);
  world.settle();
  REQUIRE(world.server.remove("/me") == Code::Ok);
  world.run_until([&] { return world.server.data("/me") == "three"; });
}

TEST_CASE("ephemeral node: present() is false from the suspension until the node was seen again") {
  RecipeWorld world;
  Client& client = world.client();
  EphemeralNode node(client, "/me", "one");
  node.start();
  world.run_until([&] { return node.present(); });
  const std::int64_t first = world.server.get("/me")->stat.czxid;
  world.server.cut();
  world.run_until([&] { return client.state() == SessionState::Suspended; });
  CHECK_FALSE(node.present());
  world.run_until([&] { return node.present(); });
  CHECK(world.server.get("/me")->stat.czxid == first);
}

TEST_CASE("ephemeral node: where another session has a node, it waits for that to end") {
  RecipeWorld world;
  Client& old = world.client();
  Client& client = world.client();
  EphemeralNode former(old, "/me", "former"), node(client, "/me", "new");
  former.start();
  world.run_until([&] { return former.present(); });
  node.start();
  world.settle();
  CHECK_FALSE(node.present());
  CHECK(world.server.data("/me") == "former");
  world.server.expire(old.session_id());
  world.run_until([&] { return node.present(); });
  CHECK(world.server.data("/me") == "new");
}

TEST_CASE("ephemeral node: a create whose reply was lost is found again, never made twice") {
  RecipeWorld world;
  Client& client = world.client();
  world.server.lose_reply(OpCode::Create2);
  EphemeralNode node(client, "/me", "one");
  node.start();
  Outcome<Empty> there;
  node.async_wait(0ms, into(there));
  must(world, there);
  CHECK(world.server.faults_done());
  CHECK(world.server.data("/me") == "one");
}

TEST_CASE("group: members are listed in the order of joining; watchers hear of each change") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  GroupMembership at_a(a, "/g", "a"), at_b(b, "/g", "b");
  std::vector<std::string> seen{"nothing told"};
  at_a.watch([&](const std::vector<Member>& members) { seen = ids(members); });
  world.run_until([&] { return seen.empty(); });
  Outcome<Empty> joined_a, joined_b;
  at_a.async_join(0ms, into(joined_a));
  must(world, joined_a);
  CHECK(at_a.joined());
  at_b.async_join(0ms, into(joined_b));
  must(world, joined_b);
  world.run_until([&] { return seen == std::vector<std::string>{"a", "b"}; });
  Outcome<std::vector<Member>> members;
  at_b.async_members(into(members));
  must(world, members);
  CHECK(ids(members.value) == std::vector<std::string>{"a", "b"});
  CHECK(members.value[0].node == at_a.node());
  world.server.cut();
  world.settle();
  CHECK(seen == std::vector<std::string>{"a", "b"});
  at_b.leave();
  world.run_until([&] { return seen == std::vector<std::string>{"a"}; });
}

TEST_CASE("group: a member whose session expires is gone for the others") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  GroupMembership at_a(a, "/g", "a"), at_b(b, "/g", "b");
  Outcome<Empty> joined_a, joined_b;
  at_a.async_join(0ms, into(joined_a));
  at_b.async_join(0ms, into(joined_b));
  must(world, joined_a);
  must(world, joined_b);
  std::vector<std::string> seen;
  at_a.watch([&](const std::vector<Member>& members) { seen = ids(members); });
  world.run_until([&] { return seen.size() == 2; });
  world.server.expire(b.session_id());
  world.run_until([&] { return seen == std::vector<std::string>{"a"}; });
  CHECK(at_a.joined());
}

TEST_CASE("group: nobody is there when it has never been used") {
  RecipeWorld world;
  Client& client = world.client();
  GroupMembership group(client, "/never", "a");
  Outcome<std::vector<Member>> members;
  group.async_members(into(members));
  must(world, members);
  CHECK(members.value.empty());
}
