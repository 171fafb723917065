// What it takes for a lock to pass from one process to another, beside a write on the same servers.
//
//   lock-handover --servers=HOST:PORT,... [--times=N] [--hold-ms=M] [--json]
//
// Two processes ask for one lock, again and again. A hand-over counts from the call of release() in
// one to the return of acquire() in the other, which has been in line for a while by then. While a
// process holds the lock it writes, one setData after the other, and notes how long each takes: the
// yardstick, under the same conditions, through the same client. One clock serves both processes.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "quorate/recipes/sync_lock.h"

namespace {

using namespace quorate::client;
using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: of the machine, not of the process.
using std::chrono::milliseconds;

constexpr const char* kLock = "/lock-handover/lock";
constexpr const char* kNode = "/lock-handover-node-";
constexpr auto kPatience = std::chrono::seconds(60);

struct Settings {
  std::string servers;
  int times = 300;
  milliseconds hold{10};
  bool json = false;
};

/// One time of holding the lock, or one write (token 0). Goes through a pipe as it is.
struct Note {
  std::int64_t token = 0;
  std::int64_t asked_ns = 0, got_ns = 0, released_ns = 0;
  int process = 0;
};

std::int64_t now_ns() {
  return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "lock-handover: %s\n", what.c_str());
  std::_Exit(1);
}

template <class T>
T must(Reply<T> reply) {
  if (!reply) fail(reply.message);
  return std::move(reply.value);
}

void put(int pipe, const Note& note) {
  if (::write(pipe, &note, sizeof note) != sizeof note) fail("the pipe is closed");
}

/// Writes until the lock has been held long enough, so that the other one is in line.
void hold(SyncClient& client, const std::string& node, Clock::time_point until, int pipe) {
  while (Clock::now() < until) {
    Note write;
    write.asked_ns = now_ns();
    must(client.set_data(node, std::string(100, 'x')));
    write.got_ns = now_ns();
    put(pipe, write);
  }
}

void take_part(const Settings& settings, int process, int pipe) {
  ConnectOptions options(settings.servers);
  options.connect_timeout = kPatience;
  SyncClient client(options);
  must(client.connect());
  const std::string node = must(client.create(kNode, "", CreateMode::EphemeralSequential)).path;
  SyncLock lock(client, kLock, std::to_string(process));
  for (int i = 0; i < settings.times; ++i) {
    Note note;
    note.process = process;
    note.asked_ns = now_ns();
    Hold held = must(lock.acquire(kPatience));
    note.got_ns = now_ns();
    note.token = held.token();
    hold(client, node, Clock::now() + settings.hold, pipe);
    note.released_ns = now_ns();
    held.release();
    put(pipe, note);
    // The other one goes on alone: what this one asks for next is no part of the hand-over.
    const milliseconds interval = settings.hold / 4;
    std::this_thread::sleep_for(interval);
  }
  client.close();
}

std::vector<Note> run_two(const Settings& settings) {
  int ends[2];
  if (::pipe(ends) != 0) fail("no pipe");
  std::vector<pid_t> children;
  for (int process = 1; process <= 2; ++process) {
    const pid_t child = ::fork();  // No thread runs yet.
    if (child < 0) fail("no process");
    if (child == 0) {
      ::close(ends[0]);
      take_part(settings, process, ends[1]);
      std::_Exit(0);
    }
    children.push_back(child);
  }
  ::close(ends[1]);
  std::vector<Note> notes;
  Note note;
  // A note is shorter than what a pipe takes in one piece, so none is cut.
  while (::read(ends[0], &note, sizeof note) == sizeof note) notes.push_back(note);
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("a process has failed");
  }
  return notes;
}

struct Figures {
  std::vector<double> handovers_us, writes_us;
};

Figures figures_of(std::vector<Note> notes, const Settings& settings) {
  Figures out;
  std::erase_if(notes, [&](const Note& note) {
    if (note.token != 0) return false;
    out.writes_us.push_back(static_cast<double>(note.got_ns - note.asked_ns) / 1e3);
    return true;
  });
  std::sort(notes.begin(), notes.end(),
            [](const Note& a, const Note& b) { return a.token < b.token; });
  const std::int64_t in_line = std::chrono::nanoseconds(settings.hold).count() / 2;
  for (std::size_t i = 1; i < notes.size(); ++i) {
    const Note& before = notes[i - 1];
    const Note& after = notes[i];
    if (after.got_ns < before.released_ns) fail("two held the lock at once");
    const bool waited =
        after.process != before.process && after.asked_ns + in_line < before.released_ns;
    if (!waited) continue;
    out.handovers_us.push_back(static_cast<double>(after.got_ns - before.released_ns) / 1e3);
  }
  if (out.handovers_us.empty() || out.writes_us.empty()) fail("nothing was measured");
  std::sort(out.handovers_us.begin(), out.handovers_us.end());
  std::sort(out.writes_us.begin(), out.writes_us.end());
  return out;
}

double quantile(const std::vector<double>& sorted, double part) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(part * last)];
}

void print(const Figures& found, const Settings& settings) {
  const double handover = quantile(found.handovers_us, 0.5), write = quantile(found.writes_us, 0.5);
  const double handover99 = quantile(found.handovers_us, 0.99);
  const double write99 = quantile(found.writes_us, 0.99);
  const char* form =
      settings.json
          ? "{\"handovers\": %zu, \"handover_us\": {\"p50\": %.1f, \"p99\": %.1f}, \"writes\": "
            "%zu, "
            "\"write_us\": {\"p50\": %.1f, \"p99\": %.1f}, \"ratio\": %.3f}\n"
          : "%zu hand-overs: p50 %.1f us, p99 %.1f us\n%zu writes: p50 %.1f us, p99 %.1f us\n"
            "a hand-over takes %.2f round trips of a write\n";
  std::printf(form, found.handovers_us.size(), handover, handover99, found.writes_us.size(), write,
              write99, handover / write);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("--servers=")) settings.servers = word.substr(10);
    if (word.starts_with("--times=")) settings.times = std::atoi(word.c_str() + 8);
    if (word.starts_with("--hold-ms=")) settings.hold = milliseconds(std::atoi(word.c_str() + 10));
    if (word == "--json") settings.json = true;
  }
  if (settings.servers.empty() || settings.times < 2) {
    fail("usage: lock-handover --servers=HOST:PORT,... [--times=N] [--hold-ms=M] [--json]");
  }
  print(figures_of(run_two(settings), settings), settings);
  return 0;
}
