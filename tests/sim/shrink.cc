#include "tests/sim/shrink.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "tests/sim/child.h"

namespace quorate::sim {
namespace {

constexpr std::size_t kRunsMax = 250;

class Shrinker {
 public:
  explicit Shrinker(Plan failed) : best_(std::move(failed)) { best_.tell_strikes = true; }

  std::optional<Shrunk> run();

 private:
  /// Runs it; from here on it is the best one if it fails.
  bool take(const Plan& candidate);
  bool take_only(const std::vector<std::uint64_t>& numbers);
  std::vector<std::uint64_t> strikes() const;
  void drop_kinds();
  void drop_strikes();
  void shorten();

  Plan best_;
  Report report_;
  std::size_t runs_ = 0;
};

bool Shrinker::take(const Plan& candidate) {
  if (runs_ == kRunsMax) return false;
  ++runs_;
  Report report = run_in_child(candidate);
  if (report.complaint.empty()) return false;
  best_ = candidate;
  report_ = std::move(report);
  return true;
}

std::vector<std::uint64_t> Shrinker::strikes() const {
  std::vector<std::uint64_t> numbers;
  for (const Report::Strike& strike : report_.strikes) numbers.push_back(strike.number);
  return numbers;
}

void Shrinker::drop_kinds() {
  std::set<std::string> kinds;
  for (const Report::Strike& strike : report_.strikes) kinds.insert(strike.kind);
  if (best_.skewed()) kinds.insert("tick-skew");
  for (const std::string& kind : kinds) {
    Plan candidate = best_;
    candidate.without.insert(kind);
    take(candidate);
  }
}

bool Shrinker::take_only(const std::vector<std::uint64_t>& numbers) {
  Plan candidate = best_;
  candidate.only.emplace(numbers.begin(), numbers.end());
  return take(candidate);
}

/// Large parts first, then smaller ones, in the end each by itself until none can go.
void Shrinker::drop_strikes() {
  if (take_only({})) return;
  std::size_t chunk = std::max<std::size_t>(strikes().size() / 2, 1);
  for (bool again = true; again && runs_ < kRunsMax;) {
    bool removed = false;
    for (std::size_t from = 0; from < strikes().size();) {
      std::vector<std::uint64_t> rest = strikes();
      auto first = rest.begin() + static_cast<std::ptrdiff_t>(from);
      auto last = rest.begin() + static_cast<std::ptrdiff_t>(std::min(from + chunk, rest.size()));
      rest.erase(first, last);
      if (take_only(rest)) {
        removed = true;
      } else {
        from += chunk;
      }
    }
    again = chunk > 1 || removed;
    chunk = std::max<std::size_t>(chunk / 2, 1);
  }
}

/// Of use only where the failure shows after the faults: it ends the run anyway.
void Shrinker::shorten() {
  const auto faults_end = static_cast<double>(best_.faults_end) / static_cast<double>(kSecond);
  if (!report_.done || report_.seconds < faults_end) return;
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (double share : {0.5, 0.75, 0.9}) {
      const double seconds = std::floor(seconds_of(best_) * share);
      if (seconds < kSecondsMin) continue;
      Plan candidate = best_;
      set_length(candidate, seconds);
      shorter = take(candidate);
      if (shorter) break;
    }
  }
}

std::optional<Shrunk> Shrinker::run() {
  const Plan whole = best_;
  if (!take(whole)) return std::nullopt;
  const std::size_t before = report_.strikes.size();
  drop_kinds();
  drop_strikes();
  shorten();
  // The strikes that are left say the same as the kinds; skewed clocks are no strike.
  const std::vector<std::uint64_t> left = strikes();
  best_.only.emplace(left.begin(), left.end());
  std::erase_if(best_.without, [](const std::string& kind) { return kind != "tick-skew"; });
  best_.tell_strikes = false;
  return Shrunk{best_, runs_, before, left.size(), report_.complaint};
}

}  // namespace

std::optional<Shrunk> shrink(const Plan& failed) {
  return Shrinker(failed).run();
}

}  // namespace quorate::sim
