// Everything that the dashboard shows beside the answers, as JSON.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "examples/lambda/serve/cluster_view.h"
#include "examples/lambda/serve/snapshots.h"
#include "examples/lambda/serve/views_follower.h"

namespace lambda_app {

struct StatusInputs {
  Common common;
  bool demo = false;
  std::int64_t now_ms = 0;
  ViewsStatus views;
  ClusterView cluster;
  bool connected = false;         ///< To Quorate: `cluster` is as of now.
  std::vector<Offset> highs;      ///< Per partition of the events; empty: the bus does not answer.
  std::vector<Offset> archived;   ///< Per partition: committed by the group "archive".
  std::vector<Offset> committed;  ///< Likewise by "speed".
  std::optional<std::uint64_t> bad_lines;
  std::deque<std::string> alerts;   ///< JSON each.
  std::vector<std::string> paused;  ///< Names of workers.
  nlohmann::json feed;
  std::uint64_t snapshot = 0;  ///< Its number; 0: nothing is served yet.
  std::uint64_t batch_events = 0;
  std::uint64_t speed_events = 0;
};

nlohmann::json status_json(const StatusInputs& inputs);

}  // namespace lambda_app
