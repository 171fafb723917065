#include "examples/lambda/places.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace lambda_app {

namespace {

using nlohmann::json;
using pipeline::Offset;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Takes fields out of an object and remembers the first that is missing or of another kind, so one
/// look at ok() at the end is enough.
class Fields {
 public:
  explicit Fields(std::string_view text)
      : object_(json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false)) {
    ok_ = object_.is_object();
  }

  std::string text(const char* name) {
    const json* value = find(name);
    if (value == nullptr || !value->is_string()) return fail<std::string>();
    return value->get<std::string>();
  }
  std::uint64_t count(const char* name) {
    const json* value = find(name);
    if (value == nullptr || !value->is_number_unsigned()) return fail<std::uint64_t>();
    return value->get<std::uint64_t>();
  }
  /// A time or a process: no number of this kind is negative.
  std::int64_t moment(const char* name) {
    const std::uint64_t value = count(name);
    if (value > std::numeric_limits<std::int64_t>::max()) return fail<std::int64_t>();
    return static_cast<std::int64_t>(value);
  }
  std::vector<Offset> offsets(const char* name) {
    const json* value = find(name);
    if (value == nullptr || !value->is_array() || value->size() > pipeline::kPartitionsMax) {
      return fail<std::vector<Offset>>();
    }
    std::vector<Offset> offsets;
    for (const json& offset : *value) {
      if (!offset.is_number_unsigned()) return fail<std::vector<Offset>>();
      offsets.push_back(offset.get<Offset>());
    }
    return offsets;
  }
  bool ok() const { return ok_; }

 private:
  const json* find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto at = object_.find(name);
    return at == object_.end() ? nullptr : &*at;
  }
  template <class T>
  T fail() {
    ok_ = false;
    return T{};
  }

  json object_;
  bool ok_ = false;
};

/// A file in the shared folder, never one elsewhere.
bool is_file_name(const std::string& name) {
  return name.find('/') == std::string::npos && name != "." && name != "..";
}

bool is_consistent(const Generation& generation) {
  if (!is_file_name(generation.file) || !is_file_name(generation.previous_file)) return false;
  if (generation.previous_run == 0) return true;
  if (generation.previous_run >= generation.run) return false;
  if (generation.previous_cuts.size() != generation.cuts.size()) return false;
  for (std::size_t i = 0; i < generation.cuts.size(); ++i) {
    if (generation.previous_cuts[i] > generation.cuts[i]) return false;
  }
  return true;
}

}  // namespace

std::string to_json(const Worker& worker) {
  return text_of({{"role", worker.role},
                  {"id", worker.id},
                  {"pid", worker.pid},
                  {"started_ms", worker.started_ms},
                  {"note", worker.note}});
}

std::optional<Worker> worker_of(std::string_view text) {
  Fields fields(text);
  Worker worker;
  worker.role = fields.text("role");
  worker.id = fields.text("id");
  worker.pid = fields.moment("pid");
  worker.started_ms = fields.moment("started_ms");
  worker.note = fields.text("note");
  return fields.ok() ? std::optional(std::move(worker)) : std::nullopt;
}

std::string to_json(const Generation& generation) {
  return text_of({{"run", generation.run},
                  {"cuts", generation.cuts},
                  {"file", generation.file},
                  {"made_ms", generation.made_ms},
                  {"events", generation.events},
                  {"previous_run", generation.previous_run},
                  {"previous_cuts", generation.previous_cuts},
                  {"previous_file", generation.previous_file}});
}

std::optional<Generation> generation_of(std::string_view text) {
  Fields fields(text);
  Generation generation;
  generation.run = fields.count("run");
  generation.cuts = fields.offsets("cuts");
  generation.file = fields.text("file");
  generation.made_ms = fields.moment("made_ms");
  generation.events = fields.count("events");
  generation.previous_run = fields.count("previous_run");
  generation.previous_cuts = fields.offsets("previous_cuts");
  generation.previous_file = fields.text("previous_file");
  if (!fields.ok() || !is_consistent(generation)) return std::nullopt;
  return generation;
}

}  // namespace lambda_app
