#include "examples/pipeline/embedded_bus.h"

#include <doctest/doctest.h>
#include <leveldb/db.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "examples/pipeline/embedded_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;
using namespace std::chrono_literals;

namespace {

struct BusFixture {
  BusFixture() { open(); }

  void open() {
    bus.reset();
    EmbeddedBusOptions options;
    options.folder = folder.path() + "/bus";
    auto opened = EmbeddedBus::open(options);
    REQUIRE(opened);
    bus = std::move(*opened);
  }

  void topic(const std::string& name, TopicOptions options) {
    REQUIRE(bus->create_topic(name, options));
  }
  void topic(const std::string& name, PartitionNumber partitions) {
    TopicOptions options;
    options.partitions = partitions;
    topic(name, options);
  }

  Offset append(const std::string& topic, PartitionNumber partition,
                const std::vector<std::string>& values) {
    std::vector<Record> records;
    for (const std::string& value : values) records.push_back({"k", value});
    const auto offset = bus->append(topic, partition, records);
    REQUIRE(offset);
    return *offset;
  }

  std::unique_ptr<Reader> reader(const std::string& topic, std::vector<Position> positions,
                                 ReadLimits limits = {}) {
    auto opened = bus->open_reader(topic, limits);
    REQUIRE(opened);
    (*opened)->assign(std::move(positions));
    return std::move(*opened);
  }

  quorate::test::TemporaryFolder folder;
  std::unique_ptr<EmbeddedBus> bus;
};

/// "0:5=a" for partition 0, offset 5, value a.
std::vector<std::string> texts(const Result<std::vector<Batch>>& batches) {
  REQUIRE(batches);
  std::vector<std::string> all;
  for (const Batch& batch : *batches) {
    for (const StoredRecord& record : batch.records) {
      all.push_back(std::to_string(batch.partition) + ":" + std::to_string(record.offset) + "=" +
                    std::string(record.value));
    }
    CHECK(batch.next == batch.records.back().offset + 1);
  }
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("bus: records come back in order, from any offset, again after reopening") {
  BusFixture f;
  f.topic("t", 2);
  CHECK(f.append("t", 0, {"a", "b"}) == 0);
  CHECK(f.append("t", 1, {"x"}) == 0);
  CHECK(f.append("t", 0, {"c", "d", "e"}) == 2);
  for (const bool reopened : {false, true}) {
    if (reopened) f.open();
    CHECK(texts(f.reader("t", {{0, 0}})->poll(0ms)) ==
          Texts{"0:0=a", "0:1=b", "0:2=c", "0:3=d", "0:4=e"});
    CHECK(texts(f.reader("t", {{0, 3}})->poll(0ms)) == Texts{"0:3=d", "0:4=e"});
    CHECK(texts(f.reader("t", {{0, 5}, {1, 0}})->poll(0ms)) == Texts{"1:0=x"});
    CHECK(texts(f.reader("t", {{0, 5}})->poll(0ms)).empty());
    CHECK(*f.bus->partitions("t") == 2);
    CHECK(f.bus->marks("t", 0)->high == 5);
  }
  CHECK(f.append("t", 0, {"f"}) == 5);
}

TEST_CASE("bus: a reader goes on where it is, in portions, and partitions take turns") {
  BusFixture f;
  f.topic("t", 2);
  f.append("t", 0, {"a", "b", "c", "d", "e"});
  f.append("t", 1, {"x", "y"});
  const auto reader = f.reader("t", {{0, 0}, {1, 0}}, {/*records_max=*/2, /*bytes_max=*/1'000});
  CHECK(texts(reader->poll(0ms)) == Texts{"0:0=a", "0:1=b"});
  CHECK(texts(reader->poll(0ms)) == Texts{"1:0=x", "1:1=y"});
  CHECK(texts(reader->poll(0ms)) == Texts{"0:2=c", "0:3=d"});
  CHECK(reader->positions()[0].offset == 4);
  CHECK(texts(reader->poll(0ms)) == Texts{"0:4=e"});
  const auto small = f.reader("t", {{0, 0}}, {/*records_max=*/100, /*bytes_max=*/1});
  CHECK(texts(small->poll(0ms)) == Texts{"0:0=a"});  // At least one.
  CHECK(texts(small->poll(0ms)) == Texts{"0:1=b"});
}

TEST_CASE("bus: a folder is open in one place only") {
  BusFixture f;
  EmbeddedBusOptions same;
  same.folder = f.folder.path() + "/bus";
  CHECK(EmbeddedBus::open(same).error().kind == FaultKind::Storage);
}

TEST_CASE("bus: retention by size drops the oldest batches and keeps offsets") {
  BusFixture f;
  TopicOptions options;
  options.retention_bytes = 3'000;
  f.topic("t", options);
  for (int i = 0; i < 10; ++i) f.append("t", 0, {std::string(1'000, static_cast<char>('a' + i))});
  const Marks marks = *f.bus->marks("t", 0);
  CHECK(marks.high == 10);
  CHECK(marks.low == 8);
  CHECK(f.reader("t", {{0, 7}})->poll(0ms).error().kind == FaultKind::OutOfRange);
  CHECK(texts(f.reader("t", {{0, 8}})->poll(0ms)).size() == 2);
  f.open();
  CHECK(f.bus->marks("t", 0)->low == 8);
  f.append("t", 0, {std::string(9'000, 'z')});  // Larger than all room: the newest stays.
  CHECK(f.bus->marks("t", 0)->low == 10);
  CHECK(texts(f.reader("t", {{0, 10}})->poll(0ms)).size() == 1);
}

TEST_CASE("bus: a batch that is missing in the middle is told, not skipped") {
  BusFixture f;
  f.topic("t", 1);
  for (const char* value : {"a", "b", "c", "d"}) f.append("t", 0, {value});
  f.bus.reset();
  leveldb::DB* opened = nullptr;
  REQUIRE(leveldb::DB::Open({}, f.folder.path() + "/bus", &opened).ok());
  std::unique_ptr<leveldb::DB> db(opened);
  REQUIRE(db->Delete({}, block_key("t", 0, 2)).ok());
  db.reset();
  f.open();
  CHECK(f.reader("t", {{0, 0}})->poll(0ms).error().kind == FaultKind::Damaged);
  CHECK(f.reader("t", {{0, 2}})->poll(0ms).error().kind == FaultKind::Damaged);
  CHECK(texts(f.reader("t", {{0, 3}})->poll(0ms)) == Texts{"0:3=d"});
}

TEST_CASE(
    "bus: kill -9 in the middle of appends loses nothing that was answered, and tears nothing") {
  for (int round = 0; round < 3; ++round) {
    const quorate::test::TemporaryFolder folder;
    EmbeddedBusOptions options;
    options.folder = folder.path() + "/bus";
    int answers[2];
    REQUIRE(::pipe(answers) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // Appends batches of 10 and tells each answered offset, until it is killed.
      auto bus = EmbeddedBus::open(options);
      if (!bus || !(*bus)->create_topic("t", {})) ::_exit(1);
      while (true) {
        const std::string value(300, 'x');
        const std::vector<Record> records(10, Record{"k", value});
        const auto base = (*bus)->append("t", 0, records);
        if (!base || ::write(answers[1], &*base, sizeof *base) != sizeof *base) ::_exit(1);
      }
    }
    ::close(answers[1]);
    Offset answered = 0;
    const Offset enough = 500 + static_cast<Offset>(round) * 777;
    while (answered < enough) {
      REQUIRE(::read(answers[0], &answered, sizeof answered) == sizeof answered);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(answers[0], &answered, sizeof answered) == sizeof answered) {
    }
    ::close(answers[0]);

    auto bus = EmbeddedBus::open(options);
    REQUIRE(bus);
    const Marks marks = *(*bus)->marks("t", 0);
    CHECK(marks.high >= answered + 10);
    CHECK(marks.high % 10 == 0);
    auto reader = (*bus)->open_reader("t");
    REQUIRE(reader);
    (*reader)->assign({{0, 0}});
    Offset next = 0;
    while (next < marks.high) {
      const auto batches = (*reader)->poll(0ms);
      REQUIRE(batches);
      REQUIRE_FALSE(batches->empty());
      for (const StoredRecord& record : batches->front().records) CHECK(record.offset == next++);
    }
    CHECK(next == marks.high);
  }
}
