// The subcommand `work`.
#include <nlohmann/json.hpp>
#include <string>

#include "examples/kappa/commands.h"
#include "examples/kappa/definition.h"
#include "examples/kappa/worker.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/program/stop_signal.h"

namespace kappa_app {

using nlohmann::json;
using namespace pipeline;
using pipeline_program::Arguments;
using std::chrono::milliseconds;

namespace {

std::string told(const WorkDone& done, const HandlerCounts& counts) {
  const json object = {{"records", done.counts.records},
                       {"commits", done.counts.commits},
                       {"fenced", done.counts.fenced},
                       {"taken", done.counts.taken},
                       {"given", done.counts.given},
                       {"lost", done.counts.lost},
                       {"skipped", done.counts.skipped},
                       {"events", counts.events.load()},
                       {"unreadable", counts.unreadable.load()},
                       {"deltas", counts.deltas.load()},
                       {"unsent", counts.unsent.load()},
                       {"slowest_commit_ms", counts.slowest_commit_ms.load()},
                       {"slowest_state_ms", counts.slowest_state_ms.load()},
                       {"retired", done.retired}};
  return object.dump();
}

WorkerSettings settings_of(Arguments& arguments) {
  WorkerSettings settings;
  settings.places = places_of(arguments);
  settings.id = arguments.text("--id");
  settings.session_timeout = milliseconds(arguments.number("--session-timeout-ms", 4'000));
  settings.limits.records_max = arguments.number("--read-records", settings.limits.records_max);
  return settings;
}

/// The definition in Quorate; made here if the command line says one and there is none.
Result<Generation> definition(qc::SyncClient& client, const Places& places, const Generation& said,
                              bool says) {
  Generations generations(client, places);
  if (says) {
    if (Result<> declared = generations.declare(said); !declared) return declared.error();
  }
  return generations.find(said.number);
}

}  // namespace

int work(Arguments& arguments) {
  const WorkerSettings settings = settings_of(arguments);
  const bool says = says_options(arguments);
  const auto said = declared_in(arguments);
  HandlerSetting setting;
  setting.pause = milliseconds(arguments.number("--pause-ms-per-batch", 0));
  setting.delta_interval = milliseconds(arguments.number("--delta-ms", 50));
  setting.commit_interval = milliseconds(arguments.number("--commit-ms", 200));
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (!said) return refuse(said.error().message);
  if (settings.id.empty() || settings.places.bus.empty()) {
    return refuse("work needs --bus, --generation and --id");
  }
  if (!pipeline_program::is_name(settings.id)) {
    return refuse("--id: letters, digits, '.', '_', '-'");
  }
  pipeline_program::StopSignal signal;
  auto bus = open_bus(settings.places.bus);
  if (!bus) return fail(bus.error());
  auto client =
      pipeline_program::connect("kappa", settings.places.connect, std::chrono::seconds(10));
  if (!client) return pipeline_program::kNoServer;
  const auto generation = definition(*client, settings.places, *said, says);
  if (!generation) return fail(generation.error());
  client->close();
  client.reset();
  setting.generation = *generation;
  setting.code = find_code(generation->code);
  if (setting.code == nullptr) {
    return fail({FaultKind::BadArgument, "this program has no code " + generation->code +
                                             ": run the one that the generation was made for"});
  }
  StopOrder order;
  signal.on_stop([&order] { order.stop(); });
  const auto done = work(settings, **bus, setting, order);
  signal.on_stop({});
  if (!done) return fail(done.error());
  if (done->no_server) return pipeline_program::kNoServer;
  pipeline_program::say(told(*done, setting.counts));
  return 0;
}

}  // namespace kappa_app
