#include "examples/kappa/worker.h"

#include <unistd.h>

#include <cstdio>
#include <limits>

#include "examples/kappa/view_follower.h"
#include "examples/pipeline/program/connect.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/recipes/sync_group.h"

namespace kappa_app {

using namespace pipeline;
using pipeline_program::say;

namespace {

/// Everything that one worker has through all its sessions.
class Working {
 public:
  Working(const WorkerSettings& settings, Bus& bus, HandlerSetting& setting, StopOrder& order)
      : settings_(settings), bus_(bus), setting_(setting), order_(order) {
    options_.place = settings.places.group(setting.generation.number);
    options_.member = settings.id;
    options_.limits = settings.limits;
    // When to commit is the handlers' business (commit_at).
    options_.commit_interval = std::chrono::hours(1);
    options_.commit_records = std::numeric_limits<std::uint64_t>::max();
    // A view grows with the log, and its way to the disk takes longer than a delta may.
    options_.commit_beside = true;
  }

  Result<WorkDone> run();

 private:
  Result<WorkDone> without_server() {
    done_.no_server = true;
    return done_;
  }
  Result<> one_session(Generations& generations);
  Result<> announce(qc::SyncClient& members, std::unique_ptr<qc::SyncEphemeralNode>& node);
  /// `late`: effects of this session that were refused.
  Worker worker(std::uint64_t late) const {
    return {setting_.generation.number, settings_.id, ::getpid(), started_ms_,
            done_.counts.fenced + late};
  }
  std::unique_ptr<qc::SyncClient> connect(std::chrono::milliseconds session) const {
    return pipeline_program::connect("kappa", settings_.places.connect, session);
  }

  const WorkerSettings& settings_;
  Bus& bus_;
  HandlerSetting& setting_;
  StopOrder& order_;
  ConsumerOptions options_;
  WorkDone done_;
  const std::int64_t started_ms_ = now_ms();
};

Result<WorkDone> Working::run() {
  std::unique_ptr<qc::SyncClient> store;
  const GenerationNumber number = setting_.generation.number;
  while (!order_.stopped() && !done_.retired) {
    if (!store || qc::is_final(store->state())) store = connect(pipeline_program::kStoreSession);
    if (!store) return without_server();
    Generations generations(*store, settings_.places);
    const auto found = generations.find(number);
    if (!found && qc::is_final(store->state())) continue;
    if (!found) return found.error();
    done_.retired = found->retired;
    if (done_.retired) break;
    // Stops the consumer, not the loop: what the definition says then is read again.
    StopOrder& order = order_;
    const qc::SyncNodeCache definition(*store, settings_.places.generation_path(number),
                                       [&order](const qc::CachedNode& node) {
                                         const auto now = generation_of(node.data);
                                         if (now && now->retired) order.stop();
                                       });
    const Result<> ended = one_session(generations);
    if (!ended) std::fprintf(stderr, "kappa: %s\n", ended.error().message.c_str());
    const auto after = generations.find(number);
    done_.retired = after && after->retired;
    if (!ended && !done_.retired && ended.error().kind != FaultKind::Connection) {
      return ended.error();
    }
  }
  if (done_.retired) {
    if (!store || qc::is_final(store->state())) store = connect(pipeline_program::kStoreSession);
    if (!store) return without_server();
    // This one may have been late, and made again what was removed.
    Result<> removed = Generations(*store, settings_.places).remove_leftovers(bus_, number);
    if (!removed) return removed.error();
  }
  return done_;
}

/// As a member of the group, until the order or the end of this session.
Result<> Working::one_session(Generations& generations) {
  const auto members = connect(settings_.session_timeout);
  if (!members) return Fault{FaultKind::Connection, "no server"};
  std::unique_ptr<qc::SyncEphemeralNode> node;
  if (Result<> announced = announce(*members, node); !announced) return announced;
  ConsumerOptions options = options_;
  options.refused = [&, this, late = std::uint64_t{0}](PartitionNumber partition,
                                                       const std::string& why) mutable {
    say("refused " + std::to_string(partition) + ": " + why);
    node->set_data(to_json(worker(++late)));
  };
  Consumer consumer(*members, generations.client(), bus_, std::move(options),
                    [this](PartitionNumber partition, std::int64_t token, const Checkpoint& last) {
                      say("taken " + std::to_string(partition) + " token " + std::to_string(token) +
                          " offset " + std::to_string(last.offset));
                      return ViewHandler::make(setting_, partition, token, last);
                    });
  order_.attach(&consumer);
  const Result<> ended = consumer.run();
  order_.attach(nullptr);
  done_.counts += consumer.counts();
  node.reset();
  members->close();
  return ended;
}

Result<> Working::announce(qc::SyncClient& members, std::unique_ptr<qc::SyncEphemeralNode>& node) {
  const std::string folder = settings_.places.path("workers");
  const auto made = members.create(folder, "");
  if (!made && made.code != qc::Code::NodeExists && made.code != qc::Code::ConnectionLoss) {
    return Fault{FaultKind::Connection, made.message};
  }
  const std::string number = std::to_string(setting_.generation.number);
  node = std::make_unique<qc::SyncEphemeralNode>(
      members, folder + "/" + number + "-" + settings_.id, to_json(worker(/*late=*/0)));
  const auto there = node->wait(std::chrono::seconds(30));
  if (!there) return Fault{FaultKind::Connection, there.message};
  say("ready generation " + number + " worker " + settings_.id);
  return {};
}

}  // namespace

void StopOrder::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  if (consumer_ != nullptr) consumer_->stop();
}

bool StopOrder::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void StopOrder::attach(Consumer* consumer) {
  const std::lock_guard lock(mutex_);
  consumer_ = consumer;
  if (stopped_ && consumer_ != nullptr) consumer_->stop();
}

Result<WorkDone> work(const WorkerSettings& settings, Bus& bus, HandlerSetting& setting,
                      StopOrder& order) {
  const auto partitions = bus.partitions(settings.places.topic);
  if (!partitions) return partitions.error();
  setting.bus = &bus;
  setting.views_topic = settings.places.views_topic(setting.generation.number);
  const Result<> made = bus.create_topic(setting.views_topic, views_topic_options(*partitions));
  if (!made) return made.error();
  return Working(settings, bus, setting, order).run();
}

}  // namespace kappa_app
