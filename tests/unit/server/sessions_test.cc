#include "server/replica/sessions.h"

#include <doctest/doctest.h>

#include <set>

#include "znode/session_password.h"

namespace quorate::server {
namespace {

using Action = Verdict::Action;
constexpr SessionBounds kBounds{4000, 40000};
constexpr SessionId kSession{0x0100000000000001};

ConnectRequest again(SessionId session) {
  ConnectRequest request;
  request.session_id = session;
  request.timeout_ms = 10000;
  request.password = znode::session_password(session);
  return request;
}

TEST_CASE("handshake: a server that does not serve closes without a byte") {
  CHECK(judge({}, Service::None, Zxid{0}, kBounds).action == Action::Close);
}

TEST_CASE("handshake: a client that has seen a later state is sent away") {
  ConnectRequest request;
  request.last_zxid_seen = Zxid{6};
  CHECK(judge(request, Service::Full, Zxid{5}, kBounds).action == Action::Close);
  CHECK(judge(request, Service::Full, Zxid{6}, kBounds).action == Action::Create);
}

TEST_CASE("handshake: the timeout is clamped into the server's bounds") {
  struct Row {
    std::int32_t asked, given;
  };
  for (Row row : {Row{-5, 4000}, Row{0, 4000}, Row{4001, 4001}, Row{99999, 40000}}) {
    CAPTURE(row.asked);
    ConnectRequest request;
    request.timeout_ms = row.asked;
    CHECK(judge(request, Service::Full, Zxid{0}, kBounds).timeout_ms == row.given);
  }
}

TEST_CASE("handshake: only the session's own password may take it up again") {
  CHECK(judge(again(kSession), Service::Full, Zxid{0}, kBounds).action == Action::Reconnect);
  ConnectRequest wrong = again(kSession);
  (*wrong.password)[3] ^= 1;
  CHECK(judge(wrong, Service::Full, Zxid{0}, kBounds).action == Action::Refuse);
  wrong.password->clear();
  CHECK(judge(wrong, Service::Full, Zxid{0}, kBounds).action == Action::Refuse);
  wrong.password.reset();
  CHECK(judge(wrong, Service::Full, Zxid{0}, kBounds).action == Action::Refuse);
}

TEST_CASE("handshake: a server in read-only mode takes those who ask for it, and none else") {
  ConnectRequest request;
  CHECK(judge(request, Service::ReadOnly, Zxid{5}, kBounds).action == Action::Close);
  request.read_only = false;
  CHECK(judge(request, Service::ReadOnly, Zxid{5}, kBounds).action == Action::Close);
  request.read_only = true;
  CHECK(judge(request, Service::ReadOnly, Zxid{5}, kBounds).action == Action::Create);
  CHECK(judge(request, Service::Full, Zxid{5}, kBounds).action == Action::Create);
  request.last_zxid_seen = Zxid{6};
  CHECK(judge(request, Service::ReadOnly, Zxid{5}, kBounds).action == Action::Close);
}

TEST_CASE("handshake: the answer has a readOnly byte if the request had; it tells of the server") {
  CHECK(accepted(kSession, 5000, true, /*read_only=*/true).read_only == std::optional(true));
  CHECK(refused(true, /*read_only=*/true).read_only == std::optional(true));
  CHECK_FALSE(accepted(kSession, 5000, std::nullopt).read_only.has_value());
  CHECK(accepted(kSession, 5000, true).read_only == std::optional(false));
  ConnectResponse no = refused(true);
  CHECK(no.timeout_ms == 0);
  CHECK(no.session_id == SessionId{});
  CHECK(no.password == Buffer(std::string(16, '\0')));
  CHECK(encode_all(refused(std::nullopt)).size() == 36);
  CHECK(encode_all(no).size() == 37);
}

TEST_CASE("session ids carry the server's id on top and skip those that are known") {
  Sessions sessions(ServerId{3}, 2000, 123456, Random(1));
  znode::SessionTable known;
  auto nobody = [](SessionId) { return false; };
  SessionId first = sessions.next_id(known, nobody);
  CHECK((first.value >> 56) == 3);
  known.put(SessionId{first.value + 1}, 4000);
  SessionId held{first.value + 2};
  SessionId next = sessions.next_id(known, [&](SessionId id) { return id == held; });
  CHECK(next.value == first.value + 3);
}

TEST_CASE("session ids: it is known which of them this process has made") {
  Sessions sessions(ServerId{3}, 2000, 123456, Random(1));
  SessionId id = sessions.next_id({}, [](SessionId) { return false; });
  CHECK(sessions.handed_out(id));
  CHECK_FALSE(sessions.handed_out(SessionId{id.value - 1}));
  CHECK_FALSE(sessions.handed_out(SessionId{id.value + 1}));
}

TEST_CASE("a restarted server does not begin with the same session ids") {
  znode::SessionTable known;
  auto nobody = [](SessionId) { return false; };
  std::set<SessionId> first_ids;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    first_ids.insert(Sessions(ServerId{1}, 2000, 5, Random(seed)).next_id(known, nobody));
  }
  CHECK(first_ids.size() > 15);
}

TEST_CASE("a new leader gives every session a whole timeout (R58)") {
  Sessions sessions(ServerId{1}, 1000, 0, Random(1));
  znode::SessionTable table;
  table.put(kSession, 4000);
  sessions.lead(table, 10'000);
  CHECK(sessions.take_expired(13'999).empty());
  CHECK(sessions.take_expired(15'000) == std::vector<SessionId>{kSession});
}

TEST_CASE("touches of unknown sessions do not bring them to life") {
  Sessions sessions(ServerId{1}, 1000, 0, Random(1));
  sessions.lead({}, 0);
  sessions.touch(kSession, 4000, 0);
  CHECK(sessions.take_expired(100'000).empty());
}

TEST_CASE(
    "the owner of a session: who created or revalidated it, else the first who writes (R59)") {
  Sessions sessions(ServerId{1}, 1000, 0, Random(1));
  sessions.lead({}, 0);
  CHECK(sessions.may_write(kSession, LinkId{4}));
  CHECK_FALSE(sessions.may_write(kSession, std::nullopt));
  sessions.own(kSession, std::nullopt);
  CHECK(sessions.may_write(kSession, std::nullopt));
  CHECK_FALSE(sessions.may_write(kSession, LinkId{4}));
  sessions.closed(kSession);
  CHECK(sessions.may_write(kSession, LinkId{9}));
}

TEST_CASE("a learner's notes are handed out once") {
  Sessions sessions(ServerId{2}, 1000, 0, Random(1));
  sessions.note(kSession, 4000);
  REQUIRE(sessions.take_notes().size() == 1);
  CHECK(sessions.take_notes().empty());
}

}  // namespace
}  // namespace quorate::server
