#include "examples/kappa/definition.h"

#include "examples/kappa/code.h"
#include "examples/kappa/places.h"

namespace kappa_app {

using namespace pipeline;
using pipeline_program::Arguments;

namespace {

constexpr const char* kOptions[] = {"--gap-ms", "--depth", "--granularity", "--code"};
constexpr std::uint64_t kDepthMax = 16;

Fault wrong(const std::string& what) {
  return {FaultKind::BadArgument, what};
}

}  // namespace

Result<Generation> declared_in(Arguments& arguments) {
  Generation generation;
  const std::uint64_t number = arguments.number("--generation", 0);
  const SummaryOptions usual;
  const std::uint64_t gap =
      arguments.number("--gap-ms", static_cast<std::uint64_t>(usual.session_gap_ms));
  const std::uint64_t depth = arguments.number("--depth", usual.prefix_depth);
  const std::string granularity = arguments.text("--granularity", "minute");
  generation.code = arguments.text("--code", generation.code);
  generation.made_ms = now_ms();
  if (number == 0 || number > 1'000'000) {
    return wrong("--generation: expected a number from 1 to 1000000");
  }
  if (gap > static_cast<std::uint64_t>(kTimeMsMax)) {
    return wrong("--gap-ms " + std::to_string(gap) + " is too long");
  }
  if (depth == 0 || depth > kDepthMax) return wrong("--depth: expected a number from 1 to 16");
  if (granularity == "hour") {
    generation.options.granularity = Granularity::Hour;
  } else if (granularity == "day") {
    generation.options.granularity = Granularity::Day;
  } else if (granularity != "minute") {
    return wrong("--granularity " + granularity + ": expected minute, hour or day");
  }
  if (find_code(generation.code) == nullptr) {
    std::string known;
    for (const Code& code : all_codes()) {
      known += " " + std::string(code.name) + " (" + std::string(code.says) + ")";
    }
    return wrong("--code " + generation.code + ": there are" + known);
  }
  generation.number = static_cast<GenerationNumber>(number);
  generation.options.session_gap_ms = static_cast<std::int64_t>(gap);
  generation.options.prefix_depth = static_cast<unsigned>(depth);
  return generation;
}

bool says_options(Arguments& arguments) {
  for (const char* option : kOptions) {
    if (!arguments.text(option).empty()) return true;
  }
  return false;
}

}  // namespace kappa_app
