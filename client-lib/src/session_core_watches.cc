// SessionCore's watches: taken with replies, spent by events, restored on each link.
#include <utility>

#include "client-lib/src/session_core.h"
#include "quorate/errors.h"

namespace quorate::client {

/// The server holds the watch from the moment it made this reply, also when nobody waits for the
/// reply any more: then its event finds no taker, which does no harm.
void SessionCore::take_watch(const Entry& entry, Code err) {
  // Also when nobody waits for the reply any more: the server has forgotten them.
  const auto* removal = std::get_if<WatchRemoval>(&entry.watch);
  if (removal != nullptr && err == Code::Ok) take_back(*removal);
  const auto* wish = std::get_if<WatchRequest>(&entry.watch);
  if (wish == nullptr || entry.answered) return;
  const bool missing = entry.op == OpCode::Exists && err == Code::NoNode;
  if (err != Code::Ok && !missing) return;
  WatchKind kind = missing ? WatchKind::Exist : WatchKind::Data;
  if (entry.op == OpCode::GetChildren || entry.op == OpCode::GetChildren2) kind = WatchKind::Child;
  if (entry.op == OpCode::AddWatch) {
    kind = wish->recursive ? WatchKind::Recursive : WatchKind::Persistent;
  }
  watches_.add(kind, wish->path, wish->id);
}

void SessionCore::take_back(const WatchRemoval& removal) {
  std::vector<RemovedWatch> removed = watches_.remove(removal.type, removal.path, removal.only);
  if (!removed.empty()) events_.push_back(WatchesRemoved{removal.path, std::move(removed)});
}

void SessionCore::on_event(std::int64_t now_ms, const ReplyHeader& header, ByteView body) {
  Result<WatcherEvent> event = decode_all<WatcherEvent>(body);
  if (!event) {
    drop_link(now_ms, ClientErrc::ProtocolFault);
    return;
  }
  // While watches are being restored the zxid of an event must not count as seen: should the link
  // break now, the portions not yet restored would be asked for from too late a point.
  if (restoring_ == 0) see(header.zxid);
  std::vector<WatchId> watches = watches_.take(event->type, event->path);
  if (!watches.empty()) {
    events_.push_back(WatchFired{std::move(*event), header.zxid, std::move(watches)});
  }
}

void SessionCore::restore_watches() {
  restoring_ = 0;
  for (const SetWatches2Request& portion :
       watches_.portions(last_zxid_, options_.set_watches_bytes_max)) {
    const bool persistent =
        !portion.persistent_watches.empty() || !portion.persistent_recursive_watches.empty();
    append_frame(output_, [&](JuteWriter& out) {
      // Servers before 3.6 know only the first form.
      encode(out, RequestHeader{xid::kSetWatches,
                                persistent ? OpCode::SetWatches2 : OpCode::SetWatches});
      if (persistent) {
        encode(out, portion);
      } else {
        encode(out, portion.base);
      }
    });
    ++restoring_;
  }
}

}  // namespace quorate::client
