#include "client-lib/src/session_core.h"

#include <algorithm>

#include "tests/unit/client-lib/core_fixture.h"

using namespace quorate;
using namespace quorate::client;
using Lines = std::vector<std::string>;

TEST_CASE("handshake: a fresh client asks with zeros in the 45-byte form") {
  CoreFixture f;
  f.up();
  REQUIRE(f.handshakes.size() == 1);
  CHECK(f.handshake_sizes[0] == 45);
  CHECK(f.handshakes[0].session_id.value == 0);
  CHECK(f.handshakes[0].timeout_ms == 3'000);
  CHECK(f.handshakes[0].last_zxid_seen.value == 0);
  CHECK(f.handshakes[0].password == std::string(16, '\0'));
  CHECK(f.core.session_id().value == 0x1234);
  CHECK(f.log == Lines{"connected"});
}

TEST_CASE("handshake: an answer without the readOnly byte is as good") {
  CoreFixture f;
  f.start();
  f.core.link_up(f.now);
  f.drain();
  ConnectResponse response;
  response.timeout_ms = 1'500;
  response.session_id = {5};
  response.password = std::string(16, 'p');
  f.feed([&](JuteWriter& out) { encode(out, response); });
  CHECK(f.core.state() == SessionState::Connected);
  CHECK(f.core.negotiated_timeout_ms() == 1'500);
}

TEST_CASE("handshake: bytes may come one at a time") {
  CoreFixture f;
  f.start();
  f.core.link_up(f.now);
  f.drain();
  Bytes packet;
  append_frame(packet, [](JuteWriter& out) {
    ConnectResponse response;
    response.timeout_ms = 1'500;
    response.session_id = {5};
    response.password = std::string(16, 'p');
    encode(out, response);
  });
  for (const std::byte& each : packet) f.core.bytes(f.now, ByteView(&each, 1));
  f.drain();
  CHECK(f.core.state() == SessionState::Connected);
}

TEST_CASE("handshake: garbage gives the link up and goes on to the next host") {
  CoreFixture f;
  f.start();
  f.core.link_up(f.now);
  f.drain();
  const Bytes garbage(64, std::byte{0xff});
  f.core.bytes(f.now, garbage);
  f.drain();
  REQUIRE(f.disconnects.size() == 1);
  CHECK(f.disconnects[0] == ErrorCode(ClientErrc::ProtocolFault));
  CHECK(f.connects.size() == 2);
  CHECK(f.core.state() == SessionState::Connecting);
}

TEST_CASE("hosts: each is tried once before any is tried twice, then there is a pause") {
  CoreFixture f;
  f.start();
  f.lose_link();
  f.lose_link();
  REQUIRE(f.connects.size() == 3);
  std::vector<std::size_t> seen = f.connects;
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::size_t>{0, 1, 2});
  f.lose_link();
  CHECK(f.connects.size() == 3);
  f.answer_connects = false;
  f.advance(50);
  CHECK(f.connects.size() == 4);
}

TEST_CASE("hosts: the pause grows to its limit and varies with the seed") {
  std::vector<std::int64_t> pauses[2];
  for (std::uint64_t seed : {1u, 2u}) {
    CoreOptions options = CoreFixture::default_options();
    options.hosts = 1;
    CoreFixture f(options, seed);
    f.start();
    for (int round = 0; round < 8; ++round) {
      f.lose_link();
      const std::int64_t due = f.core.next_deadline_ms();
      pauses[seed - 1].push_back(due - f.now);
      f.now = due;
      f.core.tick(f.now);
      f.drain();
    }
  }
  CHECK(pauses[0] != pauses[1]);
  for (const auto& list : pauses) {
    CHECK(list.front() >= 25);
    CHECK(list.front() <= 50);
    CHECK(list.back() >= 500);
    CHECK(list.back() <= 1'000);
  }
}

TEST_CASE("hosts: connecting and handshake together get the timeout divided by the hosts") {
  CoreFixture f;
  f.start();
  CHECK(f.core.next_deadline_ms() == f.now + 1'000);
  f.core.link_up(f.now + 900);
  f.drain();
  CHECK(f.core.next_deadline_ms() == f.now + 1'000);
  f.now += 1'000;
  f.core.tick(f.now);
  f.drain();
  CHECK(f.disconnects.size() == 1);
  CHECK(f.connects.size() == 2);
}

TEST_CASE("replies: matched in order, with zxid and body") {
  CoreFixture f;
  f.up();
  const RequestId a = f.submit(OpCode::GetData, "/a");
  const RequestId b = f.submit(OpCode::GetData, "/b");
  CHECK(f.sent[0].xid + 1 == f.sent[1].xid);
  f.reply_next(10, Code::Ok, as_bytes("xyz"));
  f.reply_next(11, Code::NoNode);
  REQUIRE(f.completed.size() == 2);
  CHECK(f.completed[0].id == a);
  CHECK(as_text(f.completed[0].body) == "xyz");
  CHECK(f.completed[0].zxid.value == 10);
  CHECK(f.completed[1].id == b);
  CHECK(f.completed[1].error == ErrorCode(Code::NoNode));
  CHECK(f.core.last_zxid_seen().value == 11);
}

TEST_CASE("replies: a wrong xid is a protocol fault and costs the link, not the session") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.reply(999, 10);
  CHECK(f.disconnects.size() == 1);
  CHECK(f.log == Lines{"connected", "suspended", "done 1 -4"});
}

TEST_CASE("lost reply: suspended comes first, then ConnectionLoss for all that was sent") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.submit(OpCode::GetData, "/b");
  f.lose_link();
  CHECK(f.log == Lines{"connected", "suspended", "done 1 -4", "done 2 -4"});
}

TEST_CASE(
    "reconnect: same session, password and last zxid, on another host; waiting requests go out") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.reply_next(77);
  f.lose_link();
  const RequestId waiting = f.submit(OpCode::GetData, "/b");
  CHECK(f.connects[0] != f.connects[1]);
  f.serve();
  REQUIRE(f.handshakes.size() == 2);
  CHECK(f.handshakes[1].session_id.value == 0x1234);
  CHECK(f.handshakes[1].password == std::string(16, 'p'));
  CHECK(f.handshakes[1].last_zxid_seen.value == 77);
  f.reply_next(78);
  CHECK(f.completed.back().id == waiting);
  CHECK_FALSE(f.completed.back().error);
  CHECK(f.core.state() == SessionState::Reconnected);
}

TEST_CASE("expiry: timeOut 0 or less, or another session id, ends everything with SessionExpired") {
  struct Row {
    const char* given;
    std::int64_t session;
    std::int32_t timeout_ms;
  };
  for (const Row& row : {Row{"refused", 0, 0}, Row{"negative", 0, -1},
                         Row{"a fresh session instead", 0x9999, 3'000}}) {
    CAPTURE(row.given);
    CoreFixture f;
    f.up();
    f.lose_link();
    const RequestId waiting = f.submit(OpCode::GetData, "/b");
    f.serve(row.session, row.timeout_ms);
    CHECK(f.core.state() == SessionState::Expired);
    CHECK(f.completed.back().id == waiting);
    CHECK(f.completed.back().error == ErrorCode(Code::SessionExpired));
    CHECK(f.core.next_deadline_ms() == SessionCore::kNever);
    f.submit(OpCode::GetData, "/late");
    CHECK(f.completed.back().error == ErrorCode(Code::SessionExpired));
  }
}

TEST_CASE(
    "heartbeat: a ping after a third of the timeout without sending, none while requests flow") {
  CoreFixture f;
  f.up();
  f.advance(999);
  CHECK(f.count(OpCode::Ping) == 0);
  f.advance(1);
  CHECK(f.count(OpCode::Ping) == 1);
  CHECK(f.sent.back().xid == xid::kPing);
  f.reply(xid::kPing, 5);
  f.advance(500);
  f.submit(OpCode::GetData, "/a");
  f.reply_next(6);
  f.advance(900);
  CHECK(f.count(OpCode::Ping) == 1);
}

TEST_CASE("heartbeat: two thirds of the timeout without a byte suspend the session") {
  CoreFixture f;
  f.up();
  f.advance(1'999);
  CHECK(f.core.state() == SessionState::Connected);
  f.answer_connects = false;
  f.advance(1);
  CHECK(f.core.state() == SessionState::Suspended);
  CHECK(f.disconnects.size() == 1);
}

TEST_CASE("operation timeout: answered once; its late reply keeps the order of the others") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a", 0, /*timeout_ms=*/100);
  f.submit(OpCode::GetData, "/b");
  f.advance(100);
  REQUIRE(f.completed.size() == 1);
  CHECK(f.completed[0].error == ErrorCode(Code::OperationTimeout));
  f.reply_next(1);
  f.reply_next(2);
  REQUIRE(f.completed.size() == 2);
  CHECK(f.completed[1].id == 2);
  CHECK(f.core.pending() == 0);
}

TEST_CASE("operation timeout: a request that still waits for a link is never sent") {
  CoreFixture f;
  f.start();
  f.submit(OpCode::GetData, "/a", 0, /*timeout_ms=*/100);
  f.answer_connects = false;
  f.advance(100);
  f.serve();
  CHECK(f.sent.empty());
  CHECK(f.completed.at(0).error == ErrorCode(Code::OperationTimeout));
}

TEST_CASE("cancel: forgets the reply of what was sent, and the request of what was not") {
  CoreFixture f;
  f.start();
  const RequestId waiting = f.submit(OpCode::GetData, "/a");
  f.core.cancel(waiting);
  f.drain();
  f.serve();
  CHECK(f.sent.empty());
  const RequestId flying = f.submit(OpCode::GetData, "/b");
  f.core.cancel(flying);
  f.core.cancel(flying);
  f.drain();
  f.reply_next(1);
  CHECK(f.completed.size() == 2);
  CHECK(f.completed[1].error == boost::system::errc::operation_canceled);
}

TEST_CASE("limits: one request too many is refused at once, and room returns with the answers") {
  CoreOptions options = CoreFixture::default_options();
  options.pending_max = 2;
  CoreFixture f(options);
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.submit(OpCode::GetData, "/b");
  f.submit(OpCode::GetData, "/c");
  CHECK(f.completed.at(0).error == ErrorCode(ClientErrc::QueueFull));
  f.reply_next(1);
  f.submit(OpCode::GetData, "/d");
  CHECK(f.sent.size() == 3);
}

TEST_CASE("limits: bytes count too, and a request above jute.maxbuffer is never sent") {
  CoreOptions options = CoreFixture::default_options();
  options.pending_bytes_max = 2'000;
  options.request_bytes_max = 1'500;
  CoreFixture f(options);
  f.up();
  f.submit(OpCode::GetData, "/" + std::string(1'600, 'x'));
  CHECK(f.completed.at(0).error == ErrorCode(ClientErrc::RequestTooLarge));
  f.submit(OpCode::GetData, "/" + std::string(1'200, 'x'));
  f.submit(OpCode::GetData, "/" + std::string(1'200, 'x'));
  CHECK(f.completed.at(1).error == ErrorCode(ClientErrc::QueueFull));
  CHECK(f.sent.size() == 1);
  f.lose_link();
  f.serve();
  f.submit(OpCode::GetData, "/" + std::string(1'200, 'x'));
  CHECK(f.sent.size() == 2);
}

TEST_CASE("close: what was asked before is answered, then closed; later requests are refused") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.core.close(f.now);
  f.drain();
  f.submit(OpCode::GetData, "/late");
  CHECK(f.sent.back().op == OpCode::CloseSession);
  f.reply_next(1);
  f.reply_next(2);
  CHECK(f.log == Lines{"connected", "done 3 2", "done 1 0", "closed"});
}

TEST_CASE("close: a link lost meanwhile still ends the client") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.core.close(f.now);
  f.drain();
  f.lose_link();
  CHECK(f.log == Lines{"connected", "done 1 -4", "closed"});
  CHECK(f.connects.size() == 1);
}

TEST_CASE("close: without a link at once") {
  CoreFixture f;
  f.start();
  f.submit(OpCode::GetData, "/a");
  f.core.close(f.now);
  f.drain();
  CHECK(f.log == Lines{"done 1 2", "closed"});
  CHECK(f.disconnects.size() == 1);
}

TEST_CASE("close: a server that says nothing is not waited for longer than the farewell's limit") {
  CoreOptions options = CoreFixture::default_options();
  options.session_timeout_ms = 60'000;
  CoreFixture f(options);
  f.start();
  f.serve(7, 60'000);
  f.submit(OpCode::GetData, "/a");
  f.submit(OpCode::GetData, "/b");
  f.log.clear();
  f.core.close(f.now);
  f.drain();
  f.advance(2'900);
  f.reply_next(1);  // It lives: what was asked before is still waited for.
  f.advance(2'999);
  CHECK(f.log == Lines{"done 1 0"});
  f.advance(1);
  CHECK(f.log == Lines{"done 1 0", "done 2 -4", "closed"});
  CHECK(f.disconnects.size() == 1);
}

// ---- What an answer proves
// -----------------------------------------------------------------------

TEST_CASE("doubt: an answer proves the session as of its request, bytes alone prove nothing") {
  CoreFixture f;
  f.up();  // At 1000, for 3000 ms.
  f.advance(900);
  f.submit(OpCode::GetData, "/a");
  f.advance(400);
  f.event(EventType::NodeDataChanged, "/b", 5);  // Heard at 2300: the link itself is fine.
  f.log.clear();
  f.advance(699);
  CHECK(f.core.state() == SessionState::Connected);
  f.advance(1);
  CHECK(f.log == Lines{"suspended"});
  CHECK(f.disconnects.empty());
  f.log.clear();
  f.advance(100);
  f.reply_next(6);
  CHECK(f.log == Lines{"reconnected", "done 1 0"});
}

TEST_CASE("doubt: a client that was paused doubts before it hears what had come meanwhile") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.log.clear();
  f.now += 2'500;  // No tick: the process did not run.
  f.reply_next(6);
  CHECK(f.log == Lines{"suspended", "done 1 0"});
  CHECK(f.core.state() == SessionState::Suspended);
  f.advance(10);
  REQUIRE(f.count(OpCode::Ping) == 1);
  f.log.clear();
  f.reply(xid::kPing, 6);
  CHECK(f.log == Lines{"reconnected"});
  CHECK(f.disconnects.empty());
}

TEST_CASE("doubt: the answer to a ping that was long on its way proves no more than its sending") {
  CoreFixture f;
  f.up();
  f.advance(1'000);  // A ping leaves at 2000.
  REQUIRE(f.count(OpCode::Ping) == 1);
  f.advance(900);
  f.reply(xid::kPing, 1);  // Heard at 2900, proven at 2000.
  f.log.clear();
  f.advance(1'099);
  CHECK(f.log.empty());
  f.advance(1);
  CHECK(f.log == Lines{"suspended"});
}

TEST_CASE("doubt: a link that is lost while in doubt is no second suspension") {
  CoreFixture f;
  f.up();
  f.advance(1'500);
  f.event(EventType::NodeDataChanged, "/b", 5);
  f.advance(500);
  REQUIRE(f.core.state() == SessionState::Suspended);
  f.log.clear();
  f.lose_link();
  CHECK(f.log.empty());
  f.serve();
  CHECK(f.log == Lines{"reconnected"});
}
