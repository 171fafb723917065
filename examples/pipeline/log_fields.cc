#include "examples/pipeline/log_fields.h"

#include <array>
#include <charconv>
#include <chrono>

namespace pipeline {

namespace {

/// Two or four digits at `at`; -1 if they are none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    if (digit > 9) return -1;
    value = value * 10 + static_cast<int>(digit);
  }
  return value;
}

unsigned month_of(std::string_view name) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (std::size_t at = 0; at < kMonths.size(); at += 3) {
    if (kMonths.substr(at, 3) == name) return static_cast<unsigned>(at / 3 + 1);
  }
  return 0;
}

std::optional<std::int64_t> days_since_1970(int year, unsigned month, int day) {
  if (year < 0 || day < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

}  // namespace

bool parse_number(std::string_view text, std::uint64_t& value) {
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  return fault == std::errc() && stop == end;
}

std::optional<std::string_view> target_of(std::string_view request) {
  const std::size_t begin = request.find(' ');
  const std::size_t end = request.rfind(" HTTP/");
  if (begin == 0 || begin == std::string_view::npos || end == std::string_view::npos ||
      end <= begin + 1) {
    return std::nullopt;
  }
  const std::string_view target = request.substr(begin + 1, end - begin - 1);
  // A target of a query only names no page.
  if (target.front() == '?' || target.front() == '#') return std::nullopt;
  return target;
}

std::optional<std::int64_t> parse_log_date(std::string_view text) {
  if (text.size() != 11 || text[2] != '/' || text[6] != '/') return std::nullopt;
  return days_since_1970(digits(text, 7, 4), month_of(text.substr(3, 3)), digits(text, 0, 2));
}

std::optional<std::int64_t> parse_clock(std::string_view text) {
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const int hour = digits(text, 0, 2);
  const int minute = digits(text, 3, 2);
  const int second = digits(text, 6, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return std::nullopt;
  }
  return (hour * 60 + minute) * 60 + second;
}

std::optional<std::int64_t> parse_zone(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() < 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const std::size_t minutes_at = text[3] == ':' ? 4 : 3;
  const int hours = digits(text, 1, 2);
  const int minutes = digits(text, minutes_at, 2);
  if (text.size() != minutes_at + 2 || hours < 0 || hours > 14 || minutes < 0 || minutes > 59) {
    return std::nullopt;
  }
  const std::int64_t seconds = (hours * 60 + minutes) * 60;
  return text[0] == '+' ? seconds : -seconds;
}

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) {
    return std::nullopt;
  }
  const int month = digits(text, 5, 2);
  const auto day = days_since_1970(digits(text, 0, 4), static_cast<unsigned>(month < 0 ? 0 : month),
                                   digits(text, 8, 2));
  const auto clock = parse_clock(text.substr(11, 8));
  if (!day || !clock) return std::nullopt;
  std::string_view rest = text.substr(19);
  std::int64_t fraction_ms = 0;
  if (!rest.empty() && (rest.front() == '.' || rest.front() == ',')) {
    std::size_t used = 1;
    for (int weight = 100; used < rest.size() && digits(rest, used, 1) >= 0; ++used, weight /= 10) {
      fraction_ms += digits(rest, used, 1) * weight;
    }
    if (used == 1) return std::nullopt;
    rest.remove_prefix(used);
  }
  const auto zone = rest.empty() ? std::optional<std::int64_t>(0) : parse_zone(rest);
  if (!zone) return std::nullopt;
  return (*day * 86'400 + *clock - *zone) * 1'000 + fraction_ms;
}

}  // namespace pipeline
