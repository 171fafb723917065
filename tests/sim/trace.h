// The log of a run: always hashed, printed with --trace. Two runs of one seed must give one hash.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/bytes.h"
#include "tests/sim/scheduler.h"

namespace quorate::sim {

class Trace {
 public:
  Trace(const Scheduler& scheduler, bool print) : scheduler_(scheduler), print_(print) {}

  /// `what` with numbers; ids first.
  void event(std::string_view what, std::initializer_list<std::int64_t> numbers);
  /// Free text, for what happens seldom.
  void note(std::string_view what, std::string_view text);
  /// Bytes that passed a border of the simulated world: hashed, never printed.
  void bytes(ByteView bytes);

  bool printing() const { return print_; }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t events() const { return events_; }

 private:
  void mix(std::uint64_t value);
  void mix(std::string_view text);

  const Scheduler& scheduler_;
  bool print_;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::uint64_t events_ = 0;
};

}  // namespace quorate::sim
