// lambda collect: lines from files, standard input, the generator or HTTP become events on the bus.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "examples/lambda/commands.h"
#include "examples/lambda/line_intake.h"
#include "examples/lambda/line_source.h"
#include "examples/lambda/options.h"
#include "examples/lambda/registration.h"
#include "examples/lambda/session_keeper.h"
#include "examples/lambda/topics.h"
#include "examples/pipeline/backpressure.h"
#include "examples/pipeline/checkpoints.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/program/stop_signal.h"
#include "examples/pipeline/web/web_server.h"

namespace lambda_app {

using namespace pipeline;
using nlohmann::json;
using pipeline_program::say;

namespace {

constexpr const char* kRole = "collect";

struct Settings {
  explicit Settings(pipeline_program::Arguments& arguments)
      : common(common_of(arguments)), files(arguments.files()) {
    const std::string log = arguments.text("--log");
    if (!log.empty()) files.push_back(log);
    listen = arguments.text("--listen");
    generate = arguments.flag("--generate");
    lines = arguments.number("--lines", 0);
    rate = arguments.share("--rate", 0);
    read_generator(arguments);
    partitions =
        static_cast<PartitionNumber>(arguments.number("--partitions", kPartitions, kPartitionsMax));
    intake.batch = arguments.number("--batch", intake.batch);
    intake.bad_file = arguments.text("--bad");
    if (arguments.flag("--by-position")) intake.identity = Identity::Position;
    const std::string answer = arguments.text("--when-behind", "block");
    const bool known = parse_when_behind(answer, pressure.answer);
    pressure.topic = common.topic;
    pressure.groups = {kSpeedGroup, kArchiveGroup};
    pressure.backlog_max = arguments.number("--backlog", pressure.backlog_max);
    pressure.buffer_folder = common.folder + "/buffer-" + common.id;
    fault = arguments.fault();
    if (fault.empty() && !known) fault = "--when-behind: block, buffer or drop, not " + answer;
    const int sources = (files.empty() ? 0 : 1) + (generate ? 1 : 0) + (listen.empty() ? 0 : 1);
    if (fault.empty() && sources != 1) {
      fault = "collect needs a FILE, --generate or --listen, and only one of these";
    }
    if (fault.empty() && partitions == 0) fault = "--partitions: at least 1";
    if (fault.empty() && intake.batch == 0) fault = "--batch: at least 1";
    if (fault.empty()) fault = fault_of(common);
  }

  void read_generator(pipeline_program::Arguments& arguments) {
    generator.seed = arguments.number("--seed", generator.seed);
    // Event time runs as the clock does where there is a rate.
    generator.events_per_second =
        arguments.share("--event-rate", rate > 0 ? rate : generator.events_per_second);
    generator.pages =
        static_cast<std::uint32_t>(arguments.number("--pages", generator.pages, 10'000'000));
    generator.visitors_at_once = static_cast<std::uint32_t>(
        arguments.number("--visitors", generator.visitors_at_once, 10'000'000));
    generator.bots = arguments.share("--bots", generator.bots);
    generator.bad_lines = arguments.share("--bad-lines", generator.bad_lines);
    generator.duplicates = arguments.share("--duplicates", generator.duplicates);
    generator.late = arguments.share("--late", generator.late);
    generator.json = arguments.flag("--json");
    if (arguments.flag("--start-now")) {
      generator.start_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
    }
  }

  Common common;
  std::vector<std::string> files;
  std::string listen;
  bool generate = false;
  std::uint64_t lines = 0;
  double rate = 0;
  GeneratorOptions generator;
  PartitionNumber partitions = kPartitions;
  LineIntake::Options intake;
  BackpressureOptions pressure;
  std::string fault;
};

class Collector {
 public:
  Collector(const Settings& settings, Bus& bus)
      : settings_(settings), bus_(bus), registration_(settings.common, kRole) {}

  int run(pipeline_program::StopSignal& signal) {
    std::error_code ignored;
    std::filesystem::create_directories(settings_.common.folder, ignored);
    const auto partitions = open_topics(bus_, settings_.common, settings_.partitions);
    if (!partitions) return fail(partitions.error().message);
    auto pressure = Backpressure::open(bus_, settings_.pressure);
    if (!pressure) return fail(pressure.error().message);
    pressure_ = std::move(*pressure);
    auto intake = LineIntake::open(*pressure_, settings_.intake, [this] { note_sometimes(); });
    if (!intake) return fail(intake.error().message);
    intake_ = std::move(*intake);
    const auto keeper = SessionKeeper::start(
        settings_.common,
        [this, count = *partitions](qc::SyncClient& client) { return joined(client, count); });
    if (!keeper) return pipeline_program::kNoServer;

    signal.on_stop([this] { stop(); });
    Result<> ended = settings_.listen.empty() ? read() : listen(signal);
    // What was put aside goes on now or, where the groups stay behind, with the next run.
    if (ended && !stopper_.stopped()) ended = pressure_->flush();
    signal.on_stop({});
    registration_.note(summary());
    say(summary());
    if (!ended && !stopper_.stopped()) return fail(ended.error().message);
    return 0;
  }

 private:
  /// What lives as long as a session: the membership, and the watches that tell the groups'
  /// progress.
  std::shared_ptr<void> joined(qc::SyncClient& client, PartitionNumber partitions) {
    struct Session {
      Session(Registration& of, qc::SyncClient& to) : registration(of) { registration.join(to); }
      ~Session() { registration.leave(); }
      Registration& registration;
      std::vector<std::unique_ptr<GroupProgress>> groups;
    };
    const auto session = std::make_shared<Session>(registration_, client);
    for (const std::string& group : settings_.pressure.groups) {
      session->groups.push_back(
          std::make_unique<GroupProgress>(client, settings_.common.group(group), partitions,
                                          [this, group](PartitionNumber partition, Offset offset) {
                                            pressure_->progressed(group, partition, offset);
                                          }));
    }
    return session;
  }

  void stop() {
    stopper_.stop();
    intake_->stop();
    pressure_->close();
  }

  Result<> read() {
    say("ready collect " + settings_.common.id);
    if (settings_.generate) {
      return generate_lines(settings_.generator, settings_.lines, settings_.rate, stopper_,
                            [this](std::string_view lines, std::uint64_t offset) {
                              return intake_->take(lines, "generator", offset);
                            });
    }
    for (const std::string& file : settings_.files) {
      Result<> done = read_file_lines(file, settings_.rate, stopper_,
                                      [&](std::string_view lines, std::uint64_t offset) {
                                        return intake_->take(lines, file, offset);
                                      });
      if (!done || stopper_.stopped()) return done;
    }
    return {};
  }

  Result<> listen(pipeline_program::StopSignal& signal) {
    WebOptions options;
    options.listen = settings_.listen;
    auto server =
        WebServer::start(options, [this](const WebRequest& request) { return answer(request); });
    if (!server) return server.error();
    say("ready collect " + settings_.common.id + " http://" + (*server)->address());
    signal.wait();
    stop();
    return {};
  }

  /// 200 says that every line of the body is on the bus, put aside or, as the setting has it,
  /// dropped: a sender that hears nothing sends again, and the ids tell.
  WebResponse answer(const WebRequest& request) {
    WebResponse response;
    if (request.path != "/hits" || request.method != "POST") {
      response.status = request.path == "/hits" ? 405 : 404;
      response.body = R"({"error":"POST lines of a log to /hits"})";
      return response;
    }
    const std::uint64_t begin = posted_.fetch_add(request.body.size());
    const Result<> taken = intake_->take(request.body, "http", begin);
    response.status = taken ? 200 : 503;
    json object = {{"counts", json::parse(summary())}};
    if (!taken) object["error"] = taken.error().message;
    response.body = object.dump(-1, ' ', false, json::error_handler_t::replace);
    return response;
  }

  std::string summary() const {
    const IntakeCounts intake = intake_->counts();
    const BackpressureCounts bus = pressure_->counts();
    const json object = {
        {"lines", intake.lines},    {"events", intake.events},
        {"bad", intake.bad},        {"bad_kinds", json::parse(intake_->bad_kinds())},
        {"unsent", intake.unsent},  {"again", intake.again},
        {"appended", bus.appended}, {"dropped", bus.dropped},
        {"buffered", bus.buffered}, {"in_buffer", bus.in_buffer},
        {"waits", bus.waits}};
    return object.dump();
  }

  /// The counts beside the process's node, once a second at most, and only when they change. Called
  /// by the thread that has just sent.
  void note_sometimes() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_note_) return;
    next_note_ = now + std::chrono::seconds(1);
    registration_.note(summary());
  }

  const Settings& settings_;
  Bus& bus_;
  Registration registration_;
  Stopper stopper_;
  std::unique_ptr<Backpressure> pressure_;
  std::unique_ptr<LineIntake> intake_;
  std::atomic<std::uint64_t> posted_{0};               ///< Bytes; where a body's lines "are".
  std::chrono::steady_clock::time_point next_note_{};  ///< Guarded as the sending is.
};

}  // namespace

int collect(pipeline_program::Arguments& arguments) {
  const Settings settings(arguments);
  if (!settings.fault.empty()) return refuse(settings.fault);
  pipeline_program::StopSignal signal;
  auto bus = open_bus(settings.common.bus);
  if (!bus) return fail(bus.error().message);
  return Collector(settings, **bus).run(signal);
}

}  // namespace lambda_app
