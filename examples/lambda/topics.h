// The topics of the application, made by whoever comes first.
#pragma once

#include "examples/lambda/places.h"
#include "examples/pipeline/bus.h"

namespace lambda_app {

/// Partitions of the events' topic unless the collector is told otherwise.
inline constexpr pipeline::PartitionNumber kPartitions = 8;

/// Makes the four topics where they are missing: events (kept for ever: the archive takes them) and
/// views with `wanted` partitions, errors and alerts with one. How many the events have: where the
/// topic was there before with another number, that one. Any process may start first.
///
/// Faults: those of Bus; Damaged when views and events differ, so another application's topics.
pipeline::Result<pipeline::PartitionNumber> open_topics(
    pipeline::Bus& bus, const Common& common, pipeline::PartitionNumber wanted = kPartitions);

}  // namespace lambda_app
