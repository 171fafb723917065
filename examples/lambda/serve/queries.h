// Questions to the views, from a request's parameters to JSON. No I/O.
#pragma once

#include <optional>
#include <string>

#include "examples/lambda/serve/snapshots.h"
#include "examples/pipeline/web/web_server.h"

namespace lambda_app {

inline constexpr std::size_t kTopMax = 1'000;
inline constexpr std::size_t kSeriesMax = 20'000;  ///< Buckets in one answer.

enum class Layer { Batch, Speed, Both };

struct Question {
  pipeline::Query query;
  Layer layer = Layer::Both;
  pipeline::Granularity step = pipeline::Granularity::Hour;
};

/// from, to (ms since 1970, UTC), prefix, top, layer=batch|speed|both, step=minute|hour|day. What
/// is wrong goes to `fault`. `top_missing`: the length of lists where none is asked for.
std::optional<Question> question_of(const pipeline::WebRequest& request, std::size_t top_missing,
                                    std::string& fault);

/// What the views of `layer` say. Where the speed view is empty, both is batch, and so exact.
pipeline::Answer answer_of(const Snapshot& snapshot, Layer layer, const pipeline::Query& query);

/// Of /api/answer, /api/series and /api/prefixes; 400 with the reason for what cannot be answered.
pipeline::WebResponse answer_question(const Snapshot& snapshot,
                                      const pipeline::WebRequest& request);
pipeline::WebResponse answer_series(const Snapshot& snapshot, const pipeline::WebRequest& request);
pipeline::WebResponse answer_prefixes(const Snapshot& snapshot);

}  // namespace lambda_app
