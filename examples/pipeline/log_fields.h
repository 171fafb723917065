// Fields that both kinds of log lines have.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pipeline {

/// A whole text of digits.
bool parse_number(std::string_view text, std::uint64_t& value);

/// "GET /a HTTP/1.1": the target, blanks in it and all; nothing if it is not that.
std::optional<std::string_view> target_of(std::string_view request);

/// "17/May/2015" as days since 1970.
std::optional<std::int64_t> parse_log_date(std::string_view text);
/// "10:05:03" as seconds; 60 for a leap second will do.
std::optional<std::int64_t> parse_clock(std::string_view text);
/// "+0200", "-07:30", "Z" as seconds to take off.
std::optional<std::int64_t> parse_zone(std::string_view text);
/// "2015-05-17T10:05:03.25+02:00" as ms since 1970; UTC where no zone is given.
std::optional<std::int64_t> parse_iso_time(std::string_view text);

}  // namespace pipeline
