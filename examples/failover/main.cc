// Writes without a pause while servers die, then checks that nothing acknowledged is missing.
//
//   failover-writer CONNECT [SECONDS]
//
// Without SECONDS it writes until SIGINT or SIGTERM. Exit code 0: the session is the one it began
// with and every acknowledged write is there.
#include <algorithm>
#include <boost/asio.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "quorate/client.h"

namespace {

namespace asio = boost::asio;
using namespace quorate::client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr char kBase[] = "/failover-writer";
constexpr milliseconds kPace{2};     ///< Between two writes: also how fine a gap is measured.
constexpr int kWritesMax = 200'000;  ///< Keeps the list of children, one reply, below 5 MB.
constexpr int kSettledAfter = 50;    ///< Writes acknowledged before it says that it is writing.
constexpr int kLastWrites = 100;  ///< Writes after the request to stop: they prove that it goes on.

/// Answers instead of exceptions: a lost connection is what this program is about.
constexpr auto kAnswer = asio::as_tuple(asio::use_awaitable);

std::string node(int number) {
  return std::string(kBase) + "/n-" + std::to_string(number);
}

/// The write may or may not have happened; the same name is tried again.
bool in_doubt(const ErrorCode& error) {
  return error == Code::ConnectionLoss || error == Code::OperationTimeout;
}

class FailoverWriter {
 public:
  FailoverWriter(Client& client, steady_clock::time_point end) : client_(client), end_(end) {}

  /// From any handler of the same loop: finish the last writes, then check.
  void stop() { end_ = steady_clock::time_point::min(); }

  asio::awaitable<bool> run() {
    if (!co_await begin()) co_return false;
    if (!co_await write_until_stopped()) co_return false;
    const bool complete = co_await check();
    co_await remove_all();
    co_return complete;
  }

 private:
  asio::awaitable<bool> begin() {
    auto [error, report] = co_await client_.async_connect(kAnswer);
    if (error) co_return failed("connect", error);
    first_session_ = report.session_id;
    // What an interrupted earlier run has left would count as present.
    co_await remove_all();
    CreateOptions options;
    auto [created, reply] = co_await client_.async_create(kBase, Buffer(), options, kAnswer);
    if (created) co_return failed("create", created);
    co_return true;
  }

  asio::awaitable<bool> write_until_stopped() {
    asio::steady_timer pause(client_.get_executor());
    last_answer_ = steady_clock::now();
    int remaining = kLastWrites;
    while (remaining > 0 && acknowledged_ < kWritesMax) {
      if (!co_await write(acknowledged_)) co_return false;
      const auto now = steady_clock::now();
      longest_gap_ = std::max(longest_gap_, now - last_answer_);
      last_answer_ = now;
      ++acknowledged_;
      if (acknowledged_ == kSettledAfter) say_writing();
      if (now >= end_) --remaining;
      pause.expires_after(kPace);
      co_await pause.async_wait(kAnswer);
    }
    co_return true;
  }

  /// Until the write is acknowledged. A repeated create that finds its node was done the first
  /// time.
  asio::awaitable<bool> write(int number) {
    for (bool repeated = false;; repeated = true) {
      CreateOptions options;
      Buffer data(std::to_string(number));
      auto [error, reply] =
          co_await client_.async_create(node(number), std::move(data), std::move(options), kAnswer);
      if (!error || (repeated && error == Code::NodeExists)) co_return true;
      if (!in_doubt(error)) co_return failed("create", error);
    }
  }

  asio::awaitable<bool> check() {
    auto [lagging, found] = co_await children();
    if (lagging) co_return failed("getChildren", lagging);
    std::unordered_set<std::string> present(found.begin(), found.end());
    int missing = 0;
    for (int number = 0; number < acknowledged_; ++number) {
      if (!present.contains("n-" + std::to_string(number))) ++missing;
    }
    const bool same = client_.session_id() == first_session_;
    const auto gap = std::chrono::duration_cast<milliseconds>(longest_gap_).count();
    std::printf("acknowledged=%d missing=%d session=%s %s longest_gap_ms=%lld\n", acknowledged_,
                missing, to_string(client_.session_id()).c_str(),
                same ? "(the same as before)" : "(ANOTHER one than before)",
                static_cast<long long>(gap));
    co_return missing == 0 && same;
  }

  /// As of now: the server that answers has first caught up with its leader.
  asio::awaitable<std::pair<ErrorCode, std::vector<std::string>>> children() {
    for (;;) {
      auto [lagging] = co_await client_.async_sync(kBase, kAnswer);
      auto [error, reply] = co_await client_.async_get_children(kBase, kAnswer);
      if (!lagging && !error) co_return std::pair(ErrorCode(), std::move(reply.children));
      const ErrorCode fault = error ? error : lagging;
      if (!in_doubt(fault)) co_return std::pair(fault, std::vector<std::string>());
    }
  }

  /// Leaves nothing behind; what it cannot remove, the next run does.
  asio::awaitable<void> remove_all() {
    auto [error, names] = co_await children();
    if (error) co_return;
    for (const std::string& name : names) {
      co_await client_.async_remove(std::string(kBase) + "/" + name, kAnyVersion, kAnswer);
    }
    co_await client_.async_remove(kBase, kAnyVersion, kAnswer);
  }

  void say_writing() {
    std::printf("writing session=%s\n", to_string(client_.session_id()).c_str());
    std::fflush(stdout);
  }

  bool failed(const char* what, const ErrorCode& error) {
    std::fprintf(stderr, "%s: %s\n", what, error.message().c_str());
    return false;
  }

  Client& client_;
  steady_clock::time_point end_;
  SessionId first_session_{};
  int acknowledged_ = 0;
  steady_clock::time_point last_answer_{};
  steady_clock::duration longest_gap_{};
};

asio::awaitable<void> run_and_close(Client& client, FailoverWriter& writer,
                                    asio::signal_set& signals, bool& good) {
  good = co_await writer.run();
  signals.cancel();
  co_await client.async_close(kAnswer);
}

/// Everything on one thread: the client's strand and this program share the loop.
bool write_and_check(std::string connect_string, steady_clock::time_point end) {
  asio::io_context loop(1);
  ConnectOptions options(std::move(connect_string));
  options.session_timeout = seconds(20);
  options.connect_timeout = seconds(30);
  options.operation_timeout = seconds(30);
  Client client(loop.get_executor(), std::move(options));
  FailoverWriter writer(client, end);
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&writer](const ErrorCode& error, int) {
    if (!error) writer.stop();
  });
  bool good = false;
  asio::co_spawn(loop, run_and_close(client, writer, signals, good),
                 [](const std::exception_ptr& fault) {
                   if (fault) std::rethrow_exception(fault);
                 });
  loop.run();
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  auto end = steady_clock::time_point::max();
  int duration = 0;
  if (argc == 3) {
    const std::string_view text(argv[2]);
    const auto parsed = std::from_chars(text.begin(), text.end(), duration);
    if (parsed.ec != std::errc() || parsed.ptr != text.end() || duration < 0) argc = 0;
    end = steady_clock::now() + seconds(duration);
  }
  const bool help = argc == 2 && argv[1][0] == '-';
  if (help || (argc != 2 && argc != 3)) {
    std::fprintf(stderr, "usage: failover-writer HOST:PORT[,HOST:PORT...] [SECONDS]\n");
    return 2;
  }
  try {
    return write_and_check(argv[1], end) ? 0 : 1;
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "failover-writer: %s\n", fault.what());
    return 1;
  }
}
