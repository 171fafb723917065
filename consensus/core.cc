#include "consensus/core.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "consensus/codec.h"
#include "consensus/member_text.h"

namespace quorate::consensus {
namespace {

/// The newer of the file's config and the tree's: a reconfig may be known by the tree only.
Ensemble newest_config(const PeerOptions& options, const DurableState& state) {
  if (!options.reconfig_enabled || state.config.empty()) return options.ensemble;
  auto known = parse_config_text(state.config);
  const bool newer = known && known->version() > options.ensemble.version();
  return newer ? *std::move(known) : options.ensemble;
}

/// A server alone is an ensemble of one: the same pipeline, the same rule of quorum.
Ensemble ensemble_of(const PeerOptions& options, const DurableState& state) {
  if (!options.standalone) return newest_config(options, state);
  Member self;
  self.id = options.self;
  return Ensemble({self});
}

}  // namespace

Core::Core(PeerOptions given, DurableState state)
    : options(std::move(given)),
      membership(ensemble_of(options, state)),
      log({options.window_records, options.window_bytes}, state.log_base, std::move(state.records),
          state.checkpoint),
      blank(state.blank),
      accepted(state.accepted_epoch),
      current(state.current_epoch) {
  ready.first_write = next_write;
  for (const LogRecord& record : log.records()) {
    if (record.zxid > log.applied()) see_config(record);
  }
  ready.membership_changed = true;
}

std::int64_t Core::connect_ms() const {
  constexpr std::int64_t kConnectMs = 1000;
  return std::min(std::max(kConnectMs, options.tick_time_ms), ticks(options.init_limit));
}

bool Core::is_observer() const {
  if (!without_vote.empty()) return true;
  if (membership.is_voter(options.self)) return false;
  const Member* self = membership.last_seen().find(options.self);
  return self != nullptr ? self->observer : options.observer;
}

void Core::see_config(const LogRecord& record) {
  const auto text = reconfig_text(record.bytes.view());
  if (!text) return;
  auto config = parse_config_text(*text);
  if (!config) {
    // Its quorums are unknown here: this server must not decide anything any more.
    without_vote = "its config cannot be read";
    return tell(EventKind::ConfigUnreadable, options.self, record.zxid, config.error().what);
  }
  if (config->version() <= membership.current().version()) return;
  // One reconfig at a time: whoever proposed this one had seen the one before it committed. A
  // server that has both in its log must not decide with a quorum of the config before both.
  if (membership.changing() && membership.last_seen().version() < config->version()) {
    activate_config(Zxid{membership.last_seen().version()});
  }
  membership.see(*std::move(config));
  ready.membership_changed = true;
  tell(EventKind::ConfigProposed, options.self, record.zxid);
}

void Core::tree_replaced(Zxid zxid, const std::string& config) {
  log.reset(zxid);
  diverged = false;
  if (!options.reconfig_enabled) return;
  if (membership.changing()) {
    membership.forget();
    ready.membership_changed = true;
  }
  if (config.empty()) return;
  if (auto known = parse_config_text(config)) {
    adopt_config(*std::move(known), /*committed=*/true);
  } else {
    without_vote = "its config cannot be read";
    tell(EventKind::ConfigUnreadable, options.self, zxid, known.error().what);
  }
}

/// Once a tree of the leader's mends it. When that differs again, the fault is not in what was
/// received: this server serves on without a vote, and somebody has to look.
void Core::tree_diverged(Zxid zxid) {
  if (options.standalone || diverged) return;
  diverged = snapshot_needed = true;
  if (++divergences > 1) without_vote = "its tree differs from the leader's again";
  tell(EventKind::Diverged, options.self, zxid,
       without_vote.empty() ? "a whole tree is asked for" : without_vote);
  leave_role("tree differs from its digest");
}

void Core::activate_config(Zxid zxid) {
  membership.activate();
  ready.membership_changed = true;
  tell(EventKind::ConfigActive, options.self, zxid);
}

bool Core::adopt_config(Ensemble config, bool committed) {
  if (config.version() <= membership.current().version()) return false;
  const std::int64_t version = config.version();
  const std::int64_t own = membership.changing() ? membership.last_seen().version() : 0;
  // The record that proposes it is in the own log, and perhaps nowhere else.
  if (own == version && !committed) return false;
  if (own > version) {
    membership.replace_current(std::move(config));
  } else {
    membership.replace(std::move(config));
  }
  ready.membership_changed = true;
  tell(EventKind::ConfigActive, options.self, Zxid{version});
  return true;
}

std::uint64_t Core::write(LogWrite what) {
  OpenWrite open;
  open.number = next_write++;
  if (const auto* append_record = std::get_if<AppendRecord>(&what)) {
    open.record = append_record->record.zxid;
  } else if (const auto* store = std::get_if<StoreAcceptedEpoch>(&what)) {
    ENSURE(store->epoch >= accepted);
    open.accepted = store->epoch;
  } else if (const auto* store_current = std::get_if<StoreCurrentEpoch>(&what)) {
    ENSURE(store_current->epoch >= current);
    open.current = store_current->epoch;
  }
  open_writes.push_back(open);
  ready.writes.push_back(std::move(what));
  return open.number;
}

void Core::close(LinkId link) {
  ready.links.push_back(CloseLink{link});
  // Commands to links are carried out before sends: what was still to go out is lost with the link.
  std::erase_if(ready.sends, [link](const Envelope& send) { return send.link == link; });
  std::erase_if(ready.transfers,
                [link](const Transfer& transfer) { return transfer.link == link; });
}

void Core::tell(EventKind kind, ServerId peer, Zxid zxid, std::string detail) {
  ready.events.push_back({kind, peer, accepted, zxid, std::move(detail)});
}

void Core::leave_role(std::string reason, bool penalty) {
  if (!leave) leave = Leave{std::move(reason), penalty, std::nullopt};
}

void Core::follow_successor(ServerId successor) {
  if (!leave) leave = Leave{"a reconfig has named another leader", false, successor};
}

void Core::send_vote(ServerId to, PeerState state, const Vote& what, std::int64_t with_round) {
  Notification n{state, what.leader, what.zxid, with_round, what.epoch, 2, membership.text()};
  ready.votes.push_back({to, std::move(n)});
}

void Core::append(LogRecord record) {
  log.append(record);
  see_config(record);
  write(AppendRecord{std::move(record)});
}

bool Core::truncate(Zxid after) {
  if (!log.truncate(after)) return false;
  // A write of a record that has been cut must not count when its sync is reported.
  for (OpenWrite& open : open_writes) {
    if (open.record && *open.record > after) open.record.reset();
  }
  // A config is named by the zxid of its reconfig.
  if (membership.changing() && Zxid{membership.last_seen().version()} > after) {
    membership.forget();
    ready.membership_changed = true;
  }
  write(TruncateLog{after});
  return true;
}

void Core::synced(std::uint64_t write_number) {
  ENSURE(write_number < next_write);
  if (write_number <= synced_write) return;
  synced_write = write_number;
  while (!open_writes.empty() && open_writes.front().number <= write_number) {
    const OpenWrite& open = open_writes.front();
    if (open.record) log.mark_synced(*open.record);
    if (open.accepted) {
      accepted = *open.accepted;
      tell(EventKind::EpochAccepted);
    }
    if (open.current) {
      current = *open.current;
      blank = false;  // From here on this server is bound by what it has on disk.
    }
    open_writes.pop_front();
  }
}

void Core::emit_commits() {
  if (!log.has_appliable()) return;
  std::vector<LogRecord> taken = log.take_appliable();
  for (const LogRecord& record : taken) {
    if (membership.changing() && record.zxid.value == membership.last_seen().version()) {
      activate_config(record.zxid);
    }
  }
  if (ready.commits.empty()) {
    ready.commits = std::move(taken);
  } else {
    std::move(taken.begin(), taken.end(), std::back_inserter(ready.commits));
  }
}

}  // namespace quorate::consensus
