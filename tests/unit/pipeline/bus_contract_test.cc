// What bus.h promises, asked of every bus: embedded and through a broker; or of the one that
// QUORATE_TEST_BUS names, which is how tests/e2e/kafka_test.py asks Kafka.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/bus_server.h"
#include "examples/pipeline/embedded_bus.h"
#include "examples/pipeline/open_bus.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<Bus> opened(const std::string& text) {
  auto bus = open_bus(text);
  if (!bus) FAIL(bus.error().message);
  return std::move(*bus);
}

/// `rules` of an embedded bus, of one behind a broker, or of the one that is named.
void every_bus(const std::function<void(Bus&)>& rules) {
  if (const char* named = std::getenv("QUORATE_TEST_BUS")) {
    static const std::unique_ptr<Bus> bus = opened(named);
    rules(*bus);
    return;
  }
  {
    INFO("embedded");
    const quorate::test::TemporaryFolder folder;
    rules(*opened("embedded:" + folder.path() + "/bus"));
  }
  INFO("through a broker");
  const quorate::test::TemporaryFolder folder;
  EmbeddedBusOptions options;
  options.folder = folder.path() + "/bus";
  const auto kept = EmbeddedBus::open(options);
  REQUIRE(kept);
  const auto broker = BusServer::start(**kept, "unix:" + folder.path() + "/socket");
  REQUIRE(broker);
  rules(*opened((*broker)->address()));
}

/// A new topic: others may use the same bus, and earlier runs have.
std::string make_topic(Bus& bus, PartitionNumber partitions) {
  static int made = 0;
  const std::string name = "contract-" + std::to_string(::getpid()) + "-" + std::to_string(++made);
  TopicOptions options;
  options.partitions = partitions;
  const Result<> created = bus.create_topic(name, options);
  if (!created) FAIL(created.error().message);
  return name;
}

Offset append(Bus& bus, const std::string& topic, PartitionNumber partition,
              const std::vector<std::string>& values) {
  std::vector<Record> records;
  for (const std::string& value : values) records.push_back({"k", value});
  const Result<Offset> offset = bus.append(topic, partition, records);
  if (!offset) FAIL(offset.error().message);
  return *offset;
}

std::unique_ptr<Reader> reader_of(Bus& bus, const std::string& topic,
                                  std::vector<Position> positions, ReadLimits limits = {}) {
  auto reader = bus.open_reader(topic, limits);
  if (!reader) FAIL(reader.error().message);
  (*reader)->assign(std::move(positions));
  return std::move(*reader);
}

/// "5=a" for offset 5, value a.
using Texts = std::vector<std::string>;
using Read = std::map<PartitionNumber, Texts>;

std::size_t add(const std::vector<Batch>& batches, Read& read) {
  std::size_t records = 0;
  for (const Batch& batch : batches) {
    REQUIRE_FALSE(batch.records.empty());
    CHECK(batch.next == batch.records.back().offset + 1);
    CHECK(batch.high_water >= batch.next);
    for (const StoredRecord& record : batch.records) {
      read[batch.partition].push_back(std::to_string(record.offset) + "=" +
                                      std::string(record.value));
      ++records;
    }
  }
  return records;
}

/// What comes, until `records` have come.
Read read(Reader& reader, std::size_t records) {
  Read all;
  for (std::size_t come = 0; come < records;) {
    const auto batches = reader.poll(1min);
    if (!batches) FAIL(batches.error().message);
    REQUIRE_FALSE(batches->empty());
    come += add(*batches, all);
    CHECK(come <= records);
  }
  return all;
}

Read read(Bus& bus, const std::string& topic, std::vector<Position> positions,
          std::size_t records) {
  return read(*reader_of(bus, topic, std::move(positions)), records);
}

bool nothing(Reader& reader) {
  const auto batches = reader.poll(20ms);
  if (!batches) FAIL(batches.error().message);
  return batches->empty();
}

FaultKind fault_of_poll(Reader& reader) {
  const auto batches = reader.poll(1min);
  REQUIRE_FALSE(batches);
  return batches.error().kind;
}

}  // namespace

TEST_CASE("bus contract: records come back in order with offsets from 0, from any offset") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 2);
    CHECK(append(bus, topic, 0, {"a", "b"}) == 0);
    CHECK(append(bus, topic, 1, {"x"}) == 0);
    CHECK(append(bus, topic, 0, {"c", "", "e"}) == 2);
    const Texts all{"0=a", "1=b", "2=c", "3=", "4=e"};
    CHECK(read(bus, topic, {{0, 0}}, 5) == Read{{0, all}});
    CHECK(read(bus, topic, {{0, 0}, {1, 0}}, 6) == Read{{0, all}, {1, {"0=x"}}});
    CHECK(read(bus, topic, {{0, 3}}, 2) == Read{{0, {"3=", "4=e"}}});
    CHECK(nothing(*reader_of(bus, topic, {{0, 5}, {1, 1}})));
    CHECK(*bus.partitions(topic) == 2);
    CHECK(bus.marks(topic, 0)->low == 0);
    CHECK(bus.marks(topic, 0)->high == 5);
    CHECK(bus.marks(topic, 1)->high == 1);
  });
}

TEST_CASE("bus contract: a reader goes on where it is, in portions of its limits") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 2);
    append(bus, topic, 0, {"a", "b", "c", "d", "e"});
    append(bus, topic, 1, {"x", "y"});
    for (const ReadLimits limits : {ReadLimits{2, 1'000}, ReadLimits{100, 1}}) {
      const std::size_t most = limits.bytes_max == 1 ? 1 : 2;  // At least one, whatever its size.
      const auto reader = reader_of(bus, topic, {{0, 0}, {1, 0}}, limits);
      Read all;
      for (std::size_t come = 0; come < 7;) {
        const auto batches = reader->poll(1min);
        REQUIRE(batches);
        const std::size_t now = add(*batches, all);
        CHECK(now >= 1);
        CHECK(now <= most);
        come += now;
      }
      CHECK(all == Read{{0, {"0=a", "1=b", "2=c", "3=d", "4=e"}}, {1, {"0=x", "1=y"}}});
      CHECK(reader->positions()[0].offset == 5);
      CHECK(reader->positions()[1].offset == 2);
      CHECK(nothing(*reader));
    }
  });
}

TEST_CASE("bus contract: assign() moves what it names, and what it does not change goes on") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 3);
    for (PartitionNumber number = 0; number < 3; ++number) append(bus, topic, number, {"a", "b"});
    const auto reader = reader_of(bus, topic, {{0, 0}, {1, 0}});
    CHECK(read(*reader, 4) == Read{{0, {"0=a", "1=b"}}, {1, {"0=a", "1=b"}}});
    reader->assign({{0, 2}, {1, 1}, {2, 1}});  // Stays, goes back, is new.
    CHECK(read(*reader, 2) == Read{{1, {"1=b"}}, {2, {"1=b"}}});
    append(bus, topic, 0, {"c"});
    CHECK(read(*reader, 1) == Read{{0, {"2=c"}}});
    reader->assign({{2, 2}});
    append(bus, topic, 0, {"d"});
    append(bus, topic, 2, {"c"});
    CHECK(read(*reader, 1) == Read{{2, {"2=c"}}});
    CHECK(nothing(*reader));
    reader->assign({});
    CHECK(nothing(*reader));
    const auto other = reader_of(bus, topic, {{0, 2}});  // Readers know nothing of each other.
    CHECK(read(*other, 2) == Read{{0, {"2=c", "3=d"}}});
  });
}

TEST_CASE("bus contract: what is wrong has a name") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 2);
    const std::vector<Record> one{{"k", "v"}};
    CHECK(bus.append("nobody-made-this", 0, one).error().kind == FaultKind::NoTopic);
    CHECK(bus.open_reader("nobody-made-this").error().kind == FaultKind::NoTopic);
    CHECK(bus.append(topic, 2, one).error().kind == FaultKind::NoPartition);
    CHECK(bus.marks(topic, 2).error().kind == FaultKind::NoPartition);
    CHECK(bus.trim(topic, 2, 0).error().kind == FaultKind::NoPartition);
    CHECK(bus.append(topic, 0, {}).error().kind == FaultKind::BadArgument);
    const std::string large(kRecordBytesMax + 1, 'x');
    const std::vector<Record> too_large{{"", large}};
    CHECK(bus.append(topic, 0, too_large).error().kind == FaultKind::TooLarge);
    const std::vector<Record> too_many(9, Record{"", std::string_view(large).substr(1)});
    CHECK(bus.append(topic, 0, too_many).error().kind == FaultKind::TooLarge);
    TopicOptions options;
    options.partitions = 3;
    CHECK(bus.create_topic(topic, options).error().kind == FaultKind::OtherTopic);
    CHECK(bus.create_topic("a/b", options).error().kind == FaultKind::BadArgument);
    options.partitions = 0;
    CHECK(bus.create_topic("u", options).error().kind == FaultKind::BadArgument);
    options.partitions = 2;
    options.retention_bytes = 1u << 30;
    CHECK(bus.create_topic(topic, options));  // There already: its retention is renewed.
    CHECK(bus.create_topic(topic, options));
    CHECK(bus.marks(topic, 0)->high == 0);  // None of that has left anything.
  });
}

TEST_CASE(
    "bus contract: a position that is not there is told, again and again, until it is moved") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 2);
    append(bus, topic, 0, {"a"});
    const auto reader = reader_of(bus, topic, {{0, 7}});
    CHECK(fault_of_poll(*reader) == FaultKind::OutOfRange);
    CHECK(fault_of_poll(*reader) == FaultKind::OutOfRange);
    CHECK(reader->positions()[0].offset == 7);
    reader->assign({{7, 0}});
    CHECK(fault_of_poll(*reader) == FaultKind::NoPartition);
    CHECK(fault_of_poll(*reader) == FaultKind::NoPartition);
    reader->assign({{0, 0}});
    CHECK(read(*reader, 1) == Read{{0, {"0=a"}}});
  });
}

TEST_CASE("bus contract: an append wakes a reader that waits; so does wake(), whenever it comes") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 1);
    const auto reader = reader_of(bus, topic, {{0, 0}});
    std::thread appends([&] { append(bus, topic, 0, {"a"}); });
    CHECK(read(*reader, 1) == Read{{0, {"0=a"}}});
    appends.join();
    for (int i = 0; i < 20; ++i) {
      std::thread wakes([&reader] { reader->wake(); });
      const auto batches = reader->poll(1min);
      REQUIRE(batches);
      CHECK(batches->empty());
      wakes.join();
    }
    reader->wake();  // Kept for the next poll(), whatever is assigned by then.
    reader->assign({});
    CHECK(reader->poll(1min)->empty());
    reader->assign({{0, 0}});
    CHECK(read(*reader, 1) == Read{{0, {"0=a"}}});
  });
}

TEST_CASE("bus contract: trim takes records away, also from within a batch, never those to come") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 2);
    append(bus, topic, 0, {"a", "b"});
    append(bus, topic, 0, {"c", "d"});
    append(bus, topic, 1, {"x"});
    REQUIRE(bus.trim(topic, 0, 3));
    CHECK(bus.marks(topic, 0)->low == 3);
    CHECK(fault_of_poll(*reader_of(bus, topic, {{0, 2}})) == FaultKind::OutOfRange);
    CHECK(read(bus, topic, {{0, 3}}, 1) == Read{{0, {"3=d"}}});
    CHECK(bus.trim(topic, 0, 1));  // Not back.
    CHECK(bus.marks(topic, 0)->low == 3);
    REQUIRE(bus.trim(topic, 0, 100));
    CHECK(bus.marks(topic, 0)->low == 4);
    CHECK(append(bus, topic, 0, {"e"}) == 4);
    CHECK(read(bus, topic, {{0, 4}, {1, 0}}, 2) == Read{{0, {"4=e"}}, {1, {"0=x"}}});
  });
}

TEST_CASE("bus contract: the largest records, and the largest append, come back whole") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 1);
    std::vector<std::string> values;
    std::uint32_t noise = 1;  // What no compression makes small.
    for (int i = 0; i < 8; ++i) {
      std::string& value = values.emplace_back();
      while (value.size() < kRecordBytesMax - 1) {
        value.push_back(static_cast<char>((noise = noise * 1'664'525 + 1'013'904'223) >> 24));
      }
    }
    CHECK(append(bus, topic, 0, values) == 0);
    const auto reader = reader_of(bus, topic, {{0, 0}});
    std::vector<Batch> kept;  // Batches stay good when others have come, and without the reader.
    Offset next = 0;
    while (next < 8) {
      auto batches = reader->poll(1min);
      REQUIRE(batches);
      for (Batch& batch : *batches) next = kept.emplace_back(std::move(batch)).next;
    }
    for (const Batch& batch : kept) {
      for (const StoredRecord& record : batch.records) {
        CHECK(record.key == "k");
        CHECK((record.value == values[record.offset]));
        CHECK(record.append_ms > 1'600'000'000'000);
      }
    }
  });
}

TEST_CASE("bus contract: equal keys go to one partition, in order") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 4);
    std::vector<std::string> texts;
    for (int i = 0; i < 50; ++i) {
      texts.push_back("key" + std::to_string(i % 10));
      texts.push_back(std::to_string(i));
    }
    std::vector<Record> records;
    for (std::size_t i = 0; i < texts.size(); i += 2) records.push_back({texts[i], texts[i + 1]});
    CHECK(append_by_key(bus, topic, records));
    const auto reader = reader_of(bus, topic, {{0, 0}, {1, 0}, {2, 0}, {3, 0}});
    std::map<std::string, int> last;
    for (int come = 0; come < 50;) {
      const auto batches = reader->poll(1min);
      REQUIRE(batches);
      for (const Batch& batch : *batches) {
        for (const StoredRecord& record : batch.records) {
          CHECK(partition_of(record.key, 4) == batch.partition);
          int& before = last.try_emplace(std::string(record.key), -1).first->second;
          const int value = std::stoi(std::string(record.value));
          CHECK(before < value);
          before = value;
          ++come;
        }
      }
    }
    CHECK(last.size() == 10);
  });
}

TEST_CASE("bus contract: appends of many threads: no offset twice, none missing, orders kept") {
  every_bus([](Bus& bus) {
    const std::string topic = make_topic(bus, 1);
    constexpr int kThreads = 4, kAppends = 100;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&bus, &topic, thread] {
        for (int i = 0; i < kAppends; ++i) {
          const std::string first = std::to_string(thread * 1'000 + 2 * i);
          const std::string second = std::to_string(thread * 1'000 + 2 * i + 1);
          const std::vector<Record> records{{"k", first}, {"k", second}};
          CHECK(bus.append(topic, 0, records));
        }
      });
    }
    const auto reader = reader_of(bus, topic, {{0, 0}});
    std::vector<int> last(kThreads, -1);
    int before = 0;
    Offset next = 0;
    while (next < 2 * kThreads * kAppends) {
      const auto batches = reader->poll(1min);
      REQUIRE(batches);
      REQUIRE_FALSE(batches->empty());
      for (const StoredRecord& record : batches->front().records) {
        CHECK(record.offset == next++);
        const int value = std::stoi(std::string(record.value));
        int& expected = last[static_cast<std::size_t>(value / 1'000)];
        CHECK(value % 1'000 == expected + 1);
        expected = value % 1'000;
        if (value % 2 == 1) CHECK(before == value - 1);  // An append's records stay together.
        before = value;
      }
    }
    for (std::thread& thread : threads) thread.join();
  });
}
