#include "znode/snapshot.h"

#include <map>

#include "base/random.h"
#include "tests/unit/znode/tree_fixture.h"
#include "znode/acl_table.h"
#include "znode/checkpoint_keys.h"
#include "znode/node_codec.h"

namespace quorate::znode {
namespace {

/// What a key-value store makes of batches.
class Store {
 public:
  void write(const CheckpointBatch& batch) {
    for (const CheckpointEntry& entry : batch.entries) {
      if (entry.value) {
        entries_[entry.key] = *entry.value;
      } else {
        entries_.erase(entry.key);
      }
    }
    batch.pack.for_each([this](ByteView key, ByteView value) {
      entries_[Bytes(key.begin(), key.end())] = Bytes(value.begin(), value.end());
    });
  }
  ErrorCode load(DataTree& tree) const {
    CheckpointLoader loader(tree);
    for (const auto& [key, value] : entries_) {
      if (ErrorCode fault = loader.add(key, value)) return fault;
    }
    return loader.finish();
  }

  std::map<Bytes, Bytes> entries_;
};

std::map<Bytes, Bytes> without_meta(std::map<Bytes, Bytes> entries) {
  std::erase_if(entries, [](const auto& entry) {
    return kind_of(entry.first) == EntryKind::Meta || kind_of(entry.first) == EntryKind::Chain;
  });
  return entries;
}

/// The tree as it is, by its nodes, sessions and lists one by one.
Store whole_tree(const DataTree& tree) {
  Store store;
  CheckpointBatch batch;
  tree.for_each([&](const std::string& path, const Node& node) {
    Bytes value;
    JuteWriter out(value);
    encode_stored(out, node);
    batch.entries.push_back({node_key(path), std::move(value)});
  });
  for (const auto& [key, entry] : tree.acls().entries()) {
    Bytes value;
    JuteWriter(value).acls(entry.list);
    batch.entries.push_back({acl_key(key), std::move(value)});
  }
  for (const auto& [id, timeout_ms] : tree.sessions()) {
    Bytes value;
    JuteWriter(value).i32(timeout_ms);
    batch.entries.push_back({session_key(id), std::move(value)});
  }
  store.write(batch);
  return store;
}

void change_something(TreeFixture& f, Random& random) {
  const std::string path = "/n" + std::to_string(random.below(8));
  const std::string child = path + "/" + std::to_string(random.below(4));
  switch (random.below(7)) {
    case 0:
      f.create(path);
      break;
    case 1:
      f.create(child, CreateMode::Ephemeral, open_acl(), kBob);
      break;
    case 2:
      f.remove(child);
      break;
    case 3:
      f.remove(path);
      break;
    case 4:
      f.set_data(path, random.percent(20) ? Buffer() : Buffer("new"));
      break;
    case 5:
      f.set_acl(path, {{perm::kAll, {"ip", "10.0.0." + std::to_string(random.below(3))}}});
      break;
    default:
      f.submit(SessionId{50 + static_cast<std::int64_t>(random.below(3))},
               random.percent(50) ? OpCode::CreateSession : OpCode::CloseSession,
               CreateSessionTxn{5000});
  }
}

}  // namespace

TEST_CASE("checkpoint: batches of changes add up to the tree") {
  TreeFixture f;
  f.options.skip_acl = true;
  Store store;
  Random random(7);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    for (int i = 0; i < 8; ++i) change_something(f, random);
    const CheckpointBatch batch = encode_checkpoint(f.tree, Zxid{round});
    CHECK(batch.zxid == f.tree.last_applied());
    CHECK(f.tree.dirty_count() == 0);
    store.write(batch);
    DataTree loaded;
    REQUIRE(!store.load(loaded));
    CHECK(loaded.digest() == f.tree.digest());
    CHECK(loaded.last_applied() == f.tree.last_applied());
    CHECK(loaded.ephemeral_count() == f.tree.ephemeral_count());
    CHECK(loaded.approximate_data_size() == f.tree.approximate_data_size());
    loaded.mark_all_dirty();
    Store whole;
    whole.write(encode_checkpoint(loaded, Zxid{round}));
    CHECK(without_meta(whole.entries_) == without_meta(store.entries_));
  }
}

TEST_CASE(
    "checkpoint: in slices it is the one of the moment it began, whatever changes meanwhile") {
  std::size_t early = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    TreeFixture f;
    f.options.skip_acl = true;
    Store store;
    Random random(seed);
    for (int round = 0; round < 6; ++round) {
      CAPTURE(round);
      for (int i = 0; i < 12; ++i) change_something(f, random);
      const Store expected = whole_tree(f.tree);
      const Zxid began = f.tree.last_applied();
      begin_checkpoint(f.tree, Zxid{});
      bool ends = false;
      bool begins = true;
      while (!ends) {
        const CheckpointBatch portion = next_portion(f.tree, {SIZE_MAX, 1 + random.below(4)});
        CHECK(portion.begins == begins);
        CHECK(portion.zxid == began);
        store.write(portion);
        ends = portion.ends;
        begins = false;
        if (ends) break;
        early += portion.entries.size();
        for (std::uint64_t i = random.below(4); i > 0; --i) change_something(f, random);
      }
      CHECK_FALSE(checkpoint_under_way(f.tree));
      DataTree loaded;
      REQUIRE(!store.load(loaded));
      CHECK(loaded.last_applied() == began);
      CHECK(without_meta(store.entries_) == expected.entries_);
    }
  }
  CHECK(early > 1000);
}

TEST_CASE("checkpoint: abandoned, the next one is from scratch and whole") {
  TreeFixture f;
  f.options.skip_acl = true;
  Random random(3);
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 10; ++i) change_something(f, random);
    begin_checkpoint(f.tree, Zxid{});
    (void)next_portion(f.tree, {SIZE_MAX, 2});
    for (int i = 0; i < 3; ++i) change_something(f, random);
    abandon_checkpoint(f.tree);
    Store whole;
    begin_checkpoint(f.tree, Zxid{}, /*from_scratch=*/true);
    CheckpointBatch batch = next_portion(f.tree, {});
    CHECK(batch.from_scratch);
    whole.write(batch);
    DataTree loaded;
    REQUIRE(!whole.load(loaded));
    CHECK(loaded.digest() == f.tree.digest());
    CHECK(f.tree.dirty_count() == 0);
  }
}

TEST_CASE("checkpoint: a batch that the store has lost between two others is noticed") {
  TreeFixture f;
  std::vector<CheckpointBatch> batches;
  for (int i = 0; i < 40; ++i) {
    f.submit(SessionId{50 + i}, OpCode::CreateSession, CreateSessionTxn{5000});
    f.submit(SessionId{49 + i}, OpCode::CloseSession, CreateSessionTxn{5000});
    batches.push_back(encode_checkpoint(f.tree, Zxid{}));
  }
  for (std::size_t lost = 30; lost < batches.size(); ++lost) {
    CAPTURE(lost);
    Store store;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      if (i != lost) store.write(batches[i]);
    }
    DataTree tree;
    // Without the last one it is simply the checkpoint before.
    CHECK(static_cast<bool>(store.load(tree)) == (lost + 1 < batches.size()));
  }
}

TEST_CASE("checkpoint: nothing changed, nothing but the meta entry is written") {
  TreeFixture f;
  encode_checkpoint(f.tree, Zxid{});
  CHECK(encode_checkpoint(f.tree, Zxid{}).entries.size() == 1);
  REQUIRE(f.create("/a") == Code::Ok);
  CHECK(encode_checkpoint(f.tree, Zxid{}).entries.size() == 4);  // Meta, link, node, parent.
}

TEST_CASE("checkpoint: damage is an error, never a different tree") {
  TreeFixture f;
  REQUIRE(f.create("/a") == Code::Ok);
  REQUIRE(f.create("/a/b") == Code::Ok);
  Store good;
  good.write(encode_checkpoint(f.tree, Zxid{3}));
  const auto broken = [&](const auto& damage) {
    Store store = good;
    damage(store.entries_);
    DataTree tree;
    return static_cast<bool>(store.load(tree));
  };
  const auto key = [](std::string_view text) {
    return Bytes(as_bytes(text).begin(), as_bytes(text).end());
  };
  CHECK_FALSE(broken([](auto&) {}));
  CHECK(broken([&](auto& e) { e.erase(key("m")); }));
  CHECK(broken([&](auto& e) { e.erase(key("n")); }));
  CHECK(broken([&](auto& e) { e.erase(key("n/a")); }));
  CHECK(broken([&](auto& e) { e.erase(key("n/a/b")); }));
  CHECK(broken([&](auto& e) { e[key("n/a")].pop_back(); }));
  CHECK(broken([&](auto& e) { e[key("n/a")].back() ^= std::byte{1}; }));
  CHECK(broken([&](auto& e) { e[key("x")] = {}; }));
  CHECK(broken([&](auto& e) { e.erase(std::prev(e.end())); }));
  DataTree tree;
  CheckpointLoader loader(tree);
  for (const auto& [k, v] : good.entries_) REQUIRE(!loader.add(k, v));
  REQUIRE(!loader.finish());
  CHECK(loader.fuzzy_until() == Zxid{3});
  CHECK(loader.zxid() == f.tree.last_applied());
}

namespace {

/// Nodes of some depth; names around '/' and beyond ASCII, so that the order of keys is not that of
/// a walk.
void grow(TreeFixture& f, Random& random, int count) {
  std::vector<std::string> paths{""};
  const char* names[] = {"a", "a!", "a-b", "b", "\xc3\xa9", "c"};
  while (count-- > 0) {
    const std::string path = paths[random.below(paths.size())] + "/" + names[random.below(6)] +
                             std::to_string(random.below(20));
    AclList acl = open_acl();
    if (random.percent(25))
      acl = {{perm::kAll, {"ip", "10.0.0." + std::to_string(random.below(3))}}};
    if (f.create(path, CreateMode::Persistent, acl) == Code::Ok) paths.push_back(path);
  }
}

Bytes stream_of(const Store& store) {
  SnapStreamWriter writer;
  for (const char kind : {'s', 'a', 'n'}) {
    for (const auto& [key, value] : store.entries_) {
      if (static_cast<char>(key[0]) == kind) REQUIRE(!writer.add(key, value));
    }
  }
  writer.finish();
  return writer.take();
}

}  // namespace

TEST_CASE("loading: nodes may come in any order that has parents first") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    TreeFixture f;
    f.options.skip_acl = true;
    Random random(seed);
    grow(f, random, 300);
    std::vector<NodeRecord> records;
    f.tree.for_each([&](const std::string& path, const Node& node) {
      records.push_back({path, node.data_copy(), kOpenAcl, node.stat()});
    });
    // As they are ready: their parent has come.
    DataTree loaded;
    loaded.clear();
    std::map<std::string, bool> there;
    while (!records.empty()) {
      const std::size_t at = seed % 2 == 0 ? random.below(records.size()) : 0;
      const std::string path = records[at].path;
      const bool ready = path.empty() || there.contains(path.substr(0, path.rfind('/')));
      CHECK(static_cast<bool>(loaded.load_node(records[at])) == !ready);
      if (!ready) continue;
      CHECK(loaded.load_node(records[at]));  // Twice.
      there[path] = true;
      records.erase(records.begin() + static_cast<std::ptrdiff_t>(at));
    }
    NodeRecord bad;
    for (const char* path : {"/", "//x", "a/b", "/no/parent", "x", "/a0/"}) {
      bad.path = path;
      CHECK(loaded.load_node(bad));
    }
    REQUIRE(!loaded.finish_load(f.tree.last_applied()));
    CHECK(loaded.digest() == f.tree.digest());
    CHECK(loaded.dirty_count() == 0);
    for (const auto& [path, here] : there) {
      REQUIRE(loaded.find(path) != nullptr);
      CHECK(loaded.find(path)->path() == path);
    }
  }
}

TEST_CASE(
    "SNAP stream: packs and the rest behind them are the checkpoint, wherever packing stops") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    TreeFixture f;
    f.options.skip_acl = true;
    Random random(seed);
    grow(f, random, 400);
    f.submit(SessionId{7}, OpCode::CreateSession, CreateSessionTxn{5000});
    f.create("/mine", CreateMode::Ephemeral, open_acl(), SessionId{7});
    const Store sent = whole_tree(f.tree);
    const Bytes stream = stream_of(sent);

    SnapStreamReader reader;
    Store store;
    std::size_t packed = 0;
    if (seed % 4 == 0) reader.pack_nodes(true);
    for (ByteView left(stream); !left.empty();) {
      ByteView piece = left.first(std::min<std::size_t>(left.size(), 1 + random.below(700)));
      left = left.subspan(piece.size());
      REQUIRE(!reader.feed(piece));
      if (random.percent(20)) reader.pack_nodes(random.percent(70));
      if (!random.percent(30)) continue;
      CheckpointBatch early;
      early.pack = reader.take_pack();
      packed += early.pack.count();
      store.write(early);
    }
    REQUIRE(reader.done());
    CheckpointBatch early;
    early.pack = reader.take_pack();
    store.write(early);
    packed += early.pack.count();
    const bool packs = reader.packs();
    Result<DataTree> tree = reader.take(f.tree.last_applied());
    REQUIRE(tree.has_value());
    CHECK(tree->digest() == f.tree.digest());
    CHECK(packed + tree->dirty_count() == f.tree.node_count() - 1);
    if (packs) {
      begin_rest_of_checkpoint(*tree, Zxid{3});
    } else {
      begin_checkpoint(*tree, Zxid{3}, /*from_scratch=*/true);
    }
    while (checkpoint_under_way(*tree)) {
      const CheckpointBatch portion = next_portion(*tree, {SIZE_MAX, 50});
      CHECK(portion.from_scratch);
      store.write(portion);
    }
    CHECK(without_meta(store.entries_) == sent.entries_);
    DataTree again;
    REQUIRE(!store.load(again));
    CHECK(again.last_applied() == f.tree.last_applied());
    CHECK(again.digest() == f.tree.digest());
  }
}

TEST_CASE("SNAP stream: a path that is no UTF-8 is stored as the tree has it") {
  Bytes bytes;
  JuteWriter out(bytes);
  out.i32(0);
  out.i32(0);
  for (const char* path : {"", "/\xff"}) {
    out.string(path);
    out.buffer(Buffer());
    out.i64(kOpenAcl);
    out.raw(Bytes(60));
  }
  out.string("/");
  out.string("BenWasHere");
  SnapStreamReader reader;
  reader.pack_nodes(true);
  ByteView input(bytes);
  REQUIRE(!reader.feed(input));
  REQUIRE(reader.done());
  std::vector<std::string> keys;
  reader.pack().for_each([&keys](ByteView key, ByteView) { keys.emplace_back(as_text(key)); });
  CHECK(keys == std::vector<std::string>{"n", "n/\xef\xbf\xbd"});
}

TEST_CASE("SNAP stream: impossible lengths and contents are errors") {
  const auto refuses = [](const auto& fill) {
    Bytes bytes;
    JuteWriter out(bytes);
    fill(out);
    SnapStreamReader reader(/*max_field=*/100);
    ByteView input(bytes);
    return static_cast<bool>(reader.feed(input));
  };
  CHECK(refuses([](JuteWriter& out) { out.i32(-5); }));
  CHECK(refuses([](JuteWriter& out) {
    out.i32(0);
    out.i32(-1);
  }));
  CHECK(refuses([](JuteWriter& out) {  // A path longer than any field may be.
    out.i32(0);
    out.i32(0);
    out.i32(101);
  }));
  CHECK(refuses([](JuteWriter& out) {  // A list of ACLs without end.
    out.i32(0);
    out.i32(1);
    out.i64(1);
    out.i32(INT32_MAX);
    for (int i = 0; i < 20; ++i) {
      out.i32(1);
      out.string("s");
      out.string("i");
    }
  }));
  CHECK(refuses([](JuteWriter& out) {  // A child whose parent is not there.
    out.i32(0);
    out.i32(0);
    out.string("/a");
    out.buffer(Buffer());
    out.i64(kOpenAcl);
    out.raw(Bytes(60));
  }));
  CHECK_FALSE(refuses([](JuteWriter& out) { out.i32(INT32_MAX); }));  // More may come.
}

TEST_CASE("fuzzy replay: records that the snapshot has seen already change nothing in the end") {
  // A snapshot walked while these txns were applied may show any later state of any node. Replaying
  // all of them over the final tree is the extreme of it.
  TreeFixture f;
  f.options.skip_acl = true;
  Random random(11);
  std::vector<Bytes> txns;
  encode_checkpoint(f.tree, Zxid{});
  const Zxid from = f.tree.last_applied();
  for (int i = 0; i < 300; ++i) {
    const std::string path = "/n" + std::to_string(random.below(4));
    const std::string child = path + "/c" + std::to_string(random.below(3));
    Bytes txn;
    switch (random.below(5)) {
      case 0:
        txn = f.prepare_only(kAlice, OpCode::Create, CreateRequest{path, "1", open_acl(), 0});
        break;
      case 1:
        txn = f.prepare_only(kAlice, OpCode::Create, CreateRequest{child, "2", open_acl(), 1});
        break;
      case 2:
        txn = f.prepare_only(kAlice, OpCode::Delete, DeleteRequest{path, -1});
        break;
      case 3:
        txn = f.prepare_only(kAlice, OpCode::Delete, DeleteRequest{child, -1});
        break;
      default:
        txn = f.prepare_only(kAlice, OpCode::SetData, SetDataRequest{child, "3", -1});
    }
    f.land(txn);
    txns.push_back(std::move(txn));
  }
  f.tree.mark_all_dirty();
  Store store;
  store.write(encode_checkpoint(f.tree, Zxid{}));
  DataTree fuzzy;
  REQUIRE(!store.load(fuzzy));
  REQUIRE(!fuzzy.finish_load(from));
  for (const Bytes& txn : txns) REQUIRE(apply(fuzzy, txn, ReplayMode::Fuzzy).has_value());
  CHECK(fuzzy.node_count() == f.tree.node_count());
  CHECK(fuzzy.ephemeral_count() == f.tree.ephemeral_count());
  CHECK(fuzzy.digest() == f.tree.digest());
}

}  // namespace quorate::znode
