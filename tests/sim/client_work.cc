// What clients ask for: every write carries a value that no other has.
#include "tests/sim/client.h"
#include "tests/sim/world.h"

namespace quorate::sim {
namespace {

constexpr int kNodes = 5, kChildren = 3;

}  // namespace

void Client::work() {
  if (world_.scheduler.now() >= world_.plan.load_end) return;
  if (rests()) return;
  if (state_ == State::Up && !closing_) {
    std::uint64_t burst = 1 + random_.below(static_cast<std::uint64_t>(world_.plan.pipeline));
    for (std::uint64_t i = 0; i < burst && !closing_; ++i) {
      if (pending_.size() < static_cast<std::size_t>(world_.plan.pipeline)) issue();
    }
  }
  world_.scheduler.after(random_.between(1, 2 * world_.plan.think_mean), [this] { work(); });
}

/// Now and then it asks for nothing, longer than its session lives without a sign of life: pings
/// alone have to keep it. At least one write goes through between two rests.
bool Client::rests() {
  if (state_ != State::Up || closing_ || rested_ || random_.below(400) != 0) return false;
  rested_ = true;
  const Plan& plan = world_.plan;
  Micros pause = Micros{timeout_ms_} * kMillisecond * random_.between(110, 160) / 100;
  pause = std::min(pause, (plan.load_end - plan.faults_end) / 3);
  world_.trace.event("client-rests", {number_, pause});
  world_.scheduler.after(pause, [this] { work(); });
  return true;
}

void Client::issue() {
  if (read_only_) return random_.percent(70) ? issue_read() : issue_refused_write();
  if (world_.plan.readers && number_ % 2 == 0 && world_.scheduler.now() < world_.plan.faults_end) {
    return random_.percent(70) ? issue_read() : issue_sync();
  }
  if (random_.below(600) == 0) {
    closing_ = true;
    WriteIntent intent;
    intent.op = OpCode::CloseSession;
    request_write(std::move(intent), PathRequest{});
    return;
  }
  if (random_.percent(60)) {
    issue_write();
  } else if (random_.percent(10)) {
    issue_sync();
  } else {
    issue_read();
  }
}

std::string Client::random_path() {
  std::string path = "/n" + std::to_string(random_.below(kNodes));
  if (random_.percent(55)) return path;
  return path + (random_.percent(50) ? "/c" : "/e") + std::to_string(random_.below(kChildren));
}

template <class Record>
void Client::request(OpCode op, const Record& record, std::optional<std::size_t> operation,
                     const std::string& path, bool watch) {
  std::int32_t xid = op == OpCode::SetWatches ? xid::kSetWatches : next_xid_++;
  Bytes frame;
  append_frame(frame, [&](JuteWriter& out) {
    encode(out, RequestHeader{xid, op});
    if (op != OpCode::CloseSession) encode(out, record);
  });
  pending_.push_back({xid, operation, op, path, watch, world_.scheduler.now()});
  send(std::move(frame));
}

template <class Record>
void Client::request_write(WriteIntent intent, const Record& record) {
  Operation operation;
  operation.client = number_;
  operation.session = session_;
  operation.cxid = next_xid_;
  operation.write = true;
  operation.intent = intent;
  world_.trace.event("write", {number_, session_.value, next_xid_, static_cast<int>(intent.op)});
  std::size_t number = world_.checks.invoked(std::move(operation));
  request(intent.op, record, number, intent.path, false);
}

void Client::issue_write() {
  WriteIntent intent;
  intent.path = random_path();
  intent.data = "v" + std::to_string(number_) + "-" + std::to_string(++values_) +
                std::string(random_.percent(3) ? random_.below(3000) : 0, 'x');
  std::uint64_t dice = random_.below(100);
  if (dice < 40) {
    intent.op = OpCode::SetData;
    auto seen = versions_.find(intent.path);
    if (seen != versions_.end() && random_.percent(40)) intent.version = seen->second;
    SetDataRequest record{intent.path, intent.data, intent.version};
    request_write(intent, record);
  } else if (dice < 60) {
    intent.op = OpCode::Delete;
    if (!listed_.empty() && random_.percent(60)) {
      intent.path = listed_[random_.below(listed_.size())];
    }
    intent.data.reset();
    DeleteRequest record{intent.path, intent.version};
    request_write(intent, record);
  } else {
    intent.op = OpCode::Create;
    bool child = parent_of(intent.path) != "/";
    if (child && random_.percent(25)) intent.path = parent_of(intent.path) + "/s-";
    bool sequential = intent.path.back() == '-';
    bool ephemeral = child && random_.percent(50);
    intent.flags = (ephemeral ? 1 : 0) + (sequential ? 2 : 0);
    if (!ephemeral && random_.percent(15)) return issue_reaped_create(std::move(intent), !child);
    CreateRequest record{intent.path, intent.data, open_acl(), intent.flags};
    request_write(intent, record);
  }
}

/// A node that the leader deletes once it is of no use: a container, or one with a time to live.
void Client::issue_reaped_create(WriteIntent intent, bool container) {
  if (container) {
    intent.op = OpCode::CreateContainer;
    CreateRequest record{intent.path, intent.data, open_acl(), intent.flags};
    return request_write(intent, record);
  }
  intent.op = OpCode::CreateTtl;
  auto ttl_ms = static_cast<std::int64_t>(1 + random_.below(2000));
  bool sequential = intent.flags == 2;
  CreateTtlRequest record{intent.path, intent.data, open_acl(), sequential ? 6 : 5, ttl_ms};
  request_write(intent, record);
}

void Client::issue_read() {
  static constexpr OpCode kReads[] = {OpCode::GetData, OpCode::Exists, OpCode::GetChildren2};
  Operation operation;
  operation.client = number_;
  operation.session = session_;
  operation.cxid = next_xid_;
  operation.watch = random_.percent(40);
  operation.intent.op = kReads[random_.below(3)];
  operation.intent.path = random_path();
  operation.linearizable = !read_only_ && world_.plan.linearizable(server_);
  PathWatchRequest record{operation.intent.path, operation.watch};
  OpCode op = operation.intent.op;
  bool watch = operation.watch;
  std::size_t number = world_.checks.invoked(std::move(operation));
  request(op, record, number, record.path, watch);
}

/// Promises of every server what `linearizableReads` promises of one.
void Client::issue_sync() {
  Operation operation;
  operation.client = number_;
  operation.session = session_;
  operation.cxid = next_xid_;
  operation.linearizable = true;
  operation.intent.op = OpCode::Sync;
  operation.intent.path = "/n0";
  PathRequest record{operation.intent.path};
  std::size_t number = world_.checks.invoked(std::move(operation));
  request(OpCode::Sync, record, number, record.path, false);
}

/// In read-only mode a write, or a sync, has no effect: it is none of the operations.
void Client::issue_refused_write() {
  std::string path = random_path();
  if (random_.percent(20))
    return request(OpCode::Sync, PathRequest{path}, std::nullopt, path, false);
  request(OpCode::Delete, DeleteRequest{path, kAnyVersion}, std::nullopt, path, false);
}

namespace {

struct ReconfigRecord {
  const MembersIntent& members;
};

void encode(JuteWriter& out, const ReconfigRecord& record) {
  out.nullable_string(record.members.joining());
  out.nullable_string(record.members.leaving());
  out.nullable_string(record.members.new_members());
  out.i64(-1);
}

}  // namespace

void Client::reconfig(const MembersIntent& members) {
  if (state_ != State::Up || closing_ || read_only_) return;
  if (world_.plan.readers && number_ % 2 == 0) return;
  WriteIntent intent;
  intent.op = OpCode::Reconfig;
  intent.members = members;
  request_write(intent, ReconfigRecord{members});
}

// ---- Watches
// -------------------------------------------------------------------------------------

void Client::restore_watches() {
  if (watches_.empty()) return;
  SetWatchesRequest record;
  record.relative_zxid = relative_ = last_zxid_;
  for (const auto& [key, watch] : watches_) {
    auto& list = key.child      ? record.child_watches
                 : watch.exists ? record.data_watches
                                : record.exist_watches;
    list.push_back(key.path);
  }
  restoring_ = true;
  request(OpCode::SetWatches, record, std::nullopt, "", false);
}

/// Whatever has not fired must be unchanged by the rules of setWatches (tree-semantics 7).
void Client::watches_restored(Zxid zxid) {
  restoring_ = false;
  for (auto& [key, watch] : watches_) {
    const ModelNode* node = world_.checks.model().at(key.path, zxid);
    bool missed = key.child      ? node == nullptr || node->pzxid > relative_.value
                  : watch.exists ? node == nullptr || node->mzxid > relative_.value
                                 : node != nullptr;
    if (missed) {
      throw Violation("client " + std::to_string(number_) + ": setWatches at " + to_string(zxid) +
                      " told nothing of a change of " + key.path + " after " +
                      to_string(relative_));
    }
    watch.since = zxid;
  }
}

void Client::take_watch(const Pending& pending, const ReplyHeader& header) {
  bool there = header.err == Code::Ok;
  if (!there && pending.op != OpCode::Exists) return;
  WatchKey key{pending.op == OpCode::GetChildren2, pending.path};
  watches_.emplace(key, Watch{header.zxid, there});
}

void Client::event(const ReplyHeader& header, const WatcherEvent& told) {
  world_.trace.event("event", {number_, static_cast<int>(told.type), header.zxid.value});
  world_.checks.shown(header.zxid);
  std::string what = "client " + std::to_string(number_) + ": event " + name_of(told.type) +
                     " of " + told.path + " at " + to_string(header.zxid);
  bool data = watches_.contains({false, told.path}), child = watches_.contains({true, told.path});
  bool wanted = told.type == EventType::NodeChildrenChanged ? child
                : told.type == EventType::NodeDeleted       ? data || child
                                                            : data;
  if (!wanted) throw Violation(what + " without a watch: it fired twice, or never was set");
  if (data && told.type != EventType::NodeChildrenChanged) consume({false, told.path}, header);
  // setWatches tells of each list by itself, data watches first.
  bool of_one_list = told.type == EventType::NodeDeleted && restoring_ && header.zxid.value < 0;
  if (of_one_list && data) return;
  bool child_too =
      told.type == EventType::NodeChildrenChanged || (told.type == EventType::NodeDeleted && child);
  if (child_too) consume({true, told.path}, header);
}

/// An event comes from the first change after the watch was set, and before any reply that shows
/// it.
void Client::consume(const WatchKey& key, const ReplyHeader& header) {
  Watch watch = watches_.at(key);
  watches_.erase(key);
  if (restoring_ || header.zxid.value < 0) return;
  const Model& model = world_.checks.model();
  auto change = key.child ? model.next_child_change(key.path, watch.since)
                          : model.next_data_change(key.path, watch.since);
  if (change != header.zxid) {
    throw Violation("client " + std::to_string(number_) + ": event for " + key.path + " at " +
                    to_string(header.zxid) + ", but the first change after " +
                    to_string(watch.since) + " was " + (change ? to_string(*change) : "never"));
  }
}

void Client::check_missed(Zxid zxid) const {
  if (restoring_) return;
  const Model& model = world_.checks.model();
  for (const auto& [key, watch] : watches_) {
    auto change = key.child ? model.next_child_change(key.path, watch.since)
                            : model.next_data_change(key.path, watch.since);
    if (!change || *change > zxid) continue;
    throw Violation("client " + std::to_string(number_) + ": a reply shows " + to_string(zxid) +
                    ", but no event of " + key.path + " at " + to_string(*change) + " came before");
  }
}

}  // namespace quorate::sim
