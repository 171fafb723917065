#include "examples/lambda/serve/queries.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "examples/pipeline/program/answers_json.h"
#include "examples/pipeline/program/query_text.h"

namespace lambda_app {

using nlohmann::json;
using pipeline::Answer;
using pipeline::Query;
using pipeline::Result;
using pipeline::web_error;
using pipeline::WebRequest;
using pipeline::WebResponse;

namespace {

constexpr std::size_t kPrefixesMax = 2'000;

const char* name_of(Layer layer) {
  return layer == Layer::Batch ? "batch" : layer == Layer::Speed ? "speed" : "both";
}

Result<Layer> layer_of(const pipeline_program::Parameters& parameters) {
  const auto at = parameters.find("layer");
  if (at == parameters.end()) return Layer::Both;
  for (const Layer layer : {Layer::Batch, Layer::Speed, Layer::Both}) {
    if (at->second == name_of(layer)) return layer;
  }
  return pipeline_program::wrong_parameter("layer", at->second, "batch, speed or both");
}

WebResponse response_of(const json& object) {
  WebResponse response;
  response.body = pipeline_program::compact(object) + "\n";
  return response;
}

json head_of(const Snapshot& snapshot, Layer layer) {
  return {{"view", snapshot.number},
          {"generation", snapshot.batch ? snapshot.batch->generation.run : 0},
          {"layer", name_of(layer)},
          {"ends", snapshot.ends}};
}

/// Calls `ask` with the view that answers for `layer`; an empty one before the first batch run.
template <class Ask>
auto with_view(const Snapshot& snapshot, Layer layer, Ask&& ask) {
  if (layer == Layer::Speed) return ask(snapshot.speed);
  if (layer == Layer::Both && (!snapshot.batch || snapshot.speed.events() > 0)) {
    return ask(snapshot.both);
  }
  if (snapshot.batch) return ask(*snapshot.batch->exact);
  return ask(pipeline::SketchSummary(snapshot.both.options()));
}

}  // namespace

Result<Question> question_of(const Snapshot& snapshot, const WebRequest& request) {
  const auto query = pipeline_program::query_of(request.query, {"layer"});
  if (!query) return query.error();
  const auto layer = layer_of(request.query);
  if (!layer) return layer.error();
  const auto step = pipeline_program::step_of(request.query);
  if (!step) return step.error();
  if (!snapshot.both.can_answer(*query)) {
    return pipeline_program::wrong_prefix(*query, snapshot.both.options());
  }
  return Question{*query, *layer, *step};
}

Answer answer_of(const Snapshot& snapshot, Layer layer, const Query& query) {
  return with_view(snapshot, layer, [&](const auto& view) { return view.answer(query); });
}

WebResponse answer_question(const Snapshot& snapshot, const WebRequest& request) {
  const auto question = question_of(snapshot, request);
  if (!question) return web_error(400, question.error().message);
  json object = head_of(snapshot, question->layer);
  object.update(pipeline_program::to_json(answer_of(snapshot, question->layer, question->query)));
  return response_of(object);
}

WebResponse answer_series(const Snapshot& snapshot, const WebRequest& asked) {
  WebRequest request = asked;
  // Lists in every bucket are long: they are there when they are asked for.
  request.query.try_emplace("top", "0");
  const auto question = question_of(snapshot, request);
  if (!question) return web_error(400, question.error().message);
  const auto series = with_view(snapshot, question->layer, [&](const auto& view) {
    return view.series(question->query, question->step);
  });
  json object = head_of(snapshot, question->layer);
  object["step"] = pipeline_program::name_of(question->step);
  const Result<> added = pipeline_program::add_series(series, object);
  return added ? response_of(object) : web_error(400, added.error().message);
}

WebResponse answer_prefixes(const Snapshot& snapshot) {
  std::vector<std::string> prefixes = snapshot.both.prefixes();
  const std::size_t all = prefixes.size();
  if (prefixes.size() > kPrefixesMax) prefixes.resize(kPrefixesMax);
  return response_of({{"prefixes", prefixes}, {"all", all}});
}

}  // namespace lambda_app
