#include "examples/pipeline/log_parser.h"

#include <cstring>

#include "examples/pipeline/log_fields.h"

namespace pipeline {

namespace {

/// Takes `"text"` off the front of `rest`, whose first character is the quote. A missing closing
/// quote ends the text with the line.
std::string_view take_quoted(std::string_view& rest) {
  std::size_t end = 1;
  while ((end = rest.find('"', end)) != std::string_view::npos) {
    std::size_t escapes = 0;
    while (rest[end - 1 - escapes] == '\\') ++escapes;  // Ends at the opening quote at the latest.
    if (escapes % 2 == 0) break;
    ++end;
  }
  const std::string_view text =
      rest.substr(1, end == std::string_view::npos ? std::string_view::npos : end - 1);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return text;
}

std::string_view none_if_dash(std::string_view text) {
  return text == "-" ? std::string_view() : text;
}

/// Takes ` 200` off the front.
bool take_status(std::string_view& rest, std::uint16_t& status) {
  if (rest.size() < 4 || rest[0] != ' ' || (rest.size() > 4 && rest[4] != ' ')) return false;
  std::uint64_t value = 0;
  if (!parse_number(rest.substr(1, 3), value) || value < 100) return false;
  status = static_cast<std::uint16_t>(value);
  rest.remove_prefix(4);
  return true;
}

/// Takes ` 5120` or ` -` off the front.
bool take_bytes(std::string_view& rest, std::uint64_t& bytes) {
  if (rest.size() < 2 || rest[0] != ' ') return false;
  const std::size_t end = std::min(rest.find(' ', 1), rest.size());
  const std::string_view text = rest.substr(1, end - 1);
  rest.remove_prefix(end);
  bytes = 0;
  return text == "-" || parse_number(text, bytes);
}

bool too_long(const EventView& event) {
  return event.visitor.size() > kEventTextBytesMax || event.path.size() > kEventTextBytesMax ||
         event.referrer.size() > kEventTextBytesMax || event.agent.size() > kEventTextBytesMax;
}

}  // namespace

const char* name_of(BadLine reason) {
  constexpr const char* kNames[] = {"empty",       "too-long",     "no-visitor", "bad-time",
                                    "bad-request", "bad-status",   "bad-bytes",  "bad-text",
                                    "bad-json",    "missing-field"};
  static_assert(std::size(kNames) == kBadLineKinds);
  return kNames[static_cast<std::size_t>(reason)];
}

LogParser::Parsed LogParser::parse(std::string_view line, std::uint64_t offset) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return BadLine::Empty;
  if (line.size() > kLineBytesMax) return BadLine::TooLong;
  Parsed parsed = line.front() == '{' ? parse_json(line) : parse_combined(line);
  if (!parsed) return parsed;
  if (too_long(*parsed)) return BadLine::TooLong;
  if (parsed->id == 0) {
    parsed->id = options_.identity == Identity::Content ? id_of_content(line)
                                                        : id_of_position(options_.source, offset);
  }
  return parsed;
}

LogParser::Parsed LogParser::parse_combined(std::string_view line) {
  EventView event;
  const std::size_t blank = line.find(' ');
  if (blank == 0 || blank == std::string_view::npos) return BadLine::NoVisitor;
  event.visitor = line.substr(0, blank);
  // What lies between are ident and user, which may hold blanks.
  const std::size_t open = line.find(" [", blank);
  constexpr std::size_t kTimeSize = 26;
  if (open == std::string_view::npos || line.size() < open + 3 + kTimeSize ||
      line[open + 2 + kTimeSize] != ']' ||
      !parse_time(line.substr(open + 2, kTimeSize), event.time_ms)) {
    return BadLine::BadTime;
  }
  std::string_view rest = line.substr(open + 3 + kTimeSize);
  if (!rest.starts_with(" \"")) return BadLine::BadRequest;
  rest.remove_prefix(1);
  const auto target = target_of(take_quoted(rest));
  if (!target) return BadLine::BadRequest;
  event.path = *target;
  if (!take_status(rest, event.status)) return BadLine::BadStatus;
  if (!take_bytes(rest, event.bytes)) return BadLine::BadBytes;
  for (std::string_view* text : {&event.referrer, &event.agent}) {
    if (rest.empty()) break;
    if (!rest.starts_with(" \"")) return BadLine::BadText;
    rest.remove_prefix(1);
    *text = none_if_dash(take_quoted(rest));
  }
  return event;
}

bool LogParser::parse_time(std::string_view text, std::int64_t& time_ms) {
  constexpr std::size_t kDateSize = 11;
  if (text.size() < kDateSize + 10 || text[kDateSize] != ':' || text[kDateSize + 9] != ' ') {
    return false;
  }
  if (std::memcmp(text.data(), day_text_, kDateSize) != 0) {
    const auto day = parse_log_date(text.substr(0, kDateSize));
    if (!day) return false;
    day_ = *day;
    std::memcpy(day_text_, text.data(), kDateSize);
  }
  const auto clock = parse_clock(text.substr(kDateSize + 1, 8));
  const auto zone = parse_zone(text.substr(kDateSize + 10));
  if (!clock || !zone) return false;
  time_ms = (day_ * 86'400 + *clock - *zone) * 1'000;
  return true;
}

}  // namespace pipeline
