#include "znode/quota.h"

#include "tests/unit/znode/tree_fixture.h"
#include "znode/snapshot.h"

namespace quorate::znode {
namespace {

const std::string kQuota = "/zookeeper/quota";

struct QuotaFixture : TreeFixture {
  QuotaFixture() { options.enforce_quota = true; }

  Code put(std::string path, Buffer data) {
    return submit(kAlice, OpCode::Create,
                  CreateRequest{std::move(path), std::move(data), open_acl(), 0})
        .error;
  }
  /// As the command line tool does it: limits, then stats.
  void quota(const std::string& prefix, const std::string& limits) {
    std::string path = kQuota;
    for (std::size_t at = 1; at != 0; at = prefix.find('/', at) + 1) {
      const std::size_t end = prefix.find('/', at);
      path = kQuota + prefix.substr(0, end);
      if (tree.find(path) == nullptr) REQUIRE(put(path, "") == Code::Ok);
      if (end == std::string::npos) break;
    }
    REQUIRE(put(limits_path(prefix), limits) == Code::Ok);
    REQUIRE(put(stats_path(prefix), "count=0,bytes=0") == Code::Ok);
  }
  std::string stats(const std::string& prefix) const {
    const Node* node = tree.find(stats_path(prefix));
    REQUIRE(node != nullptr);
    return std::string(node->data().value_or("null"));
  }
};

DataTree reloaded(DataTree& tree) {
  tree.mark_all_dirty();
  CheckpointBatch batch = encode_checkpoint(tree, Zxid{});
  std::map<Bytes, Bytes> sorted;
  for (CheckpointEntry& entry : batch.entries) {
    if (entry.value) sorted[entry.key] = *entry.value;
  }
  DataTree copy;
  CheckpointLoader loader(copy);
  for (const auto& [key, value] : sorted) REQUIRE_FALSE(loader.add(key, value));
  REQUIRE_FALSE(loader.finish());
  return copy;
}

}  // namespace

TEST_CASE("quota text: as ZooKeeper writes it, and whatever else it may hold") {
  CHECK(QuotaText("").text() == "count=-1,bytes=-1");
  const std::string hard = "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2";
  CHECK(QuotaText(hard).text() == hard);
  CHECK(QuotaText(hard).count_hard() == 2);
  CHECK(QuotaText(hard).bytes_hard() == -1);
  CHECK(QuotaText("bytes=5,count=4;x=7").text() == "count=4,bytes=5=;x=7");
  CHECK(QuotaText("count=,bytes=3").count() == -1);
  CHECK(QuotaText("count=x,bytes=3,,;=4,lone").text() == "count=-1,bytes=3");
  CHECK(QuotaText("count=99999999999999999999").count() == -1);
  CHECK(add_to_stats("count=4,bytes=5=;x=7", {1, -2}) == "count=5,bytes=3=;x=7");
  CHECK(add_to_stats("nonsense", {1, 10}) == "count=0,bytes=9");
  CHECK(add_to_stats("count=9223372036854775807", {1, 0}) == "count=-9223372036854775808,bytes=-1");
}

TEST_CASE("quota paths: the root has none") {
  CHECK(limited_by("/zookeeper/quota/a/b/zookeeper_limits") == "/a/b");
  CHECK(counted_by("/zookeeper/quota/a/zookeeper_stats") == "/a");
  CHECK_FALSE(limited_by("/zookeeper/quota/zookeeper_limits").has_value());
  CHECK_FALSE(limited_by("/zookeeper/quota/a/my_zookeeper_limits").has_value());
  CHECK_FALSE(limited_by("/zookeeper/quotas/a/zookeeper_limits").has_value());
  CHECK_FALSE(limited_by("/a/zookeeper_limits").has_value());
}

TEST_CASE("quota: use is computed at once, then kept up to date, X itself included") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "12345") == Code::Ok);
  REQUIRE(f.put("/a/b", "123") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1");
  CHECK(f.stats("/a") == "count=2,bytes=8");
  REQUIRE(f.put("/a/c", std::nullopt) == Code::Ok);
  CHECK(f.stats("/a") == "count=3,bytes=8");
  REQUIRE(f.set_data("/a", "1") == Code::Ok);
  CHECK(f.stats("/a") == "count=3,bytes=4");
  REQUIRE(f.remove("/a/b") == Code::Ok);
  CHECK(f.stats("/a") == "count=2,bytes=1");
  REQUIRE(f.put("/ab", "no part of it") == Code::Ok);
  REQUIRE(f.create("/a/e", CreateMode::Ephemeral) == Code::Ok);
  CHECK(f.stats("/a") == "count=3,bytes=5");
  f.close(kAlice);
  CHECK(f.stats("/a") == "count=2,bytes=1");
}

TEST_CASE("quota: an update of the stats leaves no trace but the data") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "") == Code::Ok);
  f.quota("/a", "count=5,bytes=-1");
  const Stat before = f.stat(stats_path("/a"));
  const std::int64_t size = f.tree.approximate_data_size();
  f.tree.take_dirty();
  REQUIRE(f.put("/a/b", "1234") == Code::Ok);
  Stat after = f.stat(stats_path("/a"));
  CHECK(f.last.fires.size() == 2);
  CHECK(after.data_length == static_cast<std::int32_t>(f.stats("/a").size()));
  after.data_length = before.data_length;
  CHECK(after == before);
  CHECK(f.tree.approximate_data_size() == size + 4 + 4);  // "/a/b" and its data
  bool dirty = false;
  for (const DirtyNode& node : f.tree.take_dirty()) dirty |= node.path == stats_path("/a");
  CHECK(dirty);
}

TEST_CASE("quota: the longest prefix counts, and only that one") {
  QuotaFixture f;
  for (const char* path : {"/a", "/a/b"}) REQUIRE(f.put(path, "") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1");
  f.quota("/a/b", "count=-1,bytes=-1");
  REQUIRE(f.put("/a/b/c", "12") == Code::Ok);
  CHECK(f.stats("/a/b") == "count=2,bytes=2");
  CHECK(f.stats("/a") == "count=2,bytes=0");
}

TEST_CASE("quota: without the limits node nothing is counted") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1=;countHardLimit=1");
  CHECK(f.put("/a/x", "") == Code::QuotaExceeded);
  REQUIRE(f.remove(limits_path("/a")) == Code::Ok);
  CHECK(f.put("/a/x", "") == Code::Ok);
  CHECK(f.stats("/a") == "count=1,bytes=0");
  CHECK(quota_usage(f.tree).empty());
}

TEST_CASE("quota: a hard limit refuses, a soft one does not, and the hard one wins") {
  struct Row {
    const char* limits;
    Code expected;
  };
  // /a has 2 nodes and 10 bytes; a third node with 5 bytes is asked for.
  for (const Row& row : {
           Row{"count=-1,bytes=-1", Code::Ok},
           Row{"count=2,bytes=10", Code::Ok},
           Row{"count=-1,bytes=-1=;countHardLimit=2", Code::QuotaExceeded},
           Row{"count=-1,bytes=-1=;countHardLimit=3", Code::Ok},
           Row{"count=-1,bytes=-1=;byteHardLimit=14", Code::QuotaExceeded},
           Row{"count=-1,bytes=-1=;byteHardLimit=15", Code::Ok},
           Row{"count=2,bytes=-1=;countHardLimit=3", Code::Ok},
           Row{"count=9,bytes=-1=;countHardLimit=2", Code::QuotaExceeded},
           Row{"count=1,bytes=-1=;byteHardLimit=1", Code::QuotaExceeded},
           Row{"count=-1,bytes=-1=;countHardLimit=0", Code::QuotaExceeded},
       }) {
    CAPTURE(row.limits);
    QuotaFixture f;
    REQUIRE(f.put("/a", "12345") == Code::Ok);
    REQUIRE(f.put("/a/b", "12345") == Code::Ok);
    f.quota("/a", row.limits);
    CHECK(f.put("/a/c", "12345") == row.expected);
    CHECK(f.remove("/a/b") == Code::Ok);  // never refused
  }
}

TEST_CASE("quota: without enforceQuota a hard limit is only noted") {
  QuotaFixture f;
  f.options.enforce_quota = false;
  REQUIRE(f.put("/a", "") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1=;countHardLimit=1");
  CHECK(f.put("/a/b", "") == Code::Ok);
  const auto note = f.pending.take_quota_note();
  REQUIRE(note.has_value());
  CHECK(note->text == "quota exceeded path=/a count=2 hardLimit=1");
  CHECK(note->name == "a");
  CHECK_FALSE(note->refused);
  CHECK_FALSE(f.pending.take_quota_note().has_value());
}

TEST_CASE("quota: setData counts the difference, and comes before the version") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "12345") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1=;byteHardLimit=5");
  CHECK(f.set_data("/a", "123456", /*version=*/9) == Code::QuotaExceeded);
  CHECK(f.set_data("/a", "54321", /*version=*/9) == Code::BadVersion);
  CHECK(f.set_data("/a", "54321") == Code::Ok);
  CHECK(f.set_data("/a", std::nullopt) == Code::Ok);
  CHECK(f.stats("/a") == "count=1,bytes=0");
}

TEST_CASE("quota: writes in flight are counted, and those of a failed multi are not") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1=;countHardLimit=2");
  const auto create = [](const char* path) { return CreateRequest{path, "", open_acl(), 0}; };
  // A multi that takes the last place and fails gives it back.
  Bytes multi;
  JuteWriter out(multi);
  encode(out, MultiHeader{OpCode::Create});
  encode(out, create("/a/m"));
  encode(out, MultiHeader{OpCode::Delete});
  encode(out, DeleteRequest{"/missing", -1});
  encode(out, MultiHeader{OpCode::Error, /*done=*/true});
  const Bytes failed = f.prepare_bytes(kAlice, OpCode::Multi, multi);
  const Bytes first = f.prepare_only(kAlice, OpCode::Create, create("/a/1"));
  const Bytes second = f.prepare_only(kAlice, OpCode::Create, create("/a/2"));
  const Bytes gone = f.prepare_only(kAlice, OpCode::Delete, DeleteRequest{"/a/1", -1});
  const Bytes third = f.prepare_only(kAlice, OpCode::Create, create("/a/3"));
  f.land(failed);
  CHECK(f.land(first).error == Code::Ok);
  CHECK(f.land(second).error == Code::QuotaExceeded);
  CHECK(f.land(gone).error == Code::Ok);
  CHECK(f.land(third).error == Code::Ok);
  CHECK(f.stats("/a") == "count=2,bytes=0");
  CHECK(f.pending.in_flight_changes() == 0);
  CHECK(f.put("/a/4", "") == Code::QuotaExceeded);
}

TEST_CASE("quota: one that is itself in flight counts already") {
  QuotaFixture f;
  const auto create = [](std::string path, std::string data) {
    return CreateRequest{std::move(path), std::move(data), open_acl(), 0};
  };
  std::vector<Bytes> txns;
  const auto prepare = [&](std::string path, std::string data) {
    txns.push_back(
        f.prepare_only(kAlice, OpCode::Create, create(std::move(path), std::move(data))));
  };
  prepare("/a", "123");
  prepare("/a/b", "4");
  prepare(kQuota + "/a", "");
  prepare(limits_path("/a"), "count=-1,bytes=-1=;countHardLimit=3");
  prepare(stats_path("/a"), "");
  prepare("/a/c", "56");
  prepare("/a/d", "");
  for (std::size_t i = 0; i < txns.size(); ++i) {
    CHECK(f.land(txns[i]).error == (i == 6 ? Code::QuotaExceeded : Code::Ok));
  }
  CHECK(f.stats("/a") == "count=3,bytes=6");
}

TEST_CASE("quota: limits and stats that a client writes by hand are taken as they are") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1");
  REQUIRE(f.set_data(limits_path("/a"), "count=-1,bytes=-1=;countHardLimit=1") == Code::Ok);
  CHECK(f.put("/a/b", "") == Code::QuotaExceeded);
  REQUIRE(f.set_data(stats_path("/a"), "count=-5,bytes=0") == Code::Ok);
  CHECK(f.put("/a/b", "") == Code::Ok);
  CHECK(f.stats("/a") == "count=-4,bytes=0");
  REQUIRE(f.set_data(stats_path("/a"), std::nullopt) == Code::Ok);
  CHECK(f.put("/a/c", "12") == Code::Ok);
  CHECK(f.stats("/a") == "count=0,bytes=1");  // absent figures are -1, as in ZooKeeper
  REQUIRE(f.remove(stats_path("/a")) == Code::Ok);
  CHECK(f.put("/a/d", "") == Code::Ok);
}

TEST_CASE("quota: loading a checkpoint makes it count again and computes what is used") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "123") == Code::Ok);
  f.quota("/a", "count=-1,bytes=-1=;countHardLimit=2");
  REQUIRE(f.put("/a/b", "4") == Code::Ok);
  DataTree again = reloaded(f.tree);
  CHECK(again.dirty_count() == 0);
  CHECK(again.digest() == f.tree.digest());
  CHECK(again.find(stats_path("/a"))->data() == std::optional<std::string_view>("count=2,bytes=4"));
  const auto rows = quota_usage(again);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].name == "a");
  CHECK(rows[0].count_limit == 2);
  CHECK(rows[0].bytes_limit == -1);
  CHECK(rows[0].count == 2);
  CHECK(rows[0].bytes == 4);
}

TEST_CASE("quota: the digest of the tree knows nothing of stats") {
  QuotaFixture f;
  REQUIRE(f.put("/a", "") == Code::Ok);
  const std::uint64_t before = f.tree.digest();
  REQUIRE(f.put(kQuota + "/a", "") == Code::Ok);
  REQUIRE(f.put(limits_path("/a"), "count=-1,bytes=-1") == Code::Ok);
  REQUIRE(f.put(stats_path("/a"), "") == Code::Ok);
  CHECK(f.tree.digest() == before);
}

}  // namespace quorate::znode
