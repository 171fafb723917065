// The versions of the code that makes views of events. In earnest a generation's workers are
// another build; here one program holds all versions, so that two can run side by side from one
// folder. A version's meaning never changes: what should mean something else gets a new name.
#pragma once

#include <string_view>
#include <vector>

#include "examples/pipeline/event.h"

namespace kappa_app {

struct Code {
  std::string_view name;
  std::string_view says;                            ///< For people.
  bool (*counts)(const pipeline::EventView&) = {};  ///< Whether the event is in the views.
};

const std::vector<Code>& all_codes();
const Code* find_code(std::string_view name);  ///< Null: there is none of this name.

/// Whether a program that calls itself `agent` is a robot by its own word.
bool is_robot(std::string_view agent);

}  // namespace kappa_app
