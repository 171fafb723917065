// Where the kappa application keeps what in Quorate, and which topics it uses. All programs of one
// application name the same root, bus, topic and folder.
//
//   <root>/generations/<N>      JSON of Generation: declared once, marked when retired, never gone
//   <root>/active               JSON of Active: which generation answers; its version guards it
//   <root>/gen-<N>/<topic>/...  consumer group of a generation (checkpoints.h): members,
//   checkpoints <root>/workers/<N>-<id>     ephemeral: one per worker, JSON of Worker
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "examples/kappa/generation.h"
#include "examples/pipeline/checkpoints.h"
#include "examples/pipeline/program/arguments.h"

namespace kappa_app {

namespace qc = quorate::client;

/// What every subcommand is told.
struct Places {
  std::string connect = "127.0.0.1:2181";
  std::string root = "/kappa";
  std::string bus;             ///< As open_bus() takes it.
  std::string topic = "hits";  ///< Events; beside it one topic of deltas per generation.
  std::string folder = ".";    ///< Shared by all processes: checkpoints too large for a znode.

  std::string path(const std::string& tail) const { return root + "/" + tail; }
  std::string generation_path(GenerationNumber number) const {
    return path("generations/" + std::to_string(number));
  }
  pipeline::GroupPlace group(GenerationNumber number) const {
    return pipeline::GroupPlace{root, group_of(number), topic, folder};
  }
  /// Where the partitioner keeps the workers of a generation.
  std::string party_path(GenerationNumber number) const {
    return group(number).path("members/party");
  }
  std::string views_topic(GenerationNumber number) const { return views_topic_of(topic, number); }
};

Places places_of(pipeline_program::Arguments& arguments);

struct Worker {
  GenerationNumber generation = 0;
  std::string id;
  std::int64_t pid = 0;
  std::int64_t started_ms = 0;
  std::uint64_t refused = 0;  ///< Its commits and claims that a later owner's token has refused.
};
std::string to_json(const Worker& worker);
std::optional<Worker> worker_of(std::string_view json);

std::int64_t now_ms();  ///< Wall clock.

}  // namespace kappa_app
