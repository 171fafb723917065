#include "client-lib/src/session_core.h"
#include "tests/unit/client-lib/core_fixture.h"

using namespace quorate;
using namespace quorate::client;
using Lines = std::vector<std::string>;

TEST_CASE("auth: completes with its own reply, which may overtake others") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  const RequestId auth = f.add_auth("ann:secret");
  CHECK(f.sent.back().xid == xid::kAuth);
  f.reply(xid::kAuth, 0);
  REQUIRE(f.completed.size() == 1);
  CHECK(f.completed[0].id == auth);
  CHECK_FALSE(f.completed[0].error);
  f.reply_next(5);
  CHECK(f.completed.size() == 2);
}

TEST_CASE("auth: what was proved is sent again on each link, before all that waits") {
  CoreFixture f;
  f.up();
  f.add_auth("ann:secret");
  f.add_auth("ann:secret");
  f.add_auth("bob:secret");
  for (int i = 0; i < 3; ++i) f.reply(xid::kAuth, 0);
  f.submit(OpCode::GetData, "/w", 1);
  f.reply_next(5);
  f.lose_link();
  f.submit(OpCode::GetData, "/a");
  f.sent.clear();
  f.serve();
  REQUIRE(f.sent.size() == 4);
  CHECK(decode_all<AuthPacket>(f.sent[0].body).value().auth == "ann:secret");
  CHECK(decode_all<AuthPacket>(f.sent[1].body).value().auth == "bob:secret");
  CHECK(f.sent[2].op == OpCode::SetWatches);
  CHECK(f.sent[3].op == OpCode::GetData);
}

TEST_CASE("auth: asked for without a link, it waits for one; a lost link does not end it") {
  CoreFixture f;
  f.start();
  const RequestId auth = f.add_auth("ann:secret");
  f.serve();
  CHECK(f.count(OpCode::Auth) == 1);
  f.lose_link();
  CHECK(f.completed.empty());
  f.serve();
  f.reply(xid::kAuth, 0);
  REQUIRE(f.completed.size() == 1);
  CHECK(f.completed[0].id == auth);
}

TEST_CASE("auth: refused ends the session, with everything that waits") {
  CoreFixture f;
  f.up();
  f.submit(OpCode::GetData, "/a");
  f.add_auth("ann:secret");
  f.log.clear();
  f.reply(xid::kAuth, 0, Code::AuthFailed);
  CHECK(f.core.state() == SessionState::AuthFailed);
  CHECK(f.log == Lines{"done 2 -115", "done 1 -115", "auth failed"});
  CHECK(f.core.pending() == 0);
  f.submit(OpCode::GetData, "/a");
  CHECK(f.completed.back().error == ErrorCode(Code::AuthFailed));
  CHECK(f.core.next_deadline_ms() == SessionCore::kNever);
}

TEST_CASE("auth: limits and cancellation answer the caller; the identity stays") {
  CoreFixture f;
  f.up();
  const RequestId slow = f.add_auth("ann:secret", /*timeout_ms=*/100);
  const RequestId dropped = f.add_auth("bob:secret");
  f.core.cancel(dropped);
  f.advance(100);
  REQUIRE(f.completed.size() == 2);
  CHECK(f.completed[0].id == dropped);
  CHECK(f.completed[0].error == boost::system::errc::operation_canceled);
  CHECK(f.completed[1].id == slow);
  CHECK(f.completed[1].error == ErrorCode(Code::OperationTimeout));
  f.lose_link();
  f.sent.clear();
  f.serve();
  CHECK(f.count(OpCode::Auth) == 2);
}

TEST_CASE("auth: no more identities than a session may have") {
  CoreOptions options = CoreFixture::default_options();
  options.identities_max = 2;
  CoreFixture f(options);
  f.up();
  f.add_auth("a:1");
  f.add_auth("b:1");
  f.add_auth("c:1");
  CHECK(f.completed.back().error == ErrorCode(ClientErrc::QueueFull));
  f.add_auth("a:1");
  CHECK(f.completed.size() == 1);
}

TEST_CASE("auth: a reply to nothing is no protocol") {
  CoreFixture f;
  f.up();
  f.reply(xid::kAuth, 0);
  CHECK(f.disconnects.back() == ErrorCode(ClientErrc::ProtocolFault));
}
