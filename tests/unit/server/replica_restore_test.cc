#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "server/replica/replica.h"
#include "tests/support/standalone_replica.h"
#include "znode/snapshot.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2}, kC{3};

/// A tree as somebody may have kept it: /old, and the sessions given.
znode::DataTree kept_tree(std::vector<SessionId> sessions = {}, std::int64_t zxid = 7) {
  znode::DataTree tree;
  tree.clear();
  for (SessionId session : sessions) tree.load_session(session, 10000);
  for (const char* path : {"", "/zookeeper", "/zookeeper/config", "/zookeeper/quota", "/old"}) {
    znode::NodeRecord record;
    record.path = path;
    record.data = "kept";
    record.stat.czxid = record.stat.mzxid = zxid;
    REQUIRE_FALSE(tree.load_node(record));
  }
  REQUIRE_FALSE(tree.finish_load(Zxid{zxid}));
  tree.mark_all_dirty();
  return tree;
}

class RestoreFixture : public StandaloneReplica {
 public:
  using StandaloneReplica::StandaloneReplica;

  void restore(znode::DataTree tree, Zxid highest = Zxid{7}) {
    replica->restore({std::move(tree), highest,
                      [this](RestoreOutcome outcome) { outcomes.push_back(std::move(outcome)); }});
    replica->pump();
  }
  /// The disk has written all portions.
  void installed(bool ok = true) {
    REQUIRE_FALSE(fake.disk.installs.empty());
    auto& [link, portion] = fake.disk.installs.back();
    REQUIRE(portion.ends);
    replica->on_installed(link, portion.zxid, ok);
    replica->pump();
  }
  bool has(const char* path) const { return replica->tree().find(path) != nullptr; }
  bool serves() const { return replica->status().serving; }
  std::int64_t created_at(ConnectionId id, const char* path) {
    put_create(id, 1, path);
    settle();
    Reply reply = must_take(id);
    CHECK(reply.header.err == Code::Ok);
    return reply.header.zxid.value;
  }

  std::vector<RestoreOutcome> outcomes;
};

TEST_CASE_FIXTURE(RestoreFixture,
                  "restore: the tree is another one once it is durable, not before") {
  client(kA);
  created_at(kA, "/new");
  const std::int64_t before = applied();
  restore(kept_tree({}, 1), Zxid{1});
  CHECK(closed(kA));
  CHECK_FALSE(serves());
  CHECK(has("/new"));
  CHECK(outcomes.empty());
  installed();
  REQUIRE(outcomes.size() == 1);
  CHECK_FALSE(outcomes[0].fault.has_value());
  CHECK(outcomes[0].zxid == Zxid{before + 1});
  CHECK(outcomes[0].old->find("/new") != nullptr);
  CHECK(serves());
  CHECK(has("/old"));
  CHECK_FALSE(has("/new"));
  CHECK(applied() == before + 1);
  client(kB);
  CHECK(created_at(kB, "/new") == before + 3);  // Behind the session's.
}

TEST_CASE_FIXTURE(RestoreFixture, "restore: no zxid of the tree is ever used again") {
  restore(kept_tree({}, Zxid::make(3, 9).value), Zxid::make(3, 9));
  sync();
  installed();
  CHECK(outcomes.at(0).zxid == Zxid::make(3, 10));
  CHECK(replica->status().current_epoch == 3);
  CHECK(replica->status().accepted_epoch == 3);
  client(kA);
  CHECK(created_at(kA, "/next") == Zxid::make(3, 12).value);
}

TEST_CASE_FIXTURE(RestoreFixture, "restore: epochs are on their way to the disk before the tree") {
  restore(kept_tree(), Zxid::make(3, 9));
  REQUIRE(fake.disk.writes.size() >= 2);
  CHECK(std::get<consensus::StoreCurrentEpoch>(fake.disk.writes.back()).epoch == 3);
}

TEST_CASE_FIXTURE(RestoreFixture, "restore: sessions of the tree go on, others are over") {
  const ConnectResponse mine = client(kA), other = client(kB);
  restore(kept_tree({mine.session_id}));
  installed();
  ConnectRequest again;
  again.session_id = mine.session_id;
  again.password = mine.password;
  again.last_zxid_seen = Zxid{applied() - 1};
  connect(kC, again);
  CHECK(take_connect(kC).session_id == mine.session_id);
  again.session_id = other.session_id;
  again.password = other.password;
  connect(ConnectionId{4}, again);
  CHECK(take_connect(ConnectionId{4}).timeout_ms == 0);
  pass(30000);
  sync();
  CHECK(replica->tree().sessions().find(mine.session_id) == std::nullopt);
}

TEST_CASE_FIXTURE(RestoreFixture, "restore: what is in flight lands in the old tree first") {
  client(kA);
  put_create(kA, 1, "/flying");
  put(kA, 2, OpCode::Sync, PathRequest{"/"});
  replica->pump();
  restore(kept_tree());
  CHECK(fake.disk.installs.empty());
  sync();
  CHECK(has("/flying"));
  CHECK(fake.disk.installs.size() == 1);
  installed();
  CHECK_FALSE(has("/flying"));
  client(kB);
  put(kB, 1, OpCode::Sync, PathRequest{"/"});
  settle();
  CHECK(must_take(kB).header.err == Code::Ok);
}

TEST_CASE_FIXTURE(RestoreFixture, "restore: a disk that fails leaves everything as it was") {
  const ConnectResponse mine = client(kA);
  created_at(kA, "/new");
  const std::int64_t before = applied();
  restore(kept_tree());
  installed(/*ok=*/false);
  CHECK(outcomes.at(0).fault == RestoreFault::Disk);
  CHECK(serves());
  CHECK(has("/new"));
  CHECK(applied() == before);
  ConnectRequest again;
  again.session_id = mine.session_id;
  again.password = mine.password;
  connect(kB, again);
  CHECK(take_connect(kB).session_id == mine.session_id);
  CHECK(created_at(kB, "/newer") == before + 1);
}

TEST_CASE_FIXTURE(RestoreFixture, "restore: one at a time, and not while the server stops") {
  restore(kept_tree());
  restore(kept_tree());
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].fault == RestoreFault::NotServing);
  installed();
  CHECK_FALSE(outcomes.at(1).fault.has_value());
  replica->stop();
  restore(kept_tree());
  CHECK(outcomes.at(2).fault == RestoreFault::NotServing);
}

TEST_CASE_FIXTURE(RestoreFixture, "restore: zxids that leave no room are refused") {
  for (const Zxid highest : {Zxid{-1}, Zxid{INT64_MAX}, Zxid::make(0x7ffffffe, 1)}) {
    restore(kept_tree(), highest);
    CHECK(outcomes.back().fault == RestoreFault::ZxidTooBig);
  }
  CHECK(serves());
}

TEST_CASE("restore: a great tree is handed to the disk in portions, at its pace") {
  ReplicaOptions options;
  options.install_slice = {SIZE_MAX, 2};
  RestoreFixture server(options);
  server.fake.disk.backlog = SIZE_MAX;
  server.restore(kept_tree());
  CHECK(server.fake.disk.installs.empty());
  CHECK_FALSE(server.replica->has_more());
  server.fake.disk.backlog = 0;
  while (server.replica->has_more()) server.replica->pump_more();
  CHECK(server.fake.disk.installs.size() > 2);
  server.installed();
  CHECK(server.has("/old"));
  CHECK(server.fake.disk.installs.front().second.from_scratch);
}

}  // namespace
}  // namespace quorate::server
