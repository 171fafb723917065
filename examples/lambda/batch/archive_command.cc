// lambda archive: a member of the consumer group that writes the master dataset.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "examples/lambda/batch/archiver.h"
#include "examples/lambda/batch/run_records.h"
#include "examples/lambda/commands.h"
#include "examples/lambda/options.h"
#include "examples/lambda/registration.h"
#include "examples/lambda/topics.h"
#include "examples/pipeline/consumer.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/program/stop_signal.h"

namespace lambda_app {

using pipeline::Result;
using pipeline_program::Arguments;
using pipeline_program::connect;
using pipeline_program::kNoServer;
using pipeline_program::kStoreSession;
using pipeline_program::say;
using pipeline_program::StopSignal;

namespace {

struct ArchiveSettings {
  Common common;
  ArchiveOptions archive;
  pipeline::ConsumerOptions consumer;
};

pipeline::HandlerFactory factory_of(const ArchiveSettings& settings) {
  return
      [&settings](PartitionNumber partition, std::int64_t token, const pipeline::Checkpoint& last) {
        say("taken " + std::to_string(partition) + " token " + std::to_string(token) + " offset " +
            std::to_string(last.offset));
        return Archiver::open(settings.archive, partition, token, last);
      };
}

/// Until the signal: a session that is over costs this process its partitions, not its life.
int archive_until(StopSignal& signal, ArchiveSettings& settings, pipeline::Bus& bus) {
  const Common& common = settings.common;
  Registration registration(common, "archive");
  RefusedCount refused(common, "archive");
  // Commits have a session of their own that outlives a pause: so a late commit reaches the server,
  // and it is the token that refuses it.
  std::unique_ptr<qc::SyncClient> store;
  settings.consumer.refused = [&](PartitionNumber, const std::string& why) {
    refused.add(*store, why);
  };
  bool ready = false;
  std::uint64_t records = 0;
  while (!signal.stopped()) {
    if (!store || qc::is_final(store->state())) {
      store = connect("lambda", common.connect, kStoreSession);
    }
    const auto members =
        store ? connect("lambda", common.connect, common.session_timeout) : nullptr;
    if (!members) return kNoServer;
    registration.join(*members);
    if (!std::exchange(ready, true)) say("ready archive " + common.id);
    pipeline::Consumer consumer(*members, *store, bus, settings.consumer, factory_of(settings));
    signal.on_stop([&consumer] { consumer.stop(); });
    const Result<> ended = consumer.run();
    signal.on_stop({});
    records += consumer.counts().records;
    registration.leave();
    if (!ended) {
      std::fprintf(stderr, "lambda: %s\n", ended.error().message.c_str());
      if (ended.error().kind != pipeline::FaultKind::Connection) return 1;
    }
    members->close();
  }
  say("archived " + std::to_string(records) + " records");
  return 0;
}

}  // namespace

int archive(Arguments& arguments) {
  ArchiveSettings settings;
  settings.common = common_of(arguments);
  const BatchPlace place(settings.common);
  settings.archive.folder = place.segments();
  settings.archive.segment_bytes_max = arguments.number("--segment-mb", 64, 1u << 20) << 20;
  settings.consumer.place = settings.common.group(kArchiveGroup);
  settings.consumer.member = settings.common.id;
  settings.consumer.commit_interval =
      std::chrono::milliseconds(arguments.number("--segment-age-ms", 30'000));
  // A commit closes a segment; size, age and marks do that, not a number of records.
  settings.consumer.commit_records = std::numeric_limits<std::uint64_t>::max();
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (const std::string fault = fault_of(settings.common); !fault.empty()) return refuse(fault);
  if (settings.archive.segment_bytes_max == 0) return refuse("--segment-mb: at least 1");
  StopSignal signal;
  auto bus = pipeline::open_bus(settings.common.bus);
  if (!bus) return fail(bus.error().message);
  if (const auto made = open_topics(**bus, settings.common); !made) {
    return fail(made.error().message);
  }
  std::error_code fault;
  std::filesystem::create_directories(settings.archive.folder, fault);
  if (fault) return fail(settings.archive.folder + ": " + fault.message());
  return archive_until(signal, settings, **bus);
}

}  // namespace lambda_app
