#include "examples/pipeline/tool/group.h"

namespace pipeline_program {

using namespace pipeline;

GroupPlace place_of(Arguments& arguments) {
  GroupPlace place;
  place.group = arguments.text("--group");
  place.topic = arguments.text("--topic", "hits");
  place.folder = arguments.text("--folder", ".");
  return place;
}

SummaryOptions summary_options(Arguments& arguments) {
  SummaryOptions options;
  options.session_gap_ms = static_cast<std::int64_t>(arguments.number("--gap-ms", 30 * 60 * 1000));
  return options;
}

}  // namespace pipeline_program
