// The one kind of fact in these pipelines: somebody asked a web server for something.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pipeline {

/// Stable: a hit that is sent again has the same id and the same time. Two different hits of one
/// minute share an id with a chance of about n^2 / 2^65 (n hits in that minute); ids of different
/// minutes are never compared (seen_ids.h).
using EventId = std::uint64_t;

/// An event whose texts lie in somebody else's buffer; how events pass through hot code.
struct EventView {
  EventId id = 0;
  std::int64_t time_ms = 0;   ///< Event time: when it happened, ms since 1970-01-01 UTC.
  std::uint16_t status = 0;   ///< HTTP status, 100 to 999.
  std::uint64_t bytes = 0;    ///< Of the body; 0 where the log says "-".
  std::string_view visitor;   ///< Address of the client; never empty.
  std::string_view path;      ///< Target of the request with its query, as logged; never empty.
  std::string_view referrer;  ///< "" for none.
  std::string_view agent;     ///< "" for none.

  friend bool operator==(const EventView&, const EventView&) = default;
};

/// An event that owns its texts. Facts do not change: there is no way to alter one but to make
/// another.
class Event {
 public:
  explicit Event(const EventView& view)
      : fields_(view),
        visitor_(view.visitor),
        path_(view.path),
        referrer_(view.referrer),
        agent_(view.agent) {}

  /// Valid as long as this object, at this place.
  EventView view() const {
    EventView view = fields_;
    view.visitor = visitor_;
    view.path = path_;
    view.referrer = referrer_;
    view.agent = agent_;
    return view;
  }

  friend bool operator==(const Event& a, const Event& b) { return a.view() == b.view(); }

 private:
  EventView fields_;  ///< Its texts are not used: they may point to what is gone.
  std::string visitor_, path_, referrer_, agent_;
};

/// Furthest event time from 1970, either way: some 285,000 years. Arithmetic on times cannot
/// overflow.
inline constexpr std::int64_t kTimeMsMax = 9'000'000'000'000'000;

/// Longest text of an event; a parser refuses longer ones.
inline constexpr std::size_t kEventTextBytesMax = 16 * 1024;

/// Appends the event: version byte 1, id, time, status, bytes, four texts. Some 30 bytes beside the
/// texts.
void encode(const EventView& event, std::string& to);

/// The event that is all of `bytes`, with views into them; nothing if they are not one of a version
/// known here.
std::optional<EventView> decode_event(std::string_view bytes);

/// Id of what was read at a place of a source (file, partition): for input in which equal lines are
/// different hits.
EventId id_of_position(std::string_view source, std::uint64_t offset);

/// Id of what a line says: equal lines are one hit, wherever they come from.
EventId id_of_content(std::string_view content);

/// The number that stands for a visitor in sets and sketches; 64 bits of a good hash, the same in
/// every process and version.
std::uint64_t visitor_hash(std::string_view visitor);

/// The page of a path: all before '?' or '#'.
std::string_view page_of(std::string_view path);

/// The directories at the front of a page, at most `depth` of them: "/blog/tags/" of
/// "/blog/tags/x/y" with depth 2, "/" of "/index.html". A page that begins with no '/' ("*") is in
/// "/", too.
std::string_view prefix_of(std::string_view page, unsigned depth);

}  // namespace pipeline
