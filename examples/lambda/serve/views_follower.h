// Follows everything that is to be served: deltas from the bus, checkpoints and generations as
// their znodes tell.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "examples/lambda/places.h"
#include "examples/lambda/serve/latency.h"
#include "examples/lambda/serve/loader.h"
#include "examples/lambda/serve/serving_core.h"
#include "examples/pipeline/bus.h"

namespace lambda_app {

/// What is known of the views, for those who show it.
struct ViewsStatus {
  struct OfPartition {
    Offset end = 0;          ///< What is served has all below.
    Offset cut = 0;          ///< The batch view has all below.
    std::int64_t token = 0;  ///< Of the latest owner known.
  };
  std::vector<OfPartition> partitions;
  std::optional<Generation> generation;
  std::int64_t served_since_ms = 0;  ///< When this process began to serve it.
  std::uint64_t loading_run = 0;     ///< 0: none.
  std::string waiting_for;           ///< Why nothing, or no newer generation, is served.
  std::string fault;                 ///< The last that went wrong, until it goes right again.
  std::uint64_t refused = 0;         ///< Deltas of stale tokens.
  std::uint64_t deltas = 0;
  std::shared_ptr<const Drift> drift;
  Latency::Quantiles latency;
};

/// One thread waits for records, its inbox and due times at once, and owns the core.
class ViewsFollower {
 public:
  /// `changed` is called by that thread after something became visible; it must not block. `bus`
  /// and `snapshots` must outlive it. Faults: those of Bus.
  static pipeline::Result<std::unique_ptr<ViewsFollower>> start(pipeline::Bus& bus,
                                                                const Common& common,
                                                                PartitionNumber partitions,
                                                                Snapshots& snapshots,
                                                                std::function<void()> changed);
  ~ViewsFollower();

  /// The data of a partition's checkpoint in the group "speed"; nothing: there is no such znode.
  /// Any thread.
  void checkpoint_seen(PartitionNumber partition, const std::optional<std::string>& data);
  /// The data of serving/current. Any thread.
  void generation_seen(const std::string& json);

  ViewsStatus status() const;  ///< Any thread.

 private:
  using Clock = std::chrono::steady_clock;
  struct Seen {
    pipeline::CheckpointText text;
    Clock::time_point due;
  };
  /// What other threads have left for this one: bounded, as only the latest of each kind counts.
  struct Inbox {
    std::map<PartitionNumber, pipeline::CheckpointText> checkpoints;
    std::map<PartitionNumber, Loader::Loaded> parts;
    std::optional<Generation> generation;
    std::optional<std::pair<Generation, pipeline::Result<BatchPointer>>> batch;
    std::string fault;
  };

  ViewsFollower(const Common& common, PartitionNumber partitions, Snapshots& snapshots,
                std::function<void()> changed);
  pipeline::Result<> open(pipeline::Bus& bus);
  void assign_from_marks(bool from_begin);
  template <class Leave>
  void leave(Leave&& what);

  void run();
  void take_inbox();
  void consider(PartitionNumber partition, pipeline::CheckpointText text);
  void take(Loader::Loaded loaded);
  void load_what_is_due();
  std::chrono::milliseconds until_due() const;
  void read();
  void handle(const pipeline::Batch& batch);
  void publish();
  void tell();

  const std::string topic_;
  pipeline::Bus* bus_ = nullptr;
  std::function<void()> changed_;
  std::unique_ptr<pipeline::Reader> reader_;

  // The follower's thread.
  ServingCore core_;
  std::map<PartitionNumber, Seen> considered_;
  std::vector<std::int64_t> unseen_appends_;  ///< Append times of what is not visible yet.
  std::uint64_t deltas_ = 0;
  std::uint64_t served_run_ = 0;
  std::int64_t served_since_ms_ = 0;
  std::uint64_t loading_run_ = 0;
  std::string fault_;
  bool published_ = true;  ///< Nothing waits for a copy that is being read.
  bool something_new_ = true;

  mutable std::mutex mutex_;  ///< Keeps what passes between threads: inbox, status,
                              ///< latency, stopping.
  Inbox inbox_;
  ViewsStatus status_;
  mutable Latency latency_;
  bool stopping_ = false;

  std::unique_ptr<Loader> loader_;
  std::thread thread_;
};

}  // namespace lambda_app
