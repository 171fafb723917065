// What clients were told, judged against the committed history.
#include "base/ensure.h"
#include "tests/sim/checks.h"
#include "tests/sim/world.h"

namespace quorate::sim {
namespace {

std::string name_of(const Operation& operation) {
  return "client " + std::to_string(operation.client) + ", session " +
         to_string(operation.session) + ", cxid " + std::to_string(operation.cxid) + " on " +
         operation.intent.path + ": ";
}

/// Of a node that belongs to its session.
bool owned_create(const WriteIntent& intent) {
  return intent.op == OpCode::Create && (intent.flags & 1) != 0;
}

std::string code_text(Code code) {
  return std::to_string(static_cast<int>(code));
}

}  // namespace

std::size_t Checks::invoked(Operation operation) {
  std::size_t number = operations_.size();
  operation.invoked = world_.scheduler.now();
  operation.floor = shown_;
  auto local = local_sessions_.find(operation.session);
  if (local != local_sessions_.end() && owned_create(operation.intent)) local->second.asked = true;
  if (operation.write) by_cxid_[{operation.session, operation.cxid}] = number;
  operations_.push_back(std::move(operation));
  return number;
}

void Checks::answered(std::size_t number, Code code, Zxid zxid, ByteView body) {
  Operation& operation = operations_[number];
  operation.returned = world_.scheduler.now();
  operation.code = code;
  operation.reply_zxid = zxid;
  Zxid& shown = session_zxid_[operation.session];
  if (zxid < shown) {
    throw Violation(name_of(operation) + "shows " + to_string(zxid) + " after " + to_string(shown) +
                    ": the session went back");
  }
  shown = zxid;
  // Linearizable reads (R62): nothing that anybody had been shown before may be missing.
  if (operation.linearizable && zxid < operation.floor) {
    throw Violation(name_of(operation) + "shows " + to_string(zxid) + ", but " +
                    to_string(operation.floor) + " had been shown before it was asked: stale");
  }
  shown_ = std::max(shown_, zxid);
  if (zxid > last_committed()) {
    throw Violation(name_of(operation) + "answer shows " + to_string(zxid) + ", not committed yet");
  }
  if (operation.intent.op == OpCode::Sync) {
    if (code != Code::Ok) throw Violation(name_of(operation) + "sync answered " + code_text(code));
    return;
  }
  if (operation.write) {
    judge_write(operation, zxid, body);
  } else {
    judge_read(operation, zxid, body);
  }
}

/// AckedWriteSurvival, ReplyAfterCommit (hazards 8.3). The history never loses a record again: that
/// is what observe() and finish() check.
void Checks::judge_write(Operation& operation, Zxid zxid, ByteView body) {
  if (operation.intent.op == OpCode::CloseSession && operation.commits == 0 &&
      operation.code == Code::Ok && is_local(operation.session)) {
    REACHED("local session closed");
    return;
  }
  if (operation.commits != 1 || operation.zxid > zxid) {
    throw Violation(name_of(operation) + "answered with code " + code_text(operation.code) +
                    " at " + to_string(zxid) + ", but it is not committed there");
  }
  if (operation.code != operation.committed_code) {
    throw Violation(name_of(operation) + "answered with code " + code_text(operation.code) +
                    ", committed with " + code_text(operation.committed_code));
  }
  if (operation.code != Code::Ok) return;
  ++acknowledged_;
  last_progress_[operation.client] = operation.invoked;
  JuteReader in(body);
  bool creates = operation.intent.op == OpCode::Create ||
                 operation.intent.op == OpCode::CreateContainer ||
                 operation.intent.op == OpCode::CreateTtl;
  if (creates && in.string() != operation.committed_path) {
    throw Violation(name_of(operation) + "created another path than committed");
  }
  if (operation.intent.op == OpCode::SetData) {
    const ModelNode* node = model_.at(operation.intent.path, operation.zxid);
    judge_stat(operation, *node, in.stat());
  }
}

void Checks::judge_stat(const Operation& operation, const ModelNode& node, const Stat& stat) const {
  Stat expected = node.stat(stat.ctime, stat.mtime);
  if (parent_of(operation.intent.path) == operation.intent.path) return;
  if (stat == expected) return;
  throw Violation(
      name_of(operation) + "Stat at " + to_string(operation.reply_zxid) + " has version " +
      std::to_string(stat.version) + " mzxid " + to_string(Zxid{stat.mzxid}) + " pzxid " +
      to_string(Zxid{stat.pzxid}) + " cversion " + std::to_string(stat.cversion) + " children " +
      std::to_string(stat.num_children) + ", the history has version " +
      std::to_string(expected.version) + " mzxid " + to_string(Zxid{expected.mzxid}) + " pzxid " +
      to_string(Zxid{expected.pzxid}) + " cversion " + std::to_string(expected.cversion) +
      " children " + std::to_string(expected.num_children));
}

/// Sequential reads: exactly the state that the committed history has at the reply's zxid.
void Checks::judge_read(const Operation& operation, Zxid zxid, ByteView body) {
  const ModelNode* node = model_.at(operation.intent.path, zxid);
  Code expected = node == nullptr ? Code::NoNode : Code::Ok;
  if (operation.code != expected) {
    throw Violation(name_of(operation) + "read at " + to_string(zxid) + " answered " +
                    code_text(operation.code) + ", the history says " + code_text(expected));
  }
  if (node == nullptr) return;
  JuteReader in(body);
  if (operation.intent.op == OpCode::GetData && in.buffer() != node->data) {
    throw Violation(name_of(operation) + "read at " + to_string(zxid) + " has other data");
  }
  if (operation.intent.op == OpCode::GetChildren2) {
    std::vector<std::string> children = in.strings();
    std::set<std::string> found(children.begin(), children.end());
    if (found != *node->children || found.size() != children.size()) {
      throw Violation(name_of(operation) + "read at " + to_string(zxid) + " has other children");
    }
  }
  judge_stat(operation, *node, in.stat());
  if (in.finish()) throw Violation(name_of(operation) + "answer is cut short");
}

void Checks::heard(SessionId session, Micros sent) {
  if (auto local = local_sessions_.find(session); local != local_sessions_.end()) {
    local->second.touched = std::max(local->second.touched, sent);
  }
  // A follower tells the leader with its next answer to a PING, twice in a tick; that must not get
  // lost while nothing fails.
  if (sent < calm_from()) return;
  Micros& touch = last_touch_[session];
  touch = std::max(touch, sent - world_.plan.tick_time_ms * kMillisecond);
}

void Checks::left(SessionId session) {
  if (session.value != 0) left_.emplace(session, world_.scheduler.now());
}

/// Only its own server knows a local session, and knows it as long as its process lives.
void Checks::local_session(SessionId session, int server, bool fresh) {
  if (fresh) {
    LocalSession& born = local_sessions_[session];
    born.server = server;
    born.start = starts_[server];
    born.touched = world_.scheduler.now();
    return;
  }
  auto known = local_sessions_.find(session);
  if (known == local_sessions_.end() || known->second.proposed) return;
  if (known->second.server != server || known->second.start != starts_[server]) {
    throw Violation("local session " + to_string(session) + " of server " +
                    std::to_string(known->second.server) + " was taken up by server " +
                    std::to_string(server) + ", which cannot know it");
  }
  REACHED("local session taken up again");
}

/// By all that is committed it is none of the ensemble, nor has been.
bool Checks::is_local(SessionId session) const {
  auto known = local_sessions_.find(session);
  return known != local_sessions_.end() && !known->second.upgraded;
}

Code Checks::expected_code(const WriteIntent& intent, SessionId session, std::string& path) const {
  if (!is_local(session)) return model_.expect(intent, path, model_.session_alive(session));
  if (owned_create(intent) && !world_.plan.upgrade_local_sessions) {
    return Code::EphemeralOnLocalSession;
  }
  return model_.expect(intent, path, /*alive=*/true);
}

/// Elsewhere it is over, and when its server has ended; there it is over for its silence alone.
void Checks::judge_local_refusal(SessionId session, const LocalSession& known, int server) const {
  const bool over = known.server != server || known.start != starts_.at(server);
  if (!world_.plan.local_sessions || known.asked || over) {
    REACHED("local session is lost elsewhere");
    return;
  }
  const Micros silent = world_.scheduler.now() - known.touched;
  const Micros timeout = Micros{world_.plan.session_timeout_ms} * kMillisecond;
  if (silent >= timeout * (world_.plan.skewed() ? 97 : 99) / 100) return;
  throw Violation("local session " + to_string(session) + " was forgotten by its own server " +
                  std::to_string(server) + " after " + std::to_string(silent / kMillisecond) +
                  " ms");
}

void Checks::session_refused(int client, SessionId session, int server) {
  disturbed("session " + to_string(session) + " refused");
  auto local = local_sessions_.find(session);
  if (local != local_sessions_.end()) {
    const LocalSession& known = local->second;
    // Who has not been shown that it is of the ensemble may ask a server that has not either.
    if (!known.upgraded || session_zxid_[session] < *known.upgraded) {
      return judge_local_refusal(session, known, server);
    }
    REACHED("upgraded session refused");
  }
  // A session is refused from the moment its end is proposed (client-protocol 3.3, step 8a).
  if (model_.session_closed(session) || closing_.contains(session)) return;
  throw Violation("client " + std::to_string(client) + ": session " + to_string(session) +
                  " was refused as expired, but nobody ever proposed to close it");
}

}  // namespace quorate::sim
