#include "examples/lambda/batch/run_records.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace lambda_app {

namespace {

using nlohmann::json;

constexpr const char* kStates[] = {"running", "served", "given-up"};

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// `take(object)`, or nothing where a field is missing or of another kind.
template <class Take>
auto parse(std::string_view text, Take&& take) -> std::optional<decltype(take(json()))> {
  const json object = json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  try {
    return take(object);
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

json json_of(const Output& output) {
  return {{"name", output.name}, {"bytes", output.bytes}, {"hash", output.hash}};
}

Output output_of(const json& object) {
  Output output;
  output.name = object.at("name").get<std::string>();
  output.bytes = object.at("bytes").get<std::uint64_t>();
  output.hash = object.at("hash").get<std::uint64_t>();
  return output;
}

RunState state_of(const std::string& text) {
  for (const RunState state : {RunState::Served, RunState::GivenUp}) {
    if (text == kStates[static_cast<int>(state)]) return state;
  }
  return RunState::Running;
}

}  // namespace

std::string to_json(const LeaderRecord& record) {
  return text_of(
      {{"token", record.token}, {"last_run", record.last_run}, {"started_ms", record.started_ms}});
}

std::optional<LeaderRecord> leader_record_of(std::string_view text) {
  return parse(text, [](const json& object) {
    LeaderRecord record;
    record.token = object.at("token").get<std::int64_t>();
    record.last_run = object.at("last_run").get<std::uint64_t>();
    record.started_ms = object.at("started_ms").get<std::int64_t>();
    return record;
  });
}

std::string to_json(const RunRecord& record) {
  return text_of({{"run", record.run},
                  {"state", kStates[static_cast<int>(record.state)]},
                  {"token", record.token},
                  {"maps", record.maps},
                  {"parts", record.parts},
                  {"cuts", record.cuts},
                  {"plan", json_of(record.plan)},
                  {"requests", record.requests},
                  {"started_ms", record.started_ms},
                  {"why", record.why}});
}

std::optional<RunRecord> run_record_of(std::string_view text) {
  return parse(text, [](const json& object) {
    RunRecord record;
    record.run = object.at("run").get<std::uint64_t>();
    record.state = state_of(object.at("state").get<std::string>());
    record.token = object.at("token").get<std::int64_t>();
    record.maps = object.at("maps").get<std::uint32_t>();
    record.parts = object.at("parts").get<std::uint32_t>();
    record.cuts = object.at("cuts").get<std::vector<pipeline::Offset>>();
    record.plan = output_of(object.at("plan"));
    record.requests = object.at("requests").get<std::vector<std::string>>();
    record.started_ms = object.at("started_ms").get<std::int64_t>();
    record.why = object.at("why").get<std::string>();
    return record;
  });
}

std::string to_json(const TaskResult& result) {
  return text_of({{"worker", result.worker},
                  {"attempt", result.attempt},
                  {"output", json_of(result.output)},
                  {"events", result.events},
                  {"duplicates", result.duplicates},
                  {"damaged", result.damaged},
                  {"took_ms", result.took_ms}});
}

std::optional<TaskResult> task_result_of(std::string_view text) {
  return parse(text, [](const json& object) {
    TaskResult result;
    result.worker = object.at("worker").get<std::string>();
    result.attempt = object.at("attempt").get<std::string>();
    result.output = output_of(object.at("output"));
    result.events = object.at("events").get<std::uint64_t>();
    result.duplicates = object.at("duplicates").get<std::uint64_t>();
    result.damaged = object.at("damaged").get<std::uint64_t>();
    result.took_ms = object.at("took_ms").get<std::uint64_t>();
    return result;
  });
}

std::string BatchPlace::run(std::uint64_t number) const {
  char text[24];
  std::snprintf(text, sizeof text, "/%010llu", static_cast<unsigned long long>(number));
  return runs() + text;
}

std::string BatchPlace::run_folder(std::uint64_t number) const {
  return folder + "/batch-run-" + std::to_string(number);
}

std::string view_name(std::uint64_t run, const std::string& attempt) {
  return "batch-view-" + std::to_string(run) + "-" + attempt;
}

}  // namespace lambda_app
