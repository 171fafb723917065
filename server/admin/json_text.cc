#include "server/admin/json_text.h"

#include <nlohmann/json.hpp>

namespace quorate::server {
namespace {

using Json = nlohmann::ordered_json;

std::string scalar(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

void append(std::string& out, const Json& value, std::size_t level);

void append_object(std::string& out, const Json& object, std::size_t level) {
  if (object.empty()) {
    out += "{ }";
    return;
  }
  const std::string indent(2 * (level + 1), ' ');
  const char* separator = "{\n";
  for (const auto& [key, value] : object.items()) {
    out += separator + indent + scalar(key) + " : ";
    append(out, value, level + 1);
    separator = ",\n";
  }
  out += '\n' + std::string(2 * level, ' ') + '}';
}

void append(std::string& out, const Json& value, std::size_t level) {
  if (value.is_object()) return append_object(out, value, level);
  if (!value.is_array()) {
    out += scalar(value);
    return;
  }
  out += "[ ";
  const char* separator = "";
  for (const Json& one : value) {
    out += separator;
    append(out, one, level);
    separator = ", ";
  }
  out += value.empty() ? "]" : " ]";
}

}  // namespace

std::string json_text(const Json& value) {
  std::string out;
  append(out, value, 0);
  return out;
}

}  // namespace quorate::server
