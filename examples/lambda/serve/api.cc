#include "examples/lambda/serve/api.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "examples/lambda/serve/dashboard_files.h"
#include "examples/pipeline/program/answers_json.h"
#include "quorate/sync_retry.h"

namespace lambda_app {

using nlohmann::json;
using pipeline::web_error;
using pipeline::WebRequest;
using pipeline::WebResponse;
using std::chrono::milliseconds;

namespace {

/// A zombie has to outlive its session to be one.
constexpr milliseconds kBeyondSession{2'000};
/// Requests for a batch run that wait already; one more would change nothing.
constexpr std::size_t kRequestsMax = 10;
/// As often as an eye follows.
constexpr milliseconds kStateInterval{250};
/// What has not come does not ring: lag is looked at now and then, if anybody looks at it.
constexpr milliseconds kStateAtLeast{1'000};

/// No other hosts, no inline code, no frames.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

WebResponse response_of(const json& object, int status = 200) {
  WebResponse response;
  response.status = status;
  response.body = object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return response;
}

WebResponse page(const DashboardFile& file) {
  WebResponse response;
  response.content_type = std::string(file.content_type);
  response.body = std::string(file.bytes);
  response.headers = {{"Content-Security-Policy", kPolicy}, {"Referrer-Policy", "no-referrer"}};
  return response;
}

}  // namespace

Api::Api(const ApiParts& parts)
    : parts_(parts), signals_(parts.common.session_timeout + kBeyondSession) {}

void Api::set_session(std::shared_ptr<Session> session) {
  const std::lock_guard lock(mutex_);
  session_.swap(session);
}

std::shared_ptr<Session> Api::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

ClusterView Api::cluster() const {
  const std::shared_ptr<Session> now = session();
  if (now && now->watch->fresh()) {
    ClusterView view = now->watch->view();
    const std::lock_guard lock(mutex_);
    cluster_ = std::move(view);
    return cluster_;
  }
  const std::lock_guard lock(mutex_);
  return cluster_;
}

WebResponse Api::answer(const WebRequest& request) {
  if (request.method == "GET") return answer_get(request);
  if (request.method == "POST") return answer_post(request);
  WebResponse response = web_error(405, "GET or POST, not " + request.method);
  response.headers = {{"Allow", "GET, HEAD, POST"}};
  return response;
}

WebResponse Api::answer_get(const WebRequest& request) {
  if (const DashboardFile* file = find_dashboard_file(request.path)) return page(*file);
  if (request.path == "/api/status") return response_of(status());
  const bool question = request.path == "/api/answer" || request.path == "/api/series" ||
                        request.path == "/api/prefixes";
  if (!question) {
    return web_error(404, request.path +
                              " is not here; there are /api/answer, /api/series, /api/prefixes, "
                              "/api/status and the WebSocket /api/events");
  }
  // One snapshot for the whole answer.
  const std::shared_ptr<const Snapshot> snapshot = parts_.snapshots.take();
  if (!snapshot) {
    return web_error(503,
                     "nothing is served yet; waiting for " + parts_.views.status().waiting_for);
  }
  if (request.path == "/api/answer") return answer_question(*snapshot, request);
  if (request.path == "/api/series") return answer_series(*snapshot, request);
  return answer_prefixes(*snapshot);
}

WebResponse Api::answer_post(const WebRequest& request) {
  if (request.path == "/api/batch/run") return ask_for_run();
  static constexpr std::string_view kWorkers = "/api/workers/";
  const std::size_t slash = request.path.rfind('/');
  const std::string what = request.path.substr(slash + 1);
  if (request.path.starts_with(kWorkers) && slash > kWorkers.size() &&
      (what == "kill" || what == "pause")) {
    return signal_worker(request.path.substr(kWorkers.size(), slash - kWorkers.size()), what);
  }
  return web_error(404, "POST " + request.path +
                            " is not here; there are /api/batch/run and, with --demo, "
                            "/api/workers/<role>-<id>/kill and /pause");
}

WebResponse Api::signal_worker(const std::string& name, const std::string& what) {
  if (!parts_.demo) return web_error(403, "workers are killed and paused with serve --demo only");
  const ClusterView seen = cluster();
  const auto worker = seen.workers.find(name);
  if (worker == seen.workers.end()) return web_error(404, "no worker " + name + " is registered");
  WebResponse response =
      what == "kill" ? signals_.kill(name, worker->second) : signals_.pause(name, worker->second);
  if (response.status == 200) {
    parts_.feed.add({"action", name + (what == "kill" ? " was killed from a dashboard"
                                                      : " was paused from a dashboard")});
  }
  return response;
}

WebResponse Api::ask_for_run() {
  const std::shared_ptr<Session> now = session();
  if (!now) return web_error(503, "there is no session with Quorate at the moment");
  if (cluster().requests >= kRequestsMax) {
    return web_error(409, "a batch run is asked for already, and has not begun");
  }
  const std::string requests = parts_.common.path("batch/requests");
  if (const std::string fault = make_path(*now->client, requests); !fault.empty()) {
    return web_error(503, fault);
  }
  const auto made = qc::SyncRetry(*now->client, qc::RetryPolicy(std::chrono::seconds(5)))
                        .create(requests + "/r-", "serve-" + parts_.common.id,
                                qc::CreateOptions(qc::CreateMode::PersistentSequential));
  if (!made) return web_error(503, made.message);
  parts_.feed.add({"action", "a batch run was asked for from a dashboard"});
  return response_of({{"request", made.value.path}}, 202);
}

// --- Status ----------------------------------------------------------------------------------

void Api::fill_from_bus(StatusInputs& inputs) const {
  for (PartitionNumber p = 0; p < parts_.partitions; ++p) {
    const auto marks = parts_.bus.marks(parts_.common.topic, p);
    if (!marks) {
      inputs.highs.clear();
      return;
    }
    inputs.highs.push_back(marks->high);
  }
  if (const auto marks = parts_.bus.marks(parts_.common.errors_topic(), 0)) {
    inputs.bad_lines = marks->high;
  }
}

json Api::status() const {
  StatusInputs inputs;
  inputs.common = parts_.common;
  inputs.demo = parts_.demo;
  inputs.now_ms = now_ms();
  inputs.views = parts_.views.status();
  inputs.cluster = cluster();
  fill_from_bus(inputs);
  if (const std::shared_ptr<Session> now = session()) {
    inputs.connected = now->watch->fresh();
    for (PartitionNumber p = 0; p < parts_.partitions; ++p) {
      inputs.archived.push_back(now->archived->committed(p));
      inputs.committed.push_back(now->committed->committed(p));
    }
  }
  inputs.alerts = parts_.alerts.last();
  for (const auto& [name, worker] : inputs.cluster.workers) {
    if (signals_.paused(name)) inputs.paused.push_back(name);
  }
  inputs.feed = parts_.feed.last();
  if (const auto snapshot = parts_.snapshots.take()) {
    inputs.snapshot = snapshot->number;
    // What queries see, not what is about to be seen: whoever reads "no lag" here may ask at once.
    for (PartitionNumber p = 0; p < inputs.views.partitions.size(); ++p) {
      inputs.views.partitions[p].end = snapshot->ends[p];
      inputs.views.partitions[p].cut = snapshot->batch ? snapshot->batch->cut(p) : 0;
    }
    inputs.views.generation.reset();
    if (snapshot->batch) inputs.views.generation = snapshot->batch->generation;
    inputs.batch_events = snapshot->batch ? snapshot->batch->exact->events() : 0;
    inputs.speed_events = snapshot->speed.events();
  }
  return status_json(inputs);
}

std::string Api::state_json() const {
  json state = {{"type", "state"}, {"status", status()}, {"answer", nullptr}};
  if (const auto snapshot = parts_.snapshots.take()) {
    state["answer"] = pipeline_program::to_json(answer_of(*snapshot, Layer::Both, {}));
  }
  return state.dump(-1, ' ', false, json::error_handler_t::replace);
}

// --- StatePublisher --------------------------------------------------------------------------

StatePublisher::StatePublisher(const Api& api, Feed& feed,
                               std::function<void(const std::string&)> publish,
                               std::function<bool()> watched)
    : api_(api),
      feed_(feed),
      publish_(std::move(publish)),
      watched_(std::move(watched)),
      thread_([this] { run(); }) {}

StatePublisher::~StatePublisher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  bell_.notify_all();
  thread_.join();
}

void StatePublisher::changed() {
  {
    const std::lock_guard lock(mutex_);
    changed_ = true;
  }
  bell_.notify_all();
}

void StatePublisher::run() {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    bell_.wait_for(lock, kStateAtLeast, [&] { return stopping_ || changed_; });
    if (stopping_) return;
    changed_ = false;
    lock.unlock();
    const Clock::time_point begin = Clock::now();
    tell_what_happened();
    if (watched_()) publish_(api_.state_json());
    const auto took = Clock::now() - begin;
    lock.lock();
    // Views so large that this takes long are shown less often: queries come first.
    bell_.wait_for(lock, std::max<Clock::duration>(kStateInterval, 4 * took),
                   [&] { return stopping_; });
  }
}

void StatePublisher::tell(const Happening& happening) {
  publish_(feed_.add(happening).dump(-1, ' ', false, json::error_handler_t::replace));
}

void StatePublisher::tell_of_views() {
  const ViewsStatus views = api_.views();
  const std::uint64_t run = views.generation ? views.generation->run : 0;
  if (run != run_ && run != 0) {
    tell({"generation", "generation " + std::to_string(run) + " is served"});
  }
  if (views.refused > refused_) {
    tell({"refused",
          std::to_string(views.refused - refused_) + " deltas of an owner that is not the latest"});
  }
  if (views.drift && views.drift->known && views.drift->run != drift_run_) {
    drift_run_ = views.drift->run;
    const std::string of_run = "the drift gauge of run " + std::to_string(drift_run_);
    tell({views.drift->hits == 0 ? "generation" : "refused",
          of_run + " reads " + std::to_string(views.drift->hits)});
  }
  run_ = run;
  refused_ = views.refused;
}

void StatePublisher::tell_what_happened() {
  ClusterView now = api_.cluster();
  // What is there already when this process begins is no news.
  if (!first_) {
    for (const Happening& happening : what_happened(before_, now)) tell(happening);
  }
  first_ = first_ && now.workers.empty();
  before_ = std::move(now);
  tell_of_views();
}

}  // namespace lambda_app
