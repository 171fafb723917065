#include "examples/lambda/topology.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "examples/pipeline/embedded_bus.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace lambda_app;
using namespace pipeline;

namespace {

using Said = std::shared_ptr<std::vector<std::string>>;

/// Says what comes, and hands it on `times` times.
class Speaker : public Operator {
 public:
  Speaker(std::string name, Said said, int times = 1)
      : name_(std::move(name)), said_(std::move(said)), times_(times) {}

  void on(const Tuple& tuple) override {
    said_->push_back(name_ + " " + std::string(tuple.value));
    for (int i = 0; i < times_; ++i) emit(tuple);
    const std::string value = name_ + std::string(tuple.value);
    CHECK(send(std::span(&value, 1)));
  }
  void end_of_batch(Offset next) override {
    said_->push_back(name_ + " end " + std::to_string(next));
  }
  void committed(Offset offset) override {
    said_->push_back(name_ + " committed " + std::to_string(offset));
  }
  bool keeps_state() const override { return name_ != "b"; }
  void save(std::string& to) override { to += "state of " + name_; }
  bool load(std::string_view bytes) override {
    said_->push_back(name_ + " loads " + std::string(bytes));
    return bytes != "bad";
  }

 private:
  std::string name_;
  Said said_;
  int times_;
};

MakeOperator speaker(const std::string& name, const Said& said, int times = 1) {
  return [=](const TaskPlace&) { return std::make_unique<Speaker>(name, said, times); };
}

/// in -> a (twice) -> b, c; c -> sinks `same` and `one`.
Topology example(const Said& said) {
  Topology topology("example");
  topology.source("in", "topic", "group")
      .op("a", "in", speaker("a", said, /*times=*/2))
      .op("b", "a", speaker("b", said))
      .op("c", "a", speaker("c", said))
      .sink("same", "c", "same", Grouping::SamePartition)
      .sink("one", "c", "one", Grouping::Global);
  return topology;
}

Batch batch_of(const std::vector<std::string>& values, Offset from = 0) {
  Batch batch;
  for (const std::string& value : values) {
    batch.records.push_back({from + batch.records.size(), 0, {}, value});
  }
  batch.next = from + values.size();
  return batch;
}

std::unique_ptr<EmbeddedBus> open_bus_in(const quorate::test::TemporaryFolder& folder) {
  auto bus = EmbeddedBus::open({folder.path() + "/bus", false});
  REQUIRE(bus);
  TopicOptions options;
  options.partitions = 4;
  for (const char* topic : {"same", "one"}) REQUIRE((*bus)->create_topic(topic, options));
  return std::move(*bus);
}

}  // namespace

TEST_CASE("topology: operators hear in the order of their declaration, batches end for all") {
  const quorate::test::TemporaryFolder folder;
  const auto bus = open_bus_in(folder);
  const auto said = std::make_shared<std::vector<std::string>>();
  const Topology topology = example(said);
  CHECK(topology.fault().empty());
  const auto task = topology.tasks_of("in", *bus)(2, 9, {});
  REQUIRE(task);
  const std::vector<std::string> values = {"x", "y"};
  task->handle(batch_of(values));
  task->committed(2);
  CHECK(*said == std::vector<std::string>{"a x", "b x", "c x", "b x", "c x", "a y", "b y", "c y",
                                          "b y", "c y", "a end 2", "b end 2", "c end 2",
                                          "a committed 2", "b committed 2", "c committed 2"});
  // Sinks: the sender's partition, or the first one.
  CHECK(bus->marks("same", 2)->high == 4);
  CHECK(bus->marks("same", 0)->high == 0);
  CHECK(bus->marks("one", 0)->high == 4);
  const auto read = bus->read("same", {2, 0}, {});
  REQUIRE(read);
  CHECK(read->records.front().value == "cx");
}

TEST_CASE("topology: a successor is loaded with what was saved, operator by operator") {
  const quorate::test::TemporaryFolder folder;
  const auto bus = open_bus_in(folder);
  const auto said = std::make_shared<std::vector<std::string>>();
  const Topology topology = example(said);
  const std::string state = topology.tasks_of("in", *bus)(0, 1, {})->state();
  CHECK(said->empty());
  REQUIRE(topology.tasks_of("in", *bus)(0, 2, {5, state}));
  CHECK(*said == std::vector<std::string>{"a loads state of a", "c loads state of c"});
  // Another version of the program, with an operator less and one more.
  Topology other("other");
  other.source("in", "topic", "group")
      .op("c", "in", speaker("c", said))
      .op("d", "c", speaker("d", said));
  said->clear();
  REQUIRE(other.tasks_of("in", *bus)(0, 3, {5, state}));
  CHECK(*said == std::vector<std::string>{"c loads state of c"});
  CHECK_FALSE(topology.tasks_of("in", *bus)(0, 2, {5, "damaged"}));
}

TEST_CASE("topology: what does not fit is named, the first of it") {
  const Said said;
  const auto fault_of = [](Topology& topology) { return topology.fault(); };
  Topology twice("t");
  CHECK(fault_of(twice.source("in", "t", "g").op("in", "in", speaker("a", said))) ==
        "in is declared twice");
  Topology behind("t");
  CHECK(fault_of(behind.source("in", "t", "g")
                     .op("b", "a", speaker("b", said))
                     .op("a", "in", speaker("a", said))) == "b: there is no a before it");
  Topology sink("t");
  CHECK(fault_of(sink.source("in", "t", "g").sink("out", "in", "t", Grouping::Global)) ==
        "out: there is no operator in before it");
}

TEST_CASE("topology: it prints what was declared") {
  CHECK(example(nullptr).text() ==
        "topology example\n"
        "  source in: topic topic, group group, a task per partition\n"
        "    operator a\n"
        "      operator b\n"
        "      operator c\n"
        "        sink same: topic same, same partition\n"
        "        sink one: topic one, all to one partition\n");
}
