// Proof that a test has been where it meant to go: the REACHED marks that were passed meanwhile.
#pragma once

#include <initializer_list>
#include <map>
#include <string>

#include "base/ensure.h"

namespace quorate::consensus {

/// Which situations (REACHED) have been passed since it was made.
class Passed {
 public:
  Passed() : before_(counts()) {}

  /// Those of `names` that were not, one a line.
  std::string missing(std::initializer_list<const char*> names) const {
    auto now = counts();
    auto before = before_;
    std::string text;
    for (const char* name : names) {
      if (now[name] == before[name]) text += std::string(name) + '\n';
    }
    return text;
  }
  /// All with their counts, one a line.
  std::string all() const {
    auto before = before_;
    std::string text;
    for (const auto& [name, count] : counts()) {
      text += std::to_string(count - before[name]) + ' ' + name + '\n';
    }
    return text;
  }

 private:
  static std::map<std::string, unsigned long long> counts() {
    std::map<std::string, unsigned long long> found;
    for (const ReachedCount& site : reached_counts()) found[site.name] += site.count;
    return found;
  }

  std::map<std::string, unsigned long long> before_;
};

}  // namespace quorate::consensus
