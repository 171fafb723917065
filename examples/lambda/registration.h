// How a process is seen by the others: its znode below workers, as long as it lives, and the count
// of its refused effects, which stays.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "examples/lambda/places.h"
#include "quorate/sync_client.h"

namespace quorate::client {
class SyncEphemeralNode;
}

namespace lambda_app {

/// Makes all znodes of `path`, empty ones; that they are there already is fine. What failed, or "".
std::string make_path(qc::SyncClient& client, const std::string& path);

/// <root>/workers/<role>-<id>, ephemeral, so once per session: join() with every new client, after
/// leave() of the former. Functions but note() are called by one thread.
class Registration {
 public:
  Registration(const Common& common, const std::string& role, const std::string& note = "");
  ~Registration();

  /// `client` must be connected and outlive the membership. Waits only a moment: where a killed
  /// process with this id has left its node, it appears when that session ends.
  void join(qc::SyncClient& client);
  void leave();
  /// What is shown beside the process; with the next join(), too. Any thread.
  void note(const std::string& text);

 private:
  const std::string path_;
  std::mutex mutex_;  ///< Keeps both below: notes come from any thread.
  Worker worker_;
  std::unique_ptr<qc::SyncEphemeralNode> node_;
};

/// <root>/refused/<role>-<id>: {"count": N, "last": "..."}. One thread.
class RefusedCount {
 public:
  RefusedCount(const Common& common, const std::string& role);

  /// Adds one, with what was refused; says "refused: ..." on standard output. Where Quorate does
  /// not take it, the next add() makes up for it.
  void add(qc::SyncClient& client, const std::string& what);
  std::uint64_t since_start() const { return since_start_; }

 private:
  const std::string path_;
  std::uint64_t since_start_ = 0;
  std::uint64_t unwritten_ = 0;
};

struct Refused {
  std::uint64_t count = 0;
  std::string last;
};
std::string to_json(const Refused& refused);
std::optional<Refused> refused_of(std::string_view json);

}  // namespace lambda_app
