// lambda batch: joins the workers; --request [--wait] asks for a run; --local does one without
// anybody's help.
#include <filesystem>
#include <system_error>

#include "examples/lambda/batch/batch_session.h"
#include "examples/lambda/batch/local_batch.h"
#include "examples/lambda/commands.h"
#include "examples/lambda/options.h"
#include "examples/lambda/topics.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/program/stop_signal.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/sync_retry.h"

namespace lambda_app {

using pipeline::FaultKind;
using pipeline::Result;
using pipeline_program::Arguments;
using pipeline_program::connect;
using pipeline_program::kNoServer;
using pipeline_program::kStoreSession;
using pipeline_program::say;
using pipeline_program::StopSignal;

namespace {

std::string add_up(WorkerCounts& to, const WorkerCounts& more) {
  to.done += more.done;
  to.second += more.second;
  to.copies += more.copies;
  to.failed += more.failed;
  to.refused += more.refused;
  return "{\"done\":" + std::to_string(to.done) + ",\"second\":" + std::to_string(to.second) +
         ",\"copies\":" + std::to_string(to.copies) + ",\"failed\":" + std::to_string(to.failed) +
         ",\"refused\":" + std::to_string(to.refused) + "}";
}

/// Until the signal: a session that is over costs this process its tasks, not its life.
int work_until(StopSignal& signal, const Common& common, const BatchOptions& options,
               pipeline::Bus& bus) {
  Registration registration(common, "batch");
  RefusedCount refused(common, "batch");
  WorkerCounts counts;
  std::string told;
  std::unique_ptr<qc::SyncClient> store;
  bool ready = false;
  while (!signal.stopped()) {
    if (!store || qc::is_final(store->state())) {
      store = connect("lambda", common.connect, kStoreSession);
    }
    const auto members =
        store ? connect("lambda", common.connect, common.session_timeout) : nullptr;
    if (!members) return kNoServer;
    registration.join(*members);
    if (!std::exchange(ready, true)) say("ready batch " + common.id);
    Result<> ended;
    {
      BatchSession session(common, options, *members, *store, bus, refused);
      signal.on_stop([&session] { session.stop(); });
      ended = session.run();
      signal.on_stop({});
      told = add_up(counts, session.counts());
    }
    registration.leave();
    if (!ended) return fail(ended.error().message);
  }
  say(told);
  return 0;
}

/// Waits until the request's node is gone: then a run that began after it is served.
bool wait_for_answer(qc::SyncClient& client, const std::string& request) {
  struct Gone {
    std::mutex mutex;
    std::condition_variable bell;
    bool gone = false;
    bool over = false;
  };
  const auto shared = std::make_shared<Gone>();
  const std::uint64_t listener = client.add_session_listener([shared](const qc::SessionEvent& e) {
    const std::lock_guard lock(shared->mutex);
    shared->over = shared->over || qc::is_final(e.state);
    shared->bell.notify_all();
  });
  {
    const qc::SyncNodeCache cache(client, request, [shared](const qc::CachedNode& node) {
      const std::lock_guard lock(shared->mutex);
      shared->gone = shared->gone || !node.exists;
      shared->bell.notify_all();
    });
    std::unique_lock lock(shared->mutex);
    shared->bell.wait(lock, [&] { return shared->gone || shared->over; });
  }
  client.remove_session_listener(listener);
  return shared->gone;
}

int request(const Common& common, bool wait) {
  const auto client = connect("lambda", common.connect, std::chrono::seconds(10));
  if (!client) return kNoServer;
  const BatchPlace place(common);
  if (const std::string fault = make_path(*client, place.requests()); !fault.empty()) {
    return fail(fault);
  }
  auto made =
      client->create(place.requests() + "/r-", common.id, qc::CreateMode::PersistentSequential);
  // Asked twice, if it was made nevertheless, is as good as asked once.
  while (made.code == qc::Code::ConnectionLoss) {
    made =
        client->create(place.requests() + "/r-", common.id, qc::CreateMode::PersistentSequential);
  }
  if (!made) return fail(made.message);
  say("requested " + made.value.path);
  if (!wait) {
    client->close();
    return 0;
  }
  if (!wait_for_answer(*client, made.value.path)) return fail("the session is over");
  const auto served = qc::SyncRetry(*client).get_data(common.path("serving/current"));
  if (!served) return fail(served.message);
  say(served.value.data.value_or(""));
  client->close();
  return 0;
}

/// What is not understood is said first: who writes --buz need not be asked for --bus.
int join_workers(Arguments& arguments, const Common& common) {
  BatchOptions options;
  options.slots = static_cast<unsigned>(arguments.number("--slots", 2, 256));
  options.leader.every = std::chrono::seconds(arguments.number("--every-s", 60));
  options.leader.parts = static_cast<std::uint32_t>(arguments.number("--parts", 8, 1'000));
  options.leader.splits.wanted = 2 * options.leader.parts;
  options.leader.splits.bytes_max = arguments.number("--split-mb", 64, 1u << 20) << 20;
  TaskRules& rules = options.leader.rules;
  rules.slow_floor = std::chrono::milliseconds(
      arguments.number("--slow-ms", static_cast<std::uint64_t>(rules.slow_floor.count())));
  rules.slow_unknown = 10 * rules.slow_floor;
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (const std::string fault = fault_of(common); !fault.empty()) return refuse(fault);
  if (options.slots == 0) return refuse("--slots: at least 1");
  if (options.leader.parts == 0) return refuse("--parts: at least 1");
  if (options.leader.splits.bytes_max < options.leader.splits.bytes_min) {
    return refuse("--split-mb: at least 1");
  }
  StopSignal signal;
  auto bus = pipeline::open_bus(common.bus);
  if (!bus) return fail(bus.error().message);
  if (const auto made = open_topics(**bus, common); !made) return fail(made.error().message);
  std::error_code fault;
  std::filesystem::create_directories(BatchPlace(common).segments(), fault);
  if (fault) return fail(BatchPlace(common).segments() + ": " + fault.message());
  return work_until(signal, common, options, **bus);
}

}  // namespace

int batch(Arguments& arguments) {
  const std::string local = arguments.text("--local");
  if (!local.empty()) return batch_locally(arguments, local);
  Common common = common_of(arguments);
  const bool asks = arguments.flag("--request");
  const bool waits = arguments.flag("--wait");
  if (asks) {  // Needs neither the bus nor the folder.
    if (common.bus.empty()) common.bus = "none";
    if (common.folder.empty()) common.folder = "none";
  }
  if (!asks) return join_workers(arguments, common);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (const std::string fault = fault_of(common); !fault.empty()) return refuse(fault);
  return request(common, waits);
}

}  // namespace lambda_app
