#include "tests/model/operation.h"

#include <climits>

namespace quorate::model {

namespace {

template <class T>
const T& pick(Random& random, const std::vector<T>& from) {
  return from[random.below(from.size())];
}

AclList one_entry(std::int32_t perms, const char* scheme, const char* id) {
  return {{perms, {scheme, id}}};
}

const std::vector<AclList>& lists() {
  static const std::vector<AclList> all = {
      one_entry(perm::kRead, "world", "anyone"),
      one_entry(perm::kAll & ~perm::kRead, "world", "anyone"),
      one_entry(perm::kAll, "digest", "ann:x1"),
      {{perm::kAll, {"digest", "bob:x2"}}, {perm::kRead, {"world", "anyone"}}},
      {{perm::kRead, {"digest", "ann:x1"}}, {perm::kWrite | perm::kAdmin, {"digest", "bob:x2"}}},
      one_entry(perm::kAll, "auth", ""),
      one_entry(0, "world", "anyone"),
      one_entry(perm::kAdmin, "world", "anyone"),
      {{perm::kAll, {"world", "anyone"}}, {perm::kAll, {"world", "anyone"}}},
      {},
      one_entry(perm::kAll, "world", "anybody"),
      one_entry(perm::kAll, "nonsense", "x"),
      one_entry(perm::kAll, "digest", "nocolon"),
      one_entry(perm::kAll, "ip", "127.0.0.1"),
      one_entry(perm::kAll, "ip", "300.0.0.1"),
  };
  return all;
}

class Drawer {
 public:
  explicit Drawer(Random random) : random_(random) {}

  Operation draw() {
    const auto roll = random_.below(100);
    if (roll < 36) return simple(Action::Land);
    if (roll < 38) return simple(Action::Reconnect);
    if (roll < 39) return simple(Action::Identify);
    return roll < 72 ? write() : read();
  }

 private:
  Operation simple(Action action) {
    Operation operation;
    operation.action = action;
    operation.actor = static_cast<int>(random_.below(kActors));
    operation.number = static_cast<std::int32_t>(random_.below(3));
    return operation;
  }

  std::string path() {
    static const std::vector<std::string> kNames = {"a", "b", "c"};
    const auto roll = random_.below(100);
    if (roll < 3) {
      static const std::vector<std::string> kOdd = {"",
                                                    "x",
                                                    "//",
                                                    "/a/",
                                                    "/a//b",
                                                    "/a/.",
                                                    "/../a",
                                                    "/a/\x01",
                                                    "/zookeeper",
                                                    "/zookeeper/quota",
                                                    "/zookeeper/config",
                                                    "/a/\xc2\x9f",
                                                    "/a/\xc2\xa0",
                                                    "/a/\xee\x80\x80",
                                                    "/\xf0\x9f\x98\x80",
                                                    std::string("/a\0b", 4)};
      return pick(random_, kOdd);
    }
    if (roll < 6) return "/";
    std::string path;
    for (auto depth = 1 + random_.below(3); depth > 0; --depth) path += "/" + pick(random_, kNames);
    if (random_.percent(6)) path += "/s-000000000" + std::to_string(random_.below(4));
    return path;
  }

  std::int32_t version() {
    static const std::vector<std::int32_t> kOdd = {-2, INT_MIN, INT_MAX, 7};
    if (random_.percent(60)) return kAnyVersion;
    return random_.percent(10) ? pick(random_, kOdd) : static_cast<std::int32_t>(random_.below(4));
  }

  Buffer data() {
    if (random_.percent(8)) return std::nullopt;
    return std::string(random_.below(12), static_cast<char>('a' + random_.below(26)));
  }

  AclList acl() { return random_.percent(75) ? open_acl() : pick(random_, lists()); }

  Operation create(OpCode op) {
    Operation operation = simple(Action::Write);
    operation.op = op;
    operation.path = path();
    if (random_.percent(25)) operation.path += "/s-";
    operation.data = data();
    operation.acl = acl();
    operation.number =
        static_cast<std::int32_t>(random_.percent(3) ? random_.between(-2, 9) : random_.below(4));
    if (op == OpCode::CreateContainer && random_.percent(90)) operation.number = 4;
    if (op == OpCode::CreateTtl) {
      static const std::vector<std::int64_t> kTtls = {1'000'000, 0xffffffffffLL, 0x10000000000LL, 0,
                                                      -1};
      operation.number =
          random_.percent(90) ? static_cast<std::int32_t>(5 + random_.below(2)) : operation.number;
      operation.ttl_ms = random_.percent(80) ? 1'000'000 : pick(random_, kTtls);
    }
    return operation;
  }

  Operation change(OpCode op) {
    Operation operation = simple(Action::Write);
    operation.op = op;
    operation.path = path();
    operation.data = data();
    operation.acl = acl();
    operation.number = version();
    return operation;
  }

  OpCode create_op() {
    const auto roll = random_.below(10);
    if (roll < 6) return OpCode::Create;
    if (roll < 8) return OpCode::Create2;
    return roll < 9 ? OpCode::CreateContainer : OpCode::CreateTtl;
  }

  Operation write() {
    const auto roll = random_.below(100);
    if (roll < 38) return create(create_op());
    if (roll < 58) return change(OpCode::Delete);
    if (roll < 75) return change(OpCode::SetData);
    if (roll < 82) return change(OpCode::SetAcl);
    if (roll < 84) return change(OpCode::CloseSession);
    Operation multi = simple(Action::Write);
    multi.op = OpCode::Multi;
    for (auto count = random_.below(5); count > 0; --count) {
      const auto part = random_.below(10);
      multi.parts.push_back(part < 4   ? create(create_op())
                            : part < 6 ? change(OpCode::Delete)
                            : part < 8 ? change(OpCode::SetData)
                                       : change(OpCode::Check));
    }
    return multi;
  }

  Operation read() {
    static const std::vector<OpCode> kOps = {OpCode::Exists,       OpCode::Exists,
                                             OpCode::GetData,      OpCode::GetData,
                                             OpCode::GetChildren,  OpCode::GetChildren2,
                                             OpCode::GetAcl,       OpCode::GetEphemerals,
                                             OpCode::MultiRead,    OpCode::AddWatch,
                                             OpCode::AddWatch,     OpCode::RemoveWatches,
                                             OpCode::CheckWatches, OpCode::WhoAmI,
                                             OpCode::SetWatches2,  OpCode::GetAllChildrenNumber,
                                             OpCode::GetChildren2, OpCode::SetWatches};
    Operation operation = simple(Action::Read);
    operation.op = pick(random_, kOps);
    operation.path = path();
    operation.watch = random_.percent(60);
    if (operation.op == OpCode::AddWatch) {
      operation.number =
          static_cast<std::int32_t>(random_.percent(5) ? random_.between(-1, 3) : random_.below(2));
    }
    if (operation.op == OpCode::RemoveWatches || operation.op == OpCode::CheckWatches) {
      operation.number = static_cast<std::int32_t>(random_.between(0, 6));
    }
    if (operation.op == OpCode::SetWatches || operation.op == OpCode::SetWatches2) {
      operation.zxid = static_cast<std::int64_t>(random_.below(30));
      const std::size_t used = operation.op == OpCode::SetWatches ? 3 : 5;
      for (std::size_t i = 0; i < used; ++i) {
        for (auto count = random_.below(3); count > 0; --count)
          operation.lists[i].push_back(path());
      }
    }
    if (operation.op == OpCode::MultiRead) {
      for (auto count = random_.below(4); count > 0; --count) {
        Operation part = simple(Action::Read);
        part.op = random_.percent(50) ? OpCode::GetData : OpCode::GetChildren;
        part.path = path();
        part.watch = random_.percent(30);
        operation.parts.push_back(part);
      }
    }
    return operation;
  }

  Random random_;
};

}  // namespace

Bytes Operation::body(std::int64_t last_zxid) const {
  switch (op) {
    case OpCode::Create:
    case OpCode::Create2:
    case OpCode::CreateContainer:
      return encode_all(CreateRequest{path, data, acl, number});
    case OpCode::CreateTtl:
      return encode_all(CreateTtlRequest{path, data, acl, number, ttl_ms});
    case OpCode::Delete:
      return encode_all(DeleteRequest{path, number});
    case OpCode::SetData:
      return encode_all(SetDataRequest{path, data, number});
    case OpCode::SetAcl:
      return encode_all(SetAclRequest{path, acl, number});
    case OpCode::Check:
    case OpCode::AddWatch:
    case OpCode::RemoveWatches:
    case OpCode::CheckWatches:
      return encode_all(CheckVersionRequest{path, number});  // A path and an int, all of them.
    case OpCode::Exists:
    case OpCode::GetData:
    case OpCode::GetChildren:
    case OpCode::GetChildren2:
      return encode_all(PathWatchRequest{path, watch});
    case OpCode::SetWatches:
    case OpCode::SetWatches2: {
      SetWatches2Request request{
          {{last_zxid - zxid}, lists[0], lists[1], lists[2]}, lists[3], lists[4]};
      return op == OpCode::SetWatches ? encode_all(request.base) : encode_all(request);
    }
    case OpCode::Multi:
    case OpCode::MultiRead: {
      Bytes all;
      JuteWriter out(all);
      for (const Operation& part : parts) {
        encode(out, MultiHeader{part.op, /*done=*/false, -1});
        out.raw(part.body(last_zxid));
      }
      encode(out, MultiHeader{OpCode::Error, /*done=*/true, -1});
      return all;
    }
    case OpCode::CreateSession:
      return encode_all(CreateSessionTxn{30'000});
    case OpCode::WhoAmI:
    case OpCode::CloseSession:
      return {};
    default:
      return encode_all(PathRequest{path});
  }
}

std::string Operation::shown() const {
  static constexpr const char* kActions[] = {"write", "read", "land", "reconnect", "identify"};
  std::string text =
      std::string(kActions[static_cast<int>(action)]) + " actor=" + std::to_string(actor);
  if (action == Action::Identify) return text + " as " + std::to_string(number);
  if (op == OpCode::Error) return text;
  text += " op=" + std::to_string(static_cast<int>(op)) + " \"" + path + "\"";
  text += " data=" + data.value_or("null") + " number=" + std::to_string(number) + " acl=";
  for (const Acl& one : acl)
    text += std::to_string(one.perms) + ":" + one.who.scheme + ":" + one.who.id + " ";
  if (watch) text += " watch";
  if (ttl_ms != 0) text += " ttl=" + std::to_string(ttl_ms);
  for (const auto& list : lists) {
    for (const std::string& one : list) text += " <" + one + ">";
  }
  for (const Operation& part : parts) text += "\n      { " + part.shown() + " }";
  return text;
}

std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count) {
  Drawer drawer{Random(seed)};
  std::vector<Operation> operations;
  operations.reserve(count);
  while (operations.size() < count) operations.push_back(drawer.draw());
  return operations;
}

}  // namespace quorate::model
