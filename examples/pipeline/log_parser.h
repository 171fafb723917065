// Lines of web-server logs into events: Combined Log Format or one JSON object per line.
#pragma once

#include <algorithm>
#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "examples/pipeline/event.h"

namespace pipeline {

/// Why a line is no event.
enum class BadLine : std::uint8_t {
  Empty,
  TooLong,       ///< Beyond kLineBytesMax, or a text of it beyond kEventTextBytesMax.
  NoVisitor,     ///< Nothing before the first blank.
  BadTime,       ///< No [17/May/2015:10:05:03 +0000], or no such date.
  BadRequest,    ///< The request is not "METHOD target HTTP/x"; also "-" (408) and binary noise.
  BadStatus,     ///< Not three digits from 100 on.
  BadBytes,      ///< Neither a number nor "-".
  BadText,       ///< Referrer or agent do not begin with a quote.
  BadJson,       ///< Not one JSON object.
  MissingField,  ///< A JSON object without visitor, time or path, or one of a wrong type.
};
inline constexpr std::size_t kBadLineKinds = 10;

/// "bad-time" and the like: what dead-letter files and counts say.
const char* name_of(BadLine reason);

inline constexpr std::size_t kLineBytesMax = 64 * 1024;

/// Where an event's id comes from; see event.h.
enum class Identity {
  Content,   ///< Equal lines are one hit sent again. The default: senders repeat themselves.
  Position,  ///< Every line is a hit of its own; reading the same file again repeats it.
};

struct ParserOptions {
  Identity identity = Identity::Content;
  std::string source = "log";  ///< Part of the id with Identity::Position; file name or the like.
};

/// Parses line by line. Owned by one thread; one per thread.
///
/// Combined Log Format: `host ident user [day/Mon/year:h:m:s zone] "METHOD target HTTP/x" status
/// bytes "referrer" "agent"`. Referrer and agent may be missing (Common Log Format), be "-" or lack
/// the closing quote at the end of the line (a cut line); quotes inside are `\"`. Texts stay as the
/// server escaped them. Any time zone; IPv6; users with blanks.
///
/// JSON: the line begins with '{'. Fields, first name found counts:
///   visitor    visitor, remote_addr, client_ip, ip, host            text
///   time       time_ms                                              number, ms since 1970
///              time, timestamp, @timestamp                          number, seconds since 1970, or
///                                                                   text, ISO 8601 or as above
///   path       path, target, uri, url; or request, as above         text
///   status     status, code (missing: 200)                          number or text
///   bytes      bytes, size, body_bytes_sent (missing: 0)            number or text
///   referrer   referrer, referer, http_referer                      text
///   agent      agent, user_agent, http_user_agent                   text
///   id         id (missing: see Identity)                           text
class LogParser {
 public:
  using Parsed = boost::system::result<EventView, BadLine>;

  explicit LogParser(ParserOptions options = {}) : options_(std::move(options)) {}

  /// One line, without its '\n' ('\r' before that is taken off). `offset` is where it begins. The
  /// event's views lie in `line` or in this parser, until the next call.
  Parsed parse(std::string_view line, std::uint64_t offset = 0);

 private:
  Parsed parse_combined(std::string_view line);
  Parsed parse_json(std::string_view line);  ///< In json_line.cc.
  bool parse_time(std::string_view text, std::int64_t& time_ms);

  ParserOptions options_;
  std::string scratch_;  ///< Unescaped texts of a JSON line.
  /// Lines of one day come together: its number of days since 1970, for the text of its date.
  char day_text_[12] = {};
  std::int64_t day_ = 0;
};

/// Cuts chunks of a stream into lines. A line longer than kLineBytesMax is handed on cut short, so
/// that it is counted and named, and what follows up to its end is skipped.
class LineSplitter {
 public:
  /// Calls `on_line(std::string_view line, std::uint64_t offset)` for every line that is complete.
  template <class OnLine>
  void feed(std::string_view chunk, OnLine&& on_line) {
    while (!chunk.empty()) {
      const std::size_t end = chunk.find('\n');
      if (end == std::string_view::npos) return keep(chunk);
      if (carry_.empty() && skipped_ == 0) {
        on_line(chunk.substr(0, std::min(end, kLineBytesMax + 1)), offset_);
      } else {
        keep(chunk.substr(0, end));
        on_line(std::string_view(carry_), offset_);
      }
      offset_ += (carry_.empty() && skipped_ == 0 ? end : carry_.size() + skipped_) + 1;
      carry_.clear();
      skipped_ = 0;
      chunk.remove_prefix(end + 1);
    }
  }
  /// The last line, if it lacks its line end.
  template <class OnLine>
  void finish(OnLine&& on_line) {
    if (!carry_.empty()) on_line(std::string_view(carry_), offset_);
    offset_ += carry_.size() + skipped_;
    carry_.clear();
    skipped_ = 0;
  }
  std::uint64_t offset() const { return offset_; }  ///< Where the line begun last begins.

 private:
  void keep(std::string_view part) {
    const std::size_t room = kLineBytesMax + 1 - carry_.size();
    carry_.append(part.substr(0, room));
    if (part.size() > room) skipped_ += part.size() - room;
  }

  std::string carry_;
  std::uint64_t skipped_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace pipeline
