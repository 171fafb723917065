#include "examples/lambda/serve/cluster_view.h"

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

namespace lambda_app {

using nlohmann::json;

namespace {

/// The sequence that the server has appended to a name.
std::optional<std::uint32_t> sequence_of(const std::string& name) {
  constexpr std::size_t kDigits = 10;
  if (name.size() <= kDigits) return std::nullopt;
  const char* begin = name.data() + name.size() - kDigits;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(begin, begin + kDigits, number);
  if (error != std::errc() || end != begin + kDigits) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

std::string holder_of(const ZnodeMirror& znodes, const std::string& line) {
  const std::string first = first_in_line(znodes.children(line));
  return first.empty() ? "" : znodes.data(line + "/" + first);
}

std::vector<std::string> holders_of(const ZnodeMirror& znodes, const std::string& group,
                                    PartitionNumber partitions) {
  std::vector<std::string> holders;
  for (PartitionNumber p = 0; p < partitions; ++p) {
    char shard[16];  // As the consumers name them (pipeline/consumer.cc).
    std::snprintf(shard, sizeof shard, "/p%04u", p);
    holders.push_back(holder_of(znodes, group + "/members/locks" + shard));
  }
  return holders;
}

std::vector<RunProgress> runs_of(const ZnodeMirror& znodes, const std::string& runs) {
  std::vector<RunProgress> all;
  for (const std::string& name : znodes.children(runs)) {
    const json record = json::parse(znodes.data(runs + "/" + name), nullptr, false);
    if (!record.is_object()) continue;
    try {
      RunProgress run;
      run.run = record.at("run").get<std::uint64_t>();
      run.state = record.at("state").get<std::string>();
      run.started_ms = record.at("started_ms").get<std::int64_t>();
      run.tasks = record.at("maps").get<std::uint64_t>() + record.at("parts").get<std::uint64_t>();
      run.done = znodes.children(runs + "/" + name + "/done").size();
      all.push_back(std::move(run));
    } catch (const json::exception&) {
      continue;  // Another version's: there is no more to be said of it.
    }
  }
  return all;
}

/// Counters, in JSON, are for the table of workers.
bool says_nothing(const std::string& note) {
  return note.empty() || note.starts_with('{');
}

}  // namespace

std::string first_in_line(const std::vector<std::string>& children) {
  std::string first;
  std::uint32_t least = 0;
  for (const std::string& name : children) {
    const auto sequence = sequence_of(name);
    if (!sequence) continue;
    // Sequences wrap around.
    if (first.empty() || static_cast<std::int32_t>(*sequence - least) < 0) {
      first = name;
      least = *sequence;
    }
  }
  return first;
}

ClusterView cluster_view(const ZnodeMirror& znodes, const Common& common,
                         PartitionNumber partitions) {
  ClusterView view;
  const std::string workers = common.path("workers"), refused = common.path("refused");
  for (const std::string& name : znodes.children(workers)) {
    if (auto worker = worker_of(znodes.data(workers + "/" + name))) {
      view.workers[name] = std::move(*worker);
    }
  }
  for (const std::string& name : znodes.children(refused)) {
    if (auto count = refused_of(znodes.data(refused + "/" + name))) {
      view.refused[name] = std::move(*count);
    }
  }
  for (const char* group : {kArchiveGroup, kSpeedGroup}) {
    view.holders[group] =
        holders_of(znodes, common.path(std::string(group) + "/" + common.topic), partitions);
  }
  view.batch_leader = holder_of(znodes, common.path("batch/election"));
  view.requests = znodes.children(common.path("batch/requests")).size();
  view.runs = runs_of(znodes, common.path("batch/runs"));
  return view;
}

std::vector<Happening> what_happened(const ClusterView& before, const ClusterView& after) {
  std::vector<Happening> told;
  const auto tell = [&](const char* kind, std::string text) {
    told.push_back({kind, std::move(text)});
  };
  for (const auto& [name, worker] : before.workers) {
    if (!after.workers.contains(name)) tell("worker", name + " is gone");
  }
  for (const auto& [name, worker] : after.workers) {
    const auto was = before.workers.find(name);
    if (was == before.workers.end()) {
      tell("worker", name + " has joined" + (says_nothing(worker.note) ? "" : ": " + worker.note));
    } else if (was->second.pid != worker.pid) {
      tell("worker", name + " was started again");
    } else if (was->second.note != worker.note && !says_nothing(worker.note)) {
      tell("worker", name + ": " + worker.note);
    }
  }
  for (const auto& [group, holders] : after.holders) {
    const auto was = before.holders.find(group);
    for (std::size_t p = 0; p < holders.size(); ++p) {
      const std::string old =
          was != before.holders.end() && p < was->second.size() ? was->second[p] : "";
      if (old == holders[p] || holders[p].empty()) continue;
      tell("shard", group + " " + std::to_string(p) +
                        (old.empty() ? " is taken by " : ": " + old + " to ") + holders[p]);
    }
  }
  if (!after.batch_leader.empty() && before.batch_leader != after.batch_leader) {
    tell("leader", "batch-" + after.batch_leader + " leads the batch layer");
  }
  for (const auto& [name, refused] : after.refused) {
    const auto was = before.refused.find(name);
    if (was == before.refused.end() ? refused.count > 0 : refused.count > was->second.count) {
      tell("refused", name + " was refused: " + refused.last);
    }
  }
  return told;
}

}  // namespace lambda_app
