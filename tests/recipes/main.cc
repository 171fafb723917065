// recipes_peer HOSTS COMMAND PATH [ARGUMENT...]: one step of a recipe, or many; prints what it
// gets.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "quorate/recipes/sync_barrier.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/recipes/sync_group.h"
#include "quorate/recipes/sync_lock.h"
#include "quorate/recipes/sync_queue.h"
#include "quorate/sync_client.h"

#ifdef BOOST_VERSION
#error "a blocking face includes a Boost header"
#endif

namespace {

namespace qc = quorate::client;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr auto kLimit = 25s;

template <class T>
qc::Reply<T> must(qc::Reply<T> reply) {
  if (!reply) {
    std::cerr << "recipes_peer: " << reply.message << '\n';
    std::exit(1);
  }
  return reply;
}

void say(const std::string& line) {
  std::cout << line << std::endl;
}

/// Adds one to the number in a file, as only one process at a time may: read, write, no lock.
void bump(const std::string& file) {
  long number = 0;
  std::ifstream(file) >> number;
  std::ofstream(file) << number + 1;
}

/// PATH FILE TIMES
int lock(qc::SyncClient& client, const Words& words) {
  qc::SyncLock lock(client, words[0], "c++");
  std::int64_t last = 0;
  for (int i = 0; i < std::stoi(words[2]); ++i) {
    auto hold = must(lock.acquire(kLimit));
    if (hold.value.token() <= last) return 1;
    last = hold.value.token();
    bump(words[1]);
    if (!hold.value.valid()) return 1;
  }
  return 0;
}

/// PATH FILE TIMES: the write side, with a read in between.
int read_write(qc::SyncClient& client, const Words& words) {
  qc::SyncReadWriteLock lock(client, words[0], "c++");
  for (int i = 0; i < std::stoi(words[2]); ++i) {
    { auto reading = must(lock.read(kLimit)); }
    auto writing = must(lock.write(kLimit));
    bump(words[1]);
  }
  return 0;
}

/// PATH LEASES: holds one until a line comes in.
int lease(qc::SyncClient& client, const Words& words) {
  qc::SyncSemaphore semaphore(client, words[0], std::stoi(words[1]), "c++");
  auto hold = must(semaphore.acquire(kLimit));
  say("leased");
  std::string line;
  std::getline(std::cin, line);
  return hold.value.valid() ? 0 : 1;
}

/// PATH: leads until a line comes in.
int lead(qc::SyncClient& client, const Words& words) {
  qc::SyncElection election(client, words[0], "c++");
  auto hold = must(election.lead(kLimit));
  say("leads");
  std::string line;
  std::getline(std::cin, line);
  return hold.value.valid() ? 0 : 1;
}

int put(qc::SyncClient& client, const Words& words) {
  qc::SyncQueue queue(client, words[0]);
  for (std::size_t i = 1; i < words.size(); ++i) must(queue.put(words[i]));
  return 0;
}

/// PATH COUNT
int take(qc::SyncClient& client, const Words& words) {
  qc::SyncQueue queue(client, words[0]);
  for (int i = 0; i < std::stoi(words[1]); ++i) say(must(queue.take(kLimit)).value);
  return 0;
}

int locking_put(qc::SyncClient& client, const Words& words) {
  qc::SyncLockingQueue queue(client, words[0]);
  for (std::size_t i = 1; i < words.size(); ++i) must(queue.put(words[i]));
  return 0;
}

/// PATH COUNT
int locking_take(qc::SyncClient& client, const Words& words) {
  qc::SyncLockingQueue queue(client, words[0]);
  for (int i = 0; i < std::stoi(words[1]); ++i) {
    auto item = must(queue.take(kLimit));
    say(item.value.data());
    must(queue.done(item.value));
  }
  return 0;
}

/// PATH TIMES
int add(qc::SyncClient& client, const Words& words) {
  qc::SyncCounter counter(client, words[0]);
  for (int i = 0; i < std::stoi(words[1]); ++i) must(counter.add(1, kLimit));
  return 0;
}

int wait(qc::SyncClient& client, const Words& words) {
  qc::SyncBarrier barrier(client, words[0]);
  must(barrier.wait(kLimit));
  say("passed");
  return 0;
}

int lower(qc::SyncClient& client, const Words& words) {
  return must(qc::SyncBarrier(client, words[0]).lower()).ok() ? 0 : 1;
}

/// PATH PARTICIPANTS: in, then out when a line comes in.
int enter(qc::SyncClient& client, const Words& words) {
  qc::SyncDoubleBarrier barrier(client, words[0], std::stoi(words[1]), "c++");
  must(barrier.enter(kLimit));
  say("in");
  std::string line;
  std::getline(std::cin, line);
  must(barrier.leave(kLimit));
  say("out");
  return 0;
}

/// PATH: joins, tells the members until a line comes in.
int join(qc::SyncClient& client, const Words& words) {
  qc::SyncGroup group(client, words[0], "c++");
  must(group.join(kLimit));
  group.watch([](const std::vector<qc::Member>& members) {
    std::string line;
    for (const qc::Member& member : members) line += member.id + " ";
    say(line);
  });
  std::string line;
  std::getline(std::cin, line);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<int(qc::SyncClient&, const Words&)>> commands = {
      {"lock", lock},        {"read_write", read_write},
      {"lease", lease},      {"lead", lead},
      {"put", put},          {"take", take},
      {"lput", locking_put}, {"ltake", locking_take},
      {"add", add},          {"wait", wait},
      {"lower", lower},      {"enter", enter},
      {"join", join}};
  if (argc < 4 || !commands.contains(argv[2])) {
    std::cerr << "usage: recipes_peer HOSTS COMMAND PATH [ARGUMENT...]\n";
    return 2;
  }
  qc::ConnectOptions options(argv[1]);
  options.session_timeout = 6s;
  options.connect_timeout = 10s;
  qc::SyncClient client(options);
  must(client.connect());
  const int code = commands.at(argv[2])(client, Words(argv + 3, argv + argc));
  client.close();
  return code;
}
