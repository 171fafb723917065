// SessionCore's identities, which go with it to each link, and which links it looks for.
#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "client-lib/src/session_core.h"
#include "quorate/errors.h"

namespace quorate::client {

// ---- Identities ------------------------------------------------------------------------------

void SessionCore::submit_auth(std::int64_t now_ms, RequestId id, CoreRequest request) {
  auto known = std::find(identities_.begin(), identities_.end(), request.body);
  if (known == identities_.end()) {
    if (identities_.size() >= options_.identities_max) {
      events_.push_back(Completed{id, ClientErrc::QueueFull, {}, {}});
      return;
    }
    known = identities_.insert(known, std::move(request.body));
  }
  AuthWait wait;
  wait.id = id;
  wait.identity = static_cast<std::size_t>(known - identities_.begin());
  if (request.timeout_ms > 0) {
    wait.deadline_ms = now_ms + request.timeout_ms;
    deadlines_.emplace(wait.deadline_ms, id);
  }
  auth_waits_.push_back(wait);
  if (link_ == Link::Up) send_auth(wait.identity);
}

void SessionCore::send_auth(std::size_t identity) {
  if (identities_[identity].empty()) return;
  append_frame(output_, [&](JuteWriter& out) {
    encode(out, RequestHeader{xid::kAuth, OpCode::Auth});
    out.raw(identities_[identity]);
  });
  auth_unacked_.push_back(identity);
  last_sent_ms_ = now_ms_;
}

bool SessionCore::answer_auth(RequestId id, ErrorCode error) {
  auto wait = std::find_if(auth_waits_.begin(), auth_waits_.end(),
                           [&](const AuthWait& each) { return each.id == id; });
  if (wait == auth_waits_.end()) return false;
  if (wait->deadline_ms != kNever) deadlines_.erase({wait->deadline_ms, id});
  auth_waits_.erase(wait);
  events_.push_back(Completed{id, error, {}, {}});
  return true;
}

/// Answers those who wait for `identity`, or all.
void SessionCore::end_auth_waits(std::optional<std::size_t> identity, ErrorCode error) {
  std::vector<RequestId> answered;
  for (const AuthWait& wait : auth_waits_) {
    if (!identity || wait.identity == *identity) answered.push_back(wait.id);
  }
  for (const RequestId id : answered) answer_auth(id, error);
}

/// These replies overtake others (client-protocol §10), but not one another.
void SessionCore::on_auth(std::int64_t now_ms, const ReplyHeader& header) {
  if (auth_unacked_.empty()) {
    drop_link(now_ms, ClientErrc::ProtocolFault);
    return;
  }
  const std::size_t identity = auth_unacked_.front();
  auth_unacked_.pop_front();
  if (header.err == Code::AuthFailed) {
    // The server closes the connection, and would do so on every further one.
    end_auth_waits(identity, header.err);
    finish(SessionState::AuthFailed, Code::AuthFailed);
    return;
  }
  if (header.err != Code::Ok) identities_[identity].clear();
  end_auth_waits(identity, header.err == Code::Ok ? ErrorCode() : ErrorCode(header.err));
}

// ---- Hosts -------------------------------------------------------------------------------------

void SessionCore::set_hosts(std::int64_t now_ms, std::vector<std::size_t> order, bool leave,
                            std::vector<std::size_t> spares) {
  ENSURE(!order.empty());
  order_ = std::move(order);
  spares_ = std::move(spares);
  next_host_ = probe_next_ = 0;
  failures_in_round_ = 0;
  moving_ = leave;
  if (leave && link_ == Link::Up) drop_link(now_ms, {});
}

/// Asks one host after the other, ever more slowly, whether the ensemble has a quorum again.
void SessionCore::probe(std::int64_t now_ms) {
  probe_next_ = (probe_next_ + 1) % order_.size();
  probe_pause_ms_ = std::min(probe_pause_ms_ * 2, options_.probe_max_ms);
  probe_at_ms_ = now_ms + probe_pause_ms_;
  events_.push_back(ProbeWritable{order_[probe_next_]});
}

void SessionCore::probed(std::int64_t now_ms, std::size_t host, bool writable) {
  if (!writable || link_ != Link::Up || state_ != SessionState::ReadOnly) return;
  const auto found = std::find(order_.begin(), order_.end(), host);
  if (found == order_.end()) return;
  next_host_ = static_cast<std::size_t>(found - order_.begin());
  moving_ = true;
  drop_link(now_ms, {});
}

}  // namespace quorate::client
