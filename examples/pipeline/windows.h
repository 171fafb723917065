// Windows over event time: tumbling, sliding, session; watermarks; late events.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace pipeline {

/// [begin, end) in event time, ms.
struct WindowSpan {
  std::int64_t begin_ms = 0;
  std::int64_t end_ms = 0;
  friend auto operator<=>(const WindowSpan&, const WindowSpan&) = default;
};

enum class WindowKind { Tumbling, Sliding, Session };

/// Which windows an event belongs to.
struct WindowOptions {
  static WindowOptions tumbling(std::int64_t size_ms) {
    return {WindowKind::Tumbling, size_ms, size_ms, 0};
  }
  /// `size_ms` long, one begins every `slide_ms`; both greater than 0, slide not above size.
  static WindowOptions sliding(std::int64_t size_ms, std::int64_t slide_ms) {
    return {WindowKind::Sliding, size_ms, slide_ms, 0};
  }
  /// Ends `gap_ms` after its last event; an event later than that opens another (as in sessions.h).
  static WindowOptions session(std::int64_t gap_ms) {
    return {WindowKind::Session, gap_ms, gap_ms, 0};
  }
  /// How long after its end a window still takes events, each of which brings a corrected result.
  WindowOptions with_lateness(std::int64_t allowed_ms) const {
    WindowOptions options = *this;
    options.allowed_lateness_ms = allowed_ms;
    return options;
  }

  WindowKind kind = WindowKind::Tumbling;
  std::int64_t size_ms = 60'000;
  std::int64_t slide_ms = 60'000;
  std::int64_t allowed_lateness_ms = 0;
};

/// The windows of an event, first to last; of a session: the one it would make alone.
std::vector<WindowSpan> windows_of(std::int64_t time_ms, const WindowOptions& options);

inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

/// "No event older than this is expected any more", over several partitions: the least of theirs,
/// each of which is its greatest event time less the disorder that is allowed for. Never goes back.
class Watermark {
 public:
  explicit Watermark(std::int64_t disorder_ms) : disorder_ms_(disorder_ms) {}

  /// The partition counts from now on; until its first event it holds the watermark where it is.
  void add_partition(std::uint32_t partition);
  void remove_partition(std::uint32_t partition);
  void observe(std::uint32_t partition, std::int64_t time_ms);
  /// A partition without new events does not hold the others back, until its next event.
  void set_idle(std::uint32_t partition);

  std::int64_t now() const { return now_; }  ///< kNoTime at first.

 private:
  struct Seen {
    std::int64_t newest_ms = kNoTime;
    bool idle = false;
  };
  void recompute();

  std::int64_t disorder_ms_;
  std::map<std::uint32_t, Seen> partitions_;
  std::int64_t now_ = kNoTime;
};

/// Why a window's result is told.
enum class Pane {
  OnTime,      ///< The watermark has passed its end.
  Correction,  ///< A late event within the allowed lateness has changed it. Replaces what was told.
};

/// Folds events into one State per key and window. State needs a default constructor and
/// `merge(const State&)` (used when sessions grow together). Owned by one thread.
template <class Key, class State>
class Windows {
 public:
  struct Closed {
    Key key;
    WindowSpan span;
    State state;
    Pane pane = Pane::OnTime;
    /// Of sessions: the windows told before that this one replaces because they grew together.
    std::vector<WindowSpan> replaces;
  };
  /// Where late events go: key and time, with the watermark at that moment.
  using Late = std::function<void(const Key&, std::int64_t time_ms, std::int64_t watermark)>;

  explicit Windows(WindowOptions options, Late late = {})
      : options_(options), late_(std::move(late)) {}

  /// Calls `fold(State&)` for every window of the event that still takes it. False, counted, and
  /// told to `late`, when none does. Corrections come with the next advance().
  template <class Fold>
  bool add(const Key& key, std::int64_t time_ms, Fold&& fold);

  /// Moves the watermark, never back, and yields what closed or was corrected: in order of span,
  /// then key.
  std::vector<Closed> advance(std::int64_t watermark);

  std::int64_t watermark() const { return watermark_; }
  std::uint64_t late() const { return late_count_; }
  std::size_t open() const { return open_.size(); }  ///< Windows held in memory.

 private:
  struct Entry {
    State state;
    bool told = false;     ///< Its result was given out.
    bool changed = false;  ///< Since then, or ever.
    std::vector<WindowSpan> replaces;
  };
  using Place = std::pair<WindowSpan, Key>;

  bool gone(const WindowSpan& span) const {
    return watermark_ != kNoTime && span.end_ms + options_.allowed_lateness_ms <= watermark_;
  }
  template <class Fold>
  bool add_to_session(const Key& key, std::int64_t time_ms, Fold&& fold);
  bool refuse(const Key& key, std::int64_t time_ms);

  WindowOptions options_;
  Late late_;
  std::map<Place, Entry> open_;
  std::map<Key, std::map<std::int64_t, WindowSpan>> sessions_;  ///< Open ones of a key, by begin.
  std::int64_t watermark_ = kNoTime;
  std::uint64_t late_count_ = 0;
};

}  // namespace pipeline

#include "examples/pipeline/windows_inl.h"
