// Keeps a GenerationView up to date: from checkpoints what is old, from deltas what is new.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "examples/kappa/generation_view.h"
#include "examples/pipeline/bus.h"
#include "examples/pipeline/checkpoints.h"
#include "quorate/sync_client.h"

namespace kappa_app {

struct FollowedPlace {
  pipeline::GroupPlace group;
  std::string views_topic;
};

/// Has a thread of its own, which waits in the bus; a commit of the group wakes it. The only one
/// that changes the view while it lives.
class ViewFollower {
 public:
  /// `moved` is called by that thread whenever the view has grown. All must outlive this object.
  ViewFollower(pipeline::qc::SyncClient& store, pipeline::Bus& bus, FollowedPlace place,
               PartitionNumber partitions, GenerationView& view, std::function<void()> moved);
  ~ViewFollower();  ///< The view stays as it is then.

  /// The checkpoints that were there at first are in the view. Any thread.
  bool loaded() const;
  /// What went wrong last, or "". Any thread.
  std::string fault() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Retention of a topic of deltas: who answers reads checkpoints for what is older.
pipeline::TopicOptions views_topic_options(PartitionNumber partitions);

}  // namespace kappa_app
