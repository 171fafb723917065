#include "examples/pipeline/consumer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "examples/pipeline/embedded_bus.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/testing/server.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;

namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 60s;

struct Connection : qc::SyncClient {
  explicit Connection(const quorate::testing::Server& server)
      : SyncClient(options_of(server.connect_string())) {
    const auto connected = connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
  }
  ~Connection() { close(); }
  static qc::ConnectOptions options_of(const std::string& servers) {
    qc::ConnectOptions options(servers);
    options.connect_timeout = kPatience;
    return options;
  }
};

/// What the handlers have told, for a test that waits for it.
class Told {
 public:
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    all_.push_back(what);
    changed_.notify_all();
  }
  bool wait_for(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(
        lock, kPatience, [&] { return std::find(all_.begin(), all_.end(), what) != all_.end(); });
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

/// Tells what it is asked to do. A record "commit" wants one; after "tick" one tick is due, after
/// "due" a commit.
class Telling : public PartitionHandler {
 public:
  Telling(PartitionNumber partition, Told& told, std::function<void(const std::string&)> on_value)
      : name_(std::to_string(partition)), told_(told), on_value_(std::move(on_value)) {}

  void handle(const Batch& batch) override {
    for (const StoredRecord& record : batch.records) {
      const std::string value(record.value);
      if (on_value_) on_value_(value);
      wants_ = wants_ || value == "commit";
      if (value == "tick") due_ = std::chrono::steady_clock::now() + 1ms;
      if (value == "due") commit_at_ = std::chrono::steady_clock::now() + 1ms;
      told_.add(name_ + ' ' + value);
    }
  }
  std::string state() override {
    wants_ = false;
    if (commit_at_) told_.add(name_ + " state");
    commit_at_.reset();
    return "state";
  }
  void committed(Offset offset) override {
    told_.add(name_ + " committed " + std::to_string(offset));
  }
  bool wants_commit() const override { return wants_; }
  std::optional<std::chrono::steady_clock::time_point> commit_at() const override {
    return commit_at_;
  }
  std::optional<std::chrono::steady_clock::time_point> next_tick() const override { return due_; }
  void tick() override {
    due_.reset();
    wants_ = true;
    told_.add(name_ + " ticks");
  }

 private:
  std::string name_;
  Told& told_;
  std::function<void(const std::string&)> on_value_;
  bool wants_ = false;
  std::optional<std::chrono::steady_clock::time_point> due_;
  std::optional<std::chrono::steady_clock::time_point> commit_at_;
};

/// One member that never commits by itself.
class Group {
 public:
  explicit Group(PartitionNumber partitions, bool commit_beside = false) {
    options_.commit_beside = commit_beside;
    auto opened = EmbeddedBus::open({folder_.path() + "/bus", false});
    REQUIRE(opened);
    bus_ = std::move(*opened);
    TopicOptions topic;
    topic.partitions = partitions;
    REQUIRE(bus_->create_topic("t", topic));
    options_.place.group = "g";
    options_.place.topic = "t";
    options_.place.folder = folder_.path();
    options_.member = "a";
    options_.commit_interval = 1h;
    options_.refused = [this](PartitionNumber partition, const std::string& why) {
      CHECK(why.find("token") != std::string::npos);
      told.add(std::to_string(partition) + " refused");
    };
  }
  ~Group() {
    if (consumer_) consumer_->stop();
    if (thread_.joinable()) thread_.join();
  }

  void start(std::function<void(const std::string&)> on_value = {}) {
    consumer_ = std::make_unique<Consumer>(
        client_, store_, *bus_, options_,
        [this, on_value](PartitionNumber partition, std::int64_t, const Checkpoint&) {
          return std::make_unique<Telling>(partition, told, on_value);
        });
    thread_ = std::thread([this] { CHECK(consumer_->run()); });
  }
  void append(PartitionNumber partition, const std::string& value) {
    const Record record{{}, value};
    REQUIRE(bus_->append("t", partition, std::span(&record, 1)));
  }
  /// As a later owner would.
  void claim_from_elsewhere(PartitionNumber partition) {
    Connection other(server_);
    auto checkpoint = open_checkpoint(other, options_.place, partition);
    REQUIRE(checkpoint);
    CHECK((*checkpoint)->claim(1'000'000));
  }
  Offset committed(PartitionNumber partition) {
    const auto last = read_committed(client_, options_.place, partition);
    REQUIRE(last);
    return last->checkpoint.offset;
  }
  ConsumerCounts counts() const { return consumer_->counts(); }

  qc::SyncClient& client() { return client_; }
  qc::SyncClient& store() { return store_; }

  Told told;

 private:
  quorate::testing::Server server_;
  quorate::test::TemporaryFolder folder_;
  Connection client_{server_};
  Connection store_{server_};
  std::unique_ptr<EmbeddedBus> bus_;
  ConsumerOptions options_;
  std::unique_ptr<Consumer> consumer_;
  std::thread thread_;
};

/// While it is closed a session hears nothing: its thread waits in the listener of a cache.
class Gate {
 public:
  Gate(Group& group, qc::SyncClient& session)
      : group_(group), cache_(session, "/gate", [this](const qc::CachedNode& node) {
          if (node.exists) wait(node.data);
        }) {
    REQUIRE(group_.client().create("/gate", "open"));
    CHECK(group_.told.wait_for("gate open"));
  }

  void close() {
    REQUIRE(group_.client().set_data("/gate", "closed", -1));
    CHECK(group_.told.wait_for("gate closed"));
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }

 private:
  void wait(const std::string& state) {
    std::unique_lock lock(mutex_);
    group_.told.add("gate " + state);
    if (state == "closed") opened_.wait_for(lock, kPatience, [this] { return open_; });
  }

  Group& group_;
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  qc::SyncNodeCache cache_;
};

}  // namespace

TEST_CASE("consumer: a handler that wants a commit gets it at once") {
  Group group(1);
  group.start();
  group.append(0, "x");
  CHECK(group.told.wait_for("0 x"));
  group.append(0, "commit");
  CHECK(group.told.wait_for("0 committed 2"));
  CHECK(group.committed(0) == 2);
  CHECK(group.told.all() == std::vector<std::string>{"0 x", "0 commit", "0 committed 2"});
}

TEST_CASE("consumer: a tick that is due comes without a record, once, and may want a commit") {
  Group group(1);
  group.start();
  group.append(0, "tick");
  CHECK(group.told.wait_for("0 committed 1"));
  group.append(0, "commit");
  CHECK(group.told.wait_for("0 committed 2"));
  CHECK(group.told.all() == std::vector<std::string>{"0 tick", "0 ticks", "0 committed 1",
                                                     "0 commit", "0 committed 2"});
}

TEST_CASE("consumer: a commit at a moment that the handler names comes without a record, once") {
  for (const bool beside : {false, true}) {
    CAPTURE(beside);
    Group group(1, beside);
    group.start();
    group.append(0, "due");
    CHECK(group.told.wait_for("0 committed 1"));
    group.append(0, "x");
    group.append(0, "due");
    CHECK(group.told.wait_for("0 committed 3"));
    CHECK(group.committed(0) == 3);
    CHECK(group.told.all() == std::vector<std::string>{"0 due", "0 state", "0 committed 1", "0 x",
                                                       "0 due", "0 state", "0 committed 3"});
  }
}

TEST_CASE("consumer: a commit beside holds up no record, and no other begins before its end") {
  Group group(2, /*commit_beside=*/true);
  group.start();
  for (const PartitionNumber partition : {0, 1}) group.append(partition, "x");
  CHECK(group.told.wait_for("0 x"));
  CHECK(group.told.wait_for("1 x"));
  Gate gate(group, group.store());
  gate.close();  // Nothing is committed from now on.
  group.append(0, "due");
  CHECK(group.told.wait_for("0 state"));
  group.append(1, "due");
  group.append(0, "y");
  CHECK(group.told.wait_for("1 due"));
  CHECK(group.told.wait_for("0 y"));
  for (const std::string& what : group.told.all()) {
    CHECK(what.find("committed") == std::string::npos);
    CHECK(what != "1 state");
  }
  gate.open();
  CHECK(group.told.wait_for("0 committed 2"));  // As of its state: without y.
  CHECK(group.told.wait_for("1 committed 2"));
  CHECK(group.committed(0) == 2);
}

TEST_CASE("consumer: a refused commit is told, and the other partitions' records come once") {
  Group group(2);
  for (const char* value : {"first", "commit"}) group.append(0, value);
  for (const char* value : {"a", "b", "c"}) group.append(1, value);
  group.start([&group](const std::string& value) {
    if (value == "first") group.claim_from_elsewhere(0);
  });
  CHECK(group.told.wait_for("0 refused"));
  CHECK(group.told.wait_for("1 c"));
  group.append(0, "not mine any more");
  group.append(1, "commit");
  CHECK(group.told.wait_for("1 committed 4"));
  std::vector<std::string> of_one;
  for (const std::string& what : group.told.all()) {
    CHECK(what != "0 not mine any more");
    if (what[0] == '1') of_one.push_back(what);
  }
  CHECK(of_one == std::vector<std::string>{"1 a", "1 b", "1 c", "1 commit", "1 committed 4"});
  CHECK(group.counts().fenced == 1);
  CHECK(group.committed(0) == 0);
}
