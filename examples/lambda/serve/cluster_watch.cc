#include "examples/lambda/serve/cluster_watch.h"

#include <charconv>
#include <optional>
#include <utility>

namespace lambda_app {

namespace {

std::optional<PartitionNumber> number_in(std::string_view text) {
  PartitionNumber number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

ClusterWatch::ClusterWatch(qc::SyncClient& client, const Common& common, PartitionNumber partitions,
                           ViewsFollower& views, std::function<void()> changed)
    : common_(common),
      partitions_(partitions),
      offsets_(common.group(kSpeedGroup).path("offsets/")),
      views_(views),
      changed_(std::move(changed)) {
  const std::lock_guard lock(making_);
  cache_ = std::make_unique<qc::SyncTreeCache>(client, common.root,
                                               [this](const qc::TreeEvent& event) { seen(event); });
}

void ClusterWatch::seen(const qc::TreeEvent& event) {
  using Type = qc::TreeEvent::Type;
  if (event.type == Type::Loaded) return all_seen();
  const bool there = event.type != Type::Removed;
  if (event.path.starts_with(offsets_)) {
    const auto partition = number_in(std::string_view(event.path).substr(offsets_.size()));
    if (partition && *partition < partitions_ && there) {
      views_.checkpoint_seen(*partition, event.node.data);
    }
    return;  // Views tell when something came of it.
  }
  if (event.path == common_.path("serving/current") && there && !event.node.data.empty()) {
    views_.generation_seen(event.node.data);
  }
  changed_();
}

/// What is there was told node by node; only now is it known what is not.
void ClusterWatch::all_seen() {
  const std::lock_guard lock(making_);
  for (PartitionNumber p = 0; p < partitions_; ++p) {
    if (!cache_->value(offsets_ + std::to_string(p)).exists)
      views_.checkpoint_seen(p, std::nullopt);
  }
  changed_();
}

ClusterView ClusterWatch::view() const {
  ZnodeMirror mirror;
  mirror.children = [&](const std::string& path) { return cache_->children(path); };
  mirror.data = [&](const std::string& path) { return cache_->value(path).data; };
  return cluster_view(mirror, common_, partitions_);
}

}  // namespace lambda_app
