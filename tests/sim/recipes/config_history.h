// All versions of the pushed configuration: each publication that succeeded is one of them, each
// that was refused is none.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "quorate/recipes/config_snapshot.h"

namespace quorate::sim {

struct World;

class ConfigHistory {
 public:
  static constexpr const char* kPath = "/config/app";

  explicit ConfigHistory(World& world) : world_(world) {}

  /// What a reader accepts: told by the text alone, so that all agree.
  static bool good(const std::string& text) { return text.back() != '!'; }

  /// Return what is wrong, or nothing.
  std::string published(const std::string& text, std::int32_t version) const;
  std::string seen(const client::ConfigSnapshot& snapshot) const;
  void refused(const std::string& text) { refused_.insert(text); }

  void committed();
  void finish() const;
  /// At the end, of a reader: what it should have.
  std::string differs(const client::ConfigSnapshot& current, bool stale) const;

 private:
  World& world_;
  std::map<std::int32_t, std::string> versions_;  ///< Nobody deletes it.
  std::set<std::string> refused_;
};

}  // namespace quorate::sim
