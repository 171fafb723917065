// Hits for tests: few visitors and pages, all texts constant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/pipeline/event.h"

namespace kappa_test {

/// Hit number `n` of an endless row: ten visitors in turn, a minute and a half apart each; every
/// fourth hit is a robot's.
inline pipeline::Event hit(std::uint64_t n) {
  const std::string visitor = "10.0.0." + std::to_string(n % 10);
  const std::string path = "/blog/" + std::to_string(n % 7);
  pipeline::EventView view;
  view.id = 1'000 + n;
  view.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(n) * 9'000;
  view.status = n % 5 == 0 ? 404 : 200;
  view.bytes = n;
  view.visitor = visitor;
  view.path = path;
  view.agent = n % 4 == 0 ? "examplebot/1.0" : "Mozilla/5.0";
  view.referrer = n % 3 == 0 ? "http://example.org/" : "";
  return pipeline::Event(view);
}

inline std::vector<pipeline::Event> hits(std::uint64_t from, std::uint64_t to) {
  std::vector<pipeline::Event> all;
  for (std::uint64_t n = from; n < to; ++n) all.push_back(hit(n));
  return all;
}

}  // namespace kappa_test
