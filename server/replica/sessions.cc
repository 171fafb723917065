#include "server/replica/sessions.h"

#include <algorithm>

#include "znode/session_password.h"

namespace quorate::server {

Verdict judge(const ConnectRequest& request, Service service, Zxid last_applied,
              const SessionBounds& bounds) {
  using Action = Verdict::Action;
  if (service == Service::None) return {Action::Close};
  if (service == Service::ReadOnly && !request.read_only.value_or(false)) return {Action::Close};
  // The client has seen a later state than this server has: reads would go back in time (R63).
  if (request.last_zxid_seen > last_applied) return {Action::Close};
  std::int32_t timeout_ms =
      std::clamp(request.timeout_ms, bounds.min_timeout_ms, bounds.max_timeout_ms);
  if (request.session_id == SessionId{}) return {Action::Create, timeout_ms};
  bool right = request.password && *request.password == znode::session_password(request.session_id);
  return {right ? Action::Reconnect : Action::Refuse, timeout_ms};
}

ConnectResponse accepted(SessionId session, std::int32_t timeout_ms, std::optional<bool> asked,
                         bool read_only) {
  ConnectResponse response;
  response.timeout_ms = timeout_ms;
  response.session_id = session;
  response.password = znode::session_password(session);
  // The byte says whether this server is read-only, not what the client would put up with.
  if (asked) response.read_only = read_only;
  return response;
}

ConnectResponse refused(std::optional<bool> asked, bool read_only) {
  ConnectResponse response;
  response.password = std::string(kPasswordSize, '\0');
  if (asked) response.read_only = read_only;
  return response;
}

Sessions::Sessions(ServerId self, std::int64_t tick_ms, std::int64_t seed_ms, Random random)
    : next_id_(znode::first_session_id(self, seed_ms).value +
               static_cast<std::int64_t>(random.below(1u << 16))),
      first_id_(next_id_),
      tracker_(tick_ms) {}

SessionId Sessions::take_id() {
  // The top byte stays the server's: the lower 56 bits run around.
  constexpr std::uint64_t kLow = (std::uint64_t{1} << 56) - 1;
  auto bits = static_cast<std::uint64_t>(next_id_);
  next_id_ = static_cast<std::int64_t>((bits & ~kLow) | ((bits + 1) & kLow));
  // 0 means "no session" and the sign bit alone marks containers.
  if ((bits & ~(std::uint64_t{1} << 63)) == 0) return take_id();
  return SessionId{static_cast<std::int64_t>(bits)};
}

void Sessions::lead(const znode::SessionTable& sessions, std::int64_t now_ms) {
  clear();
  leading_ = true;
  regrant(sessions, now_ms);
}

void Sessions::regrant(const znode::SessionTable& sessions, std::int64_t now_ms) {
  if (!leading_) return;
  for (const auto& [id, timeout_ms] : sessions) tracker_.touch(id, timeout_ms, now_ms);
}

void Sessions::created(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms) {
  if (leading_) tracker_.touch(session, timeout_ms, now_ms);
}

void Sessions::closed(SessionId session) {
  tracker_.remove(session);
  owners_.erase(session);
}

void Sessions::touch(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms) {
  if (leading_ && timeout_ms > 0) tracker_.renew(session, timeout_ms, now_ms);
}

void Sessions::own(SessionId session, Owner owner) {
  if (leading_) owners_[session] = owner;
}

bool Sessions::is_owner(SessionId session, Owner owner) const {
  const auto at = owners_.find(session);
  return at != owners_.end() && at->second == owner;
}

bool Sessions::may_write(SessionId session, Owner owner) {
  return owners_.try_emplace(session, owner).first->second == owner;
}

void Sessions::ended(SessionId session) {
  if (!ended_.insert(session).second) return;
  ended_order_.push_back(session);
  if (ended_order_.size() <= kEndedMax) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

void Sessions::clear() {
  leading_ = false;
  tracker_.clear();
  owners_.clear();
  ended_.clear();
  ended_order_.clear();
  notes_.clear();
}

}  // namespace quorate::server
