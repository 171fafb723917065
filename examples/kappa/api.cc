#include "examples/kappa/api.h"

#include <nlohmann/json.hpp>

#include "examples/kappa/generations.h"
#include "examples/kappa/page.h"
#include "examples/kappa/table.h"
#include "examples/pipeline/program/answers_json.h"
#include "examples/pipeline/program/query_text.h"

namespace kappa_app {

using namespace pipeline;
using nlohmann::json;
using pipeline_program::compact;
using pipeline_program::Parameters;
using pipeline_program::query_of;
using pipeline_program::step_of;

namespace {

constexpr std::uint64_t kLagMax = 1'000;  ///< As SwitchOrder's.

WebResponse json_response(const json& value) {
  WebResponse response;
  response.body = compact(value) + "\n";
  return response;
}

/// What is wrong with the question, or "".
std::string add_series(const Summary& summary, const Query& query, Granularity step, json& to) {
  if (length_ms(step) < length_ms(summary.options().granularity)) {
    return "step: this generation keeps longer buckets";
  }
  const Result<> added = pipeline_program::add_series(summary.series(query, step), to);
  return added ? "" : added.error().message;
}

}  // namespace

Api::Api(Serving& serving, Bus& bus, Places places)
    : serving_(serving), bus_(bus), places_(std::move(places)), table_(json::array()) {}

void Api::use(std::shared_ptr<qc::SyncClient> store) {
  const std::lock_guard lock(mutex_);
  store_ = std::move(store);
}

WebResponse Api::answer(const WebRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    return web_error(405, "only GET is understood here");
  }
  if (request.path == "/api/answer") return ask(request, What::Answer);
  if (request.path == "/api/series") return ask(request, What::Series);
  if (request.path == "/api/prefixes") return ask(request, What::Prefixes);
  if (request.path == "/api/status") return status();
  if (request.path == "/") {
    WebResponse page;
    page.content_type = "text/html; charset=utf-8";
    page.headers.emplace_back("Content-Security-Policy", kPagePolicy);
    page.body = kPage;
    return page;
  }
  return web_error(404, "no such page: " + request.path);
}

WebResponse Api::ask(const WebRequest& request, What what) {
  Parameters parameters = request.query;
  // Lists in every bucket are long: they are there when they are asked for.
  if (what == What::Series) parameters.try_emplace("top", "0");
  const auto query = query_of(parameters);
  if (!query) return web_error(400, query.error().message);
  const auto step = step_of(parameters);
  if (!step) return web_error(400, step.error().message);
  // Whatever is switched meanwhile: this question is answered from this one.
  const std::shared_ptr<const GenerationView> view = serving_.current();
  if (!view) return web_error(503, "no generation is active yet: kappa switch --to N");
  return view->ask([&](const Summary& summary, const std::vector<Offset>& ends) {
    json object = {{"generation", view->generation().number},
                   {"session_gap_ms", view->generation().options.session_gap_ms},
                   {"ends", ends}};
    std::string fault;
    if (what == What::Prefixes) {
      object["prefixes"] = summary.prefixes();
    } else if (!summary.can_answer(*query)) {
      fault = pipeline_program::wrong_prefix(*query, summary.options()).message;
    } else if (what == What::Answer) {
      object.update(pipeline_program::to_json(summary.answer(*query)));
    } else {
      fault = add_series(summary, *query, *step, object);
    }
    return fault.empty() ? json_response(object) : web_error(400, fault);
  });
}

/// The generations; as they were, where Quorate does not say or somebody asks already.
json Api::table() {
  const std::unique_lock asking(asking_, std::try_to_lock);
  std::shared_ptr<qc::SyncClient> store;
  {
    const std::lock_guard lock(mutex_);
    if (!asking || !store_) return table_;
    store = store_;
  }
  Generations generations(*store, places_);
  const auto now = table_of(generations, bus_, kLagMax);
  const std::lock_guard lock(mutex_);
  if (now) table_ = now->at("generations");
  return table_;
}

WebResponse Api::status() {
  json object = {{"active", serving_.wanted()}, {"fault", serving_.fault()}, {"serving", 0}};
  if (const auto view = serving_.current()) {
    const Latencies latencies = view->latencies();
    object["serving"] = view->generation().number;
    object["latency_ms"] = {{"p50", latencies.percentile(0.5)},
                            {"p99", latencies.percentile(0.99)},
                            {"max", latencies.percentile(1)},
                            {"deltas", latencies.count()}};
    view->ask([&object](const Summary& summary, const std::vector<Offset>& ends) {
      object["events"] = summary.events();
      object["ends"] = ends;
    });
  }
  object["generations"] = table();
  return json_response(object);
}

}  // namespace kappa_app
