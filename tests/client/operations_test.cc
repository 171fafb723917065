// One node at a time: every operation, its answer and its errors.
#include <algorithm>
#include <future>

#include "quorate/client.h"
#include "tests/client/live.h"

using namespace quorate;
using namespace quorate::client;
using namespace quorate::client::live;

TEST_CASE("create: every kind of node, with its Stat") {
  Session s;
  struct Row {
    const char* given;
    CreateOptions options;
    bool sequential;
    bool ephemeral;
  };
  for (const Row& row :
       {Row{"persistent", CreateMode::Persistent, false, false},
        Row{"ephemeral", CreateMode::Ephemeral, false, true},
        Row{"persistent-sequential", CreateMode::PersistentSequential, true, false},
        Row{"ephemeral-sequential", CreateMode::EphemeralSequential, true, true},
        Row{"container", CreateMode::Container, false, false},
        Row{"ttl", CreateOptions(CreateMode::PersistentWithTtl, 60s), false, false},
        Row{"ttl-sequential", CreateOptions(CreateMode::PersistentSequentialWithTtl, 60s), true,
            false}}) {
    CAPTURE(row.given);
    const auto made = s.client.create(s.at(row.given), "data", row.options);
    REQUIRE_MESSAGE(made.ok(), made.message);
    CHECK(made.value.path.starts_with(s.at(row.given)));
    CHECK(made.value.path.size() == s.at(row.given).size() + (row.sequential ? 10 : 0));
    const auto there = s.client.exists(made.value.path);
    REQUIRE(there.ok());
    CHECK(there.value == made.value.stat);
    CHECK((there.value.ephemeral_owner == s.client.session_id().value) == row.ephemeral);
    CHECK(there.value.data_length == 4);
  }
  CHECK(s.client.create(s.path + "/", "", CreateMode::PersistentSequential).ok());
}

TEST_CASE("errors: what a server refuses, and what is refused before it is sent") {
  Session s;
  CHECK(s.client.create(s.path, "").code == Code::NodeExists);
  CHECK(s.client.create(s.at("a/b"), "").code == Code::NoNode);
  CHECK(s.client.remove(s.at("none")).code == Code::NoNode);
  REQUIRE(s.client.create(s.at("a"), "").ok());
  CHECK(s.client.remove(s.path).code == Code::NotEmpty);
  CHECK(s.client.set_data(s.at("a"), "x", 7).code == Code::BadVersion);
  REQUIRE(s.client.create(s.at("e"), "", CreateMode::Ephemeral).ok());
  CHECK(s.client.create(s.at("e/x"), "").code == Code::NoChildrenForEphemerals);
  CHECK(s.client.create(s.at("t"), "", CreateOptions(CreateMode::Persistent, AclList())).code ==
        Code::InvalidAcl);
  for (const char* bad : {"", "a", "/a/", "//a", "/a/../b", "/a\x01"}) {
    CAPTURE(bad);
    CHECK(s.client.exists(bad).code == Code::BadArguments);
  }
  const auto large = s.client.create(s.at("large"), std::string(2 << 20, 'x'));
  CHECK(large.message.find("jute.maxbuffer") != std::string::npos);
  CHECK(s.client.exists(s.at("a")).ok());  // The connection was not risked.
}

TEST_CASE("errors: the message names the operation and the path") {
  Session s;
  CHECK(s.client.get_data(s.at("none")).message.starts_with("getData " + s.at("none") + ": "));
}

TEST_CASE("data: null, empty and binary are kept apart; versions guard") {
  Session s;
  for (const Buffer& data : {Buffer(), Buffer(""), Buffer(std::string("\0\xff\n", 3)),
                             Buffer(std::string(900'000, 'x'))}) {
    const auto set = s.client.set_data(s.path, data);
    REQUIRE(set.ok());
    const auto got = s.client.get_data(s.path);
    CHECK(got.value.data == data);
    CHECK(got.value.stat == set.value);
    CHECK(s.client.set_data(s.path, data, set.value.version).ok());
  }
}

TEST_CASE("getChildren, sync, getAllChildrenNumber, getEphemerals") {
  Session s;
  for (const char* name : {"b", "a"}) REQUIRE(s.client.create(s.at(name), "").ok());
  REQUIRE(s.client.create(s.at("a/deep"), "", CreateMode::Ephemeral).ok());
  auto children = s.client.get_children(s.path);
  std::sort(children.value.children.begin(), children.value.children.end());
  CHECK(children.value.children == std::vector<std::string>{"a", "b"});
  CHECK(children.value.stat.num_children == 2);
  CHECK(s.client.sync(s.path).ok());
  CHECK(s.client.get_all_children_number(s.path).value == 3);
  CHECK(s.client.get_ephemerals().value == std::vector<std::string>{s.at("a/deep")});
  CHECK(s.client.get_ephemerals(s.at("b")).value.empty());
}

TEST_CASE("chroot: paths in answers and events are the client's own") {
  Session outer;
  REQUIRE(outer.client.create(outer.path + "x", "").ok());  // A neighbour with a longer name.
  Session s(options(outer.path));
  CHECK(outer.client.exists(outer.path + s.path).ok());
  Events events;
  CHECK(s.client.exists(s.at("new"), events.callback()).code == Code::NoNode);
  REQUIRE(s.client.add_watch("/", AddWatchMode::PersistentRecursive, events.callback()).ok());
  const auto made = s.client.create(s.at("new"), "", CreateMode::Ephemeral);
  CHECK(made.value.path == s.at("new"));
  // Told to both callbacks.
  CHECK(events.first(2) ==
        std::vector<std::string>{"NodeCreated " + s.at("new"), "NodeCreated " + s.at("new")});
  CHECK(s.client.get_ephemerals().value == std::vector<std::string>{s.at("new")});
  auto root = s.client.get_children("/");
  CHECK(root.value.children == std::vector<std::string>{s.path.substr(1)});
  CHECK(s.client.get_config().ok());  // Of the ensemble, outside of every chroot.
  Transaction t;
  const auto node = t.create(s.at("n-"), "", CreateMode::PersistentSequential);
  CHECK(s.client.commit(std::move(t)).value[node].path == s.at("n-0000000001"));
}

TEST_CASE("ACLs and identities: digest is proved, what was proved is shown") {
  Session s;
  Session other;
  REQUIRE(s.client.add_auth("digest", "ann:secret").ok());
  REQUIRE(s.client.add_auth("digest", "ann:secret").ok());
  const AclList mine{Acl{perm::kAll, AuthId{"auth", ""}}};
  REQUIRE(s.client.create(s.at("mine"), "x", CreateOptions(CreateMode::Persistent, mine)).ok());
  CHECK(other.client.get_data(s.at("mine")).code == Code::NoAuth);
  REQUIRE(other.client.add_auth("digest", "ann:secret").ok());
  CHECK(other.client.get_data(s.at("mine")).ok());

  const auto acl = s.client.get_acl(s.at("mine"));
  REQUIRE(acl.value.acl.size() == 1);
  CHECK(acl.value.acl[0].who.scheme == "digest");
  CHECK(acl.value.acl[0].who.id.starts_with("ann:"));
  CHECK(s.client.set_acl(s.at("mine"), open_acl(), 7).code == Code::BadVersion);
  const auto set = s.client.set_acl(s.at("mine"), open_acl(), acl.value.stat.aversion);
  CHECK(set.value.aversion == acl.value.stat.aversion + 1);

  bool ann = false;
  for (const AuthId& who : s.client.who_am_i().value) ann |= who == AuthId{"digest", "ann"};
  CHECK(ann);
}

TEST_CASE("identities: one that is refused ends the session as AuthFailed") {
  Session s;
  const auto refused = s.client.add_auth("no-such-scheme", "x");
  CHECK(refused.code == Code::AuthFailed);
  CHECK(s.client.state() == SessionState::AuthFailed);
  CHECK(s.client.exists(s.path).code == Code::AuthFailed);
}

TEST_CASE("config: the members are shown; a server on its own refuses reconfig") {
  Session s;
  const auto config = s.client.get_config();
  CHECK(config.ok());
  ReconfigOptions change;
  change.leaving = {"9"};
  const auto refused = s.client.reconfig(change);
  CHECK(refused.code != Code::Ok);
  CHECK((refused.code == Code::ReconfigDisabled || refused.code == Code::Unimplemented));
}

TEST_CASE("timeout: an operation may have its own limit") {
  Session s;
  CHECK(s.client.with_timeout(10s).exists(s.path).ok());
}

TEST_CASE("pipelining: many in flight are carried out and answered in the order of the calls") {
  Session s;
  Client& client = s.client.async_face();
  std::vector<int> answered;
  std::vector<std::string> created;
  std::promise<void> all;
  for (int i = 0; i < 500; ++i) {
    client.async_create(s.at("n-"), Buffer(), CreateOptions(CreateMode::PersistentSequential),
                        [&, i](ErrorCode error, const CreateReply& reply) {
                          CHECK_FALSE(error);
                          answered.push_back(i);
                          created.push_back(reply.path);
                          if (answered.size() == 500) all.set_value();
                        });
  }
  REQUIRE(all.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(std::is_sorted(answered.begin(), answered.end()));
  CHECK(std::is_sorted(created.begin(), created.end()));
}
