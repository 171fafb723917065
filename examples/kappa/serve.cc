// The subcommand `serve`.
#include <atomic>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "examples/kappa/api.h"
#include "examples/kappa/commands.h"
#include "examples/kappa/serving.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/program/stop_signal.h"
#include "examples/pipeline/web/web_server.h"

namespace kappa_app {

using namespace pipeline;
using pipeline_program::Arguments;

namespace {

constexpr std::chrono::milliseconds kAnnouncePause{250};

/// Where the view's changes go; the web server comes later than who tells them.
class Announcer {
 public:
  void to(WebServer* web) { web_ = web; }
  void announce() {
    if (WebServer* const web = web_) web->publish("\"changed\"");
  }

 private:
  std::atomic<WebServer*> web_{nullptr};
};

/// Until the signal. What was read stays while a new session is made.
int serve_until(pipeline_program::StopSignal& signal, const Places& places,
                std::chrono::milliseconds session, Serving& serving, Api& api) {
  signal.on_stop([&serving] { serving.stop(); });
  int exit_code = 0;
  while (!signal.stopped() && exit_code == 0) {
    const std::shared_ptr<qc::SyncClient> store =
        pipeline_program::connect("kappa", places.connect, session);
    if (!store) {
      exit_code = pipeline_program::kNoServer;
      break;
    }
    api.use(store);
    const Result<> ended = serving.follow(*store);
    api.use(nullptr);
    if (!ended && ended.error().kind != FaultKind::Connection) exit_code = fail(ended.error());
    store->close();
  }
  signal.on_stop({});
  return exit_code;
}

}  // namespace

int serve(Arguments& arguments) {
  const Places places = places_of(arguments);
  WebOptions options;
  options.listen = arguments.text("--listen", options.listen);
  const std::chrono::milliseconds session(arguments.number("--session-timeout-ms", 10'000));
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (places.bus.empty()) return refuse("serve needs --bus");
  pipeline_program::StopSignal signal;
  auto bus = open_bus(places.bus);
  if (!bus) return fail(bus.error());
  const auto partitions = (*bus)->partitions(places.topic);
  if (!partitions) return fail(partitions.error());
  Announcer announcer;
  Serving serving(
      **bus, places, *partitions, [&announcer] { announcer.announce(); }, kAnnouncePause);
  Api api(serving, **bus, places);
  auto web =
      WebServer::start(options, [&api](const WebRequest& request) { return api.answer(request); });
  if (!web) return fail(web.error());
  announcer.to(web->get());
  pipeline_program::say("ready http://" + (*web)->address() + "/");
  const int exit_code = serve_until(signal, places, session, serving, api);
  announcer.to(nullptr);
  return exit_code;
}

}  // namespace kappa_app
