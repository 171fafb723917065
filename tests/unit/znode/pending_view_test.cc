#include "znode/pending_view.h"

#include <deque>

#include "base/random.h"
#include "tests/unit/znode/tree_fixture.h"
#include "znode/pending_impl.h"
#include "znode/snapshot.h"

namespace quorate::znode {
namespace {

struct RandomOp {
  SessionId session;
  OpCode op;
  Bytes body;
};

/// Few names, so that operations meet; all kinds, so that refusals and rollbacks are common.
class RandomOps {
 public:
  explicit RandomOps(std::uint64_t seed) : random_(seed) {}

  RandomOp next() {
    const SessionId session{0x100 + static_cast<std::int64_t>(random_.below(4))};
    switch (random_.below(12)) {
      case 0:
        return {session, OpCode::CreateSession, encode_all(CreateSessionTxn{5000})};
      case 1:
        return {session, random_.percent(30) ? OpCode::CloseSession : OpCode::Delete,
                encode_all(remove())};
      case 2:
      case 3:
        return {session, OpCode::Delete, encode_all(remove())};
      case 4:
        return {session, OpCode::SetData, encode_all(set_data())};
      case 5:
        return {session, OpCode::SetAcl, encode_all(set_acl())};
      case 6:
      case 7:
        return {session, OpCode::Multi, multi()};
      default:
        return {session, random_.percent(50) ? OpCode::Create : OpCode::Create2,
                encode_all(create())};
    }
  }

 private:
  std::string path() {
    std::string path;
    const std::uint64_t depth = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < depth; ++i) {
      path += '/';
      path += static_cast<char>('a' + random_.below(3));
    }
    return path;
  }
  std::int32_t version() { return static_cast<std::int32_t>(random_.below(3)) - 1; }
  Buffer data() {
    return random_.percent(10) ? Buffer() : Buffer(std::string(random_.below(20), 'x'));
  }
  AclList acl() {
    if (random_.percent(80)) return open_acl();
    return {{static_cast<std::int32_t>(random_.below(32)), {"world", "anyone"}}};
  }
  CreateRequest create() {
    return {path(), data(), acl(), static_cast<std::int32_t>(random_.below(4))};
  }
  DeleteRequest remove() { return {path(), version()}; }
  SetDataRequest set_data() { return {path(), data(), version()}; }
  SetAclRequest set_acl() { return {path(), acl(), version()}; }
  Bytes multi() {
    Bytes bytes;
    JuteWriter out(bytes);
    const std::uint64_t parts = random_.below(5);
    for (std::uint64_t i = 0; i < parts; ++i) {
      const auto part = [&](OpCode op, const auto& request) {
        encode(out, MultiHeader{op, false, -1});
        encode(out, request);
      };
      switch (random_.below(4)) {
        case 0:
          part(OpCode::Create, create());
          break;
        case 1:
          part(OpCode::Delete, remove());
          break;
        case 2:
          part(OpCode::SetData, set_data());
          break;
        default:
          part(OpCode::Check, CheckVersionRequest{path(), version()});
      }
    }
    encode(out, MultiHeader{OpCode::Error, true, -1});
    return bytes;
  }

  Random random_;
};

/// A tree and a leader's view of it; requests are prepared ahead of the tree by up to `lead`.
class Pipeline {
 public:
  explicit Pipeline(std::size_t lead) : lead_(lead) {}

  Bytes submit(const RandomOp& op) {
    zxid_ = zxid_.next();
    const Identities nobody;
    Bytes txn = prepare(view_, {}, {op.session, nobody}, {op.session, 1, op.op, op.body}, zxid_,
                        zxid_.value * 5);
    in_flight_.push_back(txn);
    while (in_flight_.size() > lead_) land();
    return txn;
  }
  void land() {
    Result<Outcome> outcome = apply(tree_, in_flight_.front(), ReplayMode::Exact);
    REQUIRE(outcome.has_value());
    REQUIRE_FALSE(outcome->digest_mismatch);
    view_.landed(outcome->header.zxid);
    in_flight_.pop_front();
  }
  void land_all() {
    while (!in_flight_.empty()) land();
  }

  DataTree tree_;
  PendingView view_{tree_};

 private:
  std::size_t lead_;
  std::deque<Bytes> in_flight_;
  Zxid zxid_;
};

Bytes content(DataTree& tree) {
  tree.mark_all_dirty();
  Bytes all;
  for (const CheckpointEntry& entry : encode_checkpoint(tree, Zxid{}).entries) {
    append(all, entry.key);
    if (entry.value) append(all, *entry.value);
  }
  return all;
}

}  // namespace

TEST_CASE("prepare: with many txns in flight the same txns come out as one at a time") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    RandomOps ops(seed);
    Pipeline one_by_one(0), ahead(1 + seed * 3 % 40);
    for (int i = 0; i < 400; ++i) {
      const RandomOp op = ops.next();
      REQUIRE(one_by_one.submit(op) == ahead.submit(op));
      REQUIRE(one_by_one.view_.in_flight_changes() == 0);
    }
    ahead.land_all();
    CHECK(ahead.tree_.digest() == one_by_one.tree_.digest());
    CHECK(content(ahead.tree_) == content(one_by_one.tree_));
  }
}

TEST_CASE("PendingView: with nothing in flight nothing is left, and it equals the tree") {
  RandomOps ops(99);
  Pipeline pipeline(25);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 60; ++i) pipeline.submit(ops.next());
    pipeline.land_all();
    const PendingView::Impl& impl = pipeline.view_.impl();
    CHECK(impl.nodes.empty());
    CHECK(impl.landings.empty());
    CHECK(impl.sessions.empty());
    CHECK(impl.session_landings.empty());
    CHECK(impl.ephemerals_in_flight.empty());
    CHECK(impl.digest() == pipeline.tree_.digest());
  }
}

TEST_CASE("PendingView: a new leader's replayed history counts as if it had prepared it") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    RandomOps ops(seed);
    Pipeline old_leader(1000);
    DataTree tree;
    PendingView view(tree);
    std::vector<Bytes> history;
    for (int i = 0; i < 200; ++i) history.push_back(old_leader.submit(ops.next()));
    for (const Bytes& txn : history) REQUIRE(!view.replay(txn));
    CHECK(view.impl().digest() == old_leader.view_.impl().digest());
    // What both prepare next is the same, byte for byte.
    const Identities nobody;
    for (std::int64_t i = 0; i < 100; ++i) {
      const RandomOp op = ops.next();
      const Zxid zxid{1000 + i};
      const WriteRequest request{op.session, 1, op.op, op.body};
      const Caller caller{op.session, nobody};
      REQUIRE(prepare(view, {}, caller, request, zxid, 7) ==
              prepare(old_leader.view_, {}, caller, request, zxid, 7));
    }
  }
}

TEST_CASE("PendingView: sequence numbers of pipelined creates follow one another") {
  TreeFixture f;
  std::vector<Bytes> txns;
  for (int i = 0; i < 3; ++i) {
    txns.push_back(f.prepare_only(
        kAlice, OpCode::Create,
        CreateRequest{"/q", "", open_acl(), std::int32_t(CreateMode::PersistentSequential)}));
  }
  std::vector<std::string> names;
  for (const Bytes& txn : txns) names.push_back(f.land(txn).path);
  CHECK(names == std::vector<std::string>{"/q0000000000", "/q0000000001", "/q0000000002"});
}

TEST_CASE("PendingView: closeSession takes ephemerals created in flight, and nothing comes after") {
  TreeFixture f;
  REQUIRE(f.create("/landed", CreateMode::Ephemeral) == Code::Ok);
  REQUIRE(f.create("/deleted", CreateMode::Ephemeral) == Code::Ok);
  const CreateRequest request{"/flying", "", open_acl(), std::int32_t(CreateMode::Ephemeral)};
  const Bytes remove = f.prepare_only(kAlice, OpCode::Delete, DeleteRequest{"/deleted", -1});
  const Bytes create = f.prepare_only(kAlice, OpCode::Create, request);
  const Bytes close = f.prepare_bytes(kAlice, OpCode::CloseSession, {});
  CHECK_FALSE(f.pending.session_alive(kAlice));
  const Bytes late = f.prepare_only(kAlice, OpCode::Create, request);
  const Bytes second_close = f.prepare_bytes(kAlice, OpCode::CloseSession, {});
  const Result<Txn> txn = decode_txn(close);
  CHECK(*std::get<CloseSessionTxn>(txn->changes[0].record).paths ==
        std::vector<std::string>{"/flying", "/landed"});
  f.land(remove);
  f.land(create);
  f.land(close);
  CHECK(f.land(late).error == Code::SessionExpired);
  CHECK(f.land(second_close).error == Code::Ok);
  CHECK(f.tree.find("/flying") == nullptr);
  CHECK(f.tree.find("/landed") == nullptr);
  CHECK(f.tree.ephemeral_count() == 0);
}

TEST_CASE("PendingView: a node deleted in flight is gone for the next request") {
  TreeFixture f;
  REQUIRE(f.create("/a") == Code::Ok);
  REQUIRE(f.create("/a/b") == Code::Ok);
  const Bytes child = f.prepare_only(kAlice, OpCode::Delete, DeleteRequest{"/a/b", -1});
  const Bytes parent = f.prepare_only(kAlice, OpCode::Delete, DeleteRequest{"/a", -1});
  const Bytes orphan =
      f.prepare_only(kAlice, OpCode::Create, CreateRequest{"/a/c", "", open_acl(), 0});
  CHECK(f.land(child).error == Code::Ok);
  CHECK(f.land(parent).error == Code::Ok);
  CHECK(f.land(orphan).error == Code::NoNode);
}

}  // namespace quorate::znode
