#include "examples/pipeline/backpressure.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/embedded_bus.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;
using namespace std::chrono_literals;

namespace {

struct PressureFixture {
  explicit PressureFixture(WhenBehind answer) {
    EmbeddedBusOptions bus_options;
    bus_options.folder = folder.path() + "/bus";
    auto opened = EmbeddedBus::open(bus_options);
    REQUIRE(opened);
    bus = std::move(*opened);
    REQUIRE(bus->create_topic("t", {}));
    options.topic = "t";
    options.answer = answer;
    options.backlog_max = 3;
    options.buffer_folder = folder.path() + "/buffer";
    open();
  }

  void open() {
    pressure.reset();
    auto made = Backpressure::open(*bus, options);
    REQUIRE(made);
    pressure = std::move(*made);
  }

  Result<> offer(const std::vector<std::string>& values) {
    std::vector<Record> records;
    for (const std::string& value : values) records.push_back({"k", value});
    return pressure->offer(records);
  }

  std::string on_bus() {
    auto reader = bus->open_reader("t");
    REQUIRE(reader);
    (*reader)->assign({{0, 0}});
    std::string all;
    while (true) {
      const auto batches = (*reader)->poll(0ms);
      REQUIRE(batches);
      if (batches->empty()) return all;
      for (const StoredRecord& record : batches->front().records) all += record.value;
    }
  }

  quorate::test::TemporaryFolder folder;
  BackpressureOptions options;
  std::unique_ptr<EmbeddedBus> bus;
  std::unique_ptr<Backpressure> pressure;
};

}  // namespace

TEST_CASE("names of the answers") {
  for (const WhenBehind answer : {WhenBehind::Block, WhenBehind::Buffer, WhenBehind::Drop}) {
    WhenBehind parsed = WhenBehind::Block;
    CHECK(parse_when_behind(name_of(answer), parsed));
    CHECK(parsed == answer);
  }
  WhenBehind parsed = WhenBehind::Block;
  CHECK_FALSE(parse_when_behind("wait", parsed));
}

TEST_CASE("no group, nobody behind: everything is appended") {
  PressureFixture f(WhenBehind::Drop);
  CHECK(f.offer({"a", "b", "c", "d", "e"}));
  CHECK(f.offer({"f"}));
  CHECK(f.on_bus() == "abcdef");
}

TEST_CASE("drop: what is beyond the slowest group's backlog is counted, whole batches at a time") {
  PressureFixture f(WhenBehind::Drop);
  f.pressure->progressed("fast", 0, 0);
  f.pressure->progressed("slow", 0, 0);
  CHECK(f.offer({"a", "b"}));
  CHECK(f.offer({"c", "d"}));
  CHECK(f.offer({"e"}));
  CHECK(f.offer({"f"}));
  CHECK(f.on_bus() == "abe");
  f.pressure->progressed("fast", 0, 3);
  CHECK(f.offer({"g"}));
  f.pressure->progressed("slow", 0, 1);
  CHECK(f.offer({"h"}));
  CHECK(f.on_bus() == "abeh");
  CHECK(f.pressure->counts().dropped == 4);
  CHECK(f.pressure->counts().appended == 4);
}

TEST_CASE("named groups: nothing passes and nothing is dropped before their progress is known") {
  PressureFixture f(WhenBehind::Drop);
  f.options.groups = {"g", "h"};
  f.open();
  std::thread tells([&f] {
    f.pressure->progressed("h", 0, 0);
    f.pressure->progressed("g", 0, 0);
  });
  CHECK(f.offer({"a", "b", "c"}));
  tells.join();
  CHECK(f.offer({"d"}));
  CHECK(f.on_bus() == "abc");
  CHECK(f.pressure->counts().dropped == 1);
  f.open();
  f.pressure->progressed("g", 0, 3);
  std::thread closes([&f] { f.pressure->close(); });
  CHECK(f.offer({"e"}).error().kind == FaultKind::Closed);
  closes.join();
}

TEST_CASE("a batch larger than the backlog passes when nobody is behind") {
  PressureFixture f(WhenBehind::Drop);
  f.pressure->progressed("g", 0, 0);
  CHECK(f.offer({"a", "b", "c", "d", "e"}));
  CHECK(f.on_bus() == "abcde");
}

TEST_CASE("block: the producer waits until there is room, or until it is closed") {
  PressureFixture f(WhenBehind::Block);
  f.pressure->progressed("g", 0, 0);
  CHECK(f.offer({"a", "b", "c"}));
  std::thread consumer([&f] {
    while (f.pressure->counts().waits == 0) std::this_thread::yield();
    f.pressure->progressed("g", 0, 2);
  });
  CHECK(f.offer({"d", "e"}));
  consumer.join();
  CHECK(f.on_bus() == "abcde");
  CHECK(f.pressure->counts().waits == 1);
  std::thread closes([&f] {
    while (f.pressure->counts().waits == 1) std::this_thread::yield();
    f.pressure->close();
  });
  CHECK(f.offer({"f"}).error().kind == FaultKind::Closed);
  closes.join();
  CHECK(f.on_bus() == "abcde");
}

TEST_CASE("buffer: put aside in order, appended when there is room") {
  PressureFixture f(WhenBehind::Buffer);
  f.pressure->progressed("g", 0, 0);
  CHECK(f.offer({"a", "b", "c"}));
  CHECK(f.offer({"d", "e"}));
  CHECK(f.offer({"f"}));
  CHECK(f.on_bus() == "abc");
  CHECK(f.pressure->counts().in_buffer == 3);
  // Each append makes the backlog larger again: the drain goes as far as there is room.
  f.pressure->progressed("g", 0, 3);
  CHECK(f.pressure->flush());
  CHECK(f.on_bus() == "abcdef");
  f.pressure->progressed("g", 0, 6);
  CHECK(f.offer({"g"}));
  CHECK(f.on_bus() == "abcdefg");
  CHECK(f.pressure->counts().buffered == 3);
}

TEST_CASE("buffer: what lies in it comes before what is offered later, though there is room") {
  PressureFixture f(WhenBehind::Buffer);
  f.pressure->progressed("g", 0, 0);
  CHECK(f.offer({"a", "b", "c"}));
  CHECK(f.offer({"d"}));
  std::thread consumer([&f] { f.pressure->progressed("g", 0, 3); });
  CHECK(f.offer({"e"}));
  CHECK(f.offer({"f"}));
  consumer.join();
  CHECK(f.pressure->flush());
  CHECK(f.on_bus() == "abcdef");
}

TEST_CASE("buffer: a later run sends what an earlier one has left") {
  PressureFixture f(WhenBehind::Buffer);
  f.pressure->progressed("g", 0, 0);
  CHECK(f.offer({"a", "b", "c"}));
  CHECK(f.offer({"d", "e"}));
  f.open();  // Of a group nothing is known yet: the rest goes out.
  CHECK(f.pressure->flush());
  CHECK(f.on_bus() == "abcde");
  CHECK(f.pressure->counts().in_buffer == 0);
}

TEST_CASE("buffer: when it is full the producer waits") {
  PressureFixture f(WhenBehind::Buffer);
  f.options.buffer_bytes_max = 4;
  f.open();
  f.pressure->progressed("g", 0, 0);
  CHECK(f.offer({"a", "b", "c"}));
  CHECK(f.offer({"d", "e"}));  // Four bytes with their keys.
  std::thread consumer([&f] {
    while (f.pressure->counts().waits == 0) std::this_thread::yield();
    CHECK(f.pressure->counts().in_buffer == 2);
    f.pressure->progressed("g", 0, 3);
  });
  CHECK(f.offer({"f"}));
  consumer.join();
  f.pressure->progressed("g", 0, 5);
  CHECK(f.pressure->flush());
  CHECK(f.on_bus() == "abcdef");
}
