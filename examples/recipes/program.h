// What these programs have in common: a connected client, and what to do when a step fails.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "quorate/sync_client.h"

namespace example {

using namespace quorate::client;
using namespace std::chrono_literals;

/// For whatever should take a moment only. A program in earnest would wait on, or do other work.
inline constexpr auto kSoon = 20s;

/// The value of an answer. Without one it ends the program, saying why.
template <class T>
T must(Reply<T> reply) {
  if (reply) return std::move(reply.value);
  std::fprintf(stderr, "%s\n", reply.message.c_str());
  std::exit(1);
}

/// One session with the servers named on the command line.
class Session : public SyncClient {
 public:
  Session(int argc, char** argv) : SyncClient(options_of(argc, argv)) {
    const auto connected = connect();
    if (connected) return;
    std::fprintf(stderr, "%s\nStart a server with: scripts/quickstart\n",
                 connected.message.c_str());
    std::exit(3);
  }
  ~Session() { close(); }

 private:
  static ConnectOptions options_of(int argc, char** argv) {
    ConnectOptions options(argc > 1 ? argv[1] : "127.0.0.1:2181");
    options.connect_timeout = 5s;
    return options;
  }
};

/// What a listener tells and the program waits for. Copies are one: a listener may be called once
/// more while its recipe is being destroyed, so it must hold what it uses.
class News {
 public:
  void tell(const std::string& what) const {
    const std::lock_guard lock(board_->mutex);
    board_->told.insert(what);
    board_->changed.notify_all();
  }
  void await(const std::string& what) const {
    std::unique_lock lock(board_->mutex);
    if (board_->changed.wait_for(lock, kSoon, [&] { return board_->told.contains(what); })) return;
    std::fprintf(stderr, "not heard of in time: %s\n", what.c_str());
    std::exit(1);
  }

 private:
  struct Board {
    std::mutex mutex;
    std::condition_variable changed;
    std::set<std::string> told;
  };
  std::shared_ptr<Board> board_ = std::make_shared<Board>();
};

}  // namespace example
