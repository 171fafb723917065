#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/backpressure.h"
#include "examples/pipeline/bus_server.h"
#include "examples/pipeline/consumer.h"
#include "examples/pipeline/log_parser.h"
#include "examples/pipeline/remote_bus.h"
#include "examples/pipeline/tool/answers_json.h"
#include "examples/pipeline/tool/commands.h"
#include "examples/pipeline/tool/read_lines.h"
#include "examples/pipeline/tool/stop_signal.h"

namespace pipeline_tool {

using nlohmann::json;
using namespace pipeline;
using std::chrono::milliseconds;

namespace {

constexpr int kNoServer = 3;

void say(const std::string& line) {
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

/// A connected client, or nothing and a word on standard error.
std::unique_ptr<qc::SyncClient> connect(const std::string& hosts, milliseconds session_timeout) {
  qc::ConnectOptions options(hosts);
  options.session_timeout = session_timeout;
  options.connect_timeout = std::chrono::seconds(30);
  auto client = std::make_unique<qc::SyncClient>(options);
  const auto connected = client->connect();
  if (connected) return client;
  std::fprintf(stderr, "pipeline-tool: %s\n", connected.message.c_str());
  return nullptr;
}

GroupPlace place_of(Arguments& arguments) {
  GroupPlace place;
  place.group = arguments.text("--group");
  place.topic = arguments.text("--topic", "hits");
  place.folder = arguments.text("--folder", ".");
  return place;
}

SummaryOptions summary_options(Arguments& arguments) {
  SummaryOptions options;
  options.session_gap_ms = static_cast<std::int64_t>(arguments.number("--gap-ms", 30 * 60 * 1000));
  return options;
}

/// Events of log files on their way to the bus.
class Producer {
 public:
  Producer(Bus& bus, std::string topic, std::size_t batch, double rate)
      : bus_(bus), topic_(std::move(topic)), batch_(std::max<std::size_t>(batch, 1)), rate_(rate) {}

  std::unique_ptr<Backpressure> pressure;

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
          pressure ? pressure->offer(records) : append_by_key(bus_, topic_, records);
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
  std::string fault;

 private:
  Bus& bus_;
  std::string topic_;
  std::size_t batch_;
  double rate_;
  std::vector<std::pair<std::string, std::string>> waiting_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// One partition's view: the summary, and the ids of what is in it.
class ViewHandler : public PartitionHandler {
 public:
  ViewHandler(const SummaryOptions& options, const std::string& state, milliseconds pause)
      : aggregator_(options), pause_(pause) {
    if (state.empty()) return;
    auto decoded = Aggregator::decode(state);
    if (decoded) aggregator_ = std::move(*decoded);
    damaged_ = !decoded;
  }

  void handle(const Batch& batch) override {
    for (const StoredRecord& record : batch.records) {
      if (const auto event = decode_event(record.value)) aggregator_.add(*event);
    }
    if (pause_.count() > 0) std::this_thread::sleep_for(pause_);
  }
  std::string state() override {
    std::string bytes;
    aggregator_.encode(bytes);
    return bytes;
  }
  bool damaged() const { return damaged_; }

 private:
  Aggregator aggregator_;
  milliseconds pause_;
  bool damaged_ = false;
};

void add(ConsumerCounts& to, const ConsumerCounts& more) {
  to.records += more.records;
  to.commits += more.commits;
  to.fenced += more.fenced;
  to.taken += more.taken;
  to.given += more.given;
  to.lost += more.lost;
  to.skipped += more.skipped;
}

std::string counts_line(const ConsumerCounts& counts) {
  const json object = {{"records", counts.records}, {"commits", counts.commits},
                       {"fenced", counts.fenced},   {"taken", counts.taken},
                       {"given", counts.given},     {"lost", counts.lost},
                       {"skipped", counts.skipped}};
  return object.dump();
}

}  // namespace

int broker(Arguments& arguments) {
  EmbeddedBusOptions options;
  options.folder = arguments.text("--data");
  options.sync = arguments.flag("--sync");
  const std::string address = arguments.text("--listen", "127.0.0.1:0");
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
  const std::string where = arguments.text("--bus");
  const GroupPlace place = place_of(arguments);
  TopicOptions topic;
  topic.partitions = static_cast<PartitionNumber>(arguments.number("--partitions", 4));
  const std::size_t batch = arguments.number("--batch", 1'000);
  const double rate = arguments.share("--rate", 0);
  const std::string hosts = arguments.text("--connect");
  BackpressureOptions pressure;
  pressure.topic = place.topic;
  pressure.backlog_max = arguments.number("--backlog", pressure.backlog_max);
  pressure.buffer_folder = arguments.text("--buffer");
  if (!parse_when_behind(arguments.text("--when-behind", "block"), pressure.answer)) {
    return refuse("--when-behind: block, buffer or drop");
  }
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (where.empty() || arguments.files().empty()) return refuse("produce needs --bus and a FILE");

  auto bus = open_bus(where);
  if (!bus) return fail(bus.error().message);
  if (const auto made = (*bus)->create_topic(place.topic, topic); !made) {
    return fail(made.error().message);
  }
  Producer producer(**bus, place.topic, batch, rate);
  std::unique_ptr<qc::SyncClient> client;
  std::unique_ptr<GroupProgress> progress;
  if (!hosts.empty()) {
    client = connect(hosts, std::chrono::seconds(10));
    if (!client) return kNoServer;
    auto opened = Backpressure::open(**bus, pressure);
    if (!opened) return fail(opened.error().message);
    producer.pressure = std::move(*opened);
    progress = std::make_unique<GroupProgress>(
        *client, place, topic.partitions,
        [&pressed = *producer.pressure, group = place.group](
            PartitionNumber number, Offset offset) { pressed.progressed(group, number, offset); });
  }
  std::uint64_t bad = 0;
  for (const std::string& file : arguments.files()) {
    LogParser parser;
    const std::string fault = read_lines(file, [&](std::string_view line, std::uint64_t offset) {
      const auto event = parser.parse(line, offset);
      event ? producer.add(*event) : void(++bad);
    });
    if (!fault.empty()) return fail(fault);
  }
  producer.send();
  if (!producer.fault.empty()) return fail(producer.fault);
  json told = {{"events", producer.events}, {"bad", bad}};
  if (producer.pressure) {
    if (const auto flushed = producer.pressure->flush(); !flushed) {
      return fail(flushed.error().message);
    }
    const BackpressureCounts counts = producer.pressure->counts();
    told.update({{"appended", counts.appended},
                 {"dropped", counts.dropped},
                 {"buffered", counts.buffered},
                 {"waits", counts.waits}});
    // Before the client: its thread must not tell the one that goes.
    client->close();
    progress.reset();
  }
  say(told.dump());
  return 0;
}

int consume(Arguments& arguments) {
  const std::string hosts = arguments.text("--connect");
  const std::string where = arguments.text("--bus");
  ConsumerOptions options;
  options.place = place_of(arguments);
  options.member = arguments.text("--id");
  if (arguments.flag("--at-most-once")) options.delivery = Delivery::AtMostOnce;
  options.commit_records = arguments.number("--commit-records", options.commit_records);
  options.commit_interval = milliseconds(arguments.number("--commit-ms", 1'000));
  options.limits.records_max = arguments.number("--read-records", options.limits.records_max);
  const milliseconds session_timeout(arguments.number("--session-timeout-ms", 10'000));
  const milliseconds pause(arguments.number("--pause-ms-per-batch", 0));
  TopicOptions topic;
  topic.partitions = static_cast<PartitionNumber>(arguments.number("--partitions", 0));
  const SummaryOptions summary = summary_options(arguments);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (hosts.empty() || where.empty() || options.place.group.empty() || options.member.empty()) {
    return refuse("consume needs --connect, --bus, --group and --id");
  }
  StopSignal signal;
  auto bus = open_bus(where);
  if (!bus) return fail(bus.error().message);
  if (topic.partitions > 0) {
    const auto made = (*bus)->create_topic(options.place.topic, topic);
    if (!made) return fail(made.error().message);
  }

  ConsumerCounts counts;
  // Commits have a session of their own that outlives a pause: so a late commit reaches the server,
  // and it is the token that refuses it.
  std::unique_ptr<qc::SyncClient> store;
  while (!signal.stopped()) {
    if (!store || qc::is_final(store->state())) store = connect(hosts, std::chrono::seconds(60));
    const auto members = store ? connect(hosts, session_timeout) : nullptr;
    if (!members) return kNoServer;
    Consumer consumer(*members, *store, **bus, options,
                      [&](PartitionNumber partition, std::int64_t token, const Checkpoint& last) {
                        auto handler = std::make_unique<ViewHandler>(summary, last.state, pause);
                        if (handler->damaged()) handler.reset();
                        say("taken " + std::to_string(partition) + " token " +
                            std::to_string(token) + " offset " + std::to_string(last.offset));
                        return handler;
                      });
    signal.on_stop([&consumer] { consumer.stop(); });
    const Result<> ended = consumer.run();
    signal.on_stop({});
    add(counts, consumer.counts());
    if (!ended) {
      std::fprintf(stderr, "pipeline-tool: %s\n", ended.error().message.c_str());
      if (ended.error().kind != FaultKind::Connection) return 1;
    }
    members->close();
  }
  say(counts_line(counts));
  return 0;
}

int view(Arguments& arguments) {
  const std::string hosts = arguments.text("--connect");
  const std::string where = arguments.text("--bus");
  const GroupPlace place = place_of(arguments);
  const std::chrono::seconds patience(arguments.number("--wait-s", 0));
  const std::size_t top = arguments.number("--top", 10);
  const SummaryOptions options = summary_options(arguments);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (hosts.empty() || where.empty() || place.group.empty()) {
    return refuse("view needs --connect, --bus and --group");
  }
  auto bus = open_bus(where);
  if (!bus) return fail(bus.error().message);
  const auto partitions = (*bus)->partitions(place.topic);
  if (!partitions) return fail(partitions.error().message);
  const auto client = connect(hosts, std::chrono::seconds(10));
  if (!client) return kNoServer;

  std::vector<Offset> ends;
  for (PartitionNumber number = 0; number < *partitions; ++number) {
    const auto marks = (*bus)->marks(place.topic, number);
    if (!marks) return fail(marks.error().message);
    ends.push_back(marks->high);
  }
  std::mutex mutex;
  std::condition_variable moved;
  std::vector<Offset> committed(ends.size());
  {
    const GroupProgress progress(*client, place, *partitions,
                                 [&](PartitionNumber number, Offset offset) {
                                   const std::lock_guard lock(mutex);
                                   committed[number] = offset;
                                   moved.notify_all();
                                 });
    std::unique_lock lock(mutex);
    moved.wait_for(lock, patience, [&] {
      return std::equal(ends.begin(), ends.end(), committed.begin(),
                        [](Offset end, Offset done) { return done >= end; });
    });
  }

  Summary summary(options);
  std::vector<std::uint64_t> lag;
  for (PartitionNumber number = 0; number < *partitions; ++number) {
    const auto last = read_committed(*client, place, number);
    if (!last) return fail(last.error().message);
    const Offset done = last->checkpoint.offset;
    lag.push_back(ends[number] > done ? ends[number] - done : 0);
    if (last->checkpoint.state.empty()) continue;
    const auto part = Aggregator::decode(last->checkpoint.state);
    if (!part || !summary.merge(part->summary())) {
      return fail("the view of partition " + std::to_string(number) +
                  " is damaged, or has another --gap-ms");
    }
  }
  client->close();
  const std::string text =
      dump({{"lag", lag}, {"events", summary.events()}, {"answers", all_answers(summary, top)}});
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace pipeline_tool
