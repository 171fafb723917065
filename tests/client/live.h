// What the tests of tests/client share: where the server is, a fresh folder of nodes per test.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "quorate/sync_client.h"

namespace quorate::client::live {

using namespace std::chrono_literals;

/// The connect string of the server under test, as given to the program.
const std::string& servers();
/// "quorate" or "zookeeper".
const std::string& kind();
/// A value of --NAME=VALUE, "" when it was not given; tests that need it are left out then.
std::string setting(const std::string& name);

inline ConnectOptions options(const std::string& chroot = "") {
  ConnectOptions out(servers() + chroot);
  out.connect_timeout = 10s;
  out.session_timeout = 6s;
  return out;
}

/// A connected client and a persistent node of its own, "/live-N", which goes with it.
class Session {
 public:
  explicit Session(const ConnectOptions& with = options()) : client(with) {
    static std::atomic<int> next{0};
    const auto connected = client.connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
    path =
        "/live-" + std::to_string(connected.value.session_id.value) + "-" + std::to_string(++next);
    REQUIRE(client.create(path, "home").ok());
  }
  ~Session() { client.close(); }

  std::string at(const std::string& name) const { return path + "/" + name; }

  SyncClient client;
  std::string path;
};

/// Collects events of callbacks; waits for the n-th with a deadline. Callbacks may outlive it: the
/// end of a session is an event, too.
class Events {
 public:
  WatchCallback callback() {
    return [kept = kept_](const WatchEvent& event) {
      const std::lock_guard lock(kept->mutex);
      kept->all.push_back(event);
      kept->changed.notify_all();
    };
  }

  /// "NodeCreated /a" of the events so far, once there are at least `count`.
  std::vector<std::string> first(std::size_t count) {
    std::unique_lock lock(kept_->mutex);
    kept_->changed.wait_for(lock, 5s, [&] { return kept_->all.size() >= count; });
    std::vector<std::string> out;
    for (const WatchEvent& event : kept_->all) {
      out.push_back(std::string(name_of(event.type)) + " " + event.path);
    }
    return out;
  }

 private:
  struct Kept {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<WatchEvent> all;
  };
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

}  // namespace quorate::client::live
