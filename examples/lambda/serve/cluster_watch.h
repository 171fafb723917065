// The application's znodes, mirrored by one recursive watch.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "examples/lambda/serve/cluster_view.h"
#include "examples/lambda/serve/views_follower.h"
#include "quorate/recipes/sync_cache.h"

namespace lambda_app {

/// Of one session. Tells the views' follower of checkpoints and generations, and `changed` of
/// anything that a ClusterView shows; both on the client's thread.
class ClusterWatch {
 public:
  /// `views` must outlive the client.
  ClusterWatch(qc::SyncClient& client, const Common& common, PartitionNumber partitions,
               ViewsFollower& views, std::function<void()> changed);

  ClusterView view() const;  ///< Any thread.
  bool fresh() const { return cache_->fresh(); }

 private:
  void seen(const qc::TreeEvent& event);
  void all_seen();

  const Common common_;
  const PartitionNumber partitions_;
  const std::string offsets_;  ///< Path, with '/' behind.
  ViewsFollower& views_;
  const std::function<void()> changed_;
  std::mutex making_;  ///< The cache tells before it is known here.
  std::unique_ptr<qc::SyncTreeCache> cache_;
};

}  // namespace lambda_app
