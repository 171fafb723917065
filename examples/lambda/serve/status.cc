#include "examples/lambda/serve/status.h"

#include <algorithm>
#include <iterator>

namespace lambda_app {

using nlohmann::json;

namespace {

constexpr std::size_t kHoursShown = 48;

Offset at(const std::vector<Offset>& offsets, std::size_t partition) {
  return partition < offsets.size() ? offsets[partition] : 0;
}

json lag(const std::vector<Offset>& highs, std::size_t partition, Offset done) {
  if (partition >= highs.size()) return nullptr;
  return highs[partition] > done ? highs[partition] - done : 0;
}

std::string holder(const ClusterView& cluster, const char* group, std::size_t partition) {
  const auto holders = cluster.holders.find(group);
  if (holders == cluster.holders.end() || partition >= holders->second.size()) return "";
  return holders->second[partition];
}

json partitions_json(const StatusInputs& in) {
  json list = json::array();
  for (std::size_t p = 0; p < in.views.partitions.size(); ++p) {
    const ViewsStatus::OfPartition& view = in.views.partitions[p];
    // Where the batch view is ahead of the speed view, events below its cut are in the answer.
    const Offset seen = std::max(view.end, view.cut);
    list.push_back({{"partition", p},
                    {"high", p < in.highs.size() ? json(in.highs[p]) : json()},
                    {"cut", view.cut},
                    {"archive",
                     {{"offset", at(in.archived, p)},
                      {"lag", lag(in.highs, p, at(in.archived, p))},
                      {"holder", holder(in.cluster, kArchiveGroup, p)}}},
                    {"speed",
                     {{"offset", view.end},
                      {"committed", at(in.committed, p)},
                      {"lag", lag(in.highs, p, seen)},
                      {"token", view.token},
                      {"holder", holder(in.cluster, kSpeedGroup, p)}}}});
  }
  return list;
}

json shards_of(const ClusterView& cluster, const std::string& group, const std::string& id) {
  json shards = json::array();
  const auto holders = cluster.holders.find(group);
  if (holders == cluster.holders.end()) return shards;
  for (std::size_t p = 0; p < holders->second.size(); ++p) {
    if (holders->second[p] == id) shards.push_back(p);
  }
  return shards;
}

json workers_json(const StatusInputs& in) {
  json list = json::array();
  for (const auto& [name, worker] : in.cluster.workers) {
    json entry = {{"name", name},
                  {"role", worker.role},
                  {"id", worker.id},
                  {"pid", worker.pid},
                  {"started_ms", worker.started_ms},
                  {"note", worker.note},
                  {"leads", worker.role == "batch" && worker.id == in.cluster.batch_leader},
                  {"paused", std::count(in.paused.begin(), in.paused.end(), name) > 0},
                  {"shards", json::array()}};
    // A group's members have their role's name.
    if (in.cluster.holders.contains(worker.role)) {
      entry["shards"] = shards_of(in.cluster, worker.role, worker.id);
    }
    list.push_back(std::move(entry));
  }
  return list;
}

json generation_json(const StatusInputs& in) {
  if (!in.views.generation) return nullptr;
  const Generation& generation = *in.views.generation;
  return {{"run", generation.run},
          {"made_ms", generation.made_ms},
          {"served_since_ms", in.views.served_since_ms},
          {"events", generation.events},
          {"cuts", generation.cuts},
          {"previous_run", generation.previous_run}};
}

json drift_json(const std::shared_ptr<const Drift>& drift) {
  if (!drift || !drift->known) {
    return {{"known", false},
            {"run", drift ? drift->run : 0},
            {"reason", drift ? drift->reason : "the views are being loaded"}};
  }
  json hours = json::array();
  // The latest ones; the sums are of all.
  const std::size_t shown = std::min(drift->hours.size(), kHoursShown);
  for (auto hour = drift->hours.end() - static_cast<std::ptrdiff_t>(shown);
       hour != drift->hours.end(); ++hour) {
    hours.push_back({{"hour_ms", hour->hour_ms},
                     {"batch_hits", hour->batch_hits},
                     {"speed_hits", hour->speed_hits},
                     {"batch_bytes", hour->batch_bytes},
                     {"speed_bytes", hour->speed_bytes},
                     {"visitors", hour->visitors},
                     {"visitors_estimate", hour->visitors_estimate}});
  }
  return {{"known", true},         {"run", drift->run},           {"hits", drift->hits},
          {"bytes", drift->bytes}, {"visitors", drift->visitors}, {"hours", std::move(hours)}};
}

json batch_json(const StatusInputs& in) {
  json runs = json::array();
  for (const RunProgress& run : in.cluster.runs) {
    runs.push_back({{"run", run.run},
                    {"state", run.state},
                    {"started_ms", run.started_ms},
                    {"tasks", run.tasks},
                    {"done", run.done}});
  }
  return {{"leader", in.cluster.batch_leader},
          {"requests", in.cluster.requests},
          {"runs", std::move(runs)}};
}

json refused_json(const StatusInputs& in) {
  std::uint64_t total = in.views.refused;
  json workers = json::array();
  for (const auto& [name, refused] : in.cluster.refused) {
    total += refused.count;
    workers.push_back({{"worker", name}, {"count", refused.count}, {"last", refused.last}});
  }
  return {{"total", total}, {"deltas", in.views.refused}, {"workers", std::move(workers)}};
}

json alerts_json(const StatusInputs& in) {
  json alerts = json::array();
  for (const std::string& text : in.alerts) {
    json alert = json::parse(text, nullptr, false);
    if (!alert.is_discarded()) alerts.push_back(std::move(alert));
  }
  return alerts;
}

}  // namespace

json status_json(const StatusInputs& in) {
  const Latency::Quantiles& latency = in.views.latency;
  return {{"now_ms", in.now_ms},
          {"id", in.common.id},
          {"root", in.common.root},
          {"topic", in.common.topic},
          {"demo", in.demo},
          {"connected", in.connected},
          {"bus", !in.highs.empty()},
          {"serving", in.snapshot > 0},
          {"view", in.snapshot},
          {"waiting_for", in.views.waiting_for},
          {"fault", in.views.fault},
          {"loading_run", in.views.loading_run},
          {"generation", generation_json(in)},
          {"events", {{"batch", in.batch_events}, {"speed", in.speed_events}}},
          {"bad_lines", in.bad_lines ? json(*in.bad_lines) : json()},
          {"partitions", partitions_json(in)},
          {"workers", workers_json(in)},
          {"batch", batch_json(in)},
          {"refused", refused_json(in)},
          {"drift", drift_json(in.views.drift)},
          {"latency",
           {{"p50_ms", latency.p50_ms}, {"p99_ms", latency.p99_ms}, {"samples", latency.samples}}},
          {"deltas", in.views.deltas},
          {"alerts", alerts_json(in)},
          {"feed", in.feed}};
}

}  // namespace lambda_app
