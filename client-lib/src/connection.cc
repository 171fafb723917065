#include "client-lib/src/connection.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "client-lib/src/completion.h"
#include "client-lib/src/ensemble_follower.h"

namespace quorate::client {

namespace {

CoreOptions core_options(const ConnectOptions& options, std::size_t hosts) {
  CoreOptions core;
  core.hosts = hosts;
  core.session_timeout_ms = static_cast<std::int32_t>(options.session_timeout.count());
  core.pending_max = options.pending_max;
  core.pending_bytes_max = options.pending_bytes_max;
  core.request_bytes_max = options.request_bytes_max;
  core.reply_bytes_max = options.reply_bytes_max;
  core.read_only = options.read_only;
  core.sasl = options.sasl;
  return core;
}

/// Sets a flag for as long as it lives, whatever is thrown.
class Flag {
 public:
  explicit Flag(bool& flag, bool value = true) : flag_(flag), before_(flag) { flag_ = value; }
  ~Flag() { flag_ = before_; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;

 private:
  bool& flag_;
  bool before_;
};

ErrorCode end_of(SessionState state) {
  if (state == SessionState::Expired) return Code::SessionExpired;
  if (state == SessionState::AuthFailed) return Code::AuthFailed;
  return ClientErrc::Closed;
}

std::shared_ptr<Runtime> runtime_for(const ConnectOptions& options) {
  return options.runtime ? options.runtime : make_asio_runtime();
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, ConnectOptions options)
    : strand_(asio::make_strand(executor)),
      options_(std::move(options)),
      runtime_(runtime_for(options_)),
      random_(options_.seed != 0 ? options_.seed : runtime_->draw()),
      timer_(runtime_->make_timer(strand_)),
      connect_timer_(runtime_->make_timer(strand_)),
      home_(strand_) {
  Result<ConnectString> parsed = parse_connect_string(options_.servers);
  if (!parsed) {
    bad_options_ = parsed.error();
    return;
  }
  servers_ = std::move(*parsed);
  named_hosts_ = servers_.hosts;
  publish_servers();
  Result<TlsContext> tls = make_tls_context(options_.tls);
  if (!tls) {
    bad_options_ = tls.error();
    return;
  }
  tls_ = std::move(*tls);
  core_.emplace(core_options(options_, servers_.hosts.size()), random_.next());
}

Connection::~Connection() {
  if (follower_) follower_->disown();
}

std::int64_t Connection::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(runtime_->now().time_since_epoch())
      .count();
}

// ---- From the client
// -----------------------------------------------------------------------------

void Connection::connect(Client::ConnectHandler handler) {
  asio::post(strand_, [self = shared_from_this(), handler = std::move(handler)]() mutable {
    if (self->started_ || !self->core_ || is_final(self->core_->state())) {
      const ErrorCode why = self->core_ ? ErrorCode(ClientErrc::Closed) : self->bad_options_;
      post_completion(std::move(handler), self->strand_, why, ConnectReport());
      return;
    }
    self->started_ = true;
    if (self->options_.follow_ensemble) {
      self->follower_ = std::make_shared<EnsembleFollower>(*self);
    }
    // Not by assignment: any_completion_handler's calls itself for ever in Boost 1.81.
    self->connect_handler_.swap(handler);
    if (self->options_.connect_timeout.count() > 0) {
      auto late = [self](ErrorCode cancelled) {
        if (cancelled || !self->connect_handler_) return;
        self->finish_connect(ClientErrc::NoServer);
        self->core_->abandon(ClientErrc::NoServer);
        self->turn();
      };
      self->connect_timer_->start_wait(self->runtime_->now() + self->options_.connect_timeout,
                                       std::move(late));
    }
    self->core_->start(self->now_ms());
    self->turn();
  });
}

void Connection::close(Client::DoneHandler handler) {
  asio::post(strand_, [self = shared_from_this(), handler = std::move(handler)]() mutable {
    const bool over = !self->core_ || is_final(self->core_->state());
    if (over) {
      post_completion(std::move(handler), self->strand_, ErrorCode());
      return;
    }
    self->close_handlers_.push_back(std::move(handler));
    self->closing_ = true;
    for (const auto& [id, told] : std::exchange(self->when_closing_, {})) told();
    self->core_->close(self->now_ms());
    self->turn();
  });
}

void Connection::abandon() {
  asio::post(strand_, [self = shared_from_this()] {
    self->listeners_.clear();  // Their owners may be gone with the client.
    self->when_closing_.clear();
    if (!self->core_) return;
    self->core_->abandon(ClientErrc::Closed);
    self->turn();
  });
}

void Connection::abandon_session() {
  asio::post(strand_, [self = shared_from_this()] {
    if (!self->core_) return;
    self->core_->abandon(ClientErrc::Closed);
    self->turn();
  });
}

void Connection::abandon_connect() {
  asio::post(strand_, [self = shared_from_this()] {
    if (!self->connect_handler_) return;
    self->finish_connect(asio::error::operation_aborted);
    self->core_->abandon(ClientErrc::Closed);
    self->turn();
  });
}

void Connection::submit(Submission submission) {
  if (strand_.running_in_this_thread()) {
    take_inbox();  // What this thread gave before it came here goes first.
    admit(submission);
    schedule_turn();
    return;
  }
  bool post = false;
  bool full = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    full = inbox_.size() >= options_.pending_max;
    if (!full) {
      inbox_.push_back(std::move(submission));
      post = !std::exchange(inbox_posted_, true);
    }
  }
  if (full) {
    asio::post(strand_, [self = shared_from_this(), call = std::move(submission.call)] {
      call->answer(ClientErrc::QueueFull, {}, {});
      call->deliver(self->home_);
    });
  }
  if (post) {
    asio::post(strand_, [self = shared_from_this()] {
      self->take_inbox();
      self->turn();
    });
  }
}

void Connection::take_inbox() {
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_posted_ = false;
    if (inbox_.empty()) return;
    taking_.swap(inbox_);
  }
  for (Submission& each : taking_) admit(each);
  taking_.clear();
}

void Connection::admit(Submission& submission) {
  if (!core_ || submission.fault) {
    submission.call->answer(core_ ? submission.fault : bad_options_, {}, {});
    ready_.push_back(std::move(submission.call));
    return;
  }
  if (auto* wish = std::get_if<WatchRequest>(&submission.request.watch)) {
    wish->id = submission.call->watch = taker_id(submission.sink);
    ++takers_[wish->id].asking;
  } else if (auto* removal = std::get_if<WatchRemoval>(&submission.request.watch)) {
    if (submission.sink) {
      auto known = taker_ids_.find(submission.sink.get());
      // One that holds nothing: a number that nobody has.
      removal->only = known == taker_ids_.end() ? ~WatchId{0} : known->second;
    }
  }
  const bool identity = submission.request.op == OpCode::Auth;
  const RequestId id = core_->submit(now_ms(), std::move(submission.request));
  if (submission.ticket) *submission.ticket = id;
  while (first_call_ + calls_.size() < id) calls_.emplace_back();
  calls_.push_back(std::move(submission.call));
  if (!identity || !follower_) return;
  asio::post(strand_, [self = shared_from_this()] {
    if (self->follower_) self->follower_->on_identity();
  });
}

void Connection::cancel(std::shared_ptr<RequestId> ticket) {
  // Behind the post of submit(), so the ticket is filled in by then.
  asio::post(strand_, [self = shared_from_this(), ticket = std::move(ticket)] {
    if (!self->core_) return;
    self->core_->cancel(*ticket);
    self->turn();
  });
}

void Connection::add_listener(std::uint64_t id, std::function<void(const SessionEvent&)> listener) {
  asio::post(strand_, [self = shared_from_this(), id, listener = std::move(listener)]() mutable {
    self->listeners_.emplace(id, std::move(listener));
  });
}

void Connection::remove_listener(std::uint64_t id) {
  asio::post(strand_, [self = shared_from_this(), id] {
    self->listeners_.erase(id);
    self->when_closing_.erase(id);
  });
}

void Connection::when_closing(std::uint64_t id, std::function<void()> told) {
  asio::post(strand_, [self = shared_from_this(), id, told = std::move(told)]() mutable {
    if (self->closing_) return told();
    self->when_closing_.emplace(id, std::move(told));
  });
}

// ---- What the core asks for
// ------------------------------------------------------------------------

/// Ends every visit to the strand: events out of the core, users told, bytes to the socket. Users'
/// handlers run here and submit without a post; what they submitted goes out in one write.
void Connection::turn() {
  if (in_turn_) return;
  {
    const Flag here(in_turn_);
    pump();
    deliver_ready();
    if (core_) {
      pump();
      write_some();
      arm_timer();
    }
  }
  // Told in a turn of their own: a handler that asks again at once must not bar the socket.
  if (!ready_.empty()) schedule_turn();
}

void Connection::schedule_turn() {
  if (in_turn_ || std::exchange(turn_posted_, true)) return;
  asio::post(strand_, [self = shared_from_this()] {
    self->turn_posted_ = false;
    self->turn();
  });
}

void Connection::pump() {
  if (!core_) return;
  for (std::vector<CoreEvent> events = core_->take_events(); !events.empty();
       events = core_->take_events()) {
    for (CoreEvent& event : events) {
      std::visit([this](auto& each) { handle(each); }, event);
    }
    // Only now: an event behind a reply may be for a watch that the core has taken out already.
    for (const WatchId id : idle_takers_) drop_taker(id);
    idle_takers_.clear();
  }
}

void Connection::deliver_ready() {
  std::vector<std::unique_ptr<PendingCall>> batch;
  batch.swap(ready_);
  std::size_t told = 0;
  try {
    while (told < batch.size()) {
      const std::unique_ptr<PendingCall> call = std::move(batch[told++]);
      call->deliver(home_);
    }
  } catch (...) {
    // A user's handler threw: to whoever runs the executor; the others are told all the same.
    ready_.insert(ready_.begin(), std::make_move_iterator(batch.begin() + told),
                  std::make_move_iterator(batch.end()));
    const Flag left(in_turn_, false);
    schedule_turn();
    throw;
  }
  batch.clear();
  if (ready_.empty()) ready_.swap(batch);  // Keeps the capacity.
}

void Connection::handle(ConnectTo& wish) {
  link_ = make_link(host_at(wish.host));
  link_->open(random_.next(), shared_from_this());
}

void Connection::on_open(Link& link, ErrorCode error) {
  if (&link != link_.get()) return;
  if (error) return link_failed(link, error);
  core_->link_up(now_ms());
  link.read(shared_from_this());
  turn();
}

void Connection::link_failed(Link& link, ErrorCode reason) {
  note_failure(link.host(), reason);
  link_.reset();
  link.close();
  core_->link_down(now_ms());
  turn();
}

/// Asks with a four-letter word, on a connection of its own. No answer is an answer, too: the core
/// asks the next host when it is time.
class Connection::Probe final : public LinkListener, public std::enable_shared_from_this<Probe> {
 public:
  Probe(std::shared_ptr<Connection> owner, std::size_t host)
      : owner_(std::move(owner)), host_(host) {}

  void on_open(Link& link, ErrorCode error) override {
    if (error) return owner_->probe_ended(link, host_, std::nullopt);
    const ByteView word = as_bytes("isro");
    link.writing.assign(word.begin(), word.end());
    link.write(shared_from_this());
  }
  void on_written(Link& link, ErrorCode error) override {
    if (error) return owner_->probe_ended(link, host_, std::nullopt);
    link.read(shared_from_this());
  }
  void on_bytes(Link& link, ErrorCode error, ByteView bytes) override {
    std::optional<bool> writable;
    if (!error) writable = as_text(bytes) == "rw";
    owner_->probe_ended(link, host_, writable);
  }

 private:
  const std::shared_ptr<Connection> owner_;
  const std::size_t host_;
};

void Connection::handle(ProbeWritable& wish) {
  if (probe_) probe_->close();  // The one before, if it still waits.
  probe_ = make_link(host_at(wish.host));
  probe_->open(random_.next(), std::make_shared<Probe>(shared_from_this(), wish.host));
}

void Connection::probe_ended(const Link& link, std::size_t host, std::optional<bool> writable) {
  if (&link != probe_.get()) return;
  std::exchange(probe_, nullptr)->close();
  if (!writable) return;
  core_->probed(now_ms(), host, *writable);
  turn();
}

void Connection::handle(Disconnect& wish) {
  if (!link_) return;
  if (wish.why) note_failure(link_->host(), wish.why);
  link_->close();
  link_.reset();
}

/// Bare "end of file" would tell a user nothing.
ErrorCode Connection::reason_of(Link& link, const ErrorCode& error) const {
  const bool closed = error == asio::error::eof || error == asio::error::connection_reset ||
                      error == asio::error::broken_pipe;
  if (link.secured() || !closed || !core_->in_handshake()) return link.meaning(error);
  return ClientErrc::HungUp;
}

void Connection::on_bytes(Link& link, ErrorCode error, ByteView bytes) {
  if (&link != link_.get()) return;
  if (error) return link_failed(link, reason_of(link, error));
  core_->bytes(now_ms(), bytes);
  turn();
  if (&link == link_.get()) link.read(shared_from_this());
}

/// One write at a time; what gathers meanwhile goes out together with the next.
void Connection::write_some() {
  if (!link_ || !link_->writing.empty() || !core_->has_output()) return;
  link_->writing = core_->take_output();
  link_->write(shared_from_this());
}

void Connection::on_written(Link& link, ErrorCode error) {
  if (&link != link_.get()) return;
  if (error) return link_failed(link, reason_of(link, error));
  link.writing.clear();
  write_some();
}

void Connection::arm_timer() {
  const std::int64_t due = core_->next_deadline_ms();
  if (due == timer_at_ms_) return;
  // A timer that fires too early only asks again: so it is not moved for every later deadline,
  // which would cost two system calls per request.
  if (due > timer_at_ms_ && timer_at_ms_ != SessionCore::kNever && due != SessionCore::kNever) {
    return;
  }
  timer_at_ms_ = due;
  if (due == SessionCore::kNever) {
    timer_->cancel();
    return;
  }
  const Timer::TimePoint when{std::chrono::milliseconds(due)};
  timer_->start_wait(when, [self = shared_from_this()](ErrorCode cancelled) {
    if (cancelled) return;
    self->timer_at_ms_ = SessionCore::kNever;
    self->core_->tick(self->now_ms());
    self->turn();
  });
}

void Connection::handle(Completed& reply) {
  if (reply.id < first_call_ || reply.id - first_call_ >= calls_.size()) return;
  std::unique_ptr<PendingCall> call = std::move(calls_[reply.id - first_call_]);
  while (!calls_.empty() && !calls_.front()) {
    calls_.pop_front();
    ++first_call_;
  }
  if (!call) return;
  if (call->watch != 0) {
    --takers_[call->watch].asking;
    idle_takers_.push_back(call->watch);
  }
  call->answer(reply.error, reply.body, servers_.chroot);
  ready_.push_back(std::move(call));
}

void Connection::handle(SessionChanged& change) {
  state_.store(change.state);
  session_id_.store(core_->session_id().value);
  SessionEvent event;
  event.state = change.state;
  event.session_id = core_->session_id();
  event.timeout_ms = core_->negotiated_timeout_ms();
  if (link_) event.server = to_string(link_->host());
  const auto listeners = listeners_;  // One of them may add or remove others.
  for (const auto& [id, listener] : listeners) listener(event);
  if (follower_) follower_->on_session(change.state);

  if (change.state == SessionState::Connected || change.state == SessionState::ReadOnly) {
    finish_connect({});
  }
  if (!is_final(change.state)) return;
  if (const auto follower = std::exchange(follower_, nullptr)) follower->stop();
  finish_connect(end_of(change.state));
  end_all_watches(change.state);
  for (auto& handler : close_handlers_) {
    post_completion(std::move(handler), strand_, ErrorCode());
  }
  close_handlers_.clear();
  if (const auto probe = std::exchange(probe_, nullptr)) probe->close();
}

// ---- The first connection
// ---------------------------------------------------------------------------

bool Connection::failed_before(const Host& host) const {
  return std::any_of(failures_.begin(), failures_.end(),
                     [&](const auto& known) { return known.server == to_string(host); });
}

void Connection::note_failure(const Host& host, ErrorCode reason) {
  if (!connect_handler_) return;
  const std::string server = to_string(host);
  for (auto& known : failures_) {
    if (known.server == server) {
      known.reason = reason;
      return;
    }
  }
  failures_.push_back({server, reason});
}

void Connection::finish_connect(ErrorCode error) {
  if (!connect_handler_) return;
  connect_timer_->cancel();
  ConnectReport report;
  report.session_id = core_->session_id();
  report.timeout_ms = core_->negotiated_timeout_ms();
  if (link_ && !error) report.server = to_string(link_->host());
  // An attempt still under way says less than why an earlier one failed.
  if (error && link_ && !failed_before(link_->host())) {
    note_failure(link_->host(), asio::error::timed_out);
  }
  report.failures = std::exchange(failures_, {});
  Client::ConnectHandler handler(std::move(connect_handler_));
  post_completion(std::move(handler), strand_, error, std::move(report));
}

}  // namespace quorate::client
