// Who is told of events: sinks by number, as long as they hold a watch or ask for one.
#include "client-lib/src/connection.h"

namespace quorate::client {

namespace {

/// One event for one sink, told in its place among the replies.
class SinkCall final : public PendingCall {
 public:
  SinkCall(std::shared_ptr<WatchSink> sink, const WatchEvent& event)
      : sink_(std::move(sink)), event_(event) {}
  void answer(ErrorCode, ByteView, const std::string&) override {}
  void deliver(const asio::any_completion_executor&) override { sink_->deliver(event_); }

 private:
  std::shared_ptr<WatchSink> sink_;
  WatchEvent event_;
};

}  // namespace

WatchId Connection::taker_id(const std::shared_ptr<WatchSink>& sink) {
  auto [known, fresh] = taker_ids_.emplace(sink.get(), next_watch_id_);
  if (fresh) takers_.emplace(next_watch_id_++, Taker{sink});
  return known->second;
}

/// Forgets a sink that holds no watch and asks for none.
void Connection::drop_taker(WatchId id) {
  auto found = takers_.find(id);
  if (found == takers_.end() || found->second.asking > 0 || core_->watched_by(id)) return;
  taker_ids_.erase(found->second.sink.get());
  takers_.erase(found);
}

void Connection::tell(WatchId id, const WatchEvent& event) {
  auto found = takers_.find(id);
  if (found == takers_.end()) return;
  ready_.push_back(std::make_unique<SinkCall>(found->second.sink, event));
  idle_takers_.push_back(id);
}

void Connection::handle(WatchFired& fired) {
  WatchEvent event;
  event.type = fired.event.type;
  event.state = fired.event.state;
  event.path = strip_chroot(servers_.chroot, fired.event.path);
  event.zxid = fired.zxid.value;
  for (const WatchId id : fired.watches) tell(id, event);
}

void Connection::handle(WatchesRemoved& removed) {
  WatchEvent event;
  event.path = strip_chroot(servers_.chroot, removed.path);
  for (const RemovedWatch& each : removed.watches) {
    event.type = each.event;
    tell(each.id, event);
  }
}

void Connection::end_all_watches(SessionState state) {
  WatchEvent event;
  event.state = state == SessionState::Expired      ? KeeperState::Expired
                : state == SessionState::AuthFailed ? KeeperState::AuthFailed
                                                    : KeeperState::Closed;
  for (auto& [id, taker] : takers_) {
    ready_.push_back(std::make_unique<SinkCall>(std::move(taker.sink), event));
  }
  takers_.clear();
  taker_ids_.clear();
}

}  // namespace quorate::client
