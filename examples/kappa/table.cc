#include "examples/kappa/table.h"

#include <cstdio>

namespace kappa_app {

using nlohmann::json;
using namespace pipeline;

namespace {

std::string joined(const json& list, const char* field) {
  std::string text;
  for (const json& one : list) {
    if (!text.empty()) text += ' ';
    text += field == nullptr ? one.dump() : one.at(field).get<std::string>();
  }
  return text.empty() ? "-" : text;
}

/// One row; the columns of lines_of().
std::string row(const std::string& mark, const std::string& number, const std::string& state,
                const std::string& code, const std::string& gap, const std::string& depth,
                const std::string& lag, const std::string& workers, const std::string& refused) {
  char text[512];
  std::snprintf(text, sizeof text, "%-1s %10s  %-9s  %-4s  %10s  %5s  %-24s  %7s  %s\n",
                mark.c_str(), number.c_str(), state.c_str(), code.c_str(), gap.c_str(),
                depth.c_str(), lag.c_str(), refused.c_str(), workers.c_str());
  return text;
}

}  // namespace

Result<json> table_of(Generations& generations, Bus& bus, std::uint64_t lag_max) {
  const auto all = generations.all();
  if (!all) return all.error();
  const auto workers = generations.workers();
  if (!workers) return workers.error();
  Active active;
  if (!all->empty()) {
    const auto seen = generations.active();
    if (!seen) return seen.error();
    active = seen->active;
  }
  json rows = json::array();
  for (const Generation& one : *all) {
    Progress progress;
    if (!one.retired) {
      auto now = generations.progress(bus, one.number, std::chrono::milliseconds(0));
      if (!now) return now.error();
      progress = std::move(*now);
    }
    json of_it = json::array();
    for (const Worker& worker : *workers) {
      if (worker.generation != one.number) continue;
      of_it.push_back({{"id", worker.id}, {"pid", worker.pid}, {"refused", worker.refused}});
    }
    rows.push_back({{"generation", one.number},
                    {"state", name_of(standing_of(one, active, progress.total_lag(), lag_max))},
                    {"code", one.code},
                    {"session_gap_ms", one.options.session_gap_ms},
                    {"prefix_depth", one.options.prefix_depth},
                    {"made_ms", one.made_ms},
                    {"lag", progress.lag()},
                    {"workers", of_it}});
  }
  // By name: JSON would take the result itself for something to make a list of.
  return Result<json>(boost::system::in_place_value, json{{"active", active.generation},
                                                          {"previous", active.previous},
                                                          {"generations", std::move(rows)}});
}

std::string lines_of(const json& table) {
  std::string lines =
      row("", "generation", "state", "code", "gap ms", "depth", "lag", "workers", "refused");
  for (const json& one : table.at("generations")) {
    std::uint64_t refused = 0;
    for (const json& worker : one.at("workers"))
      refused += worker.at("refused").get<std::uint64_t>();
    lines += row(one.at("generation") == table.at("active") ? "*" : " ",
                 one.at("generation").dump(), one.at("state").get<std::string>(),
                 one.at("code").get<std::string>(), one.at("session_gap_ms").dump(),
                 one.at("prefix_depth").dump(), joined(one.at("lag"), nullptr),
                 joined(one.at("workers"), "id"), std::to_string(refused));
  }
  return lines;
}

}  // namespace kappa_app
