// quorate-model: random operations through the real prepare, apply, read and watch code, several
// txns in flight, against the model of tests/model/model.h. Exit code 1: they disagree.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/model/trial.h"

namespace {

using namespace quorate::model;
using Operations = std::vector<Operation>;

bool with_ttl(std::uint64_t seed) {
  return seed % 2 == 1;
}

/// A short list that still shows a disagreement: pieces are left out, ever smaller ones.
Operations shrink(Operations operations, bool ttl) {
  for (std::size_t piece = operations.size() / 2; piece > 0; piece /= 2) {
    for (std::size_t at = 0; at < operations.size();) {
      Operations fewer = operations;
      const auto from = fewer.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.erase(from, from + static_cast<std::ptrdiff_t>(std::min(piece, fewer.size() - at)));
      if (run_trial(fewer, ttl).empty()) {
        at += piece;
      } else {
        operations = std::move(fewer);
      }
    }
  }
  return operations;
}

int report(std::uint64_t seed, const Operations& operations) {
  const bool ttl = with_ttl(seed);
  const Operations shortest = shrink(operations, ttl);
  std::printf("seed %llu, extendedTypesEnabled=%s, shortest list:\n",
              static_cast<unsigned long long>(seed), ttl ? "true" : "false");
  for (std::size_t i = 0; i < shortest.size(); ++i)
    std::printf("  %3zu %s\n", i, shortest[i].shown().c_str());
  std::printf("%s\n", run_trial(shortest, ttl).c_str());
  return 1;
}

}  // namespace

int main(int count, char** words) {
  std::uint64_t first = 1, last = 200, size = 1000;
  for (int i = 1; i + 1 < count; i += 2) {
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(words[i + 1], &end, 10);
    if (std::strcmp(words[i], "--seeds") == 0) {
      first = last = value;
      if (std::strncmp(end, "..", 2) == 0) last = std::strtoull(end + 2, nullptr, 10);
    } else if (std::strcmp(words[i], "--operations") == 0) {
      size = value;
    } else {
      std::fputs("quorate-model [--seeds A..B] [--operations N]\n", stderr);
      return 2;
    }
  }
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Operations operations = random_operations(seed, size);
    if (!run_trial(operations, with_ttl(seed)).empty()) return report(seed, operations);
  }
  std::printf("%llu operations, no disagreement\n",
              static_cast<unsigned long long>((last - first + 1) * size));
  return 0;
}
