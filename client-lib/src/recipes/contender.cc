#include "client-lib/src/recipes/contender.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <random>

#include "client-lib/src/completion.h"

namespace quorate::client {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kMark = "__lock__";  // kazoo's, so that both may stand in one line.

/// The outcome is unknown or the request was never carried out; ask again.
bool again(const ErrorCode& error) {
  return error == ErrorCode(Code::ConnectionLoss) || error == ErrorCode(Code::OperationTimeout);
}

std::string new_guid() {
  static constexpr char digits[] = "0123456789abcdef";
  std::random_device device;
  std::string guid;
  while (guid.size() < 32) {
    const unsigned word = device();
    for (int shift = 0; shift < 32; shift += 4) guid += digits[(word >> shift) & 15];
  }
  return guid;
}

std::optional<Place> place_of(const std::string& name) {
  const std::size_t mark = name.rfind(kMark);
  if (mark == std::string::npos) return std::nullopt;
  Place place{name, 0};
  const char* begin = name.data() + mark + kMark.size();
  const char* end = name.data() + name.size();
  const auto [stop, fault] = std::from_chars(begin, end, place.sequence);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return place;
}

asio::awaitable<ErrorCode> create_parents(Client& client, std::string path) {
  for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    std::string part = path.substr(0, end);
    CreateOptions options;
    auto [error, reply] =
        co_await client.async_create(part, Buffer(""), std::move(options), kAwait);
    const bool there = !error || error == ErrorCode(Code::NodeExists);
    // NoAuth on an ancestor says nothing about the rest of the way.
    if (!there && error != ErrorCode(Code::NoAuth) && !again(error)) co_return error;
    if (end == std::string::npos) co_return ErrorCode();
  }
}

}  // namespace

std::vector<Place> places_in_line(const std::vector<std::string>& children) {
  std::vector<Place> line;
  for (const std::string& name : children) {
    if (std::optional<Place> place = place_of(name)) line.push_back(std::move(*place));
  }
  std::sort(line.begin(), line.end(), [](const Place& a, const Place& b) {
    const auto ahead =
        static_cast<std::uint32_t>(a.sequence) - static_cast<std::uint32_t>(b.sequence);
    return static_cast<std::int32_t>(ahead) < 0;
  });
  return line;
}

Contender::Contender(const Client& client, std::string path, std::string id)
    : client_(client, Client::Borrow()),
      path_(std::move(path)),
      id_(std::move(id)),
      prefix_(new_guid() + std::string(kMark)),
      limit_(client.get_executor()) {}

void Contender::start(std::chrono::milliseconds limit, Lock::AcquireHandler handler) {
  auto self = shared_from_this();
  listener_ = client_.add_session_listener([weak = weak_from_this()](const SessionEvent& event) {
    if (auto contender = weak.lock()) contender->on_session(event);
  });
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([weak = weak_from_this()](asio::cancellation_type) {
      if (auto contender = weak.lock()) {
        asio::post(contender->limit_.get_executor(),
                   [contender] { contender->cancel(asio::error::operation_aborted); });
      }
    });
  }
  asio::post(client_.get_executor(), [self, limit, handler = std::move(handler)]() mutable {
    if (limit.count() > 0) {
      self->limit_.expires_after(limit);
      self->limit_.async_wait([weak = self->weak_from_this()](ErrorCode cancelled) {
        auto contender = weak.lock();
        if (!cancelled && contender) contender->cancel(asio::error::timed_out);
      });
    }
    auto done = asio::bind_cancellation_slot(self->signal_.slot(), asio::detached);
    asio::co_spawn(self->limit_.get_executor(), run(self, std::move(handler)), done);
  });
}

void Contender::cancel(ErrorCode why) {
  if (stop_) return;
  stop_ = why;
  signal_.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> Contender::run(std::shared_ptr<Contender> self,
                                     Lock::AcquireHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const ErrorCode error = co_await self->acquire();
  const asio::any_io_executor strand = self->limit_.get_executor();
  self->limit_.cancel();
  // A limit that passes from now on must not stop the winner.
  self->stop_ = error;
  if (!error) {
    Hold hold(self);
    post_completion(std::move(handler), strand, error, std::move(hold));
    co_return;
  }
  post_completion(std::move(handler), strand, error, Hold());
  co_await leave(self);
}

asio::awaitable<ErrorCode> Contender::acquire() {
  if (const ErrorCode error = co_await enter()) co_return error;
  co_return co_await await_turn();
}

/// Creates our znode exactly once, also when the reply is lost: the GUID in its name finds it.
asio::awaitable<ErrorCode> Contender::enter() {
  const std::string wanted = path_ + "/" + prefix_;
  while (true) {
    CreateOptions options(CreateMode::EphemeralSequential);
    auto [error, reply] =
        co_await client_.async_create(wanted, Buffer(id_), std::move(options), kAwait);
    if (!error) {
      node_ = reply.path;
      czxid_ = reply.stat.czxid;
      co_return stop_;
    }
    if (stop_) co_return stop_;
    if (error == ErrorCode(Code::NoNode)) {
      if (const ErrorCode fault = co_await create_parents(client_, path_)) co_return stopped(fault);
      if (stop_) co_return stop_;
      continue;
    }
    if (!again(error)) co_return error;
    if (const ErrorCode fault = co_await find_own()) co_return stopped(fault);
    if (stop_) co_return stop_;
    if (!node_.empty()) co_return ErrorCode();
  }
}

/// Sets node_ if our znode exists. Ours means: our GUID in its name and our session as its owner.
asio::awaitable<ErrorCode> Contender::find_own() {
  while (true) {
    // Without sync a lagging server could hide the node, and we would stand in line twice.
    auto [unsynced] = co_await client_.async_sync(path_, kAwait);
    if (again(unsynced)) continue;
    if (unsynced) co_return unsynced;
    auto [error, reply] = co_await client_.async_get_children(path_, kAwait);
    if (again(error)) continue;
    if (error == ErrorCode(Code::NoNode)) co_return ErrorCode();
    if (error) co_return error;
    auto own = std::find_if(reply.children.begin(), reply.children.end(),
                            [&](const std::string& name) { return name.starts_with(prefix_); });
    if (own == reply.children.end()) co_return ErrorCode();
    const std::string path = path_ + "/" + *own;
    auto [missing, stat] = co_await client_.async_exists(path, kAwait);
    if (again(missing)) continue;
    if (missing == ErrorCode(Code::NoNode)) co_return ErrorCode();
    if (missing) co_return missing;
    if (stat.ephemeral_owner != client_.session_id().value) co_return ErrorCode();
    node_ = path;
    czxid_ = stat.czxid;
    co_return ErrorCode();
  }
}

asio::awaitable<ErrorCode> Contender::await_turn() {
  const std::string own = node_.substr(path_.size() + 1);
  while (true) {
    const std::uint64_t suspensions = suspensions_;
    auto [error, reply] = co_await client_.async_get_children(path_, kAwait);
    if (stop_) co_return stop_;
    if (again(error)) continue;
    if (error) co_return error;
    const std::vector<Place> line = places_in_line(reply.children);
    const auto me = std::find_if(line.begin(), line.end(),
                                 [&](const Place& place) { return place.name == own; });
    if (me == line.end()) co_return ErrorCode(ClientErrc::NodeLost);
    if (me == line.begin()) {
      bool won = false;
      const ErrorCode fault = co_await confirm(suspensions, won);
      if (stop_ || fault) co_return stopped(fault);
      if (won) co_return ErrorCode();
      continue;
    }
    // Only the one before us: when it leaves, one contender wakes, not the whole line.
    const ErrorCode fault = co_await await_leaving(path_ + "/" + std::prev(me)->name);
    if (stop_ || fault) co_return stopped(fault);
  }
}

/// First in line. Watches our own znode from now on, and wins unless the session was in doubt at
/// any moment since the line was read.
asio::awaitable<ErrorCode> Contender::confirm(std::uint64_t suspensions, bool& won) {
  std::function<void(const WatchEvent&)> invalidate =
      [weak = weak_from_this()](const WatchEvent& event) {
        auto contender = weak.lock();
        if (contender && event.type == EventType::NodeDeleted) contender->valid_ = false;
      };
  Watcher watcher(std::move(invalidate));
  auto [error, reply] = co_await client_.async_get_data(node_, std::move(watcher), kAwait);
  if (again(error)) co_return ErrorCode();
  if (error == ErrorCode(Code::NoNode)) co_return ErrorCode(ClientErrc::NodeLost);
  if (error) co_return error;
  if (suspensions != suspensions_) co_return ErrorCode();
  valid_ = true;
  won = true;
  co_return ErrorCode();
}

/// getData, not exists: an exists watch on a node that is already gone would stay for ever.
asio::awaitable<ErrorCode> Contender::await_leaving(std::string predecessor) {
  WatchStream gone(client_, /*capacity=*/4);
  Watcher watcher(gone);
  auto [error, reply] = co_await client_.async_get_data(predecessor, std::move(watcher), kAwait);
  if (again(error) || error == ErrorCode(Code::NoNode)) co_return ErrorCode();
  if (error || stop_) co_return stopped(error);
  auto [fault, event] = co_await gone.async_next(kAwait);
  if (fault) co_return stopped(fault);
  if (event.type == EventType::None) {
    co_return event.state == KeeperState::Expired ? ErrorCode(Code::SessionExpired)
                                                  : ErrorCode(ClientErrc::Closed);
  }
  co_return ErrorCode();
}

void Contender::on_session(const SessionEvent& event) {
  if (event.state == SessionState::Connected || event.state == SessionState::Reconnected) return;
  ++suspensions_;
  valid_ = false;
}

void Contender::release() {
  valid_ = false;
  asio::co_spawn(limit_.get_executor(), leave(shared_from_this()), asio::detached);
}

/// Deletes our znode, however long the servers are away. Ends with the session at the latest.
asio::awaitable<void> Contender::leave(std::shared_ptr<Contender> self) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (self->client_.state() == SessionState::Closed) co_return;
  self->client_.remove_session_listener(self->listener_);
  // An unanswered create may still have made it: in the session's order this looks behind it.
  if (self->node_.empty() && co_await self->find_own()) co_return;
  while (!self->node_.empty()) {
    auto [error] = co_await self->client_.async_remove(self->node_, kAnyVersion, kAwait);
    if (!again(error)) co_return;
  }
}

// ---- Public faces
// --------------------------------------------------------------------------------

Hold::Hold(std::shared_ptr<Contender> contender) : contender_(std::move(contender)) {}

Hold::~Hold() {
  release();
}

Hold& Hold::operator=(Hold&& other) noexcept {
  if (this != &other) {
    release();
    contender_ = std::move(other.contender_);
  }
  return *this;
}

bool Hold::valid() const {
  return contender_ && contender_->valid();
}
std::int64_t Hold::token() const {
  return contender_ ? contender_->token() : 0;
}

const std::string& Hold::node() const {
  static const std::string none;
  return contender_ ? contender_->node() : none;
}

void Hold::release() {
  if (auto contender = std::exchange(contender_, nullptr)) contender->release();
}

}  // namespace quorate::client
