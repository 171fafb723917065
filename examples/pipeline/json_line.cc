// LogParser's JSON half: the only file of the parser that sees the JSON library.
#include <array>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>

#include "examples/pipeline/log_fields.h"
#include "examples/pipeline/log_parser.h"

namespace pipeline {

namespace {

using nlohmann::json;
using FieldNames = std::initializer_list<const char*>;

const json* find(const json& object, FieldNames names) {
  for (const char* name : names) {
    const auto at = object.find(name);
    if (at != object.end() && !at->is_null()) return &*at;
  }
  return nullptr;
}

/// "" when it is not there; nothing when it is no text.
std::optional<std::string_view> text_of(const json& object, FieldNames names) {
  const json* field = find(object, names);
  if (field == nullptr) return std::string_view();
  if (!field->is_string()) return std::nullopt;
  const std::string_view text = field->get_ref<const std::string&>();
  return text == "-" ? std::string_view() : text;
}

/// `missing` when it is not there or "-"; nothing when it is no number.
std::optional<std::uint64_t> number_of(const json& object, FieldNames names,
                                       std::uint64_t missing) {
  const json* field = find(object, names);
  if (field == nullptr) return missing;
  if (field->is_number_unsigned()) return field->get<std::uint64_t>();
  if (!field->is_string()) return std::nullopt;
  const std::string_view text = field->get_ref<const std::string&>();
  std::uint64_t value = 0;
  if (text == "-") return missing;
  if (!parse_number(text, value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> log_time(std::string_view text) {
  if (text.size() < 22 || text[11] != ':' || text[20] != ' ') return std::nullopt;
  const auto day = parse_log_date(text.substr(0, 11));
  const auto clock = parse_clock(text.substr(12, 8));
  const auto zone = parse_zone(text.substr(21));
  if (!day || !clock || !zone) return std::nullopt;
  return (*day * 86'400 + *clock - *zone) * 1'000;
}

std::optional<std::int64_t> time_of(const json& object) {
  double ms = 0;
  if (const json* field = find(object, {"time_ms"})) {
    if (!field->is_number()) return std::nullopt;
    ms = field->get<double>();
  } else if (const json* time = find(object, {"time", "timestamp", "@timestamp"})) {
    if (time->is_string()) {
      const std::string_view text = time->get_ref<const std::string&>();
      const auto parsed = parse_iso_time(text);
      return parsed ? parsed : log_time(text);
    }
    if (!time->is_number()) return std::nullopt;
    ms = time->get<double>() * 1'000;
  } else {
    return std::nullopt;
  }
  if (!(std::abs(ms) <= static_cast<double>(kTimeMsMax))) return std::nullopt;
  return std::llround(ms);
}

}  // namespace

LogParser::Parsed LogParser::parse_json(std::string_view line) {
  const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return BadLine::BadJson;

  const auto visitor = text_of(object, {"visitor", "remote_addr", "client_ip", "ip", "host"});
  if (!visitor || visitor->empty()) return BadLine::MissingField;
  const auto time = time_of(object);
  if (!time)
    return find(object, {"time_ms", "time", "timestamp", "@timestamp"}) == nullptr
               ? BadLine::MissingField
               : BadLine::BadTime;
  auto path = text_of(object, {"path", "target", "uri", "url"});
  if (path && path->empty()) {
    const auto request = text_of(object, {"request"});
    path = request ? target_of(*request) : std::nullopt;
    if (!path && request && !request->empty()) return BadLine::BadRequest;
  }
  if (!path || page_of(*path).empty()) return BadLine::MissingField;
  const auto status = number_of(object, {"status", "code"}, /*missing=*/200);
  if (!status || *status < 100 || *status > 999) return BadLine::BadStatus;
  const auto bytes = number_of(object, {"bytes", "size", "body_bytes_sent"}, /*missing=*/0);
  if (!bytes) return BadLine::BadBytes;
  const auto referrer = text_of(object, {"referrer", "referer", "http_referrer", "http_referer"});
  const auto agent = text_of(object, {"agent", "user_agent", "http_user_agent"});
  const auto id = text_of(object, {"id"});
  if (!referrer || !agent || !id) return BadLine::MissingField;

  EventView event;
  event.id = id->empty() ? 0 : id_of_content(*id);
  event.time_ms = *time;
  event.status = static_cast<std::uint16_t>(*status);
  event.bytes = *bytes;
  // The texts go with `object`: they move to where the event's views may point.
  const std::array<std::string_view, 4> texts{*visitor, *path, *referrer, *agent};
  scratch_.clear();
  for (const std::string_view text : texts) scratch_ += text;
  std::string_view rest = scratch_;
  const auto take = [&rest](std::size_t size) {
    const std::string_view text = rest.substr(0, size);
    rest.remove_prefix(size);
    return text;
  };
  event.visitor = take(texts[0].size());
  event.path = take(texts[1].size());
  event.referrer = take(texts[2].size());
  event.agent = take(texts[3].size());
  return event;
}

}  // namespace pipeline
