#include "tests/sim/checks.h"

#include <algorithm>

#include "base/ensure.h"
#include "consensus/codec.h"
#include "consensus/member_text.h"
#include "tests/sim/recipes/recipes.h"
#include "tests/sim/server.h"
#include "tests/sim/world.h"

namespace quorate::sim {

namespace {

/// How long after the last fault a leader may still have to be found.
constexpr Micros kSettling = 8 * kSecond;

}  // namespace

Checks::Checks(World& world) : world_(world), config_(first_members(world.plan, 0)) {}

void Checks::broken(const std::string& what) const {
  throw Violation(what);
}

void Checks::disturbed(const std::string& what) {
  if (!world_.plan.faults.any() && world_.plan.mutant == Mutant::None) {
    broken("in a world without faults: " + what);
  }
}

/// From here on no fault excuses anything.
Micros Checks::calm_from() const {
  return world_.plan.faults.any() ? world_.plan.faults_end + kSettling : 0;
}

// ---- Servers
// -------------------------------------------------------------------------------------

void Checks::on_start(const Server& server, const server::Recovered& recovered) {
  ++starts_[server.id()];
  Seen& seen = seen_[server.id()];
  seen.applied = recovered.tree.last_applied();
  seen.accepted_epoch = recovered.durable.accepted_epoch;
  seen.current_epoch = recovered.durable.current_epoch;
  auto digest = digests_.find(seen.applied.value);
  if (digest != digests_.end() && digest->second != recovered.tree.digest()) {
    broken("server " + std::to_string(server.id()) + " recovered a tree as of " +
           to_string(seen.applied) + " that differs from what was applied there");
  }
}

void Checks::on_crash(const Server& server) {
  const consensus::Peer& peer = server.replica().peer();
  if (peer.role() == consensus::Role::Leading && peer.outstanding() > 0) {
    REACHED("leader crashes with proposals under way");
  }
  if (peer.role() == consensus::Role::Following && !peer.serving()) {
    REACHED("learner crashes before it serves");
  }
}

void Checks::on_event(int server, const consensus::Event& event) {
  if (event.kind == consensus::EventKind::PeerMisbehaved) {
    broken("server " + std::to_string(server) + " calls " + to_string(event.peer) +
           " a misbehaving peer: " + event.detail);
  }
  if (event.kind == consensus::EventKind::ServiceLost) {
    disturbed("server " + std::to_string(server) + " lost service: " + event.detail);
  }
}

void Checks::on_note(int server, char severity, const std::string& text) {
  if (severity == 'E') broken("server " + std::to_string(server) + " alarms: " + text);
}

void Checks::proposed(const consensus::LogRecord& record) {
  JuteReader in(record.bytes.view());
  TxnHeader header;
  decode(in, header);
  if (header.type == OpCode::CloseSession) closing_.insert(header.client_id);
  if (header.type == OpCode::CreateSession) {
    auto local = local_sessions_.find(header.client_id);
    if (local != local_sessions_.end()) local->second.proposed = true;
  }
  // UniqueProposal (hazards 8.3). Alone, zxids run on in one epoch: what a power cut takes is free.
  if (world_.plan.standalone()) return;
  auto [at, fresh] = proposals_.emplace(record.zxid.value, record.bytes);
  if (!fresh && !(at->second == record.bytes)) {
    broken(to_string(record.zxid) + " has been proposed with two contents");
  }
}

void Checks::observe(const Server& server) {
  if (!server.alive()) return;
  Seen& seen = seen_[server.id()];
  check_epochs(server, seen);
  check_leadership(server);
  check_applied(server, seen);
  if (++seen.observations % 64 == 0) check_memory(server);
}

/// BoundedMemory (hazards 8.3): whatever can pile up has a limit.
void Checks::check_memory(const Server& server) const {
  const Plan& plan = world_.plan;
  const std::string name = "server " + std::to_string(server.id());
  if (server.replica().peer().role() == consensus::Role::Observing) REACHED("observer at work");
  if (server.replica().peer().outstanding() > plan.proposals_max) {
    broken(name + " has more proposals under way than its limit");
  }
  if (server.longest_queue() > plan.link_queue_max) {
    broken(name + " has a longer queue on a link than its limit");
  }
  // Above the limit a connection is not read while it has a request open; what one has sent at once
  // is taken. Connections end while their writes are under way.
  const std::size_t at_once =
      static_cast<std::size_t>(plan.clients * (plan.pipeline + 2) + plan.processes * 32);
  if (server.replica().status().outstanding > plan.outstanding_max + 8 * at_once) {
    broken(name + " has more requests open than its limit");
  }
}

/// EpochMonotonic (hazards 8.3).
void Checks::check_epochs(const Server& server, Seen& seen) {
  const consensus::Peer& peer = server.replica().peer();
  if (peer.accepted_epoch() < seen.accepted_epoch || peer.current_epoch() < seen.current_epoch) {
    broken("server " + std::to_string(server.id()) + ": an epoch went back");
  }
  if (peer.current_epoch() > peer.accepted_epoch()) {
    broken("server " + std::to_string(server.id()) + ": currentEpoch above acceptedEpoch");
  }
  seen.accepted_epoch = peer.accepted_epoch();
  seen.current_epoch = peer.current_epoch();
}

/// Leadership2, LeaderCompleteness (hazards 8.1, 8.3).
void Checks::check_leadership(const Server& server) {
  const consensus::Peer& peer = server.replica().peer();
  if (peer.role() != consensus::Role::Leading || !peer.serving()) return;
  auto [at, fresh] = leaders_.emplace(peer.current_epoch(), server.id());
  if (world_.plan.standalone()) return;
  if (at->second != server.id()) {
    broken("epoch " + std::to_string(peer.current_epoch()) + " was established by server " +
           std::to_string(at->second) + " and by server " + std::to_string(server.id()));
  }
  if (leaders_.rbegin()->first > peer.current_epoch()) REACHED("deposed leader serves");
  if (!fresh) return;
  for (const auto& other : world_.servers) {
    if (other.get() != &server && other->leading() && other->replica().peer().serving()) {
      REACHED("two leaders at a time");
    }
  }
  world_.trace.event("leader", {server.id(), peer.current_epoch(), peer.last_logged().value});
  if (leaders_.size() > 1) disturbed("a second leader");
  check_leads_by_right(server);
  if (peer.last_logged() < last_committed()) {
    broken("server " + std::to_string(server.id()) + " leads epoch " +
           std::to_string(peer.current_epoch()) + " with a log up to " +
           to_string(peer.last_logged()) + ", but " + to_string(last_committed()) +
           " is committed: an acknowledged write is lost");
  }
}

/// Agreement, total order, CommittedImmutable, digests (hazards 8.1, 8.3).
void Checks::check_applied(const Server& server, Seen& seen) {
  Zxid applied = server.replica().tree().last_applied();
  if (applied < seen.applied) {
    broken("server " + std::to_string(server.id()) + " went back from " + to_string(seen.applied) +
           " to " + to_string(applied));
  }
  if (applied == seen.applied) return;
  const LogState& log = server.ordered();
  auto own = log.records.upper_bound(std::max(seen.applied, log.base).value);
  auto all = committed_.upper_bound(std::max(seen.applied, log.base).value);
  for (; own != log.records.end() && own->first <= applied.value; ++own) {
    if (all == committed_.end()) {
      commit(server, Zxid{own->first}, own->second);
      continue;
    }
    if (all->first != own->first || !(all->second == own->second)) {
      broken("server " + std::to_string(server.id()) + " applied " + to_string(Zxid{own->first}) +
             " where the committed history has " + to_string(Zxid{all->first}) +
             (all->first == own->first ? " with other content" : ""));
    }
    ++all;
  }
  if (!committed_.contains(applied.value)) {
    broken("server " + std::to_string(server.id()) + " applied " + to_string(applied) +
           ", which its log does not hold");
  }
  seen.applied = applied;
  auto [digest, fresh] = digests_.emplace(applied.value, server.replica().tree().digest());
  if (!fresh && digest->second != server.replica().tree().digest()) {
    broken("server " + std::to_string(server.id()) + " has another tree digest at " +
           to_string(applied) + " than the first that applied it");
  }
}

/// The first server that applies a record makes it part of the one history.
void Checks::commit(const Server& server, Zxid zxid, const SharedBytes& bytes) {
  Zxid before = last_committed();
  bool shape = zxid == before.next() || (zxid.epoch() > before.epoch() && zxid.counter() == 1);
  if (!shape) {
    broken("server " + std::to_string(server.id()) + " committed " + to_string(zxid) + " after " +
           to_string(before) + ": a hole");
  }
  check_durable(zxid, bytes);
  committed_[zxid.value] = bytes;
  committed_at_[zxid.value] = world_.scheduler.now();
  JuteReader in(bytes.view());
  TxnHeader header;
  decode(in, header);
  world_.trace.event("commit", {server.id(), zxid.value, header.client_id.value, header.cxid,
                                static_cast<std::int64_t>(header.type)});
  if (header.zxid != zxid)
    broken("record " + to_string(zxid) + " calls itself " + to_string(header.zxid));
  judge_members(header, bytes);
  judge_commit(header, in);
}

/// Durability (hazards 8.3). Off for the mutant that lives in the disk: it shall be found by what
/// gets lost, not by looking at the disk.
void Checks::check_durable(Zxid zxid, const SharedBytes& bytes) const {
  if (world_.plan.mutant != Mutant::None) return;
  std::vector<ServerId> holders;
  for (const auto& server : world_.servers) {
    if (server->held(zxid, bytes)) holders.push_back(ServerId{server->id()});
  }
  bool enough = config_.is_quorum(holders);
  // A reconfig needs a quorum of the members that it makes as well (zab-protocol 14.4).
  if (const auto text = consensus::reconfig_text(bytes.view())) {
    enough = enough && consensus::parse_config_text(*text)->is_quorum(holders);
  }
  if (enough) return;
  std::string names;
  for (const ServerId id : holders) names += " " + to_string(id);
  broken(to_string(zxid) + " is committed, but only" + names + " have it on disk, no quorum of\n" +
         config_.text());
}

/// From its own txn on a config is in force, and it is what was asked for.
void Checks::judge_members(const TxnHeader& header, const SharedBytes& bytes) {
  const auto text = consensus::reconfig_text(bytes.view());
  if (!text) return;
  auto next = consensus::parse_config_text(*text);
  if (!next) broken("a reconfig whose text cannot be read: " + next.error().what);
  if (next->version() != header.zxid.value) broken("a config with another version than its zxid");
  auto known = by_cxid_.find({header.client_id, header.cxid});
  if (known == by_cxid_.end() || !operations_[known->second].intent.members) {
    broken("a reconfig that nobody asked for");
  }
  std::string wrong = wrong_outcome(*operations_[known->second].intent.members, config_, *next,
                                    world_.plan.servers);
  if (!wrong.empty()) broken(to_string(header.zxid) + ": " + wrong);
  REACHED("members change");
  for (int id = 1; id <= world_.plan.servers; ++id) {
    const Part was = part_of(config_, id), is = part_of(*next, id);
    if (was == Part::Observer && is == Part::Voter) REACHED("observer becomes a voter");
    if (was == Part::Voter && is == Part::Observer) REACHED("voter becomes an observer");
    if (was == Part::Voter && is == Part::None) REACHED("voter is left out");
    if (was == Part::None && is == Part::Voter) REACHED("stranger becomes a voter");
    if (world_.plan.joins(id) && is == Part::Voter) REACHED("joiner becomes a voter");
  }
  config_ = *std::move(next);
}

/// Whoever is established knows the config in force, and so has asked a quorum of it. It may be
/// left out by it: then it was elected by an older one, makes the newer one known, and leaves.
void Checks::check_leads_by_right(const Server& server) const {
  const consensus::Membership& members = server.replica().peer().membership();
  if (members.last_seen().version() < config_.version()) {
    broken("server " + std::to_string(server.id()) + " leads by\n" + members.last_seen().text() +
           "\nin force is\n" + config_.text());
  }
  if (!config_.is_voter(ServerId{server.id()})) REACHED("leader established without a vote");
}

/// At the end: all go by the config that the history has.
void Checks::check_members(const Server& server) const {
  const consensus::Membership& members = server.replica().peer().membership();
  if (config_.version() == 0) return;  // No reconfig: the first leader gives it a version.
  const std::string name = "server " + std::to_string(server.id());
  if (members.changing() || members.text() != config_.text()) {
    broken(name + " goes by\n" + members.last_seen().text() + "\nat the end, in force is\n" +
           config_.text());
  }
  if (server.leading() && !config_.is_voter(ServerId{server.id()})) {
    broken(name + " leads at the end and has no vote");
  }
}

// ---- The committed history
// -----------------------------------------------------------------------

namespace {

/// A transaction that was refused is in the log with an error for each of its parts.
bool refused_in_parts(const TxnHeader& header, JuteReader body) {
  if (header.type != OpCode::Multi) return false;
  MultiTxn multi;
  decode(body, multi);
  return std::any_of(multi.txns.begin(), multi.txns.end(),
                     [](const SubTxn& part) { return part.type == OpCode::Error; });
}

}  // namespace

void Checks::judge_commit(const TxnHeader& header, JuteReader body) {
  std::string where = "txn " + to_string(header.zxid) + " (session " + to_string(header.client_id) +
                      ", cxid " + std::to_string(header.cxid) + "): ";
  Code error = Code::Ok;
  if (header.type == OpCode::Error) {
    JuteReader copy = body;
    ErrorTxn txn;
    decode(copy, txn);
    error = txn.err;
  } else if (header.type != OpCode::CreateSession && header.type != OpCode::CloseSession &&
             header.type != OpCode::DeleteContainer && !refused_in_parts(header, body) &&
             !model_.session_alive(header.client_id) && !is_local(header.client_id)) {
    broken(where + "succeeds though its session is not alive");
  }
  auto known = by_cxid_.find({header.client_id, header.cxid});
  if (known != by_cxid_.end()) {
    Operation& operation = operations_[known->second];
    std::string path;
    Code expected = expected_code(operation.intent, header.client_id, path);
    bool moved = error == Code::SessionMoved || error == Code::SessionExpired;
    if (error == Code::SessionMoved) REACHED("session moved");
    // Whether it may be is the servers' knowledge; what it does is looked at in judge_members().
    const bool members = operation.intent.op == OpCode::Reconfig;
    if (members && error == Code::NewConfigNoQuorum) REACHED("reconfig without a quorum");
    if (members && error == Code::ReconfigInProgress)
      REACHED("reconfig while another is in progress");
    if (error != expected && !moved && !members) {
      broken(where + "has code " + std::to_string(static_cast<int>(error)) + ", should have " +
             std::to_string(static_cast<int>(expected)) + " for " + operation.intent.path);
    }
    if (++operation.commits > 1) broken(where + "one request, committed twice");
    operation.zxid = header.zxid;
    operation.committed_code = error;
    operation.committed_path = path;
    std::int32_t& last = last_ok_cxid_[header.client_id];
    if (error == Code::Ok) {
      // FIFO, and after a move nothing of the old connection (hazard R59).
      if (header.cxid < last) broken(where + "after cxid " + std::to_string(last));
      last = header.cxid;
      Micros& touch = last_touch_[header.client_id];
      touch = std::max(touch, operation.invoked);
    }
  } else if (header.type == OpCode::CloseSession) {
    judge_expiry(header);
  }
  // Whoever leads has applied it no sooner than the first of all.
  if (header.type == OpCode::CreateSession) {
    last_touch_[header.client_id] = world_.scheduler.now();
    auto local = local_sessions_.find(header.client_id);
    if (local != local_sessions_.end()) local->second.upgraded = header.zxid;
  }
  std::string wrong = model_.apply(header, body);
  if (!wrong.empty()) broken(where + wrong);
  if (world_.recipes) world_.recipes->promises.committed(header);
}

/// NoEarlyExpiry (hazards 8.3): the last write that went through counts as touch for certain; while
/// nothing fails, whatever was answered does.
void Checks::judge_expiry(const TxnHeader& header) {
  auto session = model_.sessions().find(header.client_id);
  if (session == model_.sessions().end() || farewells_.contains(header.client_id)) return;
  disturbed("session " + to_string(header.client_id) + " expired");
  Micros silent = world_.scheduler.now() - last_touch_[header.client_id];
  Micros timeout = Micros{session->second} * kMillisecond;
  if (leaders_.size() > 1) REACHED("session expires under another leader");
  if (silent >= timeout * (world_.plan.skewed() ? 97 : 99) / 100) return;
  broken("session " + to_string(header.client_id) + " expired after " +
         std::to_string(silent / kMillisecond) + " ms, its timeout is " +
         std::to_string(session->second));
}

/// Linearizable writes (hazards 9): a write that returned before another began has the lower zxid.
void Checks::check_real_time_order() const {
  std::map<Zxid, const Operation*> writes;
  for (const Operation& operation : operations_) {
    if (operation.commits == 1) writes[operation.zxid] = &operation;
  }
  Micros latest_begin = 0;
  Zxid of;
  for (const auto& [zxid, operation] : writes) {
    if (operation->returned >= 0 && operation->returned < latest_begin) {
      broken("write " + to_string(zxid) + " had returned before " + to_string(of) + " began");
    }
    if (operation->invoked > latest_begin) {
      latest_begin = operation->invoked;
      of = zxid;
    }
  }
}

bool Checks::session_used(SessionId session) const {
  for (const auto& client : world_.clients) {
    if (client->session() == session) return true;
  }
  return world_.recipes && world_.recipes->uses(session);
}

/// Ephemerals not late: a session that everybody has left is gone a while after its timeout.
void Checks::check_sessions_left() const {
  for (const auto& [session, timeout_ms] : model_.sessions()) {
    if (session_used(session)) continue;
    auto told = left_.find(session);
    Micros since = told != left_.end() ? told->second : last_touch_.at(session);
    Micros silent = world_.scheduler.now() - std::max(since, calm_from());
    Micros limit = Micros{timeout_ms} * kMillisecond * 11 / 10 +
                   4 * world_.plan.tick_time_ms * kMillisecond + kSecond;
    if (silent <= limit) continue;
    broken("session " + to_string(session) + " was left " + std::to_string(silent / kMillisecond) +
           " ms ago and still lives, its timeout is " + std::to_string(timeout_ms));
  }
}

/// Nor does a server keep what only it knows.
void Checks::check_local_sessions_left(const Server& server) const {
  for (const server::SessionStatus& one : server.replica().session_list()) {
    if (!one.local || session_used(one.session)) continue;
    auto known = local_sessions_.find(one.session);
    auto told = left_.find(one.session);
    // Its client never heard of it: an answer to the handshake got lost.
    if (known == local_sessions_.end() && told == left_.end()) continue;
    Micros since = told != left_.end() ? told->second : known->second.touched;
    Micros silent = world_.scheduler.now() - std::max(since, calm_from());
    Micros limit = Micros{one.timeout_ms} * kMillisecond * 11 / 10 +
                   4 * world_.plan.tick_time_ms * kMillisecond + kSecond;
    if (silent <= limit) continue;
    broken("local session " + to_string(one.session) + " was left " +
           std::to_string(silent / kMillisecond) + " ms ago and still lives on server " +
           std::to_string(server.id()));
  }
}

void Checks::finish() {
  check_real_time_order();
  check_sessions_left();
  std::uint64_t digest = 0;
  for (const auto& server : world_.servers) {
    std::string name = "server " + std::to_string(server->id());
    if (!server->alive()) broken(name + " is down at the end");
    if (!server->replica().peer().serving()) broken(name + " does not serve at the end");
    const znode::DataTree& tree = server->replica().tree();
    if (tree.last_applied() != last_committed()) {
      broken(name + " has applied " + to_string(tree.last_applied()) + " at the end, others " +
             to_string(last_committed()));
    }
    check_members(*server);
    check_local_sessions_left(*server);
    if (server == world_.servers.front()) digest = tree.digest();
    if (tree.digest() != digest) broken(name + " ends with another tree");
    if (tree.sessions().size() != model_.sessions().size()) {
      broken(name + " ends with " + std::to_string(tree.sessions().size()) + " sessions, not " +
             std::to_string(model_.sessions().size()));
    }
  }
}

}  // namespace quorate::sim
