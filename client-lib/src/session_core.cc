#include "client-lib/src/session_core.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/ensure.h"
#include "quorate/errors.h"

namespace quorate::client {

namespace {

constexpr std::size_t kHeaderBytes = 12;  // Length, xid, op code.
/// A link that lived this long was a good one: the next search starts without a pause.
constexpr std::int64_t kGoodLinkMs = 1'000;

ErrorCode cancelled() {
  return {ECANCELED, boost::system::system_category()};
}
ErrorCode timed_out() {
  return {ETIMEDOUT, boost::system::system_category()};
}

}  // namespace

SessionCore::SessionCore(CoreOptions options, std::uint64_t seed)
    : options_(options), random_(seed), timeout_ms_(options.session_timeout_ms) {
  ENSURE(options_.hosts > 0);
  for (std::size_t host = 0; host < options_.hosts; ++host) order_.push_back(host);
  // Fisher and Yates: clients of one connect string spread over the servers.
  for (std::size_t i = order_.size() - 1; i > 0; --i) {
    std::swap(order_[i], order_[random_.below(i + 1)]);
  }
  password_.assign(kPasswordSize, '\0');
}

void SessionCore::start(std::int64_t now_ms) {
  ENSURE(link_ == Link::Idle);
  if (is_final(state_)) return;
  connect_next(now_ms);
}

// ---- Requests --------------------------------------------------------------------------------

ErrorCode SessionCore::refusal(const CoreRequest& request) const {
  const std::size_t bytes = request.body.size() + kHeaderBytes;
  if (state_ == SessionState::Expired) return Code::SessionExpired;
  if (state_ == SessionState::AuthFailed) return Code::AuthFailed;
  if (closing_ || state_ == SessionState::Closed) return ClientErrc::Closed;
  if (bytes - 4 > static_cast<std::size_t>(options_.request_bytes_max)) {
    return ClientErrc::RequestTooLarge;
  }
  if (pending() >= options_.pending_max || pending_bytes_ + bytes > options_.pending_bytes_max) {
    return ClientErrc::QueueFull;
  }
  return {};
}

RequestId SessionCore::submit(std::int64_t now_ms, CoreRequest request) {
  now_ms_ = now_ms;
  const RequestId id = next_id_++;
  if (const ErrorCode why = refusal(request)) {
    events_.push_back(Completed{id, why, {}, {}});
    return id;
  }
  if (request.op == OpCode::Auth) {
    submit_auth(now_ms, id, std::move(request));
    return id;
  }
  Entry entry;
  entry.id = id;
  entry.op = request.op;
  entry.body = std::move(request.body);
  entry.watch = std::move(request.watch);
  entry.cost = entry.body.size() + kHeaderBytes;
  if (const auto* removal = std::get_if<WatchRemoval>(&entry.watch)) {
    const bool kept =
        removal->only != 0 && watches_.others(removal->type, removal->path, removal->only);
    if (kept) entry.op = OpCode::CheckWatches;
  }
  if (request.timeout_ms > 0) {
    entry.deadline_ms = now_ms + request.timeout_ms;
    deadlines_.emplace(entry.deadline_ms, id);
  }
  pending_bytes_ += entry.cost;
  if (link_ == Link::Up) {
    send(std::move(entry));
  } else {
    queued_.push_back(std::move(entry));
  }
  return id;
}

SessionCore::Entry* SessionCore::find(RequestId id) {
  for (std::deque<Entry>* list : {&in_flight_, &queued_}) {
    auto found = std::lower_bound(list->begin(), list->end(), id,
                                  [](const Entry& e, RequestId wanted) { return e.id < wanted; });
    if (found != list->end() && found->id == id) return &*found;
  }
  return nullptr;
}

void SessionCore::complete(Entry& entry, ErrorCode error, Zxid zxid, ByteView body) {
  if (entry.answered) return;
  entry.answered = true;
  if (entry.deadline_ms != kNever) deadlines_.erase({entry.deadline_ms, entry.id});
  if (entry.op == OpCode::CloseSession) return;  // Ours, not the caller's.
  const auto* removal = std::get_if<WatchRemoval>(&entry.watch);
  if (error && removal != nullptr && removal->local) take_back(*removal);
  events_.push_back(Completed{entry.id, error, zxid, Bytes(body.begin(), body.end())});
}

void SessionCore::cancel(RequestId id) {
  Entry* entry = find(id);
  if (entry == nullptr) {
    answer_auth(id, cancelled());
    return;
  }
  complete(*entry, cancelled());
  // A sent one keeps its place, because its reply will come; a waiting one need not be sent.
  std::erase_if(queued_, [&](const Entry& waiting) {
    if (waiting.id == id) pending_bytes_ -= waiting.cost;
    return waiting.id == id;
  });
}

void SessionCore::expire_operations(std::int64_t now_ms) {
  bool any = false;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
    const RequestId id = deadlines_.begin()->second;
    if (answer_auth(id, Code::OperationTimeout)) continue;
    Entry* entry = find(id);
    ENSURE(entry != nullptr);
    complete(*entry, Code::OperationTimeout);
    any = true;
  }
  if (!any) return;
  std::erase_if(queued_, [&](const Entry& waiting) {
    if (waiting.answered) pending_bytes_ -= waiting.cost;
    return waiting.answered;
  });
}

void SessionCore::send(Entry entry) {
  entry.xid = next_xid_;
  next_xid_ = next_xid_ == std::numeric_limits<std::int32_t>::max() ? 1 : next_xid_ + 1;
  append_frame(output_, [&](JuteWriter& out) {
    encode(out, RequestHeader{entry.xid, entry.op});
    out.raw(entry.body);
  });
  entry.body = Bytes();
  entry.sent_ms = last_sent_ms_ = now_ms_;
  in_flight_.push_back(std::move(entry));
}

void SessionCore::flush_queue() {
  while (!queued_.empty()) {
    Entry entry = std::move(queued_.front());
    queued_.pop_front();
    send(std::move(entry));
  }
}

// ---- The end -----------------------------------------------------------------------------------

void SessionCore::close(std::int64_t now_ms) {
  now_ms_ = now_ms;
  if (closing_ || is_final(state_)) return;
  closing_ = true;
  closing_since_ms_ = now_ms;
  if (link_ != Link::Up) {
    finish(SessionState::Closed, ClientErrc::Closed);
    return;
  }
  Entry farewell;
  farewell.id = next_id_++;
  farewell.op = OpCode::CloseSession;
  send(std::move(farewell));
}

void SessionCore::abandon(ErrorCode why) {
  if (is_final(state_)) return;
  finish(SessionState::Closed, why);
}

void SessionCore::finish(SessionState state, ErrorCode why) {
  if (link_ == Link::Opening || link_ == Link::Handshake || link_ == Link::Up) {
    events_.push_back(Disconnect{why});
  }
  link_ = Link::Idle;
  output_.clear();
  retry_at_ms_ = link_deadline_ms_ = probe_at_ms_ = kNever;
  for (std::deque<Entry>* list : {&in_flight_, &queued_}) {
    for (Entry& entry : *list) complete(entry, why);
    list->clear();
  }
  end_auth_waits(std::nullopt, why);
  auth_unacked_.clear();
  pending_bytes_ = 0;
  watches_.clear();
  enter(state);
}

void SessionCore::enter(SessionState state) {
  state_ = state;
  events_.push_back(SessionChanged{state});
}

// ---- Links -------------------------------------------------------------------------------------

void SessionCore::connect_next(std::int64_t now_ms) {
  link_ = Link::Opening;
  retry_at_ms_ = kNever;
  const auto hosts = static_cast<std::int64_t>(order_.size() + spares_.size());
  link_deadline_ms_ = now_ms + std::max<std::int64_t>(timeout_ms_ / hosts, 1);
  events_.push_back(
      ConnectTo{on_spare() ? spares_[failures_in_round_ - order_.size()] : order_[next_host_]});
}

void SessionCore::link_up(std::int64_t now_ms) {
  if (link_ != Link::Opening) return;
  now_ms_ = now_ms;
  link_ = Link::Handshake;
  frames_ = FrameReader(options_.reply_bytes_max);
  output_.clear();
  last_heard_ms_ = now_ms;
  send_handshake();
}

void SessionCore::send_handshake() {
  ConnectRequest request;
  request.last_zxid_seen = last_zxid_;
  request.timeout_ms = options_.session_timeout_ms;
  // A session of a read-only server is that server's own: no other knows it.
  request.session_id = seen_writable_ ? session_id_ : SessionId();
  request.password = seen_writable_ ? password_ : std::string(kPasswordSize, '\0');
  request.read_only = options_.read_only;  // The 45-byte form; the answer may have either.
  append_frame(output_, [&](JuteWriter& out) { encode(out, request); });
  last_sent_ms_ = now_ms_;
}

void SessionCore::link_down(std::int64_t now_ms) {
  if (link_ == Link::Idle || link_ == Link::Waiting) return;
  lose_link(now_ms);
}

/// The core's own decision to give the link up.
void SessionCore::drop_link(std::int64_t now_ms, ErrorCode why) {
  events_.push_back(Disconnect{why});
  lose_link(now_ms);
}

void SessionCore::lose_link(std::int64_t now_ms) {
  const bool was_up = link_ == Link::Up;
  link_ = Link::Waiting;
  link_deadline_ms_ = probe_at_ms_ = kNever;
  output_.clear();
  restoring_ = 0;
  pings_.clear();
  auth_unacked_.clear();
  login_.reset();
  // First the state, then the losses: whoever holds a lock must not learn of a lost write while
  // the lock still looks valid.
  if (was_up && !closing_ && !doubted_) enter(SessionState::Suspended);
  doubted_ = false;
  for (Entry& entry : in_flight_) {
    pending_bytes_ -= entry.cost;
    complete(entry, Code::ConnectionLoss);
  }
  in_flight_.clear();
  if (closing_) {
    finish(SessionState::Closed, ClientErrc::Closed);
    return;
  }
  retry(now_ms, was_up && now_ms - up_since_ms_ >= kGoodLinkMs);
}

void SessionCore::retry(std::int64_t now_ms, bool lived) {
  // After set_hosts() and probed() the host to take is known, and none has failed.
  const bool moving = std::exchange(moving_, false);
  if (!moving && !on_spare()) next_host_ = (next_host_ + 1) % order_.size();
  failures_in_round_ = lived || moving ? 0 : failures_in_round_ + 1;
  if (lived) backoff_ms_ = 0;
  if (failures_in_round_ < order_.size() + spares_.size()) {
    connect_next(now_ms);
    return;
  }
  // Every host failed once: pause, longer each round, half of it by chance so that the clients of
  // a restarted ensemble do not come back in step.
  failures_in_round_ = 0;
  backoff_ms_ = std::clamp(backoff_ms_ * 2, options_.backoff_first_ms, options_.backoff_max_ms);
  retry_at_ms_ = now_ms + random_.between(backoff_ms_ / 2, backoff_ms_);
}

// ---- Input -------------------------------------------------------------------------------------

void SessionCore::bytes(std::int64_t now_ms, ByteView input) {
  if (link_ != Link::Handshake && link_ != Link::Up) return;
  now_ms_ = now_ms;
  // A process that has been paused finds old bytes here: what they say may be over already.
  doubt(now_ms);
  last_heard_ms_ = now_ms;
  const ErrorCode fault = frames_.feed(input, [&](ByteView frame) {
    on_frame(now_ms, frame);
    // The link may have been lost by what the frame said.
    return link_ == Link::Up || link_ == Link::Handshake;
  });
  if (fault) drop_link(now_ms, ClientErrc::ProtocolFault);
}

void SessionCore::on_frame(std::int64_t now_ms, ByteView frame) {
  if (link_ == Link::Handshake) {
    login_ ? on_login(now_ms, frame) : on_handshake(now_ms, frame);
    return;
  }
  JuteReader in(frame);
  ReplyHeader header;
  decode(in, header);
  if (in.finish()) {
    drop_link(now_ms, ClientErrc::ProtocolFault);
    return;
  }
  switch (header.xid) {
    case xid::kEvent:
      on_event(now_ms, header, in.rest());
      return;
    case xid::kAuth:
      on_auth(now_ms, header);
      return;
    case xid::kPing:
      see(header.zxid);
      if (!pings_.empty()) {
        prove(pings_.front());
        pings_.pop_front();
      }
      return;
    case xid::kSetWatches:
      if (restoring_ > 0) --restoring_;
      see(header.zxid);
      return;
    default:
      on_reply(now_ms, header, in.rest());
  }
}

void SessionCore::on_handshake(std::int64_t now_ms, ByteView frame) {
  Result<ConnectResponse> answer = decode_all<ConnectResponse>(frame);
  if (!answer) {
    drop_link(now_ms, ClientErrc::ProtocolFault);
    return;
  }
  const bool resumed = seen_writable_;
  // Refused, or a server that answers an old session with a fresh one (pitfall 1): expired.
  if (answer->timeout_ms <= 0 || (resumed && answer->session_id != session_id_)) {
    finish(SessionState::Expired, Code::SessionExpired);
    return;
  }
  session_id_ = answer->session_id;
  password_ = answer->password.value_or(std::string(kPasswordSize, '\0'));
  timeout_ms_ = answer->timeout_ms;
  read_only_ = answer->read_only.value_or(false);
  seen_writable_ = seen_writable_ || !read_only_;
  if (options_.sasl.user.empty()) {
    go_up(now_ms);
    return;
  }
  // Hexadecimal digits.
  std::string nonce;
  for (int i = 0; i < 32; ++i) nonce += "0123456789abcdef"[random_.between(0, 15)];
  login_.emplace(options_.sasl, std::move(nonce));
  send_token(SaslExchange::begin());
}

void SessionCore::send_token(std::string token) {
  login_xid_ = next_xid_++;
  append_frame(output_, [&](JuteWriter& out) {
    encode(out, RequestHeader{login_xid_, OpCode::Sasl});
    out.buffer(Buffer(std::move(token)));
  });
  last_sent_ms_ = now_ms_;
}

void SessionCore::on_login(std::int64_t now_ms, ByteView frame) {
  JuteReader in(frame);
  ReplyHeader header;
  decode(in, header);
  const Buffer said = header.err == Code::Ok ? in.buffer() : std::nullopt;
  if (in.finish() || header.xid != login_xid_) {
    drop_link(now_ms, ClientErrc::ProtocolFault);
    return;
  }
  // No token: the server has no logins.
  const auto token = said ? login_->step(*said) : std::nullopt;
  if (!token) {
    finish(SessionState::AuthFailed, Code::AuthFailed);
  } else if (!token->empty()) {
    send_token(*token);
  } else {
    login_.reset();
    go_up(now_ms);
  }
}

/// The server has let us in.
void SessionCore::go_up(std::int64_t now_ms) {
  link_ = Link::Up;
  link_deadline_ms_ = kNever;
  up_since_ms_ = now_ms;
  proven_ms_ = last_sent_ms_;  // The handshake, or the last word of the login.
  if (read_only_) {
    enter(SessionState::ReadOnly);
    probe_pause_ms_ = options_.probe_first_ms;
    probe_at_ms_ = now_ms + probe_pause_ms_;
  } else {
    enter(std::exchange(was_connected_, true) ? SessionState::Reconnected
                                              : SessionState::Connected);
  }
  // Identities first: what waits may need them.
  for (std::size_t each = 0; each < identities_.size(); ++each) send_auth(each);
  // Then watches: a queued read must not show a change before its event (tree-semantics §7).
  restore_watches();
  flush_queue();
}

void SessionCore::on_reply(std::int64_t now_ms, const ReplyHeader& header, ByteView body) {
  if (in_flight_.empty() || in_flight_.front().xid != header.xid) {
    drop_link(now_ms, ClientErrc::ProtocolFault);
    return;
  }
  Entry entry = std::move(in_flight_.front());
  in_flight_.pop_front();
  pending_bytes_ -= entry.cost;
  see(header.zxid);
  prove(entry.sent_ms);
  take_watch(entry, header.err);
  if (header.err == Code::Ok) {
    complete(entry, {}, header.zxid, body);
  } else {
    complete(entry, header.err, header.zxid);
  }
  if (entry.op == OpCode::CloseSession) finish(SessionState::Closed, ClientErrc::Closed);
}

/// What was sent at `sent_ms` has been answered: then, or later, the server renewed the session.
void SessionCore::prove(std::int64_t sent_ms) {
  proven_ms_ = std::max(proven_ms_, sent_ms);
  if (!doubted_ || now_ms_ - proven_ms_ >= timeout_ms_ * 2 / 3) return;
  doubted_ = false;
  enter(read_only_ ? SessionState::ReadOnly : SessionState::Reconnected);
}

void SessionCore::doubt(std::int64_t now_ms) {
  if (!sure() || now_ms - proven_ms_ < timeout_ms_ * 2 / 3) return;
  doubted_ = true;
  enter(SessionState::Suspended);
}

void SessionCore::see(Zxid zxid) {
  last_zxid_ = std::max(last_zxid_, zxid);
}

// ---- Time --------------------------------------------------------------------------------------

void SessionCore::send_ping() {
  append_frame(output_, [&](JuteWriter& out) {
    encode(out, RequestHeader{xid::kPing, OpCode::Ping});
  });
  last_sent_ms_ = now_ms_;
  pings_.push_back(now_ms_);
}

void SessionCore::tick(std::int64_t now_ms) {
  now_ms_ = now_ms;
  if (link_ == Link::Waiting && now_ms >= retry_at_ms_) connect_next(now_ms);
  if (now_ms >= link_deadline_ms_) drop_link(now_ms, timed_out());
  if (link_ == Link::Up) {
    const bool silent = now_ms - last_heard_ms_ >= timeout_ms_ * 2 / 3;
    if (silent || (closing_ && now_ms >= farewell_deadline_ms())) {
      drop_link(now_ms, timed_out());
    } else if (now_ms - last_sent_ms_ >= timeout_ms_ / 3) {
      send_ping();
    }
  }
  doubt(now_ms);
  if (link_ == Link::Up && now_ms >= probe_at_ms_) probe(now_ms);
  expire_operations(now_ms);
}

/// While replies come, what was asked before the end is still worth waiting for.
std::int64_t SessionCore::farewell_deadline_ms() const {
  return std::max(closing_since_ms_, last_heard_ms_) + options_.farewell_ms;
}

std::int64_t SessionCore::next_deadline_ms() const {
  std::int64_t due = std::min(link_deadline_ms_, link_ == Link::Waiting ? retry_at_ms_ : kNever);
  if (link_ == Link::Up) {
    due = std::min(due, last_heard_ms_ + timeout_ms_ * 2 / 3);
    due = std::min(due, last_sent_ms_ + timeout_ms_ / 3);
    due = std::min(due, probe_at_ms_);
    if (sure()) due = std::min(due, proven_ms_ + timeout_ms_ * 2 / 3);
    if (closing_) due = std::min(due, farewell_deadline_ms());
  }
  if (!deadlines_.empty()) due = std::min(due, deadlines_.begin()->first);
  return due;
}

// ---- Output ------------------------------------------------------------------------------------

std::vector<CoreEvent> SessionCore::take_events() {
  return std::exchange(events_, {});
}

Bytes SessionCore::take_output() {
  return std::exchange(output_, {});
}

}  // namespace quorate::client
