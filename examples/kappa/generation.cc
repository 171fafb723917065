#include "examples/kappa/generation.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace kappa_app {

using nlohmann::json;
using pipeline::Granularity;

namespace {

const char* name_of_granularity(Granularity granularity) {
  switch (granularity) {
    case Granularity::Minute:
      return "minute";
    case Granularity::Hour:
      return "hour";
    case Granularity::Day:
      return "day";
  }
  return "";
}

std::optional<Granularity> granularity_of(const std::string& name) {
  for (const Granularity one : {Granularity::Minute, Granularity::Hour, Granularity::Day}) {
    if (name == name_of_granularity(one)) return one;
  }
  return std::nullopt;
}

/// A field of an object; `missing` unless it is there and a number that fits.
template <class Number>
Number number_in(const json& object, const char* name, Number missing) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_number_integer()) return missing;
  const auto value = at->get<std::int64_t>();
  if (value < 0 || static_cast<std::uint64_t>(value) >
                       static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) {
    return missing;
  }
  return static_cast<Number>(value);
}

std::string text_in(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

std::string to_json(const Generation& generation) {
  const json object = {{"generation", generation.number},
                       {"session_gap_ms", generation.options.session_gap_ms},
                       {"prefix_depth", generation.options.prefix_depth},
                       {"granularity", name_of_granularity(generation.options.granularity)},
                       {"code", generation.code},
                       {"made_ms", generation.made_ms},
                       {"state", generation.retired ? "retired" : "running"}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Generation> generation_of(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  Generation generation;
  generation.number = number_in<GenerationNumber>(object, "generation", 0);
  generation.options.session_gap_ms = number_in<std::int64_t>(object, "session_gap_ms", -1);
  generation.options.prefix_depth = number_in<unsigned>(object, "prefix_depth", 0);
  const auto granularity = granularity_of(text_in(object, "granularity"));
  generation.code = text_in(object, "code");
  generation.made_ms = number_in<std::int64_t>(object, "made_ms", 0);
  const std::string state = text_in(object, "state");
  generation.retired = state == "retired";
  if (generation.number == 0 || generation.options.session_gap_ms < 0 ||
      generation.options.prefix_depth == 0 || !granularity || generation.code.empty() ||
      (state != "retired" && state != "running")) {
    return std::nullopt;
  }
  generation.options.granularity = *granularity;
  return generation;
}

std::string to_json(const Active& active) {
  const json object = {{"generation", active.generation},
                       {"previous", active.previous},
                       {"switched_ms", active.switched_ms},
                       {"by", active.by}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Active> active_of(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || !object.contains("generation")) return std::nullopt;
  return Active{number_in<GenerationNumber>(object, "generation", 0),
                number_in<GenerationNumber>(object, "previous", 0),
                number_in<std::int64_t>(object, "switched_ms", 0), text_in(object, "by")};
}

std::string group_of(GenerationNumber number) {
  return "gen-" + std::to_string(number);
}

std::string views_topic_of(const std::string& topic, GenerationNumber number) {
  return topic + "-views-" + std::to_string(number);
}

const char* name_of(Standing standing) {
  switch (standing) {
    case Standing::Replaying:
      return "replaying";
    case Standing::CaughtUp:
      return "caught-up";
    case Standing::Active:
      return "active";
    case Standing::Previous:
      return "previous";
    case Standing::Retired:
      return "retired";
  }
  return "";
}

Standing standing_of(const Generation& generation, const Active& active, std::uint64_t lag,
                     std::uint64_t lag_max) {
  if (generation.retired) return Standing::Retired;
  if (generation.number == active.generation) return Standing::Active;
  if (generation.number == active.previous) return Standing::Previous;
  return lag <= lag_max ? Standing::CaughtUp : Standing::Replaying;
}

}  // namespace kappa_app
