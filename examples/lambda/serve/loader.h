// Reads views from files, on a thread of its own: what is served meanwhile goes on growing.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "examples/lambda/serve/batch_view.h"
#include "examples/lambda/speed_view.h"
#include "examples/pipeline/checkpoint_text.h"

namespace lambda_app {

/// Of each partition and of the generations only the latest that was asked for is read: so nothing
/// piles up.
class Loader {
 public:
  struct Loaded {
    PartitionNumber partition = 0;
    std::int64_t token = 0;
    pipeline::Result<SpeedParts> parts;
  };
  /// Called by the loader's thread.
  struct Told {
    std::function<void(Loaded)> parts;
    std::function<void(const Generation&, pipeline::Result<BatchPointer>)> batch;
  };

  Loader(std::string folder, Told told);
  ~Loader();

  void load(PartitionNumber partition, pipeline::CheckpointText text);
  /// `known`: what is loaded already, or null.
  void load(const Generation& generation, BatchPointer known);

 private:
  struct BatchJob {
    Generation generation;
    BatchPointer known;
  };
  void run();

  const std::string folder_;
  const Told told_;
  std::mutex mutex_;  ///< Keeps the jobs.
  std::condition_variable bell_;
  std::map<PartitionNumber, pipeline::CheckpointText> checkpoints_;
  std::optional<BatchJob> batch_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The parts in the state that `text` names. An owner that has not committed yet has none: empty
/// ones. Faults: Storage (the file is gone: mostly a later checkpoint names another), Damaged.
pipeline::Result<SpeedParts> load_parts(const pipeline::CheckpointText& text,
                                        const std::string& folder);

}  // namespace lambda_app
