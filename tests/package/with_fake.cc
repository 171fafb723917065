// A test with a fake ensemble, from installed packages. No Boost header is found.
#include <quorate/recipes/sync_lock.h>
#include <quorate/sync_client.h>
#include <quorate/testing/fake.h>

#include <iostream>

int main() {
  using namespace quorate::client;
  using namespace quorate::testing;
  FakeEnsemble fake;
  SyncClient mine(fake.options()), other(fake.options());
  if (!mine.connect() || !other.connect()) return 3;
  fake.lose_reply(Request(Op::Create).below("/lock"));
  auto held = SyncLock(mine, "/lock").acquire(std::chrono::seconds(10));
  if (!held || !held.value.valid()) return 1;
  if (!fake.expire(mine.session_id())) return 1;
  auto next = SyncLock(other, "/lock").acquire(std::chrono::seconds(1));
  if (!next || next.value.token() <= held.value.token() || held.value.valid()) return 1;
  try {
    fake.stop(7);
    return 1;
  } catch (const FakeError& error) {
    std::cout << "done: " << error.what() << "\n";
  }
  return 0;
}
