#include "server/replica/request_gate.h"

#include <doctest/doctest.h>

#include <map>

namespace quorate::server {
namespace {

constexpr SessionId kSession{77};
constexpr ConnectionId kHere{1};

OpenRequest request(std::int32_t cxid, OpCode op) {
  OpenRequest made;
  made.cxid = cxid;
  made.op = op;
  made.passage = passage_of(op);
  return made;
}

TxnHeader txn(std::int32_t cxid, std::int64_t zxid, OpCode type) {
  return {kSession, cxid, Zxid{zxid}, 0, type};
}

struct GateFixture {
  GateLimits limits{/*outstanding_max=*/8, /*per_connection_max=*/4};
  RequestGate gate{limits};
  RequestQueue queue;

  void push(std::int32_t cxid, OpCode op) { gate.push(queue, request(cxid, op)); }
  int submit_all() {
    int count = 0;
    while (gate.next_to_submit(queue) != nullptr) {
      gate.submitted(queue, kHere);
      ++count;
    }
    return count;
  }
};

TEST_CASE_FIXTURE(GateFixture, "order: nothing passes a read that waits for its round") {
  OpenRequest read = request(1, OpCode::GetData);
  read.round = 7;
  gate.push(queue, std::move(read));
  push(2, OpCode::Create);
  CHECK_FALSE(RequestGate::open_for_submit(queue));
  CHECK(submit_all() == 0);
  CHECK(gate.pop(queue).cxid == 1);
  CHECK(submit_all() == 1);
}

TEST_CASE_FIXTURE(GateFixture, "syncs: the server's own keep their place among those of clients") {
  push(1, OpCode::Sync);
  gate.submitted_round();
  CHECK(submit_all() == 1);
  auto queue_of = [&](ConnectionId) { return &queue; };
  CHECK(gate.syncs_done(1, queue_of) == std::vector<ConnectionId>{RequestGate::kReadRound});
  CHECK(gate.syncs_done(1, queue_of) == std::vector<ConnectionId>{kHere});
  CHECK(gate.pending_syncs() == 0);
}

TEST_CASE("passage: what a client may not send is told from what is not built") {
  CHECK(passage_of(OpCode::Create) == Passage::Write);
  CHECK(passage_of(OpCode::CloseSession) == Passage::Write);
  CHECK(passage_of(OpCode::Sync) == Passage::Sync);
  CHECK(passage_of(OpCode::GetData) == Passage::Read);
  CHECK(passage_of(OpCode::Ping) == Passage::Read);
  CHECK(passage_of(OpCode::DeleteContainer) == Passage::Unimplemented);
  CHECK(passage_of(OpCode::CreateSession) == Passage::Unknown);
  CHECK(passage_of(OpCode::Check) == Passage::Unknown);
  CHECK(passage_of(OpCode::Notification) == Passage::Unknown);
  CHECK(passage_of(static_cast<OpCode>(4711)) == Passage::Unknown);
}

TEST_CASE_FIXTURE(GateFixture, "writes go to consensus at once, also those behind a read") {
  push(1, OpCode::Create);
  push(2, OpCode::GetData);
  push(3, OpCode::SetData);
  CHECK(submit_all() == 2);
  CHECK(gate.outstanding() == 3);
}

TEST_CASE_FIXTURE(GateFixture, "nothing passes a sync: a write behind it waits for its answer") {
  push(1, OpCode::Sync);
  push(2, OpCode::GetData);
  push(3, OpCode::SetData);
  CHECK(submit_all() == 1);
  auto ready = gate.syncs_done(1, [&](ConnectionId) { return &queue; });
  REQUIRE(ready == std::vector<ConnectionId>{kHere});
  CHECK(queue.front().answered);
  CHECK(gate.pop(queue).cxid == 1);
  CHECK(gate.pop(queue).cxid == 2);
  CHECK(submit_all() == 1);
  CHECK(queue.front().submitted);
}

TEST_CASE_FIXTURE(GateFixture, "syncs are answered in the order in which they were sent") {
  RequestQueue other;
  push(1, OpCode::Sync);
  gate.push(other, request(1, OpCode::Sync));
  gate.submitted(other, ConnectionId{2});
  CHECK(submit_all() == 1);
  std::map<ConnectionId, RequestQueue*> queues{{kHere, &queue}, {ConnectionId{2}, &other}};
  auto queue_of = [&](ConnectionId id) { return queues.at(id); };
  CHECK(gate.syncs_done(1, queue_of) == std::vector<ConnectionId>{ConnectionId{2}});
  CHECK_FALSE(queue.front().answered);
  // One whose connection has ended takes its place all the same.
  queues[kHere] = nullptr;
  CHECK(gate.syncs_done(5, queue_of).empty());
}

TEST_CASE_FIXTURE(GateFixture, "a txn answers the oldest request of its connection only") {
  push(5, OpCode::Create);
  push(6, OpCode::Create);
  submit_all();
  CHECK_FALSE(RequestGate::answers(queue, Zxid{0}, txn(6, 11, OpCode::Create)));
  CHECK(RequestGate::answers(queue, Zxid{0}, txn(5, 10, OpCode::Create)));
  CHECK(RequestGate::answers(queue, Zxid{0}, txn(5, 10, OpCode::Error)));
  gate.pop(queue);
  CHECK(RequestGate::answers(queue, Zxid{0}, txn(6, 11, OpCode::Create)));
}

TEST_CASE_FIXTURE(GateFixture, "a txn logged before the session came here answers nobody here") {
  push(5, OpCode::Create);
  submit_all();
  CHECK_FALSE(RequestGate::answers(queue, Zxid{10}, txn(5, 10, OpCode::Create)));
  CHECK(RequestGate::answers(queue, Zxid{10}, txn(5, 11, OpCode::Create)));
}

TEST_CASE_FIXTURE(GateFixture, "an expiry is no answer to a request with xid 0") {
  push(0, OpCode::Create);
  submit_all();
  CHECK_FALSE(RequestGate::answers(queue, Zxid{0}, txn(0, 10, OpCode::CloseSession)));
}

TEST_CASE_FIXTURE(GateFixture, "writes of an ended connection do not answer its successor") {
  push(1, OpCode::Create);
  push(2, OpCode::GetData);
  submit_all();
  gate.abandon(queue, kSession, Zxid{0});
  CHECK(queue.empty());
  CHECK(gate.outstanding() == 1);
  CHECK(gate.answers_abandoned(txn(1, 10, OpCode::Create)));
  CHECK_FALSE(gate.answers_abandoned(txn(1, 11, OpCode::Create)));
  CHECK(gate.outstanding() == 0);
}

TEST_CASE_FIXTURE(GateFixture, "the end of a session forgets what its connections left behind") {
  push(1, OpCode::Create);
  submit_all();
  gate.abandon(queue, kSession, Zxid{0});
  gate.session_ended(kSession);
  CHECK(gate.outstanding() == 0);
  CHECK_FALSE(gate.answers_abandoned(txn(1, 10, OpCode::Create)));
}

TEST_CASE_FIXTURE(GateFixture,
                  "limits: own requests, and those of all for a connection that asks") {
  for (std::int32_t i = 0; i < 3; ++i) push(i, OpCode::Create);
  CHECK_FALSE(gate.above_limit(queue));
  push(3, OpCode::Create);
  CHECK(gate.above_limit(queue));
  CHECK_FALSE(gate.below_limit(queue));
  RequestQueue others, idle;
  for (std::int32_t i = 0; i < 5; ++i) gate.push(others, request(i, OpCode::Create));
  while (queue.size() > 1) gate.pop(queue);
  for (std::int32_t i = 0; i < 3; ++i) gate.push(others, request(i, OpCode::Create));
  CHECK(gate.outstanding() == 9);
  CHECK(gate.above_limit(queue));
  CHECK_FALSE(gate.above_limit(idle));
  for (int i = 0; i < 3; ++i) gate.pop(others);
  CHECK(gate.below_limit(queue));
}

TEST_CASE_FIXTURE(GateFixture, "a long queue keeps its order through all of its moves") {
  std::int32_t pushed = 0, popped = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 7; ++i) push(pushed++, OpCode::Create);
    submit_all();
    for (int i = 0; i < 5; ++i) {
      REQUIRE(queue.front().submitted);
      REQUIRE(gate.pop(queue).cxid == popped++);
    }
  }
  while (!queue.empty()) REQUIRE(gate.pop(queue).cxid == popped++);
  CHECK(popped == pushed);
  CHECK(gate.outstanding() == 0);
}

}  // namespace
}  // namespace quorate::server
