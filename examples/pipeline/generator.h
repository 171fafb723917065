// Hits of a web site that does not exist, as log lines: the same for a seed, on every machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace pipeline {

/// What the traffic looks like. Shares are of all lines, from 0 to 1.
struct GeneratorOptions {
  std::uint64_t seed = 1;
  std::int64_t start_ms = 1'431'856'800'000;  ///< 17 May 2015, 10:00 UTC.
  double events_per_second = 5;               ///< In event time, on average.
  std::uint32_t pages = 2'000;                ///< Popularity after Zipf, exponent 1.
  std::uint32_t visitors_at_once = 200;       ///< In their sessions at the same time.
  double bots = 0.1;  ///< Visitors that ask quickly, for long, with no referrer.
  double bad_lines = 0.005;
  double duplicates = 0.01;  ///< Lines sent again within `late_by_ms`.
  double late = 0.02;        ///< Lines that come up to `late_by_ms` after their event time.
  std::int64_t late_by_ms = 10 * 60 * 1000;
  bool json = false;  ///< JSON lines instead of Combined Log Format.
};

/// An endless stream of lines. Visitors begin sessions of some pages, with pauses between them, and
/// come back later; a line's bytes, status, referrer and agent fit together.
class Generator {
 public:
  explicit Generator(GeneratorOptions options);
  ~Generator();
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;

  /// Appends the next line, with '\n'.
  void next(std::string& to);
  /// Event time reached, ms; what is late lies before it.
  std::int64_t now_ms() const;

  /// What has been drawn so far, for tests that count.
  struct Drawn {
    std::uint64_t lines = 0;
    std::uint64_t bad = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t late = 0;
  };
  const Drawn& drawn() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// The first `lines` lines.
std::string generate_log(std::uint64_t lines, const GeneratorOptions& options = {});

}  // namespace pipeline
