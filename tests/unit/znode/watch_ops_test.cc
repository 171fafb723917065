// addWatch, removeWatches, checkWatches, multiRead, whoAmI (client-protocol 5 to 7, 12).
#include "tests/unit/znode/tree_fixture.h"
#include "znode/watch_table.h"

namespace quorate::znode {
namespace {

const AclList kWriteOnly{{perm::kWrite, {"world", "anyone"}}};

Bytes path_and_number(const std::string& path, std::int32_t number) {
  Bytes out;
  JuteWriter writer(out);
  writer.string(path);
  writer.i32(number);
  return out;
}

Code ask(TreeFixture& f, OpCode op, const std::string& path, std::int32_t number) {
  return f.read_raw(op, path_and_number(path, number), f.body);
}

/// The parts of a multiRead: op, path, watch.
struct Part {
  OpCode op;
  std::string path;
};

Bytes multi_read(const std::vector<Part>& parts) {
  Bytes out;
  JuteWriter writer(out);
  for (const Part& part : parts) {
    encode(writer, MultiHeader{part.op, false, -1});
    if (part.op == OpCode::Delete) {
      encode(writer, DeleteRequest{part.path, kAnyVersion});
    } else {
      encode(writer, PathWatchRequest{part.path, /*watch=*/true});
    }
  }
  encode(writer, MultiHeader{OpCode::Error, true, -1});
  return out;
}

}  // namespace

TEST_CASE("addWatch: on any path, seen or not, readable or not; the answer is a zero") {
  TreeFixture f;
  f.create("/hidden", CreateMode::Persistent, kWriteOnly);
  CHECK(ask(f, OpCode::AddWatch, "/hidden", 0) == Code::Ok);
  CHECK(f.body == Bytes(4));
  CHECK(ask(f, OpCode::AddWatch, "/never", 1) == Code::Ok);
  CHECK(f.watches.contains(WatcherType::Persistent, "/hidden", kConnection));
  CHECK(f.watches.contains(WatcherType::Recursive, "/never", kConnection));
  CHECK(f.watches.data_watches() == 2);
  CHECK(f.watches.child_watches() == 1);
}

TEST_CASE("addWatch: a mode that is none, or a record cut short, is a marshalling error") {
  TreeFixture f;
  for (std::int32_t mode : {-1, 2, 5, INT32_MAX}) {
    CHECK(ask(f, OpCode::AddWatch, "/a", mode) == Code::MarshallingError);
    CHECK(f.body.empty());
  }
  const Bytes whole = path_and_number("/a", 0);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const ByteView cut = ByteView(whole).first(size);
    CHECK(f.read_raw(OpCode::AddWatch, cut, f.body) == Code::MarshallingError);
    CHECK(f.read_raw(OpCode::RemoveWatches, cut, f.body) == Code::MarshallingError);
    CHECK(f.read_raw(OpCode::CheckWatches, cut, f.body) == Code::MarshallingError);
  }
  CHECK(f.watches.size() == 0);
}

TEST_CASE("checkWatches and removeWatches: what is there, by type; -121 when it is not") {
  TreeFixture f;
  f.create("/n");
  REQUIRE(f.read_path(OpCode::GetData, "/n", true) == Code::Ok);
  REQUIRE(f.read_path(OpCode::GetChildren, "/n", true) == Code::Ok);
  REQUIRE(ask(f, OpCode::AddWatch, "/n", 0) == Code::Ok);
  REQUIRE(ask(f, OpCode::AddWatch, "/n", 1) == Code::Ok);
  for (std::int32_t type = 1; type <= 5; ++type) {
    CAPTURE(type);
    CHECK(ask(f, OpCode::CheckWatches, "/n", type) == Code::Ok);
    CHECK(f.body.empty());
    // A recursive watch above is not one on this path.
    CHECK(ask(f, OpCode::CheckWatches, "/n/below", type) == Code::NoWatcher);
    CHECK(ask(f, OpCode::RemoveWatches, "/n/below", type) == Code::NoWatcher);
  }
  for (std::int32_t type : {1, 2, 4}) {
    CHECK(ask(f, OpCode::RemoveWatches, "/n", type) == Code::Ok);
    CHECK(ask(f, OpCode::CheckWatches, "/n", type) == Code::NoWatcher);
    CHECK(ask(f, OpCode::RemoveWatches, "/n", type) == Code::NoWatcher);
  }
  CHECK(ask(f, OpCode::RemoveWatches, "/n", 3) == Code::Ok);
  CHECK(f.watches.size() == 0);
  for (std::int32_t type : {0, 6, -1}) {
    CHECK(ask(f, OpCode::CheckWatches, "/n", type) == Code::MarshallingError);
    CHECK(ask(f, OpCode::RemoveWatches, "/n", type) == Code::MarshallingError);
  }
}

TEST_CASE("a read that fails sets no watch, but for exists on a node that is missing") {
  TreeFixture f;
  f.create("/hidden", CreateMode::Persistent, kWriteOnly);
  CHECK(f.read_path(OpCode::GetData, "/none", true) == Code::NoNode);
  CHECK(f.read_path(OpCode::GetChildren, "/none", true) == Code::NoNode);
  CHECK(f.read_path(OpCode::GetData, "/hidden", true) == Code::NoAuth);
  CHECK(f.read_path(OpCode::GetChildren2, "/hidden", true) == Code::NoAuth);
  CHECK(f.read_path(OpCode::Exists, "/hidden", true) == Code::NoAuth);
  CHECK(f.watches.size() == 0);
  CHECK(f.read_path(OpCode::Exists, "/none", true) == Code::NoNode);
  CHECK(f.watches.data_watches() == 1);
}

TEST_CASE("multiRead: each part has its own answer, watch flags count for nothing") {
  TreeFixture f;
  f.create("/a");
  f.create("/a/c1");
  f.create("/hidden", CreateMode::Persistent, kWriteOnly);
  const Bytes request = multi_read({{OpCode::GetData, "/a"},
                                    {OpCode::GetData, "/none"},
                                    {OpCode::GetChildren, "/hidden"},
                                    {OpCode::GetChildren, "/a"}});
  REQUIRE(f.read_raw(OpCode::MultiRead, request, f.body) == Code::Ok);
  CHECK(f.watches.size() == 0);
  JuteReader in(f.body);
  auto header = [&] {
    MultiHeader one;
    decode(in, one);
    return one;
  };
  MultiHeader first = header();
  CHECK(first.type == OpCode::GetData);
  CHECK_FALSE(first.done);
  CHECK(first.err == 0);
  CHECK(in.buffer() == "data");
  CHECK(in.stat().num_children == 1);
  for (Code code : {Code::NoNode, Code::NoAuth}) {
    MultiHeader failed = header();
    CHECK(failed.type == OpCode::Error);
    CHECK(failed.err == static_cast<std::int32_t>(code));
    CHECK(in.i32() == static_cast<std::int32_t>(code));
  }
  CHECK(header().type == OpCode::GetChildren);
  CHECK(in.strings() == std::vector<std::string>{"c1"});
  MultiHeader end = header();
  CHECK(end.done);
  CHECK(end.type == OpCode::Error);
  CHECK(end.err == -1);
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("multiRead: none is fine; writes are refused with an empty list, a mixture without") {
  TreeFixture f;
  const Bytes empty_list = multi_read({});
  CHECK(f.read_raw(OpCode::MultiRead, empty_list, f.body) == Code::Ok);
  CHECK(f.body == empty_list);
  const Bytes writes = multi_read({{OpCode::Delete, "/a"}, {OpCode::Delete, "/b"}});
  CHECK(f.read_raw(OpCode::MultiRead, writes, f.body) == Code::MarshallingError);
  CHECK(f.body == empty_list);
  for (const std::vector<Part>& parts :
       {std::vector<Part>{{OpCode::GetData, "/"}, {OpCode::Delete, "/a"}},
        std::vector<Part>{{OpCode::Delete, "/a"}, {OpCode::GetData, "/"}},
        std::vector<Part>{{OpCode::Exists, "/"}}}) {
    CHECK(f.read_raw(OpCode::MultiRead, multi_read(parts), f.body) == Code::MarshallingError);
    CHECK(f.body.empty());
  }
  const Bytes whole = multi_read({{OpCode::GetData, "/"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const ByteView cut = ByteView(whole).first(size);
    CHECK(f.read_raw(OpCode::MultiRead, cut, f.body) == Code::MarshallingError);
    CHECK(f.body.empty());
  }
}

TEST_CASE("whoAmI: names without secrets") {
  TreeFixture f;
  f.identities = {{"ip", "10.1.2.3"},
                  {"digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="},
                  {"x509", "CN=client,O=Example"},
                  {"super", ""}};
  REQUIRE(f.read_raw(OpCode::WhoAmI, {}, f.body) == Code::Ok);
  JuteReader in(f.body);
  REQUIRE(in.i32() == 4);
  const std::vector<std::string> expected{
      "ip", "10.1.2.3", "digest", "bob", "x509", "CN=client,O=Example", "super", ""};
  for (const std::string& text : expected) CHECK(in.string() == text);
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

}  // namespace quorate::znode
