#include "consensus/core.h"

#include <utility>

#include "base/ensure.h"

namespace quorate::consensus {
namespace {

/// A server alone is an ensemble of one: the same pipeline, the same rule of quorum.
Ensemble ensemble_of(const PeerOptions& options) {
  if (!options.standalone) return options.ensemble;
  Member self;
  self.id = options.self;
  return Ensemble({self});
}

}  // namespace

Core::Core(PeerOptions given, DurableState state)
    : options(std::move(given)),
      ensemble(ensemble_of(options)),
      config_text(options.ensemble.text()),
      log({options.window_records, options.window_bytes}, state.log_base, std::move(state.records),
          state.checkpoint),
      blank(state.blank),
      accepted(state.accepted_epoch),
      current(state.current_epoch) {
  ready.first_write = next_write;
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
  if (!leave) leave = Leave{std::move(reason), penalty};
}

void Core::send_vote(ServerId to, PeerState state, const Vote& what, std::int64_t with_round) {
  Notification n{state, what.leader, what.zxid, with_round, what.epoch, 2, config_text};
  ready.votes.push_back({to, std::move(n)});
}

void Core::append(LogRecord record) {
  log.append(record);
  write(AppendRecord{std::move(record)});
}

bool Core::truncate(Zxid after) {
  if (!log.truncate(after)) return false;
  // A write of a record that has been cut must not count when its sync is reported.
  for (OpenWrite& open : open_writes) {
    if (open.record && *open.record > after) open.record.reset();
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
  for (LogRecord& record : log.take_appliable()) ready.commits.push_back(std::move(record));
}

}  // namespace quorate::consensus
