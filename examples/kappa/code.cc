#include "examples/kappa/code.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace kappa_app {

using pipeline::EventView;

const std::vector<Code>& all_codes() {
  static const std::vector<Code> codes = {
      {"v1", "every hit counts", [](const EventView&) { return true; }},
      {"v2", "hits of robots do not count",
       [](const EventView& event) { return !is_robot(event.agent); }},
  };
  return codes;
}

const Code* find_code(std::string_view name) {
  const auto& codes = all_codes();
  const auto at = std::find_if(codes.begin(), codes.end(),
                               [name](const Code& code) { return code.name == name; });
  return at == codes.end() ? nullptr : &*at;
}

bool is_robot(std::string_view agent) {
  std::string lower(agent);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* word : {"bot", "crawler", "spider", "slurp"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace kappa_app
