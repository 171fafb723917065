// A consumer group from the command line: consume and view.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/consumer.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/answers_json.h"
#include "examples/pipeline/program/stop_signal.h"
#include "examples/pipeline/tool/commands.h"
#include "examples/pipeline/tool/group.h"

namespace pipeline_program {

using nlohmann::json;
using namespace pipeline;
using std::chrono::milliseconds;

namespace {

/// One partition's view: the summary, and the ids of what is in it.
class ViewHandler : public PartitionHandler {
 public:
  ViewHandler(const SummaryOptions& options, const std::string& state, milliseconds pause)
      : aggregator_(options), pause_(pause) {
    if (state.empty()) return;
    auto decoded = Aggregator::decode(state);
    damaged_ = !decoded || decoded->summary().options() != options;
    if (decoded) aggregator_ = std::move(*decoded);
  }

  void handle(const Batch& batch) override {
    for (const StoredRecord& record : batch.records) {
      if (const auto event = decode_event(record.value)) aggregator_.add(*event);
    }
    if (pause_.count() > 0) std::this_thread::sleep_for(pause_);
  }
  std::string state() override {
    std::string bytes;
    aggregator_.encode(bytes);
    return bytes;
  }
  bool damaged() const { return damaged_; }

 private:
  Aggregator aggregator_;
  milliseconds pause_;
  bool damaged_ = false;
};

std::string counts_line(const ConsumerCounts& counts) {
  const json object = {{"records", counts.records}, {"commits", counts.commits},
                       {"fenced", counts.fenced},   {"taken", counts.taken},
                       {"given", counts.given},     {"lost", counts.lost},
                       {"skipped", counts.skipped}};
  return object.dump();
}

struct ConsumeSettings {
  explicit ConsumeSettings(Arguments& arguments)
      : hosts(arguments.text("--connect")),
        bus(arguments.text("--bus")),
        session_timeout(arguments.number("--session-timeout-ms", 10'000)),
        pause(arguments.number("--pause-ms-per-batch", 0)),
        summary(summary_options(arguments)) {
    options.place = place_of(arguments);
    options.member = arguments.text("--id");
    if (arguments.flag("--at-most-once")) options.delivery = Delivery::AtMostOnce;
    options.commit_records = arguments.number("--commit-records", options.commit_records);
    options.commit_interval = milliseconds(arguments.number("--commit-ms", 1'000));
    options.limits.records_max = arguments.number("--read-records", options.limits.records_max);
    partitions = static_cast<PartitionNumber>(arguments.number("--partitions", 0, kPartitionsMax));
  }

  std::string hosts, bus;
  milliseconds session_timeout, pause;
  SummaryOptions summary;
  ConsumerOptions options;
  PartitionNumber partitions = 0;  ///< Of the topic, to be made if missing; 0: it is there.
};

HandlerFactory factory_of(const ConsumeSettings& settings) {
  return [&settings](PartitionNumber partition, std::int64_t token, const Checkpoint& last) {
    auto handler = std::make_unique<ViewHandler>(settings.summary, last.state, settings.pause);
    if (handler->damaged()) handler.reset();
    say("taken " + std::to_string(partition) + " token " + std::to_string(token) + " offset " +
        std::to_string(last.offset));
    return handler;
  };
}

/// Until the signal: a session that is over costs this process its partitions, not its life.
int consume_until(StopSignal& signal, Bus& bus, const ConsumeSettings& settings) {
  ConsumerCounts counts;
  // Commits have a session of their own that outlives a pause: so a late commit reaches the server,
  // and it is the token that refuses it.
  std::unique_ptr<qc::SyncClient> store;
  while (!signal.stopped()) {
    if (!store || qc::is_final(store->state())) {
      store = connect("pipeline-tool", settings.hosts, std::chrono::seconds(60));
    }
    const auto members =
        store ? connect("pipeline-tool", settings.hosts, settings.session_timeout) : nullptr;
    if (!members) return kNoServer;
    Consumer consumer(*members, *store, bus, settings.options, factory_of(settings));
    signal.on_stop([&consumer] { consumer.stop(); });
    const Result<> ended = consumer.run();
    signal.on_stop({});
    counts += consumer.counts();
    if (!ended) {
      std::fprintf(stderr, "pipeline-tool: %s\n", ended.error().message.c_str());
      if (ended.error().kind != FaultKind::Connection) return 1;
    }
    members->close();
  }
  say(counts_line(counts));
  return 0;
}

/// Waits until the group has committed all that was appended before, or patience is over; the lag
/// of each partition then.
Result<std::vector<std::uint64_t>> wait_for_group(qc::SyncClient& client, Bus& bus,
                                                  const GroupPlace& place,
                                                  PartitionNumber partitions,
                                                  std::chrono::seconds patience) {
  std::vector<Offset> ends;
  for (PartitionNumber number = 0; number < partitions; ++number) {
    const Result<Marks> marks = bus.marks(place.topic, number);
    if (!marks) return marks.error();
    ends.push_back(marks->high);
  }
  struct Progress {
    std::mutex mutex;
    std::condition_variable moved;
    std::vector<Offset> committed;
    std::vector<bool> seen;
  };
  // Shared: a cache may tell once more while it is being destroyed.
  const auto shared = std::make_shared<Progress>();
  shared->committed.resize(partitions);
  shared->seen.resize(partitions);
  const GroupProgress progress(client, place, partitions,
                               [shared](PartitionNumber number, Offset offset) {
                                 const std::lock_guard lock(shared->mutex);
                                 shared->committed[number] = offset;
                                 shared->seen[number] = true;
                                 shared->moved.notify_all();
                               });
  {
    std::unique_lock lock(shared->mutex);
    shared->moved.wait_for(lock, std::chrono::seconds(30), [&shared] {
      return std::find(shared->seen.begin(), shared->seen.end(), false) == shared->seen.end();
    });
    shared->moved.wait_for(lock, patience, [&] {
      return std::equal(ends.begin(), ends.end(), shared->committed.begin(),
                        [](Offset end, Offset done) { return done >= end; });
    });
  }
  return progress.lag(bus);
}

/// What all partitions say together, or what is wrong.
Result<Summary> merged_views(qc::SyncClient& client, const GroupPlace& place,
                             PartitionNumber partitions, const SummaryOptions& options) {
  Summary summary(options);
  for (PartitionNumber number = 0; number < partitions; ++number) {
    const Result<Committed> last = read_committed(client, place, number);
    if (!last) return last.error();
    if (last->checkpoint.state.empty()) continue;
    const auto part = Aggregator::decode(last->checkpoint.state);
    if (!part || !summary.merge(part->summary())) {
      return Fault{FaultKind::Damaged, "the view of partition " + std::to_string(number) +
                                           " is damaged, or has another --gap-ms"};
    }
  }
  return summary;
}

}  // namespace

int consume(Arguments& arguments) {
  const ConsumeSettings settings(arguments);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (settings.hosts.empty() || settings.bus.empty() || settings.options.place.group.empty() ||
      settings.options.member.empty()) {
    return refuse("consume needs --connect, --bus, --group and --id");
  }
  StopSignal signal;
  auto bus = open_bus(settings.bus);
  if (!bus) return fail(bus.error().message);
  if (settings.partitions > 0) {
    TopicOptions topic;
    topic.partitions = settings.partitions;
    const Result<> made = (*bus)->create_topic(settings.options.place.topic, topic);
    if (!made) return fail(made.error().message);
  }
  return consume_until(signal, **bus, settings);
}

int view(Arguments& arguments) {
  const std::string hosts = arguments.text("--connect");
  const std::string where = arguments.text("--bus");
  const GroupPlace place = place_of(arguments);
  const std::chrono::seconds patience(arguments.number("--wait-s", 0));
  const std::size_t top = arguments.number("--top", 10);
  const SummaryOptions options = summary_options(arguments);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (hosts.empty() || where.empty() || place.group.empty()) {
    return refuse("view needs --connect, --bus and --group");
  }
  auto bus = open_bus(where);
  if (!bus) return fail(bus.error().message);
  const auto partitions = (*bus)->partitions(place.topic);
  if (!partitions) return fail(partitions.error().message);
  const auto client = connect("pipeline-tool", hosts, std::chrono::seconds(10));
  if (!client) return kNoServer;
  const auto lag = wait_for_group(*client, **bus, place, *partitions, patience);
  if (!lag) return fail(lag.error().message);
  const auto summary = merged_views(*client, place, *partitions, options);
  if (!summary) return fail(summary.error().message);
  client->close();
  const std::string text =
      dump({{"lag", *lag}, {"events", summary->events()}, {"answers", all_answers(*summary, top)}});
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace pipeline_program
