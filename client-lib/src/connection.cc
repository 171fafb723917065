#include "client-lib/src/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <random>
#include <utility>

#include "client-lib/src/completion.h"

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
  return core;
}

std::uint64_t seed_of(const ConnectOptions& options) {
  if (options.seed != 0) return options.seed;
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, ConnectOptions options)
    : strand_(asio::make_strand(executor)),
      options_(std::move(options)),
      timer_(strand_),
      connect_timer_(strand_) {
  Result<ConnectString> parsed = parse_connect_string(options_.servers);
  if (!parsed) {
    bad_servers_ = parsed.error();
    return;
  }
  servers_ = std::move(*parsed);
  core_.emplace(core_options(options_, servers_.hosts.size()), seed_of(options_));
}

std::int64_t Connection::now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// ---- From the client
// -----------------------------------------------------------------------------

void Connection::connect(Client::ConnectHandler handler) {
  asio::post(strand_, [self = shared_from_this(), handler = std::move(handler)]() mutable {
    if (self->started_ || !self->core_ || self->core_->state() == SessionState::Closed) {
      const ErrorCode why = self->core_ ? ErrorCode(ClientErrc::Closed) : self->bad_servers_;
      post_completion(std::move(handler), self->strand_, why, ConnectReport());
      return;
    }
    self->started_ = true;
    // Not by assignment: any_completion_handler's calls itself for ever in Boost 1.81.
    self->connect_handler_.swap(handler);
    if (self->options_.connect_timeout.count() > 0) {
      self->connect_timer_.expires_after(self->options_.connect_timeout);
      self->connect_timer_.async_wait([self](ErrorCode cancelled) {
        if (cancelled || !self->connect_handler_) return;
        self->finish_connect(ClientErrc::NoServer);
        self->core_->abandon(ClientErrc::NoServer);
        self->pump();
      });
    }
    self->core_->start(now_ms());
    self->pump();
  });
}

void Connection::close(Client::DoneHandler handler) {
  asio::post(strand_, [self = shared_from_this(), handler = std::move(handler)]() mutable {
    const bool over = !self->core_ || self->core_->state() == SessionState::Closed ||
                      self->core_->state() == SessionState::Expired;
    if (over) {
      post_completion(std::move(handler), self->strand_, ErrorCode());
      return;
    }
    self->close_handlers_.push_back(std::move(handler));
    self->core_->close(now_ms());
    self->pump();
  });
}

void Connection::abandon() {
  asio::post(strand_, [self = shared_from_this()] {
    self->listeners_.clear();  // Their owners may be gone with the client.
    if (!self->core_) return;
    self->core_->abandon(ClientErrc::Closed);
    self->pump();
  });
}

void Connection::abandon_connect() {
  asio::post(strand_, [self = shared_from_this()] {
    if (!self->connect_handler_) return;
    self->finish_connect(asio::error::operation_aborted);
    self->core_->abandon(ClientErrc::Closed);
    self->pump();
  });
}

void Connection::submit(CoreRequest request, std::shared_ptr<WatchSink> sink,
                        std::unique_ptr<PendingCall> call, std::shared_ptr<RequestId> ticket) {
  asio::post(strand_,
             [self = shared_from_this(), request = std::move(request), sink = std::move(sink),
              call = std::move(call), ticket = std::move(ticket)]() mutable {
               if (!self->core_) {
                 call->done(self->bad_servers_, {});
                 return;
               }
               if (request.watch) {
                 request.watch->id = self->next_watch_id_++;
                 self->sinks_.emplace(request.watch->id, std::move(sink));
               }
               const RequestId id = self->core_->submit(now_ms(), std::move(request));
               if (ticket) *ticket = id;
               self->calls_.emplace(id, std::move(call));
               self->pump();
             });
}

void Connection::cancel(std::shared_ptr<RequestId> ticket) {
  // Behind the post of submit(), so the ticket is filled in by then.
  asio::post(strand_, [self = shared_from_this(), ticket = std::move(ticket)] {
    if (!self->core_) return;
    self->core_->cancel(*ticket);
    self->pump();
  });
}

void Connection::add_listener(std::uint64_t id, std::function<void(const SessionEvent&)> listener) {
  asio::post(strand_, [self = shared_from_this(), id, listener = std::move(listener)]() mutable {
    self->listeners_.emplace(id, std::move(listener));
  });
}

void Connection::remove_listener(std::uint64_t id) {
  asio::post(strand_, [self = shared_from_this(), id] { self->listeners_.erase(id); });
}

// ---- What the core asks for
// ------------------------------------------------------------------------

void Connection::pump() {
  for (std::vector<CoreEvent> events = core_->take_events(); !events.empty();
       events = core_->take_events()) {
    for (CoreEvent& event : events) {
      std::visit([this](auto& each) { handle(each); }, event);
    }
  }
  write_some();
  arm_timer();
}

void Connection::handle(ConnectTo& wish) {
  link_ = std::make_shared<Link>(strand_);
  link_->host = wish.host;
  const Host& host = servers_.hosts[wish.host];
  // Resolved anew each time: an ensemble may have moved.
  link_->resolver.async_resolve(host.name, std::to_string(host.port),
                                [self = shared_from_this(), link = link_](
                                    ErrorCode error, Tcp::resolver::results_type found) {
                                  if (link != self->link_) return;
                                  if (error) return self->link_failed(link, error);
                                  self->on_resolved(link, found);
                                });
}

void Connection::on_resolved(const LinkPtr& link, const Tcp::resolver::results_type& found) {
  asio::async_connect(link->socket, found,
                      [self = shared_from_this(), link](ErrorCode error, const Tcp::endpoint&) {
                        if (link != self->link_) return;
                        if (error) return self->link_failed(link, error);
                        self->on_connected(link);
                      });
}

void Connection::on_connected(const LinkPtr& link) {
  ErrorCode ignored;
  link->socket.set_option(Tcp::no_delay(true), ignored);
  core_->link_up(now_ms());
  read_some(link);
  pump();
}

void Connection::link_failed(const LinkPtr& link, ErrorCode reason) {
  note_failure(link->host, reason);
  link_.reset();
  core_->link_down(now_ms());
  pump();
}

void Connection::handle(Disconnect& wish) {
  if (!link_) return;
  if (wish.why) note_failure(link_->host, wish.why);
  ErrorCode ignored;
  link_->resolver.cancel();
  link_->socket.close(ignored);
  link_.reset();
}

void Connection::read_some(const LinkPtr& link) {
  link->socket.async_read_some(asio::buffer(link->input), [self = shared_from_this(), link](
                                                              ErrorCode error, std::size_t count) {
    if (link != self->link_) return;
    if (error) return self->link_failed(link, error);
    self->core_->bytes(now_ms(), ByteView(link->input.data(), count));
    self->pump();
    if (link == self->link_) self->read_some(link);
  });
}

/// One write at a time; what gathers meanwhile goes out together with the next.
void Connection::write_some() {
  if (!link_ || !link_->writing.empty() || !core_->has_output()) return;
  link_->writing = core_->take_output();
  asio::async_write(link_->socket, asio::buffer(link_->writing),
                    [self = shared_from_this(), link = link_](ErrorCode error, std::size_t) {
                      if (link != self->link_) return;
                      if (error) return self->link_failed(link, error);
                      link->writing.clear();
                      self->write_some();
                    });
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
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::milliseconds(std::max<std::int64_t>(due - now_ms(), 0)));
  timer_.async_wait([self = shared_from_this()](ErrorCode cancelled) {
    if (cancelled) return;
    self->timer_at_ms_ = SessionCore::kNever;
    self->core_->tick(now_ms());
    self->pump();
  });
}

void Connection::handle(Completed& reply) {
  auto found = calls_.find(reply.id);
  if (found == calls_.end()) return;
  const std::unique_ptr<PendingCall> call = std::move(found->second);
  calls_.erase(found);
  call->done(reply.error, reply.body);
}

void Connection::handle(WatchFired& fired) {
  WatchEvent event;
  event.type = fired.event.type;
  event.state = fired.event.state;
  event.path = strip_chroot(servers_.chroot, fired.event.path);
  event.zxid = fired.zxid.value;
  // One sink that waits for the same event by several watches hears it once.
  std::vector<std::shared_ptr<WatchSink>> told;
  for (const WatchId id : fired.watches) {
    auto found = sinks_.find(id);
    if (found == sinks_.end()) continue;
    std::shared_ptr<WatchSink> sink = std::move(found->second);
    sinks_.erase(found);
    if (std::find(told.begin(), told.end(), sink) != told.end()) continue;
    told.push_back(sink);
    sink->deliver(event);
  }
}

void Connection::handle(SessionChanged& change) {
  state_.store(change.state);
  session_id_.store(core_->session_id().value);
  SessionEvent event;
  event.state = change.state;
  event.session_id = core_->session_id();
  event.timeout_ms = core_->negotiated_timeout_ms();
  if (link_) event.server = to_string(servers_.hosts[link_->host]);
  const auto listeners = listeners_;  // One of them may add or remove others.
  for (const auto& [id, listener] : listeners) listener(event);

  const bool up = change.state == SessionState::Connected;
  if (up) finish_connect({});
  if (change.state == SessionState::Expired || change.state == SessionState::Closed) {
    finish_connect(change.state == SessionState::Expired ? ErrorCode(Code::SessionExpired)
                                                         : ErrorCode(ClientErrc::Closed));
    end_all_watches(change.state);
    for (auto& handler : close_handlers_) {
      post_completion(std::move(handler), strand_, ErrorCode());
    }
    close_handlers_.clear();
    calls_.clear();
  }
}

void Connection::end_all_watches(SessionState state) {
  WatchEvent event;
  event.state = state == SessionState::Expired ? KeeperState::Expired : KeeperState::Closed;
  std::vector<std::shared_ptr<WatchSink>> told;
  for (auto& [id, sink] : sinks_) {
    if (std::find(told.begin(), told.end(), sink) == told.end()) told.push_back(sink);
  }
  sinks_.clear();
  for (const auto& sink : told) sink->deliver(event);
}

// ---- The first connection
// ---------------------------------------------------------------------------

void Connection::note_failure(std::size_t host, ErrorCode reason) {
  if (!connect_handler_) return;
  for (auto& [known, latest] : failures_) {
    if (known == host) {
      latest = reason;
      return;
    }
  }
  failures_.emplace_back(host, reason);
}

void Connection::finish_connect(ErrorCode error) {
  if (!connect_handler_) return;
  connect_timer_.cancel();
  ConnectReport report;
  report.session_id = core_->session_id();
  report.timeout_ms = core_->negotiated_timeout_ms();
  if (link_ && !error) report.server = to_string(servers_.hosts[link_->host]);
  if (error && link_) note_failure(link_->host, asio::error::timed_out);
  for (const auto& [host, reason] : failures_) {
    report.failures.push_back({to_string(servers_.hosts[host]), reason});
  }
  failures_.clear();
  Client::ConnectHandler handler(std::move(connect_handler_));
  post_completion(std::move(handler), strand_, error, std::move(report));
}

}  // namespace quorate::client
