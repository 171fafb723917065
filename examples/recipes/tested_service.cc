// A service that works while it holds a lock, and the unit test of it that its author would write:
// no server, no socket, no waiting, and the session expires in the middle of the work, every time.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_lock.h"
#include "quorate/testing/fake.h"

using namespace example;
using namespace quorate::testing;

/// Sends the open invoices; one process at a time.
int send_invoices(SyncClient& client) {
  int sent = 0;
  auto held = SyncLock(client, "/billing/lock").acquire(1s);
  if (!held) return sent;
  for (const std::string& invoice : must(client.get_children("/billing/open")).children) {
    // Without this line it would go on until the server refuses it: with mail, for ever.
    if (!held.value.valid()) break;
    if (client.remove("/billing/open/" + invoice)) ++sent;
  }
  return sent;
}

void expect(bool held, const char* what) {
  std::printf("%s: %s\n", what, held ? "yes" : "NO");
  if (!held) std::exit(1);
}

int main() {
  FakeEnsemble fake;
  fake.create("/billing");
  fake.create("/billing/open");
  for (const char* invoice : {"4711", "4712", "4713"}) {
    fake.create(std::string("/billing/open/") + invoice);
  }
  SyncClient first(fake.options()), second(fake.options());
  must(first.connect());
  must(second.connect());

  // The machine stops for too long, just when the second invoice was to leave.
  fake.before(Request(Op::Remove).below("/billing/open/").nth(2),
              [&] { fake.expire(first.session_id()); });
  expect(send_invoices(first) == 1, "the first stops when its lock is in doubt");
  fake.advance(1s);  // Virtual: no test waits.
  expect(first.state() == SessionState::Expired, "it learns that its session is over");
  expect(send_invoices(second) == 2, "the second does the rest");
  expect(fake.children("/billing/open").empty(), "none is left, none was sent twice");
  expect(fake.all_struck(), "what the script says has happened");
}
