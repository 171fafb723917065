#include "examples/lambda/serve/queries.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "examples/pipeline/program/answers_json.h"

namespace lambda_app {

using nlohmann::json;
using pipeline::Answer;
using pipeline::Granularity;
using pipeline::Query;
using pipeline::web_error;
using pipeline::WebRequest;
using pipeline::WebResponse;

namespace {

constexpr std::size_t kPrefixesMax = 2'000;

const char* name_of(Layer layer) {
  return layer == Layer::Batch ? "batch" : layer == Layer::Speed ? "speed" : "both";
}

const char* name_of(Granularity step) {
  return step == Granularity::Minute ? "minute" : step == Granularity::Hour ? "hour" : "day";
}

template <class Number>
bool parse(const std::string& text, Number& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

/// The parameters of a request, each asked for by name; the first fault stays.
struct Parameters {
  const WebRequest& request;
  std::string& fault;

  const std::string* find(const char* name) const {
    const auto at = request.query.find(name);
    return at == request.query.end() ? nullptr : &at->second;
  }
  template <class Number>
  void number(const char* name, Number& to) const {
    const std::string* text = find(name);
    if (text != nullptr && !parse(*text, to)) set(name, *text, "a whole number");
  }
  template <class Value, std::size_t N>
  void choice(const char* name, const std::pair<const char*, Value> (&values)[N], Value& to,
              const char* wanted) const {
    const std::string* text = find(name);
    if (text == nullptr) return;
    for (const auto& [known, value] : values) {
      if (*text == known) {
        to = value;
        return;
      }
    }
    set(name, *text, wanted);
  }
  void set(const char* name, const std::string& text, const char* wanted) const {
    if (fault.empty()) fault = std::string(name) + "=" + text + " is not " + wanted;
  }
};

WebResponse response_of(json object) {
  WebResponse response;
  response.body = object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
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

std::string unanswerable(const Snapshot& snapshot, const Query& query) {
  if (snapshot.both.can_answer(query)) return "";
  return "prefix=" + query.prefix + " is no path that begins and ends with '/', at most " +
         std::to_string(snapshot.both.options().prefix_depth) + " directories deep";
}

}  // namespace

std::optional<Question> question_of(const WebRequest& request, std::size_t top_missing,
                                    std::string& fault) {
  static constexpr std::pair<const char*, Layer> kLayers[] = {
      {"batch", Layer::Batch}, {"speed", Layer::Speed}, {"both", Layer::Both}};
  static constexpr std::pair<const char*, Granularity> kSteps[] = {
      {"minute", Granularity::Minute}, {"hour", Granularity::Hour}, {"day", Granularity::Day}};
  Question question;
  question.query.top = top_missing;
  const Parameters parameters{request, fault};
  parameters.number("from", question.query.from_ms);
  parameters.number("to", question.query.to_ms);
  parameters.number("top", question.query.top);
  parameters.choice("layer", kLayers, question.layer, "batch, speed or both");
  parameters.choice("step", kSteps, question.step, "minute, hour or day");
  if (const std::string* prefix = parameters.find("prefix")) question.query.prefix = *prefix;
  if (question.query.top > kTopMax) {
    parameters.set("top", std::to_string(question.query.top), "1000 or less");
  }
  for (const auto& [name, value] : request.query) {
    static constexpr std::string_view kKnown[] = {"from", "to", "top", "layer", "step", "prefix"};
    bool known = false;
    for (const std::string_view candidate : kKnown) known = known || name == candidate;
    if (!known && fault.empty()) fault = name + " is no parameter of this question";
  }
  return fault.empty() ? std::optional(std::move(question)) : std::nullopt;
}

Answer answer_of(const Snapshot& snapshot, Layer layer, const Query& query) {
  return with_view(snapshot, layer, [&](const auto& view) { return view.answer(query); });
}

WebResponse answer_question(const Snapshot& snapshot, const WebRequest& request) {
  std::string fault;
  const auto question = question_of(request, /*top_missing=*/10, fault);
  if (question) fault = unanswerable(snapshot, question->query);
  if (!fault.empty()) return web_error(400, fault);
  json object = head_of(snapshot, question->layer);
  object.update(pipeline_program::to_json(answer_of(snapshot, question->layer, question->query)));
  return response_of(std::move(object));
}

WebResponse answer_series(const Snapshot& snapshot, const WebRequest& request) {
  std::string fault;
  const auto question = question_of(request, /*top_missing=*/0, fault);
  if (question) fault = unanswerable(snapshot, question->query);
  if (!fault.empty()) return web_error(400, fault);
  const auto series = with_view(snapshot, question->layer, [&](const auto& view) {
    return view.series(question->query, question->step);
  });
  if (series.size() > kSeriesMax) {
    return web_error(400, "that are " + std::to_string(series.size()) + " buckets, more than " +
                              std::to_string(kSeriesMax) + ": narrow from and to, or step=day");
  }
  json object = head_of(snapshot, question->layer);
  object["step"] = name_of(question->step);
  json& list = object["series"] = json::array();
  for (const auto& [begin_ms, answer] : series) {
    list.push_back(json::array({begin_ms, pipeline_program::to_json(answer)}));
  }
  return response_of(std::move(object));
}

WebResponse answer_prefixes(const Snapshot& snapshot) {
  std::vector<std::string> prefixes = snapshot.both.prefixes();
  const std::size_t all = prefixes.size();
  if (prefixes.size() > kPrefixesMax) prefixes.resize(kPrefixesMax);
  return response_of({{"prefixes", prefixes}, {"all", all}});
}

}  // namespace lambda_app
