#include "tests/sim/recipes/config_history.h"

#include "tests/sim/world.h"

namespace quorate::sim {

void ConfigHistory::committed() {
  const ModelNode* node = world_.checks.model().now(kPath);
  if (node == nullptr) return;
  if (!versions_.empty() && versions_.rbegin()->first == node->version) return;
  versions_[node->version] = node->data.value_or("");
}

std::string ConfigHistory::published(const std::string& text, std::int32_t version) const {
  const auto known = versions_.find(version);
  if (known != versions_.end() && known->second == text) return {};
  return "configuration " + text + " was published as version " + std::to_string(version) +
         ", which is " + (known == versions_.end() ? "none" : known->second);
}

std::string ConfigHistory::seen(const client::ConfigSnapshot& snapshot) const {
  const auto known = versions_.find(snapshot.version);
  if (known != versions_.end() && known->second == snapshot.text) return {};
  return "a reader has seen version " + std::to_string(snapshot.version) + " as " + snapshot.text;
}

void ConfigHistory::finish() const {
  for (const auto& [version, text] : versions_) {
    if (!refused_.contains(text)) continue;
    throw Violation("configuration " + text + " was refused and is version " +
                    std::to_string(version));
  }
}

std::string ConfigHistory::differs(const client::ConfigSnapshot& current, bool stale) const {
  if (versions_.empty()) return current.version == -1 ? "" : "its configuration is nowhere";
  const auto& [version, text] = *versions_.rbegin();
  if (!good(text)) return stale ? "" : "its configuration is fresh, though the last was refused";
  if (stale) return "its configuration is stale";
  if (current.version == version && current.text == text) return {};
  return "its configuration is version " + std::to_string(current.version) + ", the last one is " +
         std::to_string(version);
}

}  // namespace quorate::sim
