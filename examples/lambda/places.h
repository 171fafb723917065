// Where the lambda application keeps what in Quorate, and which topics it uses. All programs of one
// application name the same root.
//
//   <root>/workers/<role>-<id>     ephemeral: one per process, JSON of Worker
//   <root>/refused/<role>-<id>     how many of its effects were refused for a stale token, and the
//   last one <root>/archive/<topic>/...     consumer group "archive" (checkpoints.h): the master
//   dataset's segments <root>/speed/<topic>/...       consumer group "speed": parts of the speed
//   view, SpeedState <root>/batch/election          batch workers' election; the leader plans runs
//   <root>/batch/requests/r-N      somebody wants a run now
//   <root>/batch/runs/<run>/...    plan and tasks of a run; gone when a later one is served
//   <root>/serving/current         JSON of Generation: what is served
//   <root>/settings                JSON of Settings, pushed to all
//   (quorate/recipes/pushed_config.h)
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/bus.h"
#include "examples/pipeline/checkpoints.h"

namespace lambda_app {

namespace qc = quorate::client;

inline constexpr const char* kArchiveGroup = "archive";
inline constexpr const char* kSpeedGroup = "speed";

/// What every subcommand is told: one set of options for all of them (options.h parses it).
struct Common {
  std::string connect = "127.0.0.1:2181";
  std::string root = "/lambda";
  std::string bus;  ///< As open_bus() takes it.
  std::string topic =
      "hits";  ///< Events; beside it `<topic>-views`, `<topic>-errors` and `<topic>-alerts`.
  std::string folder;  ///< Shared by all processes: segments, intermediate files, views.
  std::string id;      ///< Unique in its role.
  std::chrono::milliseconds session_timeout{4'000};

  std::string path(const std::string& tail) const { return root + "/" + tail; }
  std::string views_topic() const {
    return topic + "-views";
  }  ///< SpeedDelta, as many partitions as `topic`.
  std::string errors_topic() const { return topic + "-errors"; }  ///< One partition.
  std::string alerts_topic() const { return topic + "-alerts"; }  ///< JSON texts; one partition.
  pipeline::GroupPlace group(const std::string& name) const {
    return pipeline::GroupPlace{root, name, topic, folder};
  }
};

struct Worker {
  std::string role;  ///< "collect", "archive", "batch", "speed", "serve".
  std::string id;
  std::int64_t pid = 0;
  std::int64_t started_ms = 0;
  std::string note;  ///< Shown beside it: "bug=drop-errors".
};
std::string to_json(const Worker& worker);
std::optional<Worker> worker_of(std::string_view json);

/// A view of the batch layer and where it ends. Written with the znode's version, together with the
/// mark that its run is done, in one multi: readers see the old one or the new one.
struct Generation {
  std::uint64_t run = 0;
  std::vector<pipeline::Offset> cuts;  ///< Per partition: offsets below are in `file`.
  std::string file;                    ///< In Common::folder; an encoded Summary (exact).
  std::int64_t made_ms = 0;
  std::uint64_t events = 0;
  /// The one before, whose file stays until the next: what the run added is the difference. run 0:
  /// none.
  std::uint64_t previous_run = 0;
  std::vector<pipeline::Offset> previous_cuts;
  std::string previous_file;
};
std::string to_json(const Generation& generation);
std::optional<Generation> generation_of(std::string_view json);

}  // namespace lambda_app
