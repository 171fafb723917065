// The routes of `lambda serve`, and the stream of states that dashboards follow.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "examples/lambda/serve/alerts_follower.h"
#include "examples/lambda/serve/cluster_watch.h"
#include "examples/lambda/serve/feed.h"
#include "examples/lambda/serve/queries.h"
#include "examples/lambda/serve/status.h"
#include "examples/lambda/serve/worker_signals.h"
#include "examples/pipeline/web/web_server.h"

namespace lambda_app {

/// One session with Quorate and what is mirrored through it.
struct Session {
  std::unique_ptr<qc::SyncClient> client;
  std::unique_ptr<pipeline::GroupProgress> archived;
  std::unique_ptr<pipeline::GroupProgress> committed;
  std::unique_ptr<ClusterWatch> watch;  ///< Goes first.
};

/// What all parts of the process share; references outlive it.
struct ApiParts {
  const Common& common;
  PartitionNumber partitions = 0;
  bool demo = false;
  pipeline::Bus& bus;
  const Snapshots& snapshots;
  const ViewsFollower& views;
  const AlertsFollower& alerts;
  Feed& feed;
};

/// answer() from any thread.
class Api {
 public:
  explicit Api(const ApiParts& parts);

  pipeline::WebResponse answer(const pipeline::WebRequest& request);
  /// The session from now on; null: none.
  void set_session(std::shared_ptr<Session> session);
  ClusterView cluster() const;  ///< The last that was seen.
  ViewsStatus views() const { return parts_.views.status(); }

  /// {"type": "state", "status": ..., "answer": ...}
  std::string state_json() const;

 private:
  pipeline::WebResponse answer_get(const pipeline::WebRequest& request);
  pipeline::WebResponse answer_post(const pipeline::WebRequest& request);
  pipeline::WebResponse signal_worker(const std::string& name, const std::string& what);
  pipeline::WebResponse ask_for_run();
  nlohmann::json status() const;
  std::shared_ptr<Session> session() const;
  void fill_from_bus(StatusInputs& inputs) const;

  const ApiParts parts_;
  WorkerSignals signals_;
  mutable std::mutex mutex_;  ///< Keeps which session there is.
  std::shared_ptr<Session> session_;
  mutable ClusterView cluster_;  ///< Shown while there is none.
};

/// Publishes the state when it has changed: at once, but not more often than people can see; and
/// now and then, as what has not come does not ring.
class StatePublisher {
 public:
  StatePublisher(const Api& api, Feed& feed, std::function<void(const std::string&)> publish,
                 std::function<bool()> watched);
  ~StatePublisher();

  void changed();  ///< Any thread; does not block.

 private:
  void run();
  void tell_what_happened();
  void tell(const Happening& happening);
  void tell_of_views();

  const Api& api_;
  Feed& feed_;
  const std::function<void(const std::string&)> publish_;
  const std::function<bool()> watched_;
  ClusterView before_;
  bool first_ = true;
  std::uint64_t run_ = 0;        ///< Served when it was looked at last.
  std::uint64_t refused_ = 0;    ///< Likewise.
  std::uint64_t drift_run_ = 0;  ///< Whose drift was told.
  std::mutex mutex_;
  std::condition_variable bell_;
  bool changed_ = true;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lambda_app
