// What a generation's worker knows of one partition, how it is committed, and how it travels to
// those who answer.
//
// A view is a pure function of the log: of a partition, an offset, and a generation's code and
// options. So whoever has the view up to some offset has the same view, and nothing that travels
// needs fencing: a delta that is late says what is known already. What is fenced is the checkpoint,
// as a late one would take back what a later owner has committed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/bus.h"

namespace kappa_app {

using pipeline::Offset;
using pipeline::PartitionNumber;

/// A checkpoint's state. Exact: there is no batch layer to put sketches right.
struct ViewState {
  pipeline::Summary summary;
  pipeline::SeenIds seen;
};
std::string encode(const pipeline::Summary& summary, const pipeline::SeenIds& seen);
std::optional<ViewState> decode_view_state(std::string_view bytes);
/// The summary alone: who answers needs no ids, and they are the larger part.
std::optional<pipeline::Summary> decode_view_summary(std::string_view bytes);

/// The events of [from, to) of a partition: what its view gains.
struct ViewDelta {
  Offset from = 0;
  Offset to = 0;
  std::int64_t token = 0;             ///< Of the sender's ownership; for people.
  std::int64_t oldest_append_ms = 0;  ///< Bus time of its oldest record.
  pipeline::Summary summary;
};
void encode(const ViewDelta& delta, std::string& to);
std::optional<ViewDelta> decode_delta(std::string_view bytes);

/// The first numbers of a delta, which cost nothing to read: most deltas of a topic are known
/// already to who begins to read it.
std::optional<Offset> end_of_delta(std::string_view bytes);

}  // namespace kappa_app
