#include "client-lib/src/session_core.h"
#include "tests/unit/client-lib/core_fixture.h"

using namespace quorate;
using namespace quorate::client;
using Lines = std::vector<std::string>;

namespace {

std::vector<SetWatchesRequest> set_watches(const CoreFixture& f) {
  std::vector<SetWatchesRequest> out;
  for (const SentRequest& request : f.sent) {
    if (request.op != OpCode::SetWatches) continue;
    CHECK(request.xid == xid::kSetWatches);
    out.push_back(decode_all<SetWatchesRequest>(request.body).value());
  }
  return out;
}

}  // namespace

TEST_CASE("watch: which read is told of which event (tree-semantics §7)") {
  struct Row {
    const char* given;
    OpCode op;
    Code err;
    EventType event;
    bool fires;
  };
  for (const Row& row :
       {Row{"getData, changed", OpCode::GetData, Code::Ok, EventType::NodeDataChanged, true},
        Row{"getData, deleted", OpCode::GetData, Code::Ok, EventType::NodeDeleted, true},
        Row{"getData, children", OpCode::GetData, Code::Ok, EventType::NodeChildrenChanged, false},
        Row{"getData of nothing", OpCode::GetData, Code::NoNode, EventType::NodeCreated, false},
        Row{"exists, changed", OpCode::Exists, Code::Ok, EventType::NodeDataChanged, true},
        Row{"exists of nothing, created", OpCode::Exists, Code::NoNode, EventType::NodeCreated,
            true},
        Row{"exists refused", OpCode::Exists, Code::NoAuth, EventType::NodeCreated, false},
        Row{"getChildren, children", OpCode::GetChildren2, Code::Ok, EventType::NodeChildrenChanged,
            true},
        Row{"getChildren, deleted", OpCode::GetChildren2, Code::Ok, EventType::NodeDeleted, true},
        Row{"getChildren, changed", OpCode::GetChildren2, Code::Ok, EventType::NodeDataChanged,
            false}}) {
    CAPTURE(row.given);
    CoreFixture f;
    f.up();
    f.submit(row.op, "/a", /*watch=*/9);
    f.reply_next(1, row.err);
    f.log.clear();
    f.event(row.event, "/a", 2);
    f.event(row.event, "/a", 3);
    CHECK(f.log.size() == (row.fires ? 1 : 0));
  }
}

TEST_CASE("watch: all that wait at a path are told by one event; a deleted node spends all kinds") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.submit(OpCode::Exists, "/a", 2);
  f.submit(OpCode::GetChildren2, "/a", 3);
  for (int i = 0; i < 3; ++i) f.reply_next(1);
  CHECK(f.core.watches() == 2);
  f.log.clear();
  f.event(EventType::NodeDeleted, "/a", 2);
  CHECK(f.log == Lines{"fired NodeDeleted /a 1 2 3"});
  CHECK(f.core.watches() == 0);
}

TEST_CASE("watch: an event is reported before the reply that follows it") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.reply_next(1);
  f.submit(OpCode::SetData, "/a");
  f.log.clear();
  f.event(EventType::NodeDataChanged, "/a", 2);
  f.reply_next(2);
  CHECK(f.log == Lines{"fired NodeDataChanged /a 1", "done 2 0"});
}

TEST_CASE("watch: restored after a reconnect, each in its list, before waiting requests") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/data", 1);
  f.submit(OpCode::Exists, "/none", 2);
  f.submit(OpCode::GetChildren2, "/child", 3);
  f.reply_next(50);
  f.reply_next(51, Code::NoNode);
  f.reply_next(52);
  f.lose_link();
  f.submit(OpCode::GetData, "/x");
  f.sent.clear();
  f.next_reply = 0;
  f.serve();
  const auto restored = set_watches(f);
  REQUIRE(restored.size() == 1);
  CHECK(restored[0].relative_zxid.value == 52);
  CHECK(restored[0].data_watches == Lines{"/data"});
  CHECK(restored[0].exist_watches == Lines{"/none"});
  CHECK(restored[0].child_watches == Lines{"/child"});
  CHECK(f.sent.front().op == OpCode::SetWatches);
  CHECK(f.sent.back().op == OpCode::GetData);

  f.log.clear();
  f.event(EventType::NodeDeleted, "/data");
  f.reply(xid::kSetWatches, 60);
  CHECK(f.log == Lines{"fired NodeDeleted /data 1"});
}

TEST_CASE("watch: a read whose reply was lost sets none") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.lose_link();
  f.serve();
  CHECK(set_watches(f).empty());
}

TEST_CASE("watch: many are restored in portions that all name the zxid seen before") {
  CoreOptions options = CoreFixture::default_options();
  options.set_watches_bytes_max = 1'000;
  CoreFixture f(options);
  f.up();
  for (int i = 0; i < 100; ++i) {
    f.submit(OpCode::GetData, "/node-with-a-longer-name-" + std::to_string(i), 100 + i);
    f.reply_next(7);
  }
  f.lose_link();
  f.serve();
  const auto restored = set_watches(f);
  CHECK(restored.size() > 3);
  std::size_t paths = 0;
  for (const auto& portion : restored) {
    CHECK(portion.relative_zxid.value == 7);
    paths += portion.data_watches.size();
  }
  CHECK(paths == 100);
}

TEST_CASE(
    "watch: an event during restoration does not move the zxid from which the rest is asked") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.submit(OpCode::GetData, "/b", 2);
  f.reply_next(5);
  f.reply_next(5);
  f.lose_link();
  f.serve();
  f.event(EventType::NodeDataChanged, "/a", 9);
  f.lose_link();
  f.serve();
  CHECK(f.handshakes.back().last_zxid_seen.value == 5);
  CHECK(set_watches(f).back().relative_zxid.value == 5);
  CHECK(set_watches(f).back().data_watches == Lines{"/b"});
}

TEST_CASE("watch: none outlives the session") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.reply_next(1);
  f.lose_link();
  f.serve(0, 0);
  CHECK(f.core.state() == SessionState::Expired);
  CHECK(f.core.watches() == 0);
}

TEST_CASE("watch: one taker is told once, however many of its watches an event fires") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.submit(OpCode::GetData, "/a", 1);
  f.submit(OpCode::GetChildren2, "/a", 1);
  for (int i = 0; i < 3; ++i) f.reply_next(1);
  f.log.clear();
  f.event(EventType::NodeDeleted, "/a", 2);
  CHECK(f.log == Lines{"fired NodeDeleted /a 1"});
  CHECK_FALSE(f.core.watched_by(1));
}

TEST_CASE("watch: persistent ones stay, recursive ones see what is below (tree-semantics §7)") {
  CoreFixture f;
  f.up();
  f.add_watch("/a", 1, /*recursive=*/false);
  f.add_watch("/", 2, /*recursive=*/true);
  f.reply_next(1);
  f.reply_next(1);
  f.log.clear();
  f.event(EventType::NodeDataChanged, "/a", 2);
  f.event(EventType::NodeChildrenChanged, "/a", 3);
  f.event(EventType::NodeCreated, "/a/b/c", 4);
  f.event(EventType::NodeDeleted, "/a", 5);
  f.event(EventType::NodeDeleted, "/a", 6);
  CHECK(f.log == Lines{"fired NodeDataChanged /a 1 2", "fired NodeChildrenChanged /a 1",
                       "fired NodeCreated /a/b/c 2", "fired NodeDeleted /a 1 2",
                       "fired NodeDeleted /a 1 2"});
  CHECK(f.core.watched_by(1));
}

TEST_CASE("watch: persistent ones are restored by setWatches2, one-shot ones alone by setWatches") {
  CoreFixture f;
  f.up();
  f.add_watch("/a", 1, /*recursive=*/false);
  f.add_watch("/b", 1, /*recursive=*/true);
  f.submit(OpCode::GetData, "/c", 3);
  for (int i = 0; i < 3; ++i) f.reply_next(7);
  f.lose_link();
  f.serve();
  REQUIRE(f.count(OpCode::SetWatches2) == 1);
  CHECK(f.count(OpCode::SetWatches) == 0);
  const auto restored = decode_all<SetWatches2Request>(f.sent.back().body).value();
  CHECK(restored.base.relative_zxid.value == 7);
  CHECK(restored.base.data_watches == Lines{"/c"});
  CHECK(restored.persistent_watches == Lines{"/a"});
  CHECK(restored.persistent_recursive_watches == Lines{"/b"});
}

TEST_CASE("watch: one that the server refused is not held") {
  CoreFixture f;
  f.up();
  f.add_watch("/a", 1, /*recursive=*/false);
  f.reply_next(1, Code::MarshallingError);
  CHECK(f.core.watches() == 0);
}

TEST_CASE("removal: takes effect with the server's consent, and says so before the reply") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.reply_next(1);
  f.log.clear();
  const RequestId id = f.remove_watches(WatchType::Data, "/a", 0, /*local=*/false);
  CHECK(f.core.watches() == 1);
  f.reply_next(1);
  CHECK(f.log == Lines{"removed /a DataWatchRemoved=1", "done " + std::to_string(id) + " 0"});
  CHECK(f.core.watches() == 0);
}

TEST_CASE("removal: one of two takers leaves the server's watch alone") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 1);
  f.submit(OpCode::GetData, "/a", 2);
  f.reply_next(1);
  f.reply_next(1);
  f.remove_watches(WatchType::Any, "/a", 1, /*local=*/false);
  CHECK(f.sent.back().op == OpCode::CheckWatches);
  f.reply_next(1);
  CHECK_FALSE(f.core.watched_by(1));
  CHECK(f.core.watched_by(2));
  f.remove_watches(WatchType::Any, "/a", 2, /*local=*/false);
  CHECK(f.sent.back().op == OpCode::RemoveWatches);
}

TEST_CASE("removal: without the server only where that was asked for") {
  for (const bool local : {false, true}) {
    CAPTURE(local);
    CoreFixture f;
    f.up();
    f.submit(OpCode::GetData, "/a", 1);
    f.reply_next(1);
    f.remove_watches(WatchType::Any, "/a", 0, local);
    f.lose_link();
    CHECK(f.completed.back().error == ErrorCode(Code::ConnectionLoss));
    CHECK(f.core.watches() == (local ? 0 : 1));
  }
}

TEST_CASE("watch: ten thousand are restored in portions under jute.maxbuffer") {
  CoreFixture f;
  f.up();
  for (int i = 0; i < 10'000; ++i) {
    f.submit(OpCode::GetData, "/some/folder/node-" + std::to_string(i), i + 1);
    f.reply_next(7);
  }
  f.lose_link();
  f.sent.clear();
  f.serve();
  std::size_t paths = 0;
  for (const auto& portion : set_watches(f)) paths += portion.data_watches.size();
  CHECK(paths == 10'000);
  for (const SentRequest& request : f.sent) CHECK(request.body.size() < kDefaultMaxBuffer / 4);
}
