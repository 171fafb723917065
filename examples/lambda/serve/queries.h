// Questions to the views, from a request's parameters to JSON. No I/O.
#pragma once

#include "examples/lambda/serve/snapshots.h"
#include "examples/pipeline/result.h"
#include "examples/pipeline/web/web_server.h"

namespace lambda_app {

enum class Layer { Batch, Speed, Both };

struct Question {
  pipeline::Query query;
  Layer layer = Layer::Both;
  pipeline::Granularity step = pipeline::Granularity::Hour;
};

/// from, to, prefix, top, step (program/query_text.h) and layer=batch|speed|both. BadArgument: the
/// snapshot cannot answer that.
pipeline::Result<Question> question_of(const Snapshot& snapshot,
                                       const pipeline::WebRequest& request);

/// What the views of `layer` say. Where the speed view is empty, both is batch, and so exact.
pipeline::Answer answer_of(const Snapshot& snapshot, Layer layer, const pipeline::Query& query);

/// Of /api/answer, /api/series and /api/prefixes; 400 with the reason for what cannot be answered.
pipeline::WebResponse answer_question(const Snapshot& snapshot,
                                      const pipeline::WebRequest& request);
pipeline::WebResponse answer_series(const Snapshot& snapshot, const pipeline::WebRequest& request);
pipeline::WebResponse answer_prefixes(const Snapshot& snapshot);

}  // namespace lambda_app
