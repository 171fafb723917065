#include "tests/differential/generator.h"

#include <algorithm>
#include <array>
#include <climits>

#include "znode/proto/jute.h"

namespace quorate::differential {

namespace {

constexpr std::size_t kRemembered = 40;
constexpr std::int64_t kTtlMax = 0xffffffffffLL;

template <class T>
const T& pick(Random& random, const std::vector<T>& from) {
  return from[random.below(from.size())];
}

template <class R>
Bytes body_of(const R& record) {
  return encode_all(record);
}

std::string to_text(const Buffer& data) {
  return data ? std::to_string(data->size()) + "B" : "null";
}

void put_acl(JuteWriter& out, const std::optional<AclList>& list) {
  if (list) return out.acls(*list);
  out.i32(-1);
}

std::string to_text(const std::optional<AclList>& list) {
  if (!list) return "null";
  std::string text;
  for (const Acl& one : *list) {
    text += std::to_string(one.perms) + ":" + one.who.scheme + ":" + one.who.id + " ";
  }
  return "[" + text + "]";
}

}  // namespace

Generator::Generator(Random random, GeneratorOptions options)
    : random_(random), options_(std::move(options)) {
  marks_.push_back({});
}

const std::vector<Generator::Choice>& Generator::choices() {
  static const std::vector<Choice> all = {
      {OpCode::Create, 14, &Generator::create},
      {OpCode::Create2, 6, &Generator::create},
      {OpCode::CreateContainer, 3, &Generator::create},
      {OpCode::CreateTtl, 3, &Generator::create_ttl},
      {OpCode::Delete, 10, &Generator::remove},
      {OpCode::SetData, 9, &Generator::set_data},
      {OpCode::SetAcl, 4, &Generator::set_acl},
      {OpCode::Exists, 6, &Generator::read_with_watch},
      {OpCode::GetData, 7, &Generator::read_with_watch},
      {OpCode::GetChildren, 5, &Generator::read_with_watch},
      {OpCode::GetChildren2, 5, &Generator::read_with_watch},
      {OpCode::GetAcl, 4, &Generator::read_path},
      {OpCode::Sync, 2, &Generator::read_path},
      {OpCode::GetAllChildrenNumber, 2, &Generator::read_path},
      {OpCode::GetEphemerals, 2, &Generator::get_ephemerals},
      {OpCode::Multi, 9, &Generator::multi},
      {OpCode::MultiRead, 3, &Generator::multi_read},
      {OpCode::SetWatches, 1, &Generator::set_watches},
      {OpCode::SetWatches2, 2, &Generator::set_watches},
      {OpCode::AddWatch, 3, &Generator::add_watch},
      {OpCode::CheckWatches, 2, &Generator::change_watches},
      {OpCode::RemoveWatches, 2, &Generator::change_watches},
      {OpCode::WhoAmI, 1, &Generator::who_am_i},
      {OpCode::Reconfig, 1, &Generator::reconfig},
      {OpCode::Ping, 1, &Generator::ping_in_turn},
  };
  return all;
}

const Generator::Choice& Generator::choose() {
  static const unsigned total = [] {
    unsigned sum = 0;
    for (const Choice& choice : choices()) sum += choice.weight;
    return sum;
  }();
  while (true) {
    auto left = static_cast<unsigned>(random_.below(total));
    for (const Choice& choice : choices()) {
      if (left >= choice.weight) {
        left -= choice.weight;
        continue;
      }
      if (allowed(choice.op)) return choice;
      break;
    }
  }
}

Request Generator::make(OpCode op, std::string what, Bytes body) {
  Request request;
  request.xid = next_xid_++;
  // Servers echo what they get; -1 would look like an event here.
  if (random_.percent(1))
    request.xid = random_.percent(50) ? 0 : -static_cast<std::int32_t>(2 + random_.below(9));
  request.op = static_cast<std::int32_t>(op);
  request.body = std::move(body);
  request.what = name_of(op) + " " + std::move(what);
  return request;
}

std::string Generator::name_of(OpCode op) const {
  switch (op) {
    case OpCode::Create:
      return "create";
    case OpCode::Create2:
      return "create2";
    case OpCode::CreateContainer:
      return "createContainer";
    case OpCode::CreateTtl:
      return "createTTL";
    case OpCode::Delete:
      return "delete";
    case OpCode::SetData:
      return "setData";
    case OpCode::SetAcl:
      return "setACL";
    case OpCode::Exists:
      return "exists";
    case OpCode::GetData:
      return "getData";
    case OpCode::GetChildren:
      return "getChildren";
    case OpCode::GetChildren2:
      return "getChildren2";
    case OpCode::GetAcl:
      return "getACL";
    case OpCode::Sync:
      return "sync";
    case OpCode::GetAllChildrenNumber:
      return "getAllChildrenNumber";
    case OpCode::GetEphemerals:
      return "getEphemerals";
    case OpCode::Check:
      return "check";
    case OpCode::Multi:
      return "multi";
    case OpCode::MultiRead:
      return "multiRead";
    case OpCode::SetWatches:
      return "setWatches";
    case OpCode::SetWatches2:
      return "setWatches2";
    case OpCode::AddWatch:
      return "addWatch";
    case OpCode::CheckWatches:
      return "checkWatches";
    case OpCode::RemoveWatches:
      return "removeWatches";
    case OpCode::WhoAmI:
      return "whoAmI";
    case OpCode::Reconfig:
      return "reconfig";
    case OpCode::Ping:
      return "ping";
    case OpCode::Auth:
      return "auth";
    case OpCode::CloseSession:
      return "closeSession";
    case OpCode::DeleteContainer:
      return "deleteContainer";
    default:
      return "op " + std::to_string(static_cast<std::int32_t>(op));
  }
}

std::vector<Request> Generator::batch(int slot) {
  std::vector<Request> requests;
  // ZooKeeper weighs a write against the quota statistics of what has been applied, which of writes
  // in flight depends on chance; ours counts them in.
  const auto count = options_.quota || random_.percent(30) ? 1 : 1 + random_.below(8);
  if (allowed(OpCode::Auth) && random_.percent(5)) requests.push_back(auth());
  while (requests.size() < count) requests.push_back(one(slot));
  return requests;
}

Request Generator::one(int slot) {
  if (options_.quota && random_.percent(12)) return quota_node(slot);
  const Choice& choice = choose();
  chosen_ = choice.op;
  Request request = (this->*choice.make)(slot);
  // A reconfig that does not decode takes no zxid at the oracle; ours counts it as any other write.
  const bool whole = options_.whole || request.first_field || choice.op == OpCode::Reconfig;
  if (random_.percent(4) && !request.body.empty() && !whole) {
    damage(request.body);
    request.what +=
        " (damaged: " +
        hex_digits(ByteView(request.body).first(std::min<std::size_t>(request.body.size(), 100))) +
        ")";
  }
  return request;
}

void Generator::damage(Bytes& body) {
  static constexpr std::array<std::int32_t, 11> kLengths = {
      -1, -2, 0, 1, 2, INT_MAX, INT_MIN, 0xfffff, 0x100000, 0x200000, 255};
  const std::size_t at = random_.below(body.size());
  switch (random_.below(5)) {
    case 0:
      body.resize(at);
      return;
    case 1:
      if (body.size() < 4) return;
      // Most lengths and counts stand in the first bytes.
      store_be(body.data() + (random_.percent(50) ? 0 : std::min(at, body.size() - 4)),
               kLengths[random_.below(kLengths.size())]);
      return;
    case 2:
      body[at] = static_cast<std::byte>(random_.below(256));
      return;
    case 3:
      body.resize(body.size() + 1 + random_.below(20), std::byte{7});
      return;
    default:
      body.resize(random_.below(40));
      for (std::byte& one : body)
        one = static_cast<std::byte>(random_.below(random_.percent(70) ? 3 : 256));
  }
}

// ---- Creating, changing, deleting -------------------------------------------------------------

Request Generator::create_at(OpCode op, const std::string& path, std::int32_t flags) {
  const Buffer value = data();
  std::optional<AclList> list = acl();
  if (options_.whole && !list) list.emplace();  // 3.9 takes a multi with one for undecodable.
  Bytes body;
  JuteWriter out(body);
  out.string(path);
  out.buffer(value);
  put_acl(out, list);
  out.i32(flags);
  return make(
      op, path + " " + to_text(value) + " acl=" + to_text(list) + " flags=" + std::to_string(flags),
      std::move(body));
}

Request Generator::create(int) {
  const bool container = chosen_ == OpCode::CreateContainer;
  const std::int32_t mode = container && random_.percent(80) ? 4 : flags();
  return create_at(chosen_, random_.percent(80) ? free_path() : path(), mode);
}

Request Generator::create_ttl(int) {
  const std::string where = free_path();
  return create_ttl_at(
      where, random_.percent(80) ? 5 + static_cast<std::int32_t>(random_.below(2)) : flags());
}

Request Generator::create_ttl_at(const std::string& where, std::int32_t mode) {
  static const std::vector<std::int64_t> kTtls = {3'600'000, 86'400'000, kTtlMax,  kTtlMax + 1,
                                                  0,         -1,         INT64_MAX};
  std::int64_t ttl = random_.percent(70) ? 7'200'000 : pick(random_, kTtls);
  // A server before 3.9 prepares a node that is no TTL node with such a time, and dies applying it.
  if ((mode < 5 || mode > 6) && ttl < 0) ttl = 1;
  Request request = create_at(OpCode::CreateTtl, where, mode);
  JuteWriter(request.body).i64(ttl);
  request.what += " ttl=" + std::to_string(ttl);
  return request;
}

Request Generator::remove(int) {
  const std::string where = path();
  return deletion(where, version_of(where));
}

Request Generator::deletion(const std::string& path, std::int32_t version) {
  return make(OpCode::Delete, path + " v" + std::to_string(version),
              body_of(DeleteRequest{path, version}));
}

Request Generator::set_data_at(const std::string& path) {
  const SetDataRequest record{path, data(), version_of(path)};
  return make(OpCode::SetData,
              path + " " + to_text(record.data) + " v" + std::to_string(record.version),
              body_of(record));
}

Request Generator::set_data(int) {
  return set_data_at(path());
}

Request Generator::set_acl(int) {
  const std::string where = path();
  const std::optional<AclList> list = acl_for(where);
  std::int32_t version = version_of("");
  if (const auto at = acl_versions_.find(where); at != acl_versions_.end() && random_.percent(50)) {
    version = at->second;
  }
  Bytes body;
  JuteWriter out(body);
  out.string(where);
  put_acl(out, list);
  out.i32(version);
  return make(OpCode::SetAcl, where + " acl=" + to_text(list) + " v" + std::to_string(version),
              std::move(body));
}

Request Generator::check_at(const std::string& path) {
  const std::int32_t version = version_of(path);
  return make(OpCode::Check, path + " v" + std::to_string(version),
              body_of(CheckVersionRequest{path, version}));
}

void Generator::append_sub(Bytes& body, const Request& sub) {
  JuteWriter out(body);
  encode(out, MultiHeader{static_cast<OpCode>(sub.op), /*done=*/false, -1});
  out.raw(sub.body);
}

Request Generator::multi(int) {
  Bytes body;
  std::string what;
  const auto count = random_.below(6);
  const bool careful = random_.percent(60);  // Most of what is drawn fails somewhere.
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string where = careful ? home_path(1 + static_cast<int>(random_.below(2))) : path();
    Request sub;
    switch (random_.below(8)) {
      case 0:
        sub = create_at(OpCode::Create, careful ? where : free_path(), careful ? 2 : multi_flags());
        break;
      case 1:
        sub =
            create_at(OpCode::Create2, careful ? where : free_path(), careful ? 2 : multi_flags());
        break;
      case 2:
        sub = create_at(OpCode::CreateContainer, free_path(), 4);
        break;
      case 3:
        sub = create_ttl_at(free_path(), 5 + static_cast<std::int32_t>(random_.below(2)));
        break;
      case 4:
        sub = set_data_at(where);
        break;
      case 5:
        sub = check_at(where);
        break;
      case 6:
        sub = deletion(where, version_of(where));
        break;
      default:
        sub = create_at(OpCode::Create, free_path(), careful ? 0 : multi_flags());
        break;
    }
    if (!allowed(static_cast<OpCode>(sub.op))) continue;
    if (random_.percent(1)) sub = with_watch(OpCode::GetData, where, false);
    if (random_.percent(1) && !options_.whole) {
      // Read as a create, the rest would have flags that mean another thing before 3.9.
      static const std::vector<std::int32_t> kOps = {-12, -11, -1, 0,  2,  3,  4,  5,
                                                     8,   9,   13, 14, 16, 20, 22, 99};
      sub.op = pick(random_, kOps);
    }
    append_sub(body, sub);
    what += "{" + sub.what + "} ";
  }
  JuteWriter out(body);
  encode(out, MultiHeader{OpCode::Error, /*done=*/true, -1});
  return make(OpCode::Multi, std::move(what), std::move(body));
}

Request Generator::multi_read(int) {
  Bytes body;
  std::string what;
  const auto count = random_.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    Request sub = with_watch(random_.percent(50) ? OpCode::GetData : OpCode::GetChildren, path(),
                             random_.percent(30));
    if (random_.percent(3)) sub = set_data_at(path());
    if (random_.percent(2)) sub.op = static_cast<std::int32_t>(OpCode::Exists);
    append_sub(body, sub);
    what += "{" + sub.what + "} ";
  }
  JuteWriter out(body);
  encode(out, MultiHeader{OpCode::Error, /*done=*/true, -1});
  return make(OpCode::MultiRead, std::move(what), std::move(body));
}

// ---- Reading and watching ---------------------------------------------------------------------

Request Generator::of_path(OpCode op, const std::string& path) {
  return make(op, path, body_of(PathRequest{path}));
}

Request Generator::read_path(int) {
  return of_path(chosen_, path());
}

Request Generator::with_watch(OpCode op, const std::string& path, bool watch) {
  return make(op, path + (watch ? " watch" : ""), body_of(PathWatchRequest{path, watch}));
}

Generator::WatchFamily Generator::family(int slot, const std::string& path) {
  const auto drawn = static_cast<WatchFamily>(random_.percent(65) ? 0 : 1 + random_.below(2));
  if (slot == kStackingSlot) return drawn;
  return kinds_[slot].emplace(path, drawn).first->second;
}

Request Generator::read_with_watch(int slot) {
  const OpCode op = chosen_;
  const std::string where = op == OpCode::Exists && random_.percent(40) ? free_path() : path();
  const bool watch = random_.percent(40) && family(slot, where) == WatchFamily::Standard;
  return with_watch(op, where, watch);
}

std::string Generator::watch_path(int slot, WatchFamily wanted) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    std::string where = random_.percent(85) ? path() : free_path();
    if (family(slot, where) == wanted) return where;
  }
  const std::string where = home_path(2) + "-" + std::to_string(random_.below(1000));
  kinds_[slot][where] = wanted;
  return where;
}

Request Generator::set_watches(int slot) {
  const Mark relative = mark();
  const OpCode op = chosen_;
  const auto paths = [&](WatchFamily wanted) {
    std::vector<std::string> all(random_.below(4));
    for (std::string& one : all) one = watch_path(slot, wanted);
    return all;
  };
  SetWatches2Request record;
  record.base.data_watches = paths(WatchFamily::Standard);
  record.base.exist_watches = paths(WatchFamily::Standard);
  record.base.child_watches = paths(WatchFamily::Standard);
  const bool second = op == OpCode::SetWatches2;
  if (second) record.persistent_watches = paths(WatchFamily::Persistent);
  if (second) record.persistent_recursive_watches = paths(WatchFamily::Recursive);
  std::string what;
  for (const auto* list :
       {&record.base.data_watches, &record.base.exist_watches, &record.base.child_watches,
        &record.persistent_watches, &record.persistent_recursive_watches}) {
    what += "[";
    for (const std::string& one : *list) what += one + " ";
    what += "] ";
  }
  Request request = make(op, what, second ? body_of(record) : body_of(record.base));
  request.first_field = relative;
  return request;
}

Request Generator::add_watch(int slot) {
  std::int32_t mode = static_cast<std::int32_t>(random_.below(2));
  const std::string where =
      watch_path(slot, mode == 0 ? WatchFamily::Persistent : WatchFamily::Recursive);
  if (random_.percent(3)) mode = static_cast<std::int32_t>(random_.between(-2, 4));
  Bytes body;
  JuteWriter out(body);
  out.string(where);
  out.i32(mode);
  return make(OpCode::AddWatch, where + " mode=" + std::to_string(mode), std::move(body));
}

Request Generator::change_watches(int slot) {
  const OpCode op = chosen_;
  const auto wanted = static_cast<WatchFamily>(random_.below(3));
  std::string where = random_.percent(20) ? path() : watch_path(slot, wanted);
  // A type that fits; others are refused or mean something else before 3.9.
  std::int32_t type = 3;
  if (family(slot, where) == WatchFamily::Standard)
    type = 1 + static_cast<std::int32_t>(random_.below(3));
  if (slot == kStackingSlot || random_.percent(3))
    type = static_cast<std::int32_t>(random_.between(-1, 7));
  Bytes body;
  JuteWriter out(body);
  out.string(where);
  out.i32(type);
  return make(op, where + " type=" + std::to_string(type), std::move(body));
}

Request Generator::get_ephemerals(int) {
  Bytes body;
  const std::vector<std::string> prefixes = {
      "", "/", " ", options_.home, options_.home + "/a", "zzz", home_path(2)};
  const std::string prefix = pick(random_, prefixes);
  const bool null = random_.percent(10);
  JuteWriter(body).nullable_string(null ? std::nullopt : std::optional(prefix));
  return make(OpCode::GetEphemerals, null ? "null" : prefix, std::move(body));
}

Request Generator::who_am_i(int) {
  return make(OpCode::WhoAmI, "", {});
}

Request Generator::reconfig(int) {
  Bytes body;
  JuteWriter out(body);
  out.nullable_string(random_.percent(50) ? std::nullopt
                                          : std::optional<std::string>("server.1=localhost:2:3"));
  out.nullable_string(std::nullopt);
  out.nullable_string(std::nullopt);
  out.i64(-1);
  return make(OpCode::Reconfig, "", std::move(body));
}

Request Generator::quota_node(int) {
  const std::string target = home_path(static_cast<int>(random_.below(3)));
  static const std::vector<std::string> kLimits = {
      "count=5,bytes=-1",
      "count=-1,bytes=40",
      "count=3,bytes=60=;byteHardLimit=60;countHardLimit=3",
      "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=4",
      "count=-1,bytes=-1=;byteHardLimit=50;countHardLimit=-1",
      "countHardLimit=8",
      "count=2",
      "count=2,bytes=3,other=4"};
  const std::string quota = "/zookeeper/quota" + target;
  const std::string limits = quota + "/zookeeper_limits", stats = quota + "/zookeeper_stats";
  const auto value_at = [&](OpCode op, const std::string& path) {
    Bytes body;
    JuteWriter out(body);
    out.string(path);
    out.buffer(Buffer(pick(random_, kLimits)));
    if (op == OpCode::Create) out.acls(open_acl());
    out.i32(op == OpCode::Create ? 0 : -1);
    return make(op, path, std::move(body));
  };
  switch (random_.below(8)) {
    case 0:
      return value_at(OpCode::SetData, limits);
    case 1:
      return deletion(random_.percent(50) ? limits : stats, -1);
    case 2:
      return with_watch(OpCode::GetData, stats, false);
    case 3:
      return with_watch(OpCode::GetData, limits, false);
    case 4:
      return value_at(OpCode::Create, limits);
    case 5:
      return value_at(OpCode::Create, stats);
    default: {
      // Missing parents one after the other, as the client tool does.
      std::string parent = quota;
      if (random_.percent(50) && parent.rfind('/') > 16) parent.resize(parent.rfind('/'));
      return value_at(OpCode::Create, parent);
    }
  }
}

// ---- What a connection says of itself ---------------------------------------------------------

Request Generator::authenticate(const std::string& scheme, const Buffer& auth) {
  Request request = make(OpCode::Auth, scheme + " " + auth.value_or("null"),
                         body_of(AuthPacket{0, scheme, auth}));
  request.xid = xid::kAuth;
  return request;
}

Request Generator::auth() {
  static const std::vector<std::string> kWho = {"user1:pw1", "user2:pw2", "user1:pw1", "nocolon",
                                                "a:b:c",     ":",         ""};
  if (random_.percent(6)) return authenticate("digest", kSuperPassword);
  if (random_.percent(8))
    return authenticate("ip", random_.percent(50) ? Buffer("") : Buffer("10.0.0.1"));
  return authenticate("digest", pick(random_, kWho));
}

Request Generator::ping() {
  Request request = make(OpCode::Ping, "", {});
  if (random_.percent(80)) request.xid = xid::kPing;
  return request;
}

Request Generator::close_session() {
  return make(OpCode::CloseSession, "", {});
}

Request Generator::last_words() {
  static const std::vector<std::int32_t> kUnknown = {0,  10, 23,  42,   99,      108,    -1,
                                                     -2, -9, -12, 1000, INT_MAX, INT_MIN};
  static const std::vector<std::string> kSchemes = {"world",    "auth", "super", "sasl",
                                                    "nonsense", "",     "x509"};
  while (true) {
    const auto kind = random_.below(6);
    if (kind >= 1 && kind <= 3 && !allowed(OpCode::Auth)) continue;
    switch (kind) {
      case 0:
        return make(static_cast<OpCode>(pick(random_, kUnknown)), "",
                    random_.percent(50) ? Bytes{} : Bytes(9));
      case 1:
        return authenticate(pick(random_, kSchemes), "user1:pw1");
      case 2:
        return authenticate("digest", std::nullopt);
      case 3: {
        Request request = auth();
        damage(request.body);
        request.what += " (damaged)";
        return request;
      }
      case 4:
        if (!allowed(OpCode::Check)) break;
        return check_at(path());
      default:
        if (!allowed(OpCode::DeleteContainer)) break;
        return of_path(OpCode::DeleteContainer, path());
    }
  }
}

Bytes Generator::garbage(std::string& what) {
  Bytes bytes;
  JuteWriter out(bytes);
  switch (random_.below(6)) {
    case 0:
      what = "length -1", out.i32(-1);
      break;
    case 1:
      what = "length above the limit", out.i32(kDefaultMaxBuffer + 1);
      break;
    case 2:
      what = "a four-letter word", out.raw(as_bytes("ruok"));
      break;
    case 3:
      what = "an empty packet", out.i32(0);
      break;
    case 4:
      what = "half a header", out.i32(4), out.i32(5);
      break;
    default:
      what = "a header but one byte", out.i32(7), out.i32(5), out.raw(Bytes(3));
      break;
  }
  return bytes;
}

ConnectShape Generator::connect_shape() {
  static const std::vector<std::int32_t> kTimeouts = {60'000, 0,      -1,      -5'000, 1'000,
                                                      30'000, 45'678, INT_MAX, INT_MIN};
  static const std::vector<Buffer> kPasswords = {std::string(kPasswordSize, '\0'), std::nullopt,
                                                 Buffer(""), Buffer("short")};
  ConnectShape shape;
  if (random_.percent(20))
    shape.protocol_version = static_cast<std::int32_t>(random_.between(-1, 3));
  if (random_.percent(50)) shape.last_zxid_seen = mark();
  shape.timeout_ms = random_.percent(60) ? 60'000 : pick(random_, kTimeouts);
  shape.password = random_.percent(70) ? kPasswords[0] : pick(random_, kPasswords);
  shape.read_only = static_cast<int>(random_.below(3)) - 1;
  return shape;
}

// ---- What the answers tell --------------------------------------------------------------------

void Generator::saw_zxid(Mark mark) {
  if (mark.zxid[0] <= 0 || mark.zxid[1] <= 0) return;
  marks_.push_back(mark);
  if (marks_.size() > 60) marks_.pop_front();
}

void Generator::saw(const Request& request, const Item& reply) {
  if (reply.err != 0) return;
  JuteReader in(request.body);
  std::string where = in.string();
  const auto op = static_cast<OpCode>(request.op);
  if (op == OpCode::Create || op == OpCode::Create2 || op == OpCode::CreateContainer ||
      op == OpCode::CreateTtl) {
    where = reply.text("path");
    if (where.size() < 3 || where.find('\\') != std::string::npos) return;
    where = where.substr(1, where.size() - 2);
    if (where.starts_with("/zookeeper")) return;  // A limit is written as a limit only.
    if (std::find(created_.begin(), created_.end(), where) == created_.end())
      created_.push_back(where);
    if (created_.size() > kRemembered) created_.pop_front();
    versions_[where] = acl_versions_[where] = 0;
    return;
  }
  if (op == OpCode::Delete) {
    std::erase(created_, where);
    versions_.erase(where);
    acl_versions_.erase(where);
    return;
  }
  if (const Field* version = reply.find("version")) {
    if (op != OpCode::GetChildren2)
      versions_[where] = static_cast<std::int32_t>(std::stol(version->text));
    acl_versions_[where] = static_cast<std::int32_t>(std::stol(reply.text("aversion")));
  }
}

}  // namespace quorate::differential
