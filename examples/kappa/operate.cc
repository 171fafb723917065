// What operators do: declare, look, switch, go back, retire.
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "examples/kappa/code.h"
#include "examples/kappa/commands.h"
#include "examples/kappa/definition.h"
#include "examples/kappa/generations.h"
#include "examples/kappa/table.h"
#include "examples/kappa/view_state.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/answers_json.h"
#include "examples/pipeline/program/connect.h"

namespace kappa_app {

using nlohmann::json;
using namespace pipeline;
using pipeline_program::Arguments;
using pipeline_program::say;

namespace {

constexpr std::chrono::seconds kSession{10};

/// A client, and the bus where one is needed; or the exit code.
struct Tools {
  Tools(const Places& places, bool with_bus) {
    if (with_bus) {
      auto opened = open_bus(places.bus);
      if (!opened) {
        exit_code = fail(opened.error());
        return;
      }
      bus = std::move(*opened);
    }
    client = pipeline_program::connect("kappa", places.connect, kSession);
    if (!client) {
      exit_code = pipeline_program::kNoServer;
      return;
    }
    generations = std::make_unique<Generations>(*client, places);
  }
  ~Tools() {
    if (client) client->close();
  }

  int exit_code = 0;
  std::unique_ptr<Bus> bus;
  std::unique_ptr<qc::SyncClient> client;
  std::unique_ptr<Generations> generations;
};

GenerationNumber number_of(Arguments& arguments, const std::string& name) {
  return static_cast<GenerationNumber>(arguments.number(name, 0, 1'000'000));
}

SwitchOrder order_of(Arguments& arguments) {
  SwitchOrder order;
  order.lag_max = arguments.number("--max-lag", order.lag_max);
  const std::uint64_t wait_s = arguments.number("--wait-s", 0);
  order.patience = std::chrono::seconds(arguments.flag("--wait") && wait_s == 0 ? 3'600 : wait_s);
  return order;
}

int tell(const Result<Switched>& switched) {
  if (!switched) return fail(switched.error());
  say("active " + std::to_string(switched->active.generation) + " previous " +
      std::to_string(switched->active.previous) + " lag " +
      std::to_string(switched->progress.total_lag()));
  return 0;
}

/// All that the workers of a generation have committed.
Result<Summary> committed_views(Generations& generations, const Generation& generation,
                                PartitionNumber partitions) {
  Summary summary(generation.options);
  const GroupPlace place = generations.places().group(generation.number);
  for (PartitionNumber partition = 0; partition < partitions; ++partition) {
    const Result<Committed> last = read_committed(generations.client(), place, partition);
    if (!last) return last.error();
    if (last->checkpoint.state.empty()) continue;
    const auto part = decode_view_summary(last->checkpoint.state);
    if (!part || !summary.merge(*part)) {
      return Fault{FaultKind::Damaged,
                   "the view of partition " + std::to_string(partition) + " is damaged"};
    }
  }
  return summary;
}

}  // namespace

int start(Arguments& arguments) {
  const Places places = places_of(arguments);
  const auto generation = declared_in(arguments);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (!generation) return refuse(generation.error().message);
  Tools tools(places, /*with_bus=*/false);
  if (tools.exit_code != 0) return tools.exit_code;
  const Result<> declared = tools.generations->declare(*generation);
  if (!declared) return fail(declared.error());
  say("generation " + std::to_string(generation->number) + " declared: " + to_json(*generation));
  return 0;
}

int switch_active(Arguments& arguments) {
  const Places places = places_of(arguments);
  SwitchOrder order = order_of(arguments);
  order.to = number_of(arguments, "--to");
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (order.to == 0 || places.bus.empty()) return refuse("switch needs --bus and --to");
  Tools tools(places, /*with_bus=*/true);
  if (tools.exit_code != 0) return tools.exit_code;
  return tell(switch_to(*tools.generations, *tools.bus, order));
}

int rollback(Arguments& arguments) {
  const Places places = places_of(arguments);
  const SwitchOrder order = order_of(arguments);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (places.bus.empty()) return refuse("rollback needs --bus");
  Tools tools(places, /*with_bus=*/true);
  if (tools.exit_code != 0) return tools.exit_code;
  return tell(roll_back(*tools.generations, *tools.bus, order));
}

int retire(Arguments& arguments) {
  const Places places = places_of(arguments);
  const GenerationNumber number = number_of(arguments, "--generation");
  const std::chrono::seconds patience(arguments.number("--wait-s", 60));
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (number == 0 || places.bus.empty()) return refuse("retire needs --bus and --generation");
  Tools tools(places, /*with_bus=*/true);
  if (tools.exit_code != 0) return tools.exit_code;
  Generations& generations = *tools.generations;
  if (Result<> retired = generations.retire(number); !retired) return fail(retired.error());
  const Result<bool> gone = generations.wait_for_end_of_workers(number, patience);
  if (!gone) return fail(gone.error());
  if (!*gone) {
    return fail({FaultKind::Connection, "generation " + std::to_string(number) +
                                            " is retired, but still has workers; retire again"});
  }
  if (Result<> removed = generations.remove_leftovers(*tools.bus, number); !removed) {
    return fail(removed.error());
  }
  say("generation " + std::to_string(number) + " retired");
  return 0;
}

int generations(Arguments& arguments) {
  const Places places = places_of(arguments);
  const SwitchOrder order = order_of(arguments);
  const bool as_json = arguments.flag("--json");
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (places.bus.empty()) return refuse("generations needs --bus");
  Tools tools(places, /*with_bus=*/true);
  if (tools.exit_code != 0) return tools.exit_code;
  const auto table = table_of(*tools.generations, *tools.bus, order.lag_max);
  if (!table) return fail(table.error());
  const std::string text = as_json ? table->dump() + "\n" : lines_of(*table);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

int view(Arguments& arguments) {
  const Places places = places_of(arguments);
  GenerationNumber number = number_of(arguments, "--generation");
  const std::chrono::seconds patience(arguments.number("--wait-s", 0));
  const std::size_t top = arguments.number("--top", 10);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (places.bus.empty()) return refuse("view needs --bus");
  Tools tools(places, /*with_bus=*/true);
  if (tools.exit_code != 0) return tools.exit_code;
  if (number == 0) {
    const auto seen = tools.generations->active();
    if (!seen) return fail(seen.error());
    number = seen->active.generation;
  }
  const auto generation = tools.generations->find(number);
  if (!generation) return fail(generation.error());
  const auto progress = tools.generations->progress(*tools.bus, number, patience);
  if (!progress) return fail(progress.error());
  const auto partitions = static_cast<PartitionNumber>(progress->ends.size());
  const auto summary = committed_views(*tools.generations, *generation, partitions);
  if (!summary) return fail(summary.error());
  const std::string text =
      pipeline_program::dump({{"generation", number},
                              {"lag", progress->lag()},
                              {"events", summary->events()},
                              {"answers", pipeline_program::all_answers(*summary, top)}});
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace kappa_app
