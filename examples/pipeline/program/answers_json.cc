#include "examples/pipeline/program/answers_json.h"

#include <set>
#include <utility>

namespace pipeline_program {

using nlohmann::json;
using pipeline::Answer;
using pipeline::Granularity;

json to_json(const Answer& answer) {
  json object = {{"hits", answer.hits},
                 {"bytes", answer.bytes},
                 {"other", answer.status_classes[0]},
                 {"visitors", answer.visitors},
                 {"sessions", answer.sessions},
                 {"session_hits", answer.session_hits},
                 {"session_ms", answer.session_ms},
                 {"session_max_ms", answer.session_max_ms},
                 {"pages", answer.pages},
                 {"referrers", answer.referrers}};
  for (std::size_t i = 1; i < answer.status_classes.size(); ++i) {
    object[std::to_string(i) + "xx"] = answer.status_classes[i];
  }
  return object;
}

template <class Visitors>
json all_answers(const pipeline::BasicSummary<Visitors>& summary, std::size_t top) {
  std::set<std::string> prefixes{"/"};
  for (std::string prefix : summary.prefixes()) {
    while (prefix.size() > 1) {
      prefixes.insert(prefix);
      prefix.resize(prefix.rfind('/', prefix.size() - 2) + 1);
    }
  }
  json answers = json::object();
  for (const std::string& prefix : prefixes) {
    pipeline::Query query;
    query.prefix = prefix;
    query.top = top;
    json& of_prefix = answers[prefix];
    of_prefix["total"] = to_json(summary.answer(query));
    for (const auto& [name, step] :
         {std::pair("minute", Granularity::Minute), std::pair("hour", Granularity::Hour),
          std::pair("day", Granularity::Day)}) {
      json& series = of_prefix[name] = json::array();
      for (const auto& [begin_ms, answer] : summary.series(query, step)) {
        series.push_back(json::array({begin_ms, to_json(answer)}));
      }
    }
  }
  return answers;
}

template json all_answers(const pipeline::Summary&, std::size_t);
template json all_answers(const pipeline::SketchSummary&, std::size_t);

std::string dump(const json& value) {
  const auto text = [](const json& part) {
    return part.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  if (!value.is_object()) return text(value) + "\n";
  std::string lines = "{";
  const char* before = "\n";
  for (const auto& [name, part] : value.items()) {
    lines += before + text(json(name)) + ": " + text(part);
    before = ",\n";
  }
  return lines + "\n}\n";
}

}  // namespace pipeline_program
