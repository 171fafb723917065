#include "examples/lambda/topics.h"

namespace lambda_app {

namespace {

using namespace pipeline;

/// Of a partition. Deltas are good for seconds: who missed more takes the checkpoint.
constexpr std::uint64_t kViewsBytes = 64u << 20;
constexpr std::uint64_t kErrorsBytes = 64u << 20;
constexpr std::uint64_t kAlertsBytes = 16u << 20;

TopicOptions options_of(PartitionNumber partitions, std::uint64_t retention_bytes) {
  TopicOptions options;
  options.partitions = partitions;
  options.retention_bytes = retention_bytes;
  return options;
}

}  // namespace

Result<PartitionNumber> open_topics(Bus& bus, const Common& common, PartitionNumber wanted) {
  Result<> made = bus.create_topic(common.topic, options_of(wanted, 0));
  if (!made && made.error().kind != FaultKind::OtherTopic) return made.error();
  const Result<PartitionNumber> there = bus.partitions(common.topic);
  if (!there) return there.error();
  made = bus.create_topic(common.views_topic(), options_of(*there, kViewsBytes));
  if (made) made = bus.create_topic(common.errors_topic(), options_of(1, kErrorsBytes));
  if (made) made = bus.create_topic(common.alerts_topic(), options_of(1, kAlertsBytes));
  if (!made && made.error().kind == FaultKind::OtherTopic) {
    return Fault{FaultKind::Damaged, "the topics beside " + common.topic +
                                         " are of another application: " + made.error().message};
  }
  if (!made) return made.error();
  return *there;
}

}  // namespace lambda_app
