// KafkaBus against the brokers that librdkafka plays itself: what real ones do only now and then.
// What they do always is asked by tests/e2e/kafka_test.py.
#include "examples/pipeline/kafka/kafka_bus.h"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/kafka/kafka_client.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;
using namespace std::chrono_literals;

namespace {

constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kMetadata = 3;
constexpr std::int16_t kInitProducerId = 22;

/// Three brokers with a topic "t" of two partitions.
struct Cluster {
  Cluster() {
    char reason[512];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", reason, sizeof reason);
    handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    REQUIRE(handle != nullptr);
    cluster = rd_kafka_mock_cluster_new(handle, 3);
    REQUIRE(rd_kafka_mock_topic_create(cluster, "t", 2, 3) == RD_KAFKA_RESP_ERR_NO_ERROR);
    lead(1);
  }
  ~Cluster() {
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(handle);
  }

  std::unique_ptr<KafkaBus> bus(std::chrono::milliseconds patience = 60s) const {
    KafkaBusOptions options;
    options.servers = rd_kafka_mock_cluster_bootstraps(cluster);
    options.patience = patience;
    auto opened = KafkaBus::open(options);
    REQUIRE(opened);
    return std::move(*opened);
  }
  void lead(int broker) const { rd_kafka_mock_partition_set_leader(cluster, "t", 0, broker); }
  void fail(std::int16_t request, const std::vector<rd_kafka_resp_err_t>& errors) const {
    rd_kafka_mock_push_request_errors_array(cluster, request, errors.size(), errors.data());
  }

  rd_kafka_t* handle = nullptr;
  rd_kafka_mock_cluster_t* cluster = nullptr;
};

Result<Offset> append(Bus& bus, const std::string& value) {
  const std::string second = value + "'";
  const std::vector<Record> records{{"k", value}, {"k", second}};
  return bus.append("t", 0, records);
}

std::vector<std::string> read(Reader& reader, std::size_t records) {
  std::vector<std::string> values;
  while (values.size() < records) {
    const auto batches = reader.poll(1min);
    if (!batches) FAIL(batches.error().message);
    for (const Batch& batch : *batches) {
      for (const StoredRecord& record : batch.records) {
        values.push_back(std::to_string(record.offset) + "=" + std::string(record.value));
      }
    }
  }
  return values;
}

using Texts = std::vector<std::string>;

std::unique_ptr<Reader> reader_of(Bus& bus) {
  auto reader = bus.open_reader("t");
  REQUIRE(reader);
  (*reader)->assign({{0, 0}});
  return std::move(*reader);
}

}  // namespace

TEST_CASE("kafka: what a caller can do about an error") {
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) == FaultKind::NoTopic);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) == FaultKind::NoPartition);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) == FaultKind::OutOfRange);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) == FaultKind::TooLarge);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR) == FaultKind::Storage);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR__BAD_MSG) == FaultKind::Damaged);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) == FaultKind::BadArgument);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) == FaultKind::Connection);
  CHECK(kafka_fault_kind(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS) == FaultKind::Connection);
}

TEST_CASE("kafka: without a broker every call says which was asked, when patience is over") {
  KafkaBusOptions options;
  options.servers = "127.0.0.1:1";
  options.patience = 300ms;
  const auto bus = KafkaBus::open(options);
  REQUIRE(bus);
  const std::vector<Record> one{{"k", "v"}};
  for (const Fault& fault : {(*bus)->create_topic("t", {}).error(), (*bus)->partitions("t").error(),
                             (*bus)->append("t", 0, one).error(), (*bus)->marks("t", 0).error(),
                             (*bus)->trim("t", 0, 1).error(), (*bus)->open_reader("t").error()}) {
    CAPTURE(fault.message);
    CHECK(fault.kind == FaultKind::Connection);
    CHECK(fault.message.find("127.0.0.1:1") != std::string::npos);
    CHECK(fault.message.find("Connection refused") != std::string::npos);
  }
}

TEST_CASE("kafka: servers that are no addresses are refused, or named") {
  KafkaBusOptions options;
  options.servers = "no port:at all";
  options.patience = 100ms;
  const auto bus = KafkaBus::open(options);
  const Fault fault = bus ? (*bus)->partitions("t").error() : bus.error();
  CHECK(fault.message.find("no port:at all") != std::string::npos);
}

TEST_CASE(
    "kafka: settings come from a file; what makes no sense is named, what is promised stays") {
  const quorate::test::TemporaryFolder folder;
  const std::string file = folder.path() + "/settings";
  const auto open_with = [&file](const std::string& text) -> Result<> {
    std::ofstream(file) << text;
    KafkaBusOptions options;
    options.servers = "127.0.0.1:1";
    options.patience = 1ms;
    if (Result<> read = read_kafka_settings(file, options); !read) return read;
    const auto bus = KafkaBus::open(options);
    if (!bus) return bus.error();
    return {};
  };
  CHECK(open_with("# Of ours.\n\nclient.rack=a\nauto.offset.reset=latest\n"));
  CHECK(open_with(""));
  CHECK(open_with("a=b\nrack\n").error().message == file + ", line 2: not NAME=VALUE");
  CHECK(open_with("client.rock=a\n").error().message.find("client.rock") != std::string::npos);
  KafkaBusOptions options;
  CHECK(read_kafka_settings(folder.path() + "/none", options).error().kind == FaultKind::Storage);

  const Cluster cluster;
  options.settings = {{"auto.offset.reset", "latest"}, {"acks", "0"}};
  options.servers = rd_kafka_mock_cluster_bootstraps(cluster.cluster);
  const auto bus = KafkaBus::open(options);
  REQUIRE(bus);
  CHECK(*append(**bus, "a") == 0);  // With acks=0 nobody would know where.
  const auto reader = (*bus)->open_reader("t");
  REQUIRE(reader);
  (*reader)->assign({{0, 7}});
  CHECK((*reader)->poll(1min).error().kind == FaultKind::OutOfRange);
}

TEST_CASE("kafka: writer and reader follow a partition to its new leader") {
  const Cluster cluster;
  const auto bus = cluster.bus();
  const auto reader = reader_of(*bus);
  CHECK(*append(*bus, "a") == 0);
  CHECK(read(*reader, 2) == Texts{"0=a", "1=a'"});
  cluster.lead(2);
  CHECK(*append(*bus, "b") == 2);
  CHECK(read(*reader, 2) == Texts{"2=b", "3=b'"});
  CHECK(bus->marks("t", 0)->high == 4);
}

TEST_CASE("kafka: requests that fail or get lost are repeated, and nothing is stored twice") {
  const Cluster cluster;
  const auto bus = cluster.bus();
  REQUIRE(append(*bus, "a"));
  cluster.fail(kProduce,
               {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
  CHECK(*append(*bus, "b") == 2);
  CHECK(*append(*bus, "c") == 4);
  const auto reader = reader_of(*bus);
  CHECK(read(*reader, 6) == Texts{"0=a", "1=a'", "2=b", "3=b'", "4=c", "5=c'"});
}

TEST_CASE(
    "kafka: an append that the cluster refuses for too long is given up; the next one works") {
  const Cluster cluster;
  const auto bus = cluster.bus(1s);
  REQUIRE(append(*bus, "a"));
  cluster.fail(kProduce, std::vector(1'000, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS));
  const auto refused = append(*bus, "b");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == FaultKind::Connection);
  CHECK(refused.error().message.find("topic t, partition 0") != std::string::npos);
  rd_kafka_mock_clear_request_errors(cluster.cluster, kProduce);
  CHECK(*append(*bus, "c") == 2);
}

TEST_CASE("kafka: a producer that has given up is replaced by the next append") {
  const Cluster cluster;
  const auto bus = cluster.bus();
  cluster.fail(kInitProducerId, {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED});
  const auto refused = append(*bus, "a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == FaultKind::BadArgument);
  CHECK(*append(*bus, "b") == 0);
}

TEST_CASE("kafka: a reader waits through an outage, can be woken in it, and reads on after it") {
  const Cluster cluster;
  const auto bus = cluster.bus();
  const auto reader = reader_of(*bus);
  REQUIRE(append(*bus, "a"));
  CHECK(read(*reader, 2) == Texts{"0=a", "1=a'"});
  rd_kafka_mock_broker_set_down(cluster.cluster, -1);
  CHECK(reader->poll(50ms)->empty());
  std::thread wakes([&reader] { reader->wake(); });
  CHECK(reader->poll(1min)->empty());
  wakes.join();
  std::thread appends([&bus] { CHECK(*append(*bus, "b") == 2); });
  rd_kafka_mock_broker_set_up(cluster.cluster, -1);
  CHECK(read(*reader, 2) == Texts{"2=b", "3=b'"});
  appends.join();
}

TEST_CASE("kafka: a topic is believed to be missing only when that is said for a while") {
  const Cluster cluster;
  const auto bus = cluster.bus();
  cluster.fail(kMetadata, {RD_KAFKA_RESP_ERR__TRANSPORT});
  rd_kafka_mock_topic_set_error(cluster.cluster, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  CHECK(bus->partitions("t").error().kind == FaultKind::NoTopic);
  std::thread heals([&cluster] {
    rd_kafka_mock_topic_set_error(cluster.cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
  });
  CHECK(*bus->partitions("t") == 2);
  heals.join();
}
