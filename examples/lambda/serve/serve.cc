// lambda serve: batch view and speed views merged for any query; API and dashboard.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "examples/lambda/commands.h"
#include "examples/lambda/options.h"
#include "examples/lambda/registration.h"
#include "examples/lambda/serve/api.h"
#include "examples/lambda/topics.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/program/stop_signal.h"

namespace lambda_app {

using pipeline::Result;
using pipeline_program::StopSignal;

namespace {

constexpr std::chrono::seconds kFirstConnect{30};
constexpr std::chrono::seconds kConnectTry{2};
/// States are some kilobytes each, four a second: a minute or two to come back.
constexpr std::size_t kEventsKept = 400;

/// A connected client; null: stopped, or nobody there for `patience`.
std::unique_ptr<qc::SyncClient> connected(const Common& common, const StopSignal& signal,
                                          std::chrono::seconds patience, std::string& why) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  do {
    qc::ConnectOptions options(common.connect);
    options.session_timeout = common.session_timeout;
    options.connect_timeout = kConnectTry;
    auto client = std::make_unique<qc::SyncClient>(options);
    const auto reply = client->connect();
    if (reply) return client;
    why = reply.message;
  } while (!signal.stopped() && std::chrono::steady_clock::now() < give_up);
  return nullptr;
}

/// Waits for the end of a session, or of the program.
class SessionEnd {
 public:
  SessionEnd(qc::SyncClient& client, StopSignal& signal) : client_(client), signal_(signal) {
    listener_ = client.add_session_listener([this](const qc::SessionEvent& event) {
      if (qc::is_final(event.state)) ring();
    });
    signal.on_stop([this] { ring(); });
    if (qc::is_final(client.state())) ring();
  }
  ~SessionEnd() {
    signal_.on_stop({});
    client_.remove_session_listener(listener_);
  }
  void wait() {
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [&] { return over_; });
  }

 private:
  void ring() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    bell_.notify_all();
  }

  qc::SyncClient& client_;
  StopSignal& signal_;
  std::uint64_t listener_ = 0;
  std::mutex mutex_;
  std::condition_variable bell_;
  bool over_ = false;
};

/// The parts of the process, in the order in which they are made.
class Serving {
 public:
  Serving(const Common& common, bool demo) : common_(common), demo_(demo) {}
  ~Serving();

  /// What went wrong, or "".
  std::string open(const pipeline::WebOptions& web);
  /// Until the signal.
  void run(StopSignal& signal, std::unique_ptr<qc::SyncClient> client);
  std::string address() const { return web_->address(); }

 private:
  void of_one_session(StopSignal& signal, std::unique_ptr<qc::SyncClient> client);
  void changed() {
    const std::lock_guard lock(publisher_mutex_);
    if (publisher_) publisher_->changed();
  }

  const Common& common_;
  const bool demo_;
  PartitionNumber partitions_ = 0;
  std::unique_ptr<pipeline::Bus> bus_;
  std::unique_ptr<pipeline::Bus> asked_bus_;  ///< For marks: a status that waits holds up no view.
  Snapshots snapshots_;
  Feed feed_;
  std::mutex publisher_mutex_;  ///< Others ring before it is made and after it is gone.
  std::unique_ptr<StatePublisher> publisher_;
  std::unique_ptr<ViewsFollower> views_;
  std::unique_ptr<AlertsFollower> alerts_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<pipeline::WebServer> web_;
};

std::string Serving::open(const pipeline::WebOptions& web) {
  for (std::unique_ptr<pipeline::Bus>* bus : {&bus_, &asked_bus_}) {
    auto opened = pipeline::open_bus(common_.bus);
    if (!opened) return opened.error().message;
    *bus = std::move(*opened);
    if (common_.bus.starts_with("embedded:")) break;  // One process, one folder, one bus.
  }
  const Result<PartitionNumber> partitions = open_topics(*bus_, common_);
  if (!partitions) return partitions.error().message;
  partitions_ = *partitions;
  auto views = ViewsFollower::start(*bus_, common_, partitions_, snapshots_, [this] { changed(); });
  if (!views) return views.error().message;
  views_ = std::move(*views);
  auto alerts =
      AlertsFollower::start(*bus_, common_.alerts_topic(), [this](const auto&) { changed(); });
  if (!alerts) return alerts.error().message;
  alerts_ = std::move(*alerts);
  api_ =
      std::make_unique<Api>(ApiParts{common_, partitions_, demo_, asked_bus_ ? *asked_bus_ : *bus_,
                                     snapshots_, *views_, *alerts_, feed_});
  auto server = pipeline::WebServer::start(
      web, [this](const pipeline::WebRequest& request) { return api_->answer(request); });
  if (!server) return server.error().message;
  web_ = std::move(*server);
  auto publisher = std::make_unique<StatePublisher>(
      *api_, feed_, [this](const std::string& json) { web_->publish(json); },
      [this] { return web_->sockets() > 0; });
  const std::lock_guard lock(publisher_mutex_);
  publisher_ = std::move(publisher);
  return "";
}

/// Against the order of making: who asks goes before who is asked.
Serving::~Serving() {
  std::unique_ptr<StatePublisher> publisher;
  {
    const std::lock_guard lock(publisher_mutex_);
    publisher = std::move(publisher_);
  }
  publisher.reset();
  web_.reset();
  if (api_) api_->set_session(nullptr);
  api_.reset();
  alerts_.reset();
  views_.reset();
}

void Serving::of_one_session(StopSignal& signal, std::unique_ptr<qc::SyncClient> client) {
  const auto session = std::make_shared<Session>();
  session->client = std::move(client);
  qc::SyncClient& used = *session->client;
  Registration registration(common_, "serve", demo_ ? "buttons work" : "");
  registration.join(used);
  const auto tell = [this](PartitionNumber, Offset) { changed(); };
  session->archived = std::make_unique<pipeline::GroupProgress>(used, common_.group(kArchiveGroup),
                                                                partitions_, tell);
  session->committed = std::make_unique<pipeline::GroupProgress>(used, common_.group(kSpeedGroup),
                                                                 partitions_, tell);
  session->watch =
      std::make_unique<ClusterWatch>(used, common_, partitions_, *views_, [this] { changed(); });
  api_->set_session(session);
  SessionEnd(used, signal).wait();
  api_->set_session(nullptr);
  if (!signal.stopped()) return;
  registration.leave();
  used.close();
}

void Serving::run(StopSignal& signal, std::unique_ptr<qc::SyncClient> client) {
  std::string why;
  while (!signal.stopped()) {
    if (client) of_one_session(signal, std::move(client));
    // What is loaded is served on meanwhile.
    if (!signal.stopped()) client = connected(common_, signal, kConnectTry, why);
  }
}

}  // namespace

int serve(pipeline_program::Arguments& arguments) {
  const Common common = common_of(arguments);
  pipeline::WebOptions web;
  web.listen = arguments.text("--listen", web.listen);
  const bool demo = arguments.flag("--demo");
  if (const std::string name = arguments.text("--host-name"); !name.empty()) {
    web.host_names.push_back(name);
  }
  web.events_kept = web.socket_queue_max = kEventsKept;
  if (const std::string fault = arguments.fault(); !fault.empty()) return refuse(fault);
  if (const std::string fault = fault_of(common); !fault.empty()) return refuse(fault);
  StopSignal signal;
  std::string why;
  auto client = connected(common, signal, kFirstConnect, why);
  if (!client) {
    if (signal.stopped()) return 0;
    std::fprintf(stderr, "lambda: %s\n", why.c_str());
    return pipeline_program::kNoServer;
  }
  Serving serving(common, demo);
  if (const std::string fault = serving.open(web); !fault.empty()) return fail(fault);
  pipeline_program::say("ready serve " + common.id + " http://" + serving.address());
  serving.run(signal, std::move(client));
  return 0;
}

}  // namespace lambda_app
