// Several peers in one process: links, disks that lose what is not synced, and what must hold.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ensure.h"
#include "consensus/codec.h"
#include "consensus/member_text.h"
#include "consensus/peer.h"

namespace quorate::consensus::world {

using History = std::vector<LogRecord>;

/// What a crash leaves, and the writes it may take.
struct Disk {
  bool has_current = false;  ///< False: blank.
  std::uint32_t accepted = 0;
  std::uint32_t current = 0;
  Zxid base;
  History log;
  Zxid checkpoint;
  History tree;
  std::deque<std::pair<std::uint64_t, LogWrite>> open;

  void carry_out(const LogWrite& write) {
    if (const auto* append = std::get_if<AppendRecord>(&write)) {
      ENSURE(append->record.zxid > last());
      log.push_back(append->record);
    } else if (const auto* cut = std::get_if<TruncateLog>(&write)) {
      ENSURE(cut->after >= checkpoint);
      while (!log.empty() && log.back().zxid > cut->after) log.pop_back();
      ENSURE(last() == cut->after);
    } else if (const auto* store = std::get_if<StoreAcceptedEpoch>(&write)) {
      ENSURE(store->epoch >= accepted);
      accepted = store->epoch;
    } else if (const auto* store_current = std::get_if<StoreCurrentEpoch>(&write)) {
      ENSURE(store_current->epoch >= current);
      current = store_current->epoch;
      has_current = true;
    }
  }
  Zxid last() const { return log.empty() ? base : log.back().zxid; }
  bool holds(const LogRecord& record) const {
    const auto same = [&](const LogRecord& own) { return own == record; };
    return std::any_of(log.begin(), log.end(), same) || std::any_of(tree.begin(), tree.end(), same);
  }
};

struct Wire {
  QuorumPacket packet;
  std::shared_ptr<History> tree;  ///< Behind a SNAP.
};

struct End {
  ServerId server;
  LinkId link;
  bool closed = false;  ///< This side has been told, or has closed.
  std::deque<Wire> inbox;
};

struct Connection {
  End ends[2];
};

struct Server {
  Disk disk;
  std::optional<Ensemble> file;  ///< Instead of the world's.
  std::unique_ptr<Peer> peer;
  History tree;
  std::set<ServerId> opening;
  std::set<LinkId> transfers;
  struct Install {
    LinkId link;
    Zxid zxid;
    std::shared_ptr<History> tree;
  };
  std::optional<Install> install;
  bool hold_syncs = false;
  std::size_t syncs_done = 0;
  std::vector<RevalidateAnswer> revalidated;
  std::vector<Event> events;
};

class World {
 public:
  static constexpr std::uint32_t kNoEnd = 0xffffffff;

  World(int servers, bool blank, std::uint64_t seed = 1, std::uint32_t end = kNoEnd,
        std::int32_t init = 10, std::int64_t max_notification = 60000)
      : World(Ensemble(members_of(servers)), blank, false, seed, end, init, max_notification) {}

  World(Ensemble file, bool blank, bool reconfig, std::uint64_t seed, std::uint32_t end = kNoEnd,
        std::int32_t init = 10, std::int64_t max_notification = 60000)
      : counter_end(end),
        init_limit(init),
        max_notification_ms(max_notification),
        ensemble(std::move(file)),
        file_(ensemble),
        reconfig_enabled(reconfig),
        random_(seed) {
    for (const Member& member : ensemble.members()) {
      servers_[member.id].disk.has_current = !blank;
      start(member.id);
    }
  }

  static Member member(int id, bool observer = false) {
    return {{id}, "h" + std::to_string(id), 1, 2, observer, ""};
  }
  static std::vector<Member> members_of(int count) {
    std::vector<Member> members;
    for (int i = 1; i <= count; ++i) members.push_back(member(i));
    return members;
  }

  /// A server that the config does not name, with a file of its own and no data.
  void add(ServerId id, Ensemble file) {
    servers_[id].file = std::move(file);
    start(id);
  }

  Server& at(ServerId id) { return servers_.at(id); }
  Peer& peer(ServerId id) { return *servers_.at(id).peer; }
  bool up(ServerId id) { return servers_.at(id).peer != nullptr; }
  std::map<ServerId, Server>& all() { return servers_; }

  void start(ServerId id) {
    Server& server = at(id);
    if (server.peer) return;
    PeerOptions options;
    options.self = id;
    options.ensemble = server.file ? *server.file : file_;
    options.reconfig_enabled = reconfig_enabled;
    options.counter_end = counter_end;
    options.tick_time_ms = 100;
    options.init_limit = init_limit;
    options.max_notification_ms = max_notification_ms;
    options.window_records = window_records;
    options.outstanding_max = 50;
    DurableState state{!server.disk.has_current,   server.disk.accepted, server.disk.current,
                       server.disk.checkpoint,     server.disk.base,     server.disk.log,
                       config_of(server.disk.tree)};
    server.tree = server.disk.tree;
    server.peer = std::make_unique<Peer>(options, state, random_.fork());
    pump(id);
  }

  /// Un-synced writes: `keep` of them still reach the disk, the others are lost.
  void crash(ServerId id, std::size_t keep = 0) {
    Server& server = at(id);
    if (!server.peer) return;
    server.peer.reset();
    for (std::size_t i = 0; i < keep && !server.disk.open.empty(); ++i) {
      server.disk.carry_out(server.disk.open.front().second);
      server.disk.open.pop_front();
    }
    Disk disk = std::move(server.disk);
    disk.open.clear();
    auto file = std::move(server.file);
    server = Server{};
    server.disk = std::move(disk);
    server.file = std::move(file);
    for (auto& connection : connections_) {
      for (End& end : connection.ends) {
        if (end.server == id) end.closed = true;
      }
    }
    for (auto it = votes_.begin(); it != votes_.end();) {
      it = it->first.first == id || it->first.second == id ? votes_.erase(it) : std::next(it);
    }
  }

  void wipe(ServerId id) {
    crash(id);
    at(id).disk = Disk{};
    wiped_.insert(id);
  }

  void step(ServerId id, Input input) {
    Server& server = at(id);
    if (!server.peer) return;
    server.peer->step(std::move(input));
    server.peer->check_invariants();
    pump(id);
  }

  void pump(ServerId id) {
    while (up(id) && peer(id).has_ready()) {
      Server& server = at(id);
      Ready ready = server.peer->take_ready();
      carry_out(id, server, ready);
      server.peer->check_invariants();
    }
  }

  void tick_all(std::int64_t ms) {
    now_ += ms;
    for (auto& [id, server] : servers_) step(id, Tick{now_});
  }

  // ---- Single events: each returns whether there was one ---------------------------------------

  bool deliver_vote(ServerId from, ServerId to) {
    const auto found = votes_.find({from, to});
    if (found == votes_.end() || !up(to) || cut_off(from, to)) return false;
    const Notification notification = found->second;
    votes_.erase(found);
    step(to, ElectionMessage{from, notification});
    return true;
  }

  /// One packet, or the news that the link has ended, at this end.
  bool deliver(Connection& connection, int side) {
    End& end = connection.ends[side];
    if (end.closed || !up(end.server)) return false;
    Server& server = at(end.server);
    if (server.install && server.install->link == end.link) return false;
    if (cut_off(connection.ends[0].server, connection.ends[1].server)) return false;
    if (end.inbox.empty()) {
      if (!connection.ends[1 - side].closed) return false;
      end.closed = true;
      step(end.server, LinkDown{end.link});
      return true;
    }
    Wire wire = std::move(end.inbox.front());
    end.inbox.pop_front();
    const LinkId link = end.link;
    const ServerId to = end.server;
    if (filter && !filter(connection.ends[1 - side].server, to, wire.packet)) return true;
    step(to, QuorumMessage{link, wire.packet});
    if (wire.tree && !end.closed && up(to)) {
      // Its driver now reads the stream; the core hears when all is durable.
      at(to).install = Server::Install{link, wire.packet.zxid, wire.tree};
    }
    return true;
  }

  /// The next packet for this server, on whichever link.
  bool deliver_any(ServerId id) {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      for (int side : {0, 1}) {
        if (connections_[i].ends[side].server == id && deliver(connections_[i], side)) return true;
      }
    }
    return false;
  }

  bool finish_install(ServerId id, bool ok) {
    Server& server = at(id);
    if (!server.peer || !server.install) return false;
    const auto install = *std::exchange(server.install, std::nullopt);
    if (ok) {
      ENSURE(server.disk.open.empty());
      server.disk.log.clear();
      server.disk.base = server.disk.checkpoint = install.zxid;
      server.disk.tree = server.tree = *install.tree;
    }
    step(id, SnapshotInstalled{install.link, install.zxid, ok,
                               ok ? config_of(*install.tree) : std::string()});
    return true;
  }

  bool finish_transfer(ServerId id) {
    Server& server = at(id);
    if (!server.peer || server.transfers.empty()) return false;
    const LinkId link = *server.transfers.begin();
    server.transfers.erase(server.transfers.begin());
    const Zxid zxid = server.peer->applied();
    put(id, link, {{PacketType::Snap, zxid, {}, {}}, std::make_shared<History>(server.tree)});
    step(id, TransferDone{link, zxid, true});
    return true;
  }

  bool connect(ServerId from, ServerId to) {
    if (!up(from) || !up(to) || !at(from).opening.contains(to) || cut_off(from, to)) return false;
    at(from).opening.erase(to);
    connections_.push_back({{{from, {++links_}, false, {}}, {to, {++links_}, false, {}}}});
    const Connection made = connections_.back();
    step(to, LinkUp{made.ends[1].link, std::nullopt});
    step(from, LinkUp{made.ends[0].link, to});
    return true;
  }

  bool sync_disk(ServerId id, std::size_t count) {
    Server& server = at(id);
    if (!server.peer || server.disk.open.empty() || count == 0) return false;
    std::uint64_t number = 0;
    for (; count > 0 && !server.disk.open.empty(); --count) {
      number = server.disk.open.front().first;
      server.disk.carry_out(server.disk.open.front().second);
      server.disk.open.pop_front();
    }
    step(id, LogSynced{number});
    return true;
  }

  /// The tree goes to disk as of what is applied; perhaps the log before it is purged.
  void checkpoint(ServerId id, bool purge) {
    Server& server = at(id);
    if (!server.peer || server.install) return;
    Disk& disk = server.disk;
    const Zxid applied = server.peer->applied();
    if (applied < disk.base || applied < disk.checkpoint) return;
    disk.checkpoint = applied;
    disk.tree = server.tree;
    server.peer->checkpointed(applied);
    if (!purge) return;
    std::erase_if(disk.log, [&](const LogRecord& record) { return record.zxid <= applied; });
    disk.base = applied;
  }

  bool propose(ServerId id) {
    if (!up(id) || !peer(id).may_propose()) return false;
    const Zxid zxid = peer(id).next_zxid();
    const std::string text = "txn" + std::to_string(++proposed_);
    const auto view = as_bytes(text);
    const LogRecord record{zxid, SharedBytes(Bytes(view.begin(), view.end()))};
    step(id, Propose{record});
    return true;
  }

  /// Asks the leader for these members. False when it must refuse.
  bool reconfig(ServerId id, std::vector<Member> members) {
    if (!up(id) || !peer(id).may_propose() || peer(id).membership().changing()) return false;
    const Zxid zxid = peer(id).next_zxid();
    const Ensemble next(std::move(members), zxid.value);
    if (!peer(id).quorum_synced(next)) return false;
    step(id, Propose{{zxid, reconfig_record(next.text())}});
    return true;
  }

  /// Header of a reconfig txn, path, config text, version.
  static SharedBytes reconfig_record(const std::string& text) {
    Bytes out(28);
    const auto put32 = [&out](std::int32_t value) {
      out.resize(out.size() + 4);
      store_be(out.data() + out.size() - 4, value);
    };
    put32(16);
    for (const std::string_view part :
         {std::string_view("/zookeeper/config"), std::string_view(text)}) {
      put32(static_cast<std::int32_t>(part.size()));
      append(out, as_bytes(part));
    }
    put32(-1);
    return SharedBytes(std::move(out));
  }

  static std::string config_of(const History& history) {
    for (std::size_t i = history.size(); i > 0; --i) {
      if (const auto text = reconfig_text(history[i - 1].bytes.view())) return std::string(*text);
    }
    return {};
  }

  void drop_links(ServerId a, ServerId b) {
    for (auto& connection : connections_) {
      const bool between = (connection.ends[0].server == a && connection.ends[1].server == b) ||
                           (connection.ends[0].server == b && connection.ends[1].server == a);
      if (!between) continue;
      for (int side : {0, 1}) {
        End& end = connection.ends[side];
        end.inbox.clear();
        if (std::exchange(end.closed, true)) continue;
        step(end.server, LinkDown{end.link});
      }
    }
  }

  /// All links of a server end; both sides are told.
  void end_links(ServerId id) {
    for (auto& [other, server] : servers_) {
      if (other != id) drop_links(id, other);
    }
  }

  std::int64_t now() const { return now_; }

  /// Everything that can happen now happens, in a fixed order, until nothing is left.
  void run_idle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [from, a] : servers_) {
        for (auto& [to, b] : servers_) {
          if (from != to && deliver_vote(from, to)) busy = true;
        }
      }
      for (std::size_t i = 0; i < connections_.size(); ++i) {
        for (int side : {0, 1}) {
          if (hold_to == connections_[i].ends[side].server) continue;
          while (deliver(connections_[i], side)) busy = true;
        }
      }
      for (auto& [id, server] : servers_) {
        if (!server.hold_syncs && sync_disk(id, 1000)) busy = true;
        if (finish_transfer(id)) busy = true;
        if (finish_install(id, true)) busy = true;
        for (auto& [to, other] : servers_) {
          if (connect(id, to)) busy = true;
        }
      }
      forget_dead();
    }
  }

  template <class Condition>
  bool run_until(Condition condition, std::int64_t limit_ms = 60000) {
    for (const std::int64_t end = now_ + limit_ms; now_ < end;) {
      run_idle();
      if (condition()) return true;
      tick_all(10);
    }
    return condition();
  }

  bool all_serving() {
    for (auto& [id, server] : servers_) {
      if (server.peer && !server.peer->serving()) return false;
    }
    return true;
  }

  std::optional<ServerId> leader() {
    for (auto& [id, server] : servers_) {
      if (server.peer && server.peer->role() == Role::Leading && server.peer->serving()) return id;
    }
    return std::nullopt;
  }

  void random_step();

  bool nobody_blank() const {
    return std::all_of(servers_.begin(), servers_.end(),
                       [](const auto& item) { return item.second.disk.has_current; });
  }

  /// One line per server, for a failed check.
  std::string states() {
    std::string text;
    for (auto& [id, server] : servers_) {
      text += "server " + to_string(id) + (server.disk.has_current ? "" : " blank");
      text += " accepted " + std::to_string(server.disk.accepted) + " current " +
              std::to_string(server.disk.current) + " last " + to_string(server.disk.last());
      if (server.peer) text += std::string(" ") + name_of(server.peer->role());
      if (server.peer && server.peer->serving()) text += " serving";
      if (server.peer) text += " committed " + to_string(server.peer->committed());
      if (server.peer && reconfig_enabled) {
        const Membership& membership = server.peer->membership();
        text += " config " + brief(membership.current());
        if (membership.changing()) text += " then " + brief(membership.last_seen());
      }
      text += '\n';
    }
    return text;
  }

  static std::string brief(const Ensemble& config) {
    std::string text = to_string(Zxid{config.version()}) + ":";
    for (const Member& member : config.members()) {
      text += ' ' + std::to_string(member.id.value) + (member.observer ? "o" : "");
    }
    return text;
  }

  std::uint32_t counter_end = kNoEnd;
  std::int32_t init_limit = 10;
  std::int64_t max_notification_ms = 60000;
  Ensemble ensemble;  ///< In force, as far as anybody has applied.
  History chosen;     ///< What has been applied anywhere, in order.
  std::size_t window_records = 4;
  bool faults = true;
  int wipes_left = 0;
  std::set<std::pair<ServerId, ServerId>> cuts;  ///< Nothing passes between these (a < b).
  std::optional<ServerId> hold_to;               ///< run_idle() delivers no packet to it.
  bool (*filter)(ServerId from, ServerId to, const QuorumPacket& packet) = nullptr;
  std::vector<std::string> packets;  ///< "2->3 ACK 0x1", when `trace` is set.
  bool trace = false;

 private:
  bool cut_off(ServerId a, ServerId b) const {
    return cuts.contains({std::min(a, b), std::max(a, b)});
  }

  void put(ServerId from, LinkId link, Wire wire) {
    for (auto& connection : connections_) {
      for (int side : {0, 1}) {
        End& end = connection.ends[side];
        if (end.server != from || end.link != link) continue;
        if (end.closed) return;
        if (trace && wire.packet.type != PacketType::Ping) {
          packets.push_back(to_string(from) + "->" + to_string(connection.ends[1 - side].server) +
                            " " + name_of(wire.packet.type) + " " + to_string(wire.packet.zxid));
        }
        connection.ends[1 - side].inbox.push_back(std::move(wire));
        return;
      }
    }
  }

  void carry_out(ServerId id, Server& server, Ready& ready) {
    for (std::size_t i = 0; i < ready.writes.size(); ++i) {
      server.disk.open.emplace_back(ready.first_write + i, ready.writes[i]);
    }
    for (const LinkCommand& command : ready.links) {
      if (const auto* open = std::get_if<OpenLink>(&command)) server.opening.insert(open->peer);
      if (const auto* cancel = std::get_if<CancelOpen>(&command))
        server.opening.erase(cancel->peer);
      if (const auto* close = std::get_if<CloseLink>(&command)) close_end(id, close->link);
    }
    for (VoteEnvelope& vote : ready.votes) votes_[{id, vote.to}] = vote.notification;
    for (Envelope& send : ready.sends) put(id, send.link, {std::move(send.packet), nullptr});
    for (const LogRecord& record : ready.commits) apply(id, server, record);
    server.syncs_done += ready.syncs_done;
    for (const auto& answer : ready.revalidated) server.revalidated.push_back(answer);
    for (const Transfer& transfer : ready.transfers) server.transfers.insert(transfer.link);
    for (const Event& event : ready.events) server.events.push_back(event);
    for (const auto& question : ready.revalidations) {
      server.peer->step(AnswerRevalidate{question.link, question.question.session,
                                         question.question.session.value % 2 == 0});
    }
    for (std::size_t i = 0; i < ready.requests.size(); ++i) {
      if (!server.peer->may_propose()) break;
      const LogRecord record{server.peer->next_zxid(),
                             SharedBytes(Bytes(8, static_cast<std::byte>(++proposed_)))};
      server.peer->step(Propose{record});
    }
  }

  void close_end(ServerId id, LinkId link) {
    for (auto& connection : connections_) {
      for (End& end : connection.ends) {
        if (end.server != id || end.link != link || end.closed) continue;
        end.closed = true;
        end.inbox.clear();
        at(id).peer->step(LinkDown{link});
        return;
      }
    }
  }

  /// Agreement and total order: the histories of all servers are prefixes of one. Durability: what
  /// becomes visible for the first time is on the disks of a quorum.
  void apply(ServerId id, Server& server, const LogRecord& record) {
    const std::size_t position = server.tree.size();
    server.tree.push_back(record);
    ENSURE(position <= chosen.size());
    if (position < chosen.size()) {
      ENSURE(chosen[position] == record);
      return;
    }
    ENSURE(chosen.empty() || record.zxid > chosen.back().zxid);
    chosen.push_back(record);
    std::vector<ServerId> holders;
    for (auto& [other, state] : servers_) {
      // A replaced disk may have held it when it was acknowledged.
      if (state.disk.holds(record) || wiped_.contains(other)) holders.push_back(other);
    }
    ENSURE(ensemble.is_quorum(holders));
    ENSURE(at(id).disk.holds(record));
    if (const auto text = reconfig_text(record.bytes.view())) {
      const Ensemble next = *parse_config_text(*text);
      ENSURE(next.is_quorum(holders));
      ensemble = next;
    }
  }

  void forget_dead() {
    std::erase_if(connections_,
                  [](const Connection& c) { return c.ends[0].closed && c.ends[1].closed; });
  }

  void fault(ServerId id);
  void random_reconfig(ServerId id);

  Ensemble file_;
  bool reconfig_enabled = false;
  std::set<ServerId> wiped_;
  Random random_;
  std::map<ServerId, Server> servers_;
  std::deque<Connection> connections_;
  std::map<std::pair<ServerId, ServerId>, Notification> votes_;
  std::int64_t now_ = 1000;
  std::int64_t links_ = 0;
  std::uint64_t proposed_ = 0;
};

inline void World::fault(ServerId id) {
  const ServerId other{random_.between(1, static_cast<std::int64_t>(servers_.size()))};
  switch (random_.below(7)) {
    case 0:
      crash(id, random_.below(4));
      break;
    case 1:
      drop_links(id, other);
      break;
    case 2:
      if (id != other) cuts.insert({std::min(id, other), std::max(id, other)});
      break;
    case 3:
    case 4:
      cuts.clear();
      break;
    case 5:
      checkpoint(id, random_.percent(50));
      break;
    case 6:
      // A second server without data would leave too few for a quorum: that needs an operator.
      if (wipes_left > 0 && random_.percent(20) && nobody_blank()) {
        --wipes_left;
        wipe(id);
      }
      break;
  }
}

/// Any three or more of all servers vote, some of the others observe.
inline void World::random_reconfig(ServerId id) {
  std::vector<Member> members;
  std::size_t voters = 0;
  for (const auto& [server, state] : servers_) {
    const auto lot = random_.below(4);
    if (lot == 0) continue;
    members.push_back(member(static_cast<int>(server.value), lot == 1));
    if (lot != 1) ++voters;
  }
  if (voters >= 2) reconfig(id, std::move(members));
}

inline void World::random_step() {
  const auto any = [&] {
    return ServerId{random_.between(1, static_cast<std::int64_t>(servers_.size()))};
  };
  const ServerId id = any();
  switch (random_.below(20)) {
    case 0:
      if (faults && random_.percent(8)) fault(id);
      break;
    case 1:
      tick_all(random_.between(1, 30));
      break;
    case 2:
      if (!up(id) && random_.percent(20)) start(id);
      break;
    case 3:
      finish_transfer(id);
      break;
    case 4:
      finish_install(id, random_.percent(90));
      break;
    case 5:
    case 6:
      connect(id, any());
      break;
    case 7:
    case 8:
    case 9:
      deliver_vote(id, any());
      break;
    case 10:
    case 11:
    case 12:
      sync_disk(id, random_.between(1, 4));
      break;
    case 13:
      if (reconfig_enabled && random_.percent(15)) {
        random_reconfig(id);
      } else {
        propose(id);
      }
      break;
    case 14: {
      Request request;
      request.op = random_.percent(30) ? kSyncOp : 1;
      step(id, Submit{request});
      break;
    }
    default:
      if (connections_.empty()) break;
      deliver(connections_[random_.below(connections_.size())], static_cast<int>(random_.below(2)));
      if (random_.percent(5)) forget_dead();
  }
}

}  // namespace quorate::consensus::world
