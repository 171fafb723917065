// A generation: one way to make views of the log, and the workers that do it. What is kept of them
// in Quorate, as texts; generations.h reads and writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "examples/pipeline/summary.h"

namespace kappa_app {

using GenerationNumber = std::uint32_t;  ///< From 1; never used twice.

/// The data of <root>/generations/<number>. Written once, when the generation is declared, and once
/// more when it is retired: a number stands for the same code and options for ever.
struct Generation {
  GenerationNumber number = 0;
  pipeline::SummaryOptions options;
  std::string code = "v1";  ///< Of code.h.
  std::int64_t made_ms = 0;
  bool retired = false;

  /// Makes the same views.
  bool same_as(const Generation& other) const {
    return options == other.options && code == other.code;
  }
};
std::string to_json(const Generation& generation);
/// Nothing if it is no generation, or one of a later version of this program.
std::optional<Generation> generation_of(std::string_view json);

/// The data of <root>/active: which generation answers. One znode, so a switch is one write.
struct Active {
  GenerationNumber generation = 0;  ///< 0: none yet.
  GenerationNumber previous = 0;    ///< Where a rollback goes; 0: nowhere.
  std::int64_t switched_ms = 0;
  std::string by;  ///< Drawn for each switch: tells whose write is there after a lost reply.

  friend bool operator==(const Active&, const Active&) = default;
};
std::string to_json(const Active& active);
std::optional<Active> active_of(std::string_view json);

/// Consumer group of a generation: "gen-3".
std::string group_of(GenerationNumber number);
/// Topic of what a generation's workers tell those who answer: "hits-views-3".
std::string views_topic_of(const std::string& topic, GenerationNumber number);

/// What an operator sees.
enum class Standing { Replaying, CaughtUp, Active, Previous, Retired };
const char* name_of(Standing standing);
/// `lag`: records that its workers have not committed, all partitions together; it counts as caught
/// up with up to `lag_max`.
Standing standing_of(const Generation& generation, const Active& active, std::uint64_t lag,
                     std::uint64_t lag_max);

}  // namespace kappa_app
