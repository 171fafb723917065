// What brings events to a bus: broker and produce.
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/backpressure.h"
#include "examples/pipeline/bus_server.h"
#include "examples/pipeline/checkpoints.h"
#include "examples/pipeline/log_parser.h"
#include "examples/pipeline/open_bus.h"
#include "examples/pipeline/program/read_lines.h"
#include "examples/pipeline/program/stop_signal.h"
#include "examples/pipeline/tool/commands.h"
#include "examples/pipeline/tool/group.h"

namespace pipeline_program {

using nlohmann::json;
using namespace pipeline;

namespace {

/// Events of log files on their way to the bus.
class Producer {
 public:
  /// `pressure`: what to ask first; may be none.
  Producer(Bus& bus, std::string topic, std::size_t batch, double rate, Backpressure* pressure)
      : bus_(bus),
        topic_(std::move(topic)),
        batch_(std::max<std::size_t>(batch, 1)),
        rate_(rate),
        pressure_(pressure) {}

  void add(const EventView& event) {
    if (!fault.empty()) return;
    std::string value;
    encode(event, value);
    waiting_.emplace_back(event.visitor, std::move(value));
    if (waiting_.size() >= batch_) send();
  }

  void send() {
    std::vector<Record> records;
    for (const auto& [key, value] : waiting_) records.push_back({key, value});
    if (records.empty()) return;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      const Result<> sent =
          pressure_ ? pressure_->offer(records) : append_by_key(bus_, topic_, records);
      if (sent) break;
      // What was appended already is appended again: the ids tell.
      if (sent.error().kind == FaultKind::Connection &&
          std::chrono::steady_clock::now() < give_up) {
        continue;
      }
      fault = sent.error().message;
      return;
    }
    events += records.size();
    waiting_.clear();
    if (rate_ > 0) {
      std::this_thread::sleep_until(
          begin_ + std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::duration<double>(static_cast<double>(events) / rate_)));
    }
  }

  std::uint64_t events = 0;
  std::uint64_t bad = 0;
  std::string fault;

 private:
  Bus& bus_;
  std::string topic_;
  std::size_t batch_;
  double rate_;
  Backpressure* pressure_;
  std::vector<std::pair<std::string, std::string>> waiting_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Back pressure by what a group has committed.
struct Pressure {
  Pressure(std::unique_ptr<Backpressure> opened, std::unique_ptr<qc::SyncClient> connected,
           const GroupPlace& place, PartitionNumber partitions)
      : pressure(std::move(opened)),
        client(std::move(connected)),
        progress(std::make_unique<GroupProgress>(
            *client, place, partitions,
            [&pressed = *pressure, group = place.group](PartitionNumber number, Offset offset) {
              pressed.progressed(group, number, offset);
            })) {}
  /// The client's thread ends first: it must not tell what is gone.
  ~Pressure() { client->close(); }

  std::unique_ptr<Backpressure> pressure;
  std::unique_ptr<qc::SyncClient> client;
  std::unique_ptr<GroupProgress> progress;
};

/// What went wrong, or "".
std::string send_files(const std::vector<std::string>& files, Producer& producer) {
  for (const std::string& file : files) {
    LogParser parser;
    const std::string fault = read_lines(file, [&](std::string_view line, std::uint64_t offset) {
      if (const auto event = parser.parse(line, offset)) {
        producer.add(*event);
      } else {
        ++producer.bad;
      }
    });
    if (!fault.empty()) return fault;
  }
  producer.send();
  return producer.fault;
}

}  // namespace

int broker(Arguments& arguments) {
  EmbeddedBusOptions options;
  options.folder = arguments.text("--data");
  options.sync = arguments.flag("--sync");
  const std::string address = arguments.text("--listen", "tcp:127.0.0.1:0");
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (options.folder.empty()) return refuse("broker needs --data FOLDER");
  StopSignal signal;
  auto bus = EmbeddedBus::open(options);
  if (!bus) return fail(bus.error().message);
  auto server = BusServer::start(**bus, address);
  if (!server) return fail(server.error().message);
  say("listening " + (*server)->address());
  signal.wait();
  return 0;
}

int produce(Arguments& arguments) {
  const std::vector<std::string>& files = arguments.files();
  const std::string where = arguments.text("--bus");
  const GroupPlace place = place_of(arguments);
  TopicOptions topic;
  topic.partitions =
      static_cast<PartitionNumber>(arguments.number("--partitions", 4, kPartitionsMax));
  topic.retention_bytes = arguments.number("--retention-bytes", 0);
  const std::size_t batch = arguments.number("--batch", 1'000);
  const double rate = arguments.share("--rate", 0);
  const std::string hosts = arguments.text("--connect");
  BackpressureOptions options;
  options.topic = place.topic;
  options.groups = {place.group};
  options.backlog_max = arguments.number("--backlog", options.backlog_max);
  options.buffer_folder = arguments.text("--buffer");
  if (!parse_when_behind(arguments.text("--when-behind", "block"), options.answer)) {
    return refuse("--when-behind: block, buffer or drop");
  }
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (where.empty() || files.empty()) return refuse("produce needs --bus and a FILE");

  auto bus = open_bus(where);
  if (!bus) return fail(bus.error().message);
  const Result<> made = (*bus)->create_topic(place.topic, topic);
  if (!made) return fail(made.error().message);
  std::unique_ptr<Pressure> pressure;
  if (!hosts.empty()) {
    auto opened = Backpressure::open(**bus, options);
    if (!opened) return fail(opened.error().message);
    auto client = connect("pipeline-tool", hosts, std::chrono::seconds(10));
    if (!client) return kNoServer;
    pressure =
        std::make_unique<Pressure>(std::move(*opened), std::move(client), place, topic.partitions);
  }
  Producer producer(**bus, place.topic, batch, rate, pressure ? pressure->pressure.get() : nullptr);
  const std::string fault = send_files(files, producer);
  if (!fault.empty()) return fail(fault);
  json told = {{"events", producer.events}, {"bad", producer.bad}};
  if (pressure) {
    const Result<> flushed = pressure->pressure->flush();
    if (!flushed) return fail(flushed.error().message);
    const BackpressureCounts counts = pressure->pressure->counts();
    told.update({{"appended", counts.appended},
                 {"dropped", counts.dropped},
                 {"buffered", counts.buffered},
                 {"waits", counts.waits}});
  }
  say(told.dump());
  return 0;
}

}  // namespace pipeline_program
