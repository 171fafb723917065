#include "examples/pipeline/bus_server.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/bus_protocol.h"
#include "examples/pipeline/bus_socket.h"
#include "examples/pipeline/remote_bus.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;
using namespace std::chrono_literals;

namespace {

struct Broker {
  explicit Broker(bool over_tcp = false) : tcp(over_tcp) { start(); }

  void start() {
    EmbeddedBusOptions options;
    options.folder = folder.path() + "/bus";
    auto opened = EmbeddedBus::open(options);
    REQUIRE(opened);
    bus = std::move(*opened);
    auto started = BusServer::start(*bus, !address.empty() ? address
                                          : tcp            ? "tcp:127.0.0.1:0"
                                                           : "unix:" + folder.path() + "/s");
    REQUIRE(started);
    server = std::move(*started);
    address = server->address();
  }
  void stop() {
    server.reset();
    bus.reset();
  }

  std::unique_ptr<RemoteBus> connect(std::chrono::milliseconds patience = 20s) const {
    RemoteBusOptions options;
    options.address = address;
    options.patience = patience;
    return std::make_unique<RemoteBus>(options);
  }

  bool tcp;
  quorate::test::TemporaryFolder folder;
  std::unique_ptr<EmbeddedBus> bus;
  std::unique_ptr<BusServer> server;
  std::string address;
};

std::vector<std::string> values(const Result<std::vector<Batch>>& batches) {
  if (!batches) FAIL(batches.error().message);
  std::vector<std::string> all;
  for (const Batch& batch : *batches) {
    for (const StoredRecord& record : batch.records) all.emplace_back(record.value);
  }
  return all;
}

using Texts = std::vector<std::string>;

const std::vector<Record> kTwo{{"k", "a"}, {"k", "b"}};
const std::vector<Record> kOne{{"k", "c"}};

}  // namespace

TEST_CASE("remote bus: every call says what the bus behind it says, over both kinds of sockets") {
  for (const bool tcp : {false, true}) {
    CAPTURE(tcp);
    Broker broker(tcp);
    const auto bus = broker.connect();
    TopicOptions options;
    options.partitions = 2;
    REQUIRE(bus->create_topic("t", options));
    CHECK(*bus->partitions("t") == 2);
    CHECK(*bus->append("t", 1, kTwo) == 0);
    CHECK(*bus->append("t", 1, kOne) == 2);
    CHECK(bus->marks("t", 1)->high == 3);
    CHECK(broker.bus->marks("t", 1)->high == 3);
    CHECK(bus->trim("t", 1, 1));
    CHECK(bus->marks("t", 1)->low == 1);
    CHECK(bus->append("u", 0, kOne).error().kind == FaultKind::NoTopic);
    CHECK(bus->append("t", 2, kOne).error().kind == FaultKind::NoPartition);
    CHECK(bus->open_reader("u").error().kind == FaultKind::NoTopic);
    auto reader = bus->open_reader("t");
    REQUIRE(reader);
    (*reader)->assign({{0, 0}, {1, 0}});
    CHECK((*reader)->poll(0ms).error().kind == FaultKind::OutOfRange);
    (*reader)->assign({{0, 0}, {1, 1}});
    const auto batches = (*reader)->poll(0ms);
    CHECK(values(batches) == Texts{"b", "c"});
    CHECK(batches->front().partition == 1);
    CHECK(batches->front().records[0].offset == 1);
    CHECK(batches->front().high_water == 3);
    CHECK((*reader)->positions()[1].offset == 3);
    CHECK(values((*reader)->poll(0ms)).empty());
    CHECK(values((*reader)->poll(5ms)).empty());
  }
}

TEST_CASE("remote bus: an append of anybody wakes a reader elsewhere; so does wake()") {
  Broker broker;
  const auto bus = broker.connect();
  REQUIRE(bus->create_topic("t", {}));
  auto opened = broker.connect()->open_reader("t");
  REQUIRE(opened);
  const std::unique_ptr<Reader> reader = std::move(*opened);
  reader->assign({{0, 0}});
  std::thread remote([&bus] { CHECK(bus->append("t", 0, kTwo)); });
  CHECK(values(reader->poll(1min)) == Texts{"a", "b"});
  remote.join();
  std::thread local([&broker] { CHECK(broker.bus->append("t", 0, kOne)); });
  CHECK(values(reader->poll(1min)) == Texts{"c"});
  local.join();
  for (int i = 0; i < 20; ++i) {  // Whenever it comes: before, while or after the request is sent.
    std::thread wakes([&reader] { reader->wake(); });
    CHECK(values(reader->poll(1min)).empty());
    wakes.join();
  }
  reader->wake();
  reader->assign({});
  CHECK(values(reader->poll(1min)).empty());
  reader->assign({{0, 1}});
  CHECK(values(reader->poll(1min)) == Texts{"b", "c"});
}

TEST_CASE("remote bus: a broker that was started again is found again, with all it had") {
  for (const bool tcp : {false, true}) {
    Broker broker(tcp);
    const auto bus = broker.connect();
    REQUIRE(bus->create_topic("t", {}));
    REQUIRE(bus->append("t", 0, kTwo));
    auto opened = bus->open_reader("t");
    REQUIRE(opened);
    const std::unique_ptr<Reader> reader = std::move(*opened);
    reader->assign({{0, 0}});
    CHECK(values(reader->poll(0ms)) == Texts{"a", "b"});
    std::thread restart([&broker] {
      broker.stop();
      broker.start();
      CHECK(broker.bus->append("t", 0, kOne));
    });
    CHECK(values(reader->poll(1min)) == Texts{"c"});
    restart.join();
    CHECK(bus->marks("t", 0)->high == 3);
  }
}

TEST_CASE("remote bus: without a broker the fault says where none is, when patience is over") {
  const quorate::test::TemporaryFolder folder;
  RemoteBusOptions options;
  options.address = "unix:" + folder.path() + "/none";
  options.patience = 1ms;
  RemoteBus bus(options);
  const auto fault = bus.marks("t", 0);
  REQUIRE_FALSE(fault);
  CHECK(fault.error().kind == FaultKind::Connection);
  CHECK(fault.error().message.find(options.address) != std::string::npos);
  CHECK(bus.open_reader("t").error().kind == FaultKind::Connection);
}

TEST_CASE("broker: garbage closes that connection only") {
  Broker broker;
  const auto bus = broker.connect();
  REQUIRE(bus->create_topic("t", {}));
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  for (const std::string& garbage :
       {std::string("\xff\xff\xff\xff"), frame_of(""), frame_of("\x09\x01"), frame_of("\x03\x01"),
        frame_of(std::string("\x06\x01\x01t\xff\xff\xff\xff\x0f", 9)),
        frame_of(std::string("\x03\x01\x01t\x00\x7f", 6))}) {
    BusSocket socket;
    REQUIRE(socket.connect(broker.address, deadline, nullptr));
    REQUIRE(socket.send(garbage) == "");
    std::string reply;
    CHECK(socket.receive(reply, deadline) != "");
  }
  CHECK(bus->append("t", 0, kOne));
}

TEST_CASE("addresses") {
  CHECK(parse_bus_address("unix:/a/b")->path == "/a/b");
  CHECK(parse_bus_address("tcp:[::1]:80")->port == 80);
  for (const std::string& bad :
       {std::string("unix:"), std::string(""), std::string("tcp:host"), std::string("tcp:host:"),
        std::string("tcp::80"), std::string("tcp:host:x"), std::string("tcp:host:70000"),
        std::string("host:80"), "unix:" + std::string(200, 'x')}) {
    CAPTURE(bad);
    CHECK(parse_bus_address(bad).error().kind == FaultKind::BadArgument);
  }
}
