#include "tests/model/trial.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "tests/differential/item.h"
#include "tests/model/model.h"
#include "znode/acl_table.h"
#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/op.h"
#include "znode/pending_view.h"
#include "znode/watch_table.h"

namespace quorate::model {

namespace {

using namespace znode;

/// A txn that waits to be applied, with what the model needs to do the same then.
struct InFlight {
  Operation operation;
  Asker asker;
  std::int64_t zxid, time;
  Bytes txn;
};

class Trial {
 public:
  explicit Trial(bool ttl) : model_({.ttl = ttl}), pending_(tree_) {
    options_.extended_types_enabled = ttl;
    for (int actor = 0; actor < kActors; ++actor) {
      ids_[actor] = {{"ip", "127.0.0.1"}};
      open(actor);
    }
  }

  std::string step(const Operation& operation) {
    switch (operation.action) {
      case Action::Write:
        return write(operation);
      case Action::Read:
        return read(operation);
      case Action::Land:
        return land();
      case Action::Reconnect:
        return reconnect(operation.actor);
      case Action::Identify: {
        static const AuthId kIds[] = {
            {"digest", "ann:x1"}, {"digest", "bob:x2"}, {"digest", "ann:x1"}};
        Ids& mine = ids_[operation.actor];
        const AuthId& one = kIds[operation.number];
        if (std::find(mine.begin(), mine.end(), one) == mine.end()) mine.push_back(one);
        return {};
      }
    }
    return "no such action";
  }

  std::string finish() {
    while (!in_flight_.empty()) {
      if (std::string found = land(); !found.empty()) return found;
    }
    return compare_trees();
  }

 private:
  void open(int actor) {
    const std::int64_t session = ++last_session_;
    sessions_[actor] = session;
    Operation create;
    create.op = OpCode::CreateSession;
    submit(create, {actor, session, ids_[actor]});
    connections_[actor] = {++last_connection_};
  }

  void submit(const Operation& operation, Asker asker) {
    const std::int64_t zxid = ++last_zxid_, time = 1'000'000 + zxid / 3;
    const Bytes body = operation.body(zxid);
    const WriteRequest request{
        {asker.session}, static_cast<std::int32_t>(zxid), operation.op, body};
    const Identities ids = asker.ids;
    Bytes txn = prepare(pending_, options_, {{asker.session}, ids}, request, {zxid}, time);
    in_flight_.push_back({operation, std::move(asker), zxid, time, std::move(txn)});
  }

  std::string write(const Operation& operation) {
    const int actor = operation.actor;
    submit(operation, {actor, sessions_[actor], ids_[actor]});
    return {};  // What the session still writes behind a close is too late, and is compared too.
  }

  std::string land() {
    if (in_flight_.empty()) return {};
    const InFlight next = std::move(in_flight_.front());
    in_flight_.pop_front();
    Result<Outcome> outcome = apply(tree_, next.txn, ReplayMode::Exact);
    if (!outcome) return "apply refuses a prepared txn: " + outcome.error().message();
    pending_.landed({next.zxid});
    if (outcome->digest_mismatch) return "the digest of prepare() is not the tree's";
    if (next.operation.op == OpCode::CreateSession) {
      model_.open_session(next.asker.session);
      return {};
    }
    const Reply expected = model_.write(next.operation, next.asker, next.zxid, next.time, ids_);
    Bytes body;
    JuteWriter out(body);
    const Code code = reply_code(*outcome);
    if (code == Code::Ok) encode_response(out, *outcome);
    const bool closing = next.operation.op == OpCode::CloseSession;
    Events events = notify(*outcome);
    std::string found = compare_events(std::move(events), /*ordered=*/!closing);
    if (found.empty()) found = compare_replies(next.operation, {code, body}, expected);
    if (closing && next.asker.session == sessions_[next.asker.actor]) renew(next.asker.actor);
    return found.empty() ? ""
                         : "applying zxid " + std::to_string(next.zxid) + ", " +
                               next.operation.shown() + "\n" + found;
  }

  void renew(int actor) {
    watches_.drop(connections_[actor]);
    model_.drop_watches(actor);
    open(actor);
  }

  std::string reconnect(int actor) {
    watches_.drop(connections_[actor]);
    model_.drop_watches(actor);
    connections_[actor] = {++last_connection_};
    ids_[actor] = {{"ip", "127.0.0.1"}};
    return {};
  }

  Events notify(const Outcome& outcome) {
    Events events;
    for (const Fire& fire : outcome.fires) {
      for (ConnectionId id : watches_.take(fire)) {
        const auto* at = std::find(std::begin(connections_), std::end(connections_), id);
        const int actor = static_cast<int>(at - std::begin(connections_));
        const Identities& ids = ids_[actor];
        const Caller caller{{sessions_[actor]}, ids};
        if (may_see_event(tree_, caller, fire)) events[actor].push_back({fire.type, fire.path});
      }
    }
    return events;
  }

  std::string compare_events(Events ours, bool ordered) {
    Events theirs = model_.take_events();
    std::string text[2];
    Events* both[] = {&theirs, &ours};
    for (int side = 0; side < 2; ++side) {
      for (auto& [actor, events] : *both[side]) {
        std::vector<std::string> shown;
        for (const Event& event : events) shown.push_back(event.shown());
        if (!ordered) std::sort(shown.begin(), shown.end());
        if (shown.empty()) continue;
        text[side] += " actor " + std::to_string(actor) + ":";
        for (const std::string& one : shown) text[side] += " " + one;
      }
    }
    return text[0] == text[1]
               ? ""
               : "  events of the model:" + text[0] + "\n  events of ours:     " + text[1] + "\n";
  }

  static std::string shown(const Operation& operation, const Reply& reply) {
    differential::Request request;
    request.op = static_cast<std::int32_t>(operation.op);
    Bytes packet;
    JuteWriter out(packet);
    encode(out, ReplyHeader{1, {1}, reply.code});
    out.raw(reply.body);
    return differential::decode_reply(packet, request).shown();
  }

  static std::string compare_replies(const Operation& operation, const Reply& ours,
                                     const Reply& expected) {
    const std::string mine = shown(operation, ours), theirs = shown(operation, expected);
    return mine == theirs ? "" : "  the model " + theirs + "\n  ours      " + mine + "\n";
  }

  std::string read(Operation operation) {
    const int actor = operation.actor;
    const Identities ids = ids_[actor];
    const Caller caller{{sessions_[actor]}, ids};
    const ReadContext context{tree_, watches_, connections_[actor], caller, options_};
    const std::int64_t applied = tree_.last_applied().value;
    const Bytes body = operation.body(applied);
    operation.zxid = applied - operation.zxid;
    const Reply expected = model_.read(operation, {actor, sessions_[actor], ids});
    Reply ours;
    std::string found;
    if (operation.op == OpCode::SetWatches || operation.op == OpCode::SetWatches2) {
      const Result<std::vector<Fire>> missed = set_watches(context, operation.op, body);
      if (!missed) return "setWatches is refused: " + missed.error().message();
      Events events;
      for (const Fire& fire : *missed) events[actor].push_back({fire.type, fire.path});
      found = compare_events(std::move(events), /*ordered=*/true);
    } else {
      JuteWriter out(ours.body);
      ours.code = znode::read(context, operation.op, body, out);
    }
    found += compare_replies(operation, ours, expected);
    return found.empty() ? "" : operation.shown() + "\n" + found;
  }

  std::string compare_trees() {
    std::string found;
    std::size_t count = 0;
    tree_.for_each([&](const std::string& given, const Node& node) {
      const std::string path = given.empty() ? "/" : given;
      ++count;
      const auto at = model_.nodes().find(path);
      if (at == model_.nodes().end()) {
        found = "the model has no " + path;
        return;
      }
      const bool ephemeral = at->second.owner > 0;
      const auto& mine = tree_.ephemerals({at->second.owner});
      if (ephemeral && std::find(mine.begin(), mine.end(), path) == mine.end())
        found = path + " is not in its session's list";
      if (at->second.acl != tree_.acls().list(node.acl())) found = "not the same list at " + path;
    });
    if (count != model_.nodes().size()) found += " the model has more nodes";
    return found;
  }

  Model model_;
  OpOptions options_;
  DataTree tree_;
  PendingView pending_;
  WatchTable watches_;
  std::deque<InFlight> in_flight_;
  std::int64_t last_zxid_ = 0, last_session_ = 0x7000, last_connection_ = 0;
  std::int64_t sessions_[kActors] = {};
  ConnectionId connections_[kActors];
  Ids ids_[kActors];
};

}  // namespace

std::string run_trial(const std::vector<Operation>& operations, bool ttl) {
  Trial trial(ttl);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    std::string found = trial.step(operations[i]);
    if (!found.empty()) return "at operation " + std::to_string(i) + ": " + found;
  }
  return trial.finish();
}

}  // namespace quorate::model
