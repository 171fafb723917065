// JSON in the layout of ZooKeeper's admin server: two blanks per level, ` : ` behind a key,
// elements of a list on one line.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace quorate::server {

/// Keys keep the order in which they were put in. Bytes that are no UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& value);

}  // namespace quorate::server
