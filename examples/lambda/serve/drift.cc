#include "examples/lambda/serve/drift.h"

#include <cstdlib>
#include <map>
#include <utility>

namespace lambda_app {

using pipeline::Granularity;
using pipeline::Query;
using pipeline::SketchSummary;

namespace {

/// Calls `visit(hour, answer)` for each hour with events.
template <class Summary, class Visit>
void for_each_hour(const Summary& summary, Visit&& visit) {
  Query query;
  query.top = 0;
  for (const auto& [begin_ms, answer] : summary.series(query, Granularity::Hour)) {
    visit(begin_ms, answer);
  }
}

std::int64_t number(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}

std::uint64_t distance(std::int64_t a, std::int64_t b) {
  return static_cast<std::uint64_t>(std::llabs(a - b));
}

}  // namespace

Drift unknown_drift(std::uint64_t run, std::string reason) {
  Drift drift;
  drift.run = run;
  drift.reason = std::move(reason);
  return drift;
}

Drift drift_of(const BatchView& batch, const SketchSummary& speed) {
  const std::uint64_t run = batch.generation.run;
  if (!batch.previous) return unknown_drift(run, "the view of the run before is gone");
  SketchSummary as_speed_sees_it = pipeline::sketch_of(*batch.previous);
  if (!as_speed_sees_it.merge(speed)) {
    return unknown_drift(run, "batch and speed layer count with other settings");
  }
  std::map<std::int64_t, HourDrift> hours;
  for_each_hour(*batch.exact, [&](std::int64_t hour, const auto& answer) {
    hours[hour].batch_hits += number(answer.hits);
    hours[hour].batch_bytes += number(answer.bytes);
    hours[hour].visitors = number(answer.visitors);
  });
  for_each_hour(*batch.previous, [&](std::int64_t hour, const auto& answer) {
    hours[hour].batch_hits -= number(answer.hits);
    hours[hour].batch_bytes -= number(answer.bytes);
  });
  for_each_hour(speed, [&](std::int64_t hour, const auto& answer) {
    hours[hour].speed_hits += number(answer.hits);
    hours[hour].speed_bytes += number(answer.bytes);
  });
  for_each_hour(as_speed_sees_it, [&](std::int64_t hour, const auto& answer) {
    hours[hour].visitors_estimate = number(answer.visitors);
  });
  Drift drift;
  drift.known = true;
  drift.run = run;
  for (auto& [hour, found] : hours) {
    found.hour_ms = hour;
    drift.hits += distance(found.batch_hits, found.speed_hits);
    drift.bytes += distance(found.batch_bytes, found.speed_bytes);
    const bool touched = found.batch_hits != 0 || found.speed_hits != 0;
    if (!touched) continue;
    drift.visitors += distance(found.visitors, found.visitors_estimate);
    drift.hours.push_back(found);
  }
  return drift;
}

}  // namespace lambda_app
