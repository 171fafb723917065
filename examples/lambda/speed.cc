// lambda speed: runs the topology of speed_topology.h as a member of its groups.
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "examples/lambda/commands.h"
#include "examples/lambda/options.h"
#include "examples/lambda/registration.h"
#include "examples/lambda/speed_topology.h"
#include "examples/lambda/topics.h"
#include "examples/pipeline/consumer.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/program/stop_signal.h"
#include "quorate/recipes/sync_cache.h"

namespace lambda_app {

using namespace pipeline;
using pipeline_program::say;
using std::chrono::milliseconds;

namespace {

constexpr const char* kRole = "speed";

struct Settings {
  explicit Settings(pipeline_program::Arguments& arguments)
      : common(common_of(arguments)),
        commit_interval(arguments.number("--commit-ms", 1'500)),
        partitions(static_cast<PartitionNumber>(
            arguments.number("--partitions", kPartitions, kPartitionsMax))),
        print(arguments.flag("--print")) {
    speed.aggregate.delta_interval = milliseconds(arguments.number("--delta-ms", 100));
    speed.aggregate.summary.session_gap_ms =
        static_cast<std::int64_t>(arguments.number("--gap-ms", 30 * 60 * 1000));
    speed.horizon_ms =
        static_cast<std::int64_t>(arguments.number("--horizon-s", 0, 1'000'000'000)) * 1'000;
    speed.alert.percent = arguments.share("--alert-percent", speed.alert.percent);
    const std::string name = arguments.text("--bug");
    const auto bug = bug_of(name);
    speed.bug = bug.value_or(Bug::None);
    fault = arguments.fault();
    if (fault.empty() && !bug) fault = "--bug: drop-errors or count-twice, not " + name;
    if (fault.empty()) fault = fault_of(common);
  }

  Common common;
  SpeedSettings speed;
  milliseconds commit_interval;
  PartitionNumber partitions;
  bool print;
  std::string fault;
};

class SpeedProcess {
 public:
  SpeedProcess(const Settings& settings, Bus& bus)
      : settings_(settings),
        bus_(bus),
        topology_(speed_topology(settings.common, settings.speed, served_, counts_)),
        registration_(settings.common, kRole, note_of(settings)),
        refused_(settings.common, kRole) {}

  /// Until the signal: a session that is over costs this process its partitions, not its life.
  int run(pipeline_program::StopSignal& signal) {
    while (!signal.stopped()) {
      if (!store_ || qc::is_final(store_->state())) {
        store_ = pipeline_program::connect("lambda", settings_.common.connect,
                                           pipeline_program::kStoreSession);
      }
      const auto members = store_ ? pipeline_program::connect("lambda", settings_.common.connect,
                                                              settings_.common.session_timeout)
                                  : nullptr;
      if (!members) return pipeline_program::kNoServer;
      const Result<> ended = run_session(signal, *members);
      if (ended) continue;
      std::fprintf(stderr, "lambda: %s\n", ended.error().message.c_str());
      if (ended.error().kind != FaultKind::Connection) return 1;
    }
    tell_counts();
    return 0;
  }

 private:
  static std::string note_of(const Settings& settings) {
    return settings.speed.bug == Bug::None ? "" : std::string("bug=") + name_of(settings.speed.bug);
  }

  Result<> run_session(pipeline_program::StopSignal& signal, qc::SyncClient& members) {
    registration_.join(members);
    // The cache may tell once more while it is being destroyed: served_ is shared.
    const qc::SyncNodeCache generations(
        members, settings_.common.path("serving/current"),
        [served = served_](const qc::CachedNode& node) { served->set(generation_of(node.data)); });
    std::vector<std::unique_ptr<Consumer>> consumers;
    for (const Topology::Source& source : topology_.sources()) {
      consumers.push_back(std::make_unique<Consumer>(members, *store_, bus_, options_of(source),
                                                     topology_.tasks_of(source.name, bus_)));
    }
    const auto stop = [&consumers] {
      for (const auto& consumer : consumers) consumer->stop();
    };
    signal.on_stop(stop);
    say("ready speed " + settings_.common.id);
    std::vector<Result<>> ended(consumers.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < consumers.size(); ++i) {
      threads.emplace_back([&, i] {
        ended[i] = consumers[i]->run();
        stop();  // One session, one end.
      });
    }
    for (std::thread& thread : threads) thread.join();
    signal.on_stop({});
    registration_.leave();
    members.close();
    for (const Result<>& result : ended) {
      if (!result) return result;
    }
    return {};
  }

  ConsumerOptions options_of(const Topology::Source& source) {
    ConsumerOptions options;
    options.place = settings_.common.group(source.group);
    options.place.topic = source.topic;
    options.member = settings_.common.id;
    options.commit_interval = settings_.commit_interval;
    options.commit_records = 1'000'000;
    options.commit_beside = true;
    options.refused = [this, topic = source.topic](PartitionNumber partition,
                                                   const std::string& why) {
      const std::lock_guard lock(refused_mutex_);
      refused_.add(*store_, topic + " " + std::to_string(partition) + ": " + why);
    };
    return options;
  }

  void tell_counts() const {
    const nlohmann::json object = {
        {"events", counts_->events.load()},     {"duplicates", counts_->duplicates.load()},
        {"too_late", counts_->too_late.load()}, {"damaged", counts_->damaged.load()},
        {"deltas", counts_->deltas.load()},     {"deltas_lost", counts_->deltas_lost.load()},
        {"alerts", counts_->alerts.load()},     {"refused", refused_.since_start()}};
    say(object.dump());
  }

  const Settings& settings_;
  Bus& bus_;
  const std::shared_ptr<ServedGeneration> served_ = std::make_shared<ServedGeneration>();
  const std::shared_ptr<SpeedCounts> counts_ = std::make_shared<SpeedCounts>();
  const Topology topology_;
  Registration registration_;
  std::unique_ptr<qc::SyncClient> store_;
  std::mutex refused_mutex_;  ///< Keeps refused_: each consumer's thread tells.
  RefusedCount refused_;
};

}  // namespace

int speed(pipeline_program::Arguments& arguments) {
  const Settings settings(arguments);
  if (settings.print) {
    std::fputs(speed_topology(settings.common, settings.speed, nullptr, nullptr).text().c_str(),
               stdout);
    return 0;
  }
  if (!settings.fault.empty()) return refuse(settings.fault);
  pipeline_program::StopSignal signal;
  auto bus = open_bus(settings.common.bus);
  if (!bus) return fail(bus.error().message);
  const auto partitions = open_topics(**bus, settings.common, settings.partitions);
  if (!partitions) return fail(partitions.error().message);
  return SpeedProcess(settings, **bus).run(signal);
}

}  // namespace lambda_app
