#include "examples/kappa/places.h"

#include <nlohmann/json.hpp>

namespace kappa_app {

using nlohmann::json;

Places places_of(pipeline_program::Arguments& arguments) {
  Places places;
  places.connect = arguments.text("--connect", places.connect);
  places.root = arguments.text("--root", places.root);
  places.bus = arguments.text("--bus");
  places.topic = arguments.text("--topic", places.topic);
  places.folder = arguments.text("--folder", places.folder);
  return places;
}

std::string to_json(const Worker& worker) {
  const json object = {{"generation", worker.generation},
                       {"id", worker.id},
                       {"pid", worker.pid},
                       {"started_ms", worker.started_ms},
                       {"refused", worker.refused}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Worker> worker_of(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  try {
    return Worker{object.at("generation").get<GenerationNumber>(),
                  object.at("id").get<std::string>(), object.at("pid").get<std::int64_t>(),
                  object.at("started_ms").get<std::int64_t>(),
                  object.at("refused").get<std::uint64_t>()};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace kappa_app
