// The one place that names the JSON library.
#pragma once

#include <nlohmann/json.hpp>

namespace quorate::shell {

/// Keeps the order in which fields were put in: answers read like their text form.
using Json = nlohmann::ordered_json;

}  // namespace quorate::shell
