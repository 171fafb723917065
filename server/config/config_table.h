// One row per key of zoo.cfg: the only place that knows keys, defaults and ranges.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "server/config/config.h"

namespace quorate::server {

using NumberField = std::int64_t& (*)(Config&);
using FlagField = bool& (*)(Config&);
using TextField = std::string& (*)(Config&);

struct ConfigRow {
  const char* key;
  std::variant<NumberField, FlagField, TextField> field;
  const char* fallback;  ///< Default, as it would stand in the file; empty: none.
  std::int64_t low = 0;  ///< Range of a number.
  std::int64_t high = 0;
  const char* help;
};

std::span<const ConfigRow> config_rows();
const ConfigRow* find_config_row(std::string_view key);

/// A key that ZooKeeper knows and that has no effect here: accepted, and named once at start.
bool known_to_zookeeper(std::string_view key);

/// Sets the row's field from `value`. Returns what is wrong and what would be right, or "".
std::string set_config_field(Config& config, const ConfigRow& row, const std::string& value);

}  // namespace quorate::server
