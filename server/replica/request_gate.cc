#include "server/replica/request_gate.h"

#include <utility>

#include "base/ensure.h"

namespace quorate::server {

namespace {

/// Operations that ZooKeeper's clients may send and that are not built yet. `check` alone and
/// createSession are not among them: real servers close the connection on the first, and the second
/// would hand out a session outside the handshake.
bool is_client_op(OpCode op) {
  switch (op) {
    case OpCode::Multi:
    case OpCode::Reconfig:
    case OpCode::CheckWatches:
    case OpCode::RemoveWatches:
    case OpCode::CreateContainer:
    case OpCode::DeleteContainer:
    case OpCode::CreateTtl:
    case OpCode::MultiRead:
    case OpCode::Sasl:
    case OpCode::GetEphemerals:
    case OpCode::GetAllChildrenNumber:
    case OpCode::SetWatches:
    case OpCode::SetWatches2:
    case OpCode::AddWatch:
    case OpCode::WhoAmI:
      return true;
    default:
      return false;
  }
}

/// A closing txn answers a close only: an expiry carries cxid 0, which a client may use too.
bool same_request(std::int32_t cxid, OpCode op, const TxnHeader& txn) {
  if (cxid != txn.cxid || txn.type == OpCode::CreateSession) return false;
  if (txn.type == OpCode::Error) return true;
  return (txn.type == OpCode::CloseSession) == (op == OpCode::CloseSession);
}

}  // namespace

Passage passage_of(OpCode op) {
  if (op == OpCode::CreateSession || op == OpCode::Check) return Passage::Unknown;
  // A reaper's operation: taken from clients it would delete nodes without any check.
  if (op == OpCode::DeleteContainer) return Passage::Unimplemented;
  if (op == OpCode::Ping) return Passage::Read;
  if (op == OpCode::CloseSession) return Passage::Write;
  switch (znode::op_info(op).kind) {
    case znode::OpKind::Write:
      return Passage::Write;
    case znode::OpKind::Sync:
      return Passage::Sync;
    case znode::OpKind::Read:
    case znode::OpKind::Local:
      return Passage::Read;
    case znode::OpKind::Unknown:
      break;
  }
  return is_client_op(op) ? Passage::Unimplemented : Passage::Unknown;
}

OpenRequest RequestQueue::pop() {
  ENSURE(!empty());
  OpenRequest first = std::move(requests_[head_++]);
  if (next_ < head_) next_ = head_;
  if (first.passage == Passage::Sync && first.submitted) --open_syncs_;
  if (head_ == requests_.size()) {
    requests_.clear();
    head_ = next_ = 0;
    // Most connections have one request at a time; what a burst took is given back.
    if (requests_.capacity() > 64) requests_.shrink_to_fit();
  } else if (head_ >= 64 && head_ * 2 >= requests_.size()) {
    requests_.erase(requests_.begin(), requests_.begin() + static_cast<std::ptrdiff_t>(head_));
    next_ -= head_;
    head_ = 0;
  }
  return first;
}

OpenRequest& RequestGate::push(RequestQueue& queue, OpenRequest request) {
  ++outstanding_;
  if (request.bytes > limits_.large_threshold) large_bytes_ += request.bytes;
  queue.push(std::move(request));
  return queue.at(queue.size() - 1);
}

OpenRequest RequestGate::pop(RequestQueue& queue) {
  ENSURE(outstanding_ > 0);
  --outstanding_;
  return take_first(queue);
}

OpenRequest RequestGate::take_first(RequestQueue& queue) {
  OpenRequest first = queue.pop();
  if (first.bytes > limits_.large_threshold) large_bytes_ -= first.bytes;
  return first;
}

OpenRequest* RequestGate::next_to_submit(RequestQueue& queue) {
  if (queue.open_syncs_ > 0) return nullptr;
  for (; queue.next_ < queue.requests_.size(); ++queue.next_) {
    OpenRequest& request = queue.requests_[queue.next_];
    if (request.passage == Passage::Write || request.passage == Passage::Sync) return &request;
    if (request.round != 0) return nullptr;
  }
  return nullptr;
}

void RequestGate::submitted(RequestQueue& queue, ConnectionId connection) {
  OpenRequest& request = queue.requests_[queue.next_++];
  request.submitted = true;
  if (request.passage != Passage::Sync) return;
  ++queue.open_syncs_;
  syncs_.push_back(connection);
}

OpenRequest* RequestGate::first_open_sync(RequestQueue& queue) {
  for (std::size_t i = 0; i < queue.size(); ++i) {
    OpenRequest& request = queue.at(i);
    if (request.passage == Passage::Sync && request.submitted && !request.answered) return &request;
  }
  return nullptr;
}

bool RequestGate::answers(RequestQueue& queue, Zxid attached_after, const TxnHeader& txn) {
  if (queue.empty() || txn.zxid <= attached_after) return false;
  const OpenRequest& first = queue.front();
  if (first.passage != Passage::Write || !first.submitted) return false;
  return same_request(first.cxid, first.op, txn);
}

void RequestGate::abandon(RequestQueue& queue, SessionId session, Zxid attached_after) {
  while (!queue.empty()) {
    OpenRequest request = take_first(queue);
    if (request.passage == Passage::Write && request.submitted) {
      abandoned_[session].push_back({request.cxid, request.op, attached_after});
    } else {
      --outstanding_;
    }
  }
}

bool RequestGate::answers_abandoned(const TxnHeader& txn) {
  auto at = abandoned_.find(txn.client_id);
  if (at == abandoned_.end()) return false;
  const Abandoned& first = at->second.front();
  if (txn.zxid <= first.attached_after || !same_request(first.cxid, first.op, txn)) return false;
  --outstanding_;
  at->second.pop_front();
  if (at->second.empty()) abandoned_.erase(at);
  return true;
}

void RequestGate::session_ended(SessionId session) {
  auto at = abandoned_.find(session);
  if (at == abandoned_.end()) return;
  outstanding_ -= at->second.size();
  abandoned_.erase(at);
}

void RequestGate::clear() {
  syncs_.clear();
  abandoned_.clear();
  outstanding_ = 0;
}

bool RequestGate::above_limit(const RequestQueue& queue) const {
  return queue.size() >= limits_.per_connection_max ||
         (outstanding_ > limits_.outstanding_max && !queue.empty());
}

bool RequestGate::below_limit(const RequestQueue& queue) const {
  if (queue.size() > limits_.per_connection_max / 2) return false;
  return queue.empty() || outstanding_ <= limits_.outstanding_max - limits_.outstanding_max / 4;
}

}  // namespace quorate::server
