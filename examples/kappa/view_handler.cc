#include "examples/kappa/view_handler.h"

#include <algorithm>
#include <array>
#include <thread>

#include "examples/pipeline/cut.h"

namespace kappa_app {

using namespace pipeline;

namespace {

void note(std::atomic<std::int64_t>& slowest_ms, ViewHandler::Clock::duration took) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  if (ms > slowest_ms) slowest_ms = ms;
}

}  // namespace

ViewHandler::ViewHandler(HandlerSetting& setting, PartitionNumber partition, std::int64_t token)
    : setting_(setting),
      partition_(partition),
      token_(token),
      part_(setting.generation.options),
      total_(setting.generation.options),
      commit_at_(Clock::now() + setting.commit_interval) {
  ++setting_.partitions;
}

std::unique_ptr<ViewHandler> ViewHandler::make(HandlerSetting& setting, PartitionNumber partition,
                                               std::int64_t token, const Checkpoint& last) {
  std::unique_ptr<ViewHandler> handler(new ViewHandler(setting, partition, token));
  handler->from_ = handler->to_ = last.offset;
  if (last.state.empty()) return handler;
  auto state = decode_view_state(last.state);
  if (!state || state->summary.options() != setting.generation.options) return nullptr;
  handler->total_ = std::move(state->summary);
  handler->part_.seen() = std::move(state->seen);
  return handler;
}

void ViewHandler::add(const StoredRecord& record) {
  const auto event = decode_event(record.value);
  if (!event) {
    // Marks of batch runs mean nothing here: this application has no batch.
    if (!decode_cut(record.value)) ++setting_.counts.unreadable;
    return;
  }
  if (setting_.code->counts(*event) && part_.add(*event)) ++setting_.counts.events;
}

void ViewHandler::handle(const Batch& batch) {
  if (batch.records.empty()) return;
  const bool live = batch.high_water <= batch.next + setting_.quiet_lag;
  // What was replayed is told by a checkpoint: the first delta begins here.
  if (live && !send_at_ && from_ < to_) take_part();
  for (const StoredRecord& record : batch.records) add(record);
  to_ = batch.next;
  const auto now = Clock::now();
  if (!live) {
    send_at_.reset();
  } else if (!send_at_) {
    send_at_ = now + setting_.delta_interval;
    oldest_append_ms_ = batch.records.front().append_ms;
  }
  if (!caught_up_ && batch.high_water == batch.next) {
    // Deltas cut elsewhere than the owner's before: those who follow need this checkpoint to go on.
    caught_up_ = urgent_ = true;
    commit_at_ = now;
  }
  if (setting_.pause.count() > 0) std::this_thread::sleep_for(setting_.pause);
}

/// What cannot be sent is missing until the next checkpoint, no longer.
void ViewHandler::send() {
  send_at_.reset();
  if (from_ == to_) return;
  const Offset from = from_;
  const ViewDelta delta{from, to_, token_, oldest_append_ms_, take_part()};
  std::string value;
  encode(delta, value);
  const std::array<Record, 1> record{Record{"", value}};
  const bool sent = value.size() <= kRecordBytesMax &&
                    setting_.bus->append(setting_.views_topic, partition_, record);
  ++(sent ? setting_.counts.deltas : setting_.counts.unsent);
}

/// [from_, to_), which is in total_ from now on.
Summary ViewHandler::take_part() {
  Summary part = part_.take_summary();
  // Equal options, by construction: it cannot be refused.
  (void)total_.merge(part);
  from_ = to_;
  return part;
}

std::string ViewHandler::state() {
  commit_began_ = Clock::now();
  // What is committed was told before: who follows need not read the whole checkpoint for it.
  if (send_at_) send();
  if (from_ < to_) take_part();
  std::string bytes = encode(total_, part_.seen());
  commit_bytes_ = bytes.size();
  urgent_ = false;
  note(setting_.counts.slowest_state_ms, Clock::now() - commit_began_);
  return bytes;
}

/// More may have been handled since state().
void ViewHandler::committed(Offset) {
  const auto now = Clock::now();
  const auto took = now - commit_began_;
  note(setting_.counts.slowest_commit_ms, took);
  const std::chrono::duration<double> writing(static_cast<double>(commit_bytes_) /
                                              static_cast<double>(setting_.commit_bytes_per_s));
  const auto turn = std::chrono::duration_cast<Clock::duration>(
      std::max<std::chrono::duration<double>>(writing, took / setting_.commit_share));
  setting_.turn_at = now + turn;
  if (urgent_) return;  // It has become so meanwhile.
  // Behind the others, or a busy partition would take every turn.
  commit_at_ =
      now + std::max<Clock::duration>(setting_.commit_interval, turn * setting_.partitions.load());
}

void ViewHandler::tick() {
  if (send_at_ && *send_at_ <= Clock::now()) send();
}

}  // namespace kappa_app
