// Read-only servers, the way back to a writable one, and hosts that change.
#include "client-lib/src/session_core.h"
#include "tests/unit/client-lib/core_fixture.h"

using namespace quorate;
using namespace quorate::client;
using Lines = std::vector<std::string>;

namespace {

CoreOptions read_only_options() {
  CoreOptions options = CoreFixture::default_options();
  options.read_only = true;
  options.session_timeout_ms = 60'000;
  return options;
}

}  // namespace

TEST_CASE("read-only: asked for only where the option says so, and told as a state of its own") {
  CoreFixture plain;
  plain.up();
  CHECK(plain.handshakes[0].read_only == false);

  CoreFixture f(read_only_options());
  f.serve_read_only = true;
  f.start();
  f.serve(7, 60'000);
  CHECK(f.handshakes[0].read_only == true);
  CHECK(f.log == Lines{"read only"});
}

TEST_CASE("read-only: looks for a writable server, ever more slowly, host after host") {
  CoreFixture f(read_only_options());
  f.serve_read_only = true;
  f.start();
  f.serve(7, 60'000);
  f.advance(99);
  CHECK(f.probes.empty());
  f.advance(1);
  CHECK(f.probes.size() == 1);
  f.core.probed(f.now, f.probes[0], false);
  f.advance(200);
  CHECK(f.probes.size() == 2);
  CHECK(f.probes[0] != f.probes[1]);
  f.advance(399);
  CHECK(f.probes.size() == 2);
}

TEST_CASE("read-only: goes to the writable server found, as a new session of the ensemble") {
  CoreFixture f(read_only_options());
  f.serve_read_only = true;
  f.start();
  f.serve(7, 60'000);
  f.advance(100);
  const std::size_t writable = f.probes.at(0);
  f.connects.clear();
  f.log.clear();
  f.core.probed(f.now, writable, true);
  f.drain();
  CHECK(f.connects == std::vector<std::size_t>{writable});
  f.serve_read_only = false;
  f.serve(8, 60'000);
  // A read-only server's session is that server's own.
  CHECK(f.handshakes.back().session_id.value == 0);
  CHECK(f.log == Lines{"suspended", "connected"});
  CHECK(f.core.session_id().value == 8);
  f.advance(10'000);
  CHECK(f.probes.size() == 1);
}

TEST_CASE("read-only: a session of the ensemble is kept and goes on when a quorum is back") {
  CoreFixture f(read_only_options());
  f.up();
  f.lose_link();
  f.serve();
  CHECK(f.handshakes.back().session_id.value == 0x1234);
  CHECK(f.log.back() == "reconnected");
}

TEST_CASE("hosts: new ones are used from the next connection on; leaving keeps the session") {
  CoreFixture f;
  f.up();
  f.connects.clear();
  f.core.set_hosts(f.now, {4, 3}, /*leave=*/false);
  f.drain();
  CHECK(f.connects.empty());
  f.lose_link();
  CHECK(f.connects == std::vector<std::size_t>{3});
  f.serve();
  f.log.clear();
  f.core.set_hosts(f.now, {6, 5}, /*leave=*/true);
  f.drain();
  CHECK(f.connects.back() == 6);
  f.serve();
  CHECK(f.log == Lines{"suspended", "reconnected"});
}

TEST_CASE("hosts: spares are tried when all others have failed, and the others again after those") {
  CoreFixture f;
  f.up();
  f.core.set_hosts(f.now, {0, 1}, /*leave=*/false, {2, 3});
  f.drain();
  f.connects.clear();
  f.advance(1'000);
  f.reply(xid::kPing, 1);
  f.lose_link();
  for (int i = 0; i < 3; ++i) f.lose_link();
  CHECK(f.connects == std::vector<std::size_t>{1, 0, 2, 3});
  f.lose_link();
  CHECK(f.connects.size() == 4);  // A pause now.
  f.answer_connects = false;
  f.advance(50);
  CHECK(f.connects == std::vector<std::size_t>{1, 0, 2, 3, 1});
}

TEST_CASE("hosts: a session on a spare that is lost begins with the others again") {
  CoreFixture f;
  f.up();
  f.core.set_hosts(f.now, {0}, /*leave=*/false, {4});
  f.drain();
  f.lose_link();  // Too young to count as a good one.
  CHECK(f.connects.back() == 4);
  f.serve();
  f.advance(1'500);
  f.reply(xid::kPing, 1);
  f.lose_link();
  CHECK(f.connects.back() == 0);
}

TEST_CASE("hosts: a move begins a round of its own, however young the link that it gives up") {
  CoreFixture f;
  f.up();
  f.connects.clear();
  f.core.set_hosts(f.now, {5}, /*leave=*/true, {1});
  f.drain();
  CHECK(f.connects == std::vector<std::size_t>{5});
  f.lose_link();
  CHECK(f.connects == std::vector<std::size_t>{5, 1});
}
