#include "examples/lambda/batch/batch_session.h"

#include <cstdio>
#include <thread>

#include "examples/pipeline/program/connect.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/recipes/sync_lock.h"

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;

namespace {

std::string name_in_session(const Common& common, const qc::SyncClient& members) {
  char text[24];
  std::snprintf(text, sizeof text, "-%llx",
                static_cast<unsigned long long>(members.session_id().value));
  return common.id + text;
}

}  // namespace

BatchSession::BatchSession(const Common& common, const BatchOptions& options,
                           qc::SyncClient& members, qc::SyncClient& store, pipeline::Bus& bus,
                           RefusedCount& refused)
    : common_(common),
      options_(options),
      place_(common),
      members_(members),
      store_(store),
      bus_(bus),
      refusals_(store, refused),
      worker_(place_, members, store, refusals_,
              {name_in_session(common, members), options.slots, options.leader.rules}),
      board_(std::make_shared<BoardWatch>(
          place_, [this](const RunBoard& board) { worker_.look(board); })) {}

void BatchSession::stop() {
  board_->end();
  worker_.cancel_all();
}

Result<> BatchSession::run() {
  const std::string fault = make_path(store_, place_.runs());
  if (!fault.empty()) return Fault{FaultKind::Connection, fault};
  const std::uint64_t listener =
      members_.add_session_listener([board = board_](const qc::SessionEvent& event) {
        if (qc::is_final(event.state)) board->end();
      });
  if (qc::is_final(members_.state())) board_->end();
  {
    const qc::SyncTreeCache cache(
        members_, place_.root,
        [weak = std::weak_ptr<BoardWatch>(board_)](const qc::TreeEvent& event) {
          if (const auto board = weak.lock()) board->apply(event);
        });
    std::thread candidate([this] { stand_for_election(); });
    worker_.start(*board_);
    worker_.join();
    // Ends the candidacy and, as leader, the leading. What the slots held was given back.
    members_.close();
    board_->end();
    candidate.join();
  }
  members_.remove_session_listener(listener);
  board_->detach();
  return leader_fault_;
}

void BatchSession::stand_for_election() {
  qc::SyncElection election(members_, place_.election(), common_.id);
  while (!board_->ended()) {
    auto hold = election.lead();
    if (!hold) {
      if (!qc::is_final(members_.state())) {
        std::fprintf(stderr, "lambda: election: %s\n", hold.message.c_str());
      }
      return board_->end();
    }
    hold.value.on_invalid([weak = std::weak_ptr<BoardWatch>(board_)] {
      if (const auto board = weak.lock()) board->ring();
    });
    Leader leader(common_, store_, bus_, *board_, refusals_, options_.leader);
    const Result<> led = leader.lead(hold.value);
    if (led || led.error().kind == FaultKind::Fenced) continue;
    std::fprintf(stderr, "lambda: %s\n", led.error().message.c_str());
    if (led.error().kind != FaultKind::Connection) leader_fault_ = led;
    return board_->end();
  }
}

}  // namespace lambda_app
