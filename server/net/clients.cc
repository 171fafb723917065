#include "server/net/clients.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "server/net/acceptor.h"
#include "server/net/steady_ms.h"
#include "server/net/tls_files.h"
#include "znode/proto/frame.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Connections accepted in one turn; others have theirs between.
constexpr int kAcceptsPerTurn = 64;
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::seconds kFinishLimit{2};
constexpr int kFinishStepMs = 20;

ClientLoopLimits loop_limits(const ClientPortConfig& port, const LimitsConfig& limits) {
  ClientLoopLimits out;
  out.frame_max = static_cast<std::int32_t>(limits.max_buffer);
  out.out_bytes_max = static_cast<std::size_t>(limits.client_out_bytes_max);
  out.out_bytes_soft = out.out_bytes_max / 64;
  out.fresh_timeout_ms = port.sessionless_timeout_ms;
  return out;
}

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

SocketClients::SocketClients(asio::io_context& io, const ClientPortConfig& port,
                             const TlsConfig& tls, const LimitsConfig& limits, Inbox& inbox)
    : io_(io),
      port_(port),
      tls_config_(tls),
      inbox_(inbox),
      places_(1 + static_cast<std::size_t>(port.net_threads), port.max_per_address, port.max_total),
      throttle_(port.throttle_tokens, port.throttle_fill_ms, port.throttle_fill_count),
      home_(loop_limits(port, limits), *this),
      home_readable_(io, home_.descriptor()),
      accept_pause_(io),
      mailbox_([this, alive = std::weak_ptr<bool>(alive_)] {
        asio::post(io_, [this, alive] {
          if (!alive.expired()) take_happenings();
        });
      }) {
  for (std::int64_t i = 0; i < port.net_threads; ++i) {
    auto deliver = [this, index = static_cast<std::size_t>(i)](ClientHappenings batch) {
      batch.thread = index;
      mailbox_.put(std::move(batch));
    };
    threads_.push_back(std::make_unique<IoThread>(loop_limits(port, limits), std::move(deliver)));
  }
}

SocketClients::~SocketClients() {
  mailbox_.close();
  threads_.clear();
  stop_accepting();
  // The loop closes it.
  home_readable_.release();
}

// ---- Ports
// ---------------------------------------------------------------------------------------

ErrorCode SocketClients::open(Listener& listener, const std::string& address, std::int64_t port) {
  tcp::acceptor acceptor(io_);
  ErrorCode error = open_acceptor(io_, acceptor, address, static_cast<std::uint16_t>(port),
                                  static_cast<int>(port_.backlog));
  if (error) return error;
  // What is set here the accepted ones inherit.
  acceptor.non_blocking(true, error);
  acceptor.set_option(tcp::no_delay(true), error);
  acceptor.set_option(asio::socket_base::keep_alive(port_.tcp_keep_alive), error);
  if (error) return error;
  listener.port = acceptor.local_endpoint(error).port();
  listener.socket = acceptor.release(error);
  return error;
}

ErrorCode SocketClients::listen() {
  plain_.transport = port_.port_unification ? Transport::Either : Transport::Plain;
  if (port_.port == 0 && port_.secure_port != 0) return {};
  plain_address_ = port_.address;
  return open(plain_, port_.address, port_.port);
}

ErrorCode SocketClients::listen_secure() {
  secure_.transport = Transport::Tls;
  if (port_.secure_port == 0) return {};
  return open(secure_, port_.secure_address, port_.secure_port);
}

void SocketClients::start() {
  accepting_ = true;
  for (const Listener* listener : {&plain_, &secure_}) {
    if (listener->socket >= 0) home_.watch_listener(listener->socket, true);
  }
  wait_home();
}

ErrorCode SocketClients::move_to(const std::string& address, std::uint16_t port) {
  Listener fresh;
  fresh.transport = plain_.transport;
  const Listener old = plain_;
  const bool in_the_way = old.socket >= 0 && old.port == port;
  const auto close_old = [this, &old] {
    if (old.socket < 0) return;
    if (accepting_) home_.watch_listener(old.socket, false);
    ::close(old.socket);
  };
  if (in_the_way) close_old();
  ErrorCode error = open(fresh, address, port);
  if (error && in_the_way && open(fresh, plain_address_, port)) fresh.socket = -1;
  if (error && !in_the_way) return error;
  if (!in_the_way) close_old();
  plain_ = fresh;
  if (!error) plain_address_ = address;
  if (accepting_ && plain_.socket >= 0) home_.watch_listener(plain_.socket, true);
  return error;
}

void SocketClients::stop_accepting() {
  accepting_ = false;
  accept_pause_.cancel();
  for (Listener* listener : {&plain_, &secure_}) {
    if (listener->socket >= 0) ::close(std::exchange(listener->socket, -1));
  }
}

void SocketClients::on_acceptable(int listener) {
  if (listener == plain_.socket) accept(plain_);
  if (listener == secure_.socket) accept(secure_);
}

void SocketClients::accept(const Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    tcp::endpoint from;
    auto size = static_cast<socklen_t>(from.capacity());
    const int socket = ::accept4(listener.socket, from.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      from.resize(size);
      // Crowds come from few machines.
      if (from.address() != last_address_ || last_address_text_.empty()) {
        last_address_ = from.address();
        last_address_text_ = address_text(last_address_);
      }
      admit(socket, last_address_text_, from.port(), listener.transport);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (out_of_resources(errno)) {
      inbox_.note('W',
                  std::string("client-accept error=\"") + std::strerror(errno) +
                      "\" remedy=\"raise the limit of open files (ulimit -n) or set maxCnxns\"");
      return pause_accepting();
    }
    // Any other error concerns that one connection (hazard R22).
  }
}

/// Trying again at once would keep the loop busy with nothing else (hazard R35).
void SocketClients::pause_accepting() {
  for (const Listener* listener : {&plain_, &secure_}) {
    if (listener->socket >= 0) home_.watch_listener(listener->socket, false);
  }
  accept_pause_.expires_after(kAcceptPause);
  accept_pause_.async_wait([this, alive = std::weak_ptr<bool>(alive_)](const ErrorCode& error) {
    if (alive.expired() || error || !accepting_) return;
    for (const Listener* listener : {&plain_, &secure_}) {
      if (listener->socket >= 0) home_.watch_listener(listener->socket, true);
    }
  });
}

void SocketClients::admit(int socket, const std::string& address, std::uint16_t remote_port,
                          Transport transport) {
  const ConnectionId id =
      places_.admits(address) ? places_.take(address, remote_port) : ConnectionId{};
  if (id == ConnectionId{}) {
    // Said once per sweep, with the count.
    ++refused_;
    ++rejected_;
    ::close(socket);
    return;
  }
  if (IoThread* where = thread(id)) {
    ClientCommands::Item item;
    item.id = id;
    item.kind = ClientCommands::Kind::Add;
    item.transport = transport;
    item.socket = socket;
    where->commands().items.push_back(item);
  } else {
    home_.add(id, socket, transport);
  }
}

// ---- The loops
// -----------------------------------------------------------------------------------

void SocketClients::wait_home() {
  home_readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                            [this, alive = std::weak_ptr<bool>(alive_)](const ErrorCode& error) {
                              if (!alive.expired() && !error) run_home();
                            });
}

void SocketClients::run_home() {
  if (!home_.run(0)) return wait_home();
  asio::post(io_, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) run_home();
  });
}

IoThread* SocketClients::thread(ConnectionId id) const {
  const std::size_t home = thread_of(id);
  return home == 0 ? nullptr : threads_[home - 1].get();
}

void SocketClients::command(ConnectionId id, ClientCommands::Kind kind) {
  ClientCommands::Item item;
  item.id = id;
  item.kind = kind;
  thread(id)->commands().items.push_back(item);
}

void SocketClients::take_happenings() {
  for (const ClientHappenings& batch : mailbox_.take()) happened(batch);
}

void SocketClients::happened(const ClientHappenings& batch) {
  ByteView rest = batch.bytes;
  for (const ClientHappenings::Item& item : batch.items) {
    const ByteView bytes = rest.first(item.length);
    rest = rest.subspan(item.length);
    switch (item.kind) {
      case ClientHappenings::Kind::Word:
        on_word(item.id, as_text(bytes));
        break;
      case ClientHappenings::Kind::Open:
        on_open(item.id, item.secure, std::string(as_text(bytes)));
        break;
      case ClientHappenings::Kind::Frame:
        on_frame(item.id, bytes);
        break;
      case ClientHappenings::Kind::Drained:
        on_drained(item.id);
        break;
      case ClientHappenings::Kind::Ended:
        on_ended(item.id);
        break;
      case ClientHappenings::Kind::Gone:
        on_gone(item.id);
        break;
    }
  }
  on_batch();
}

// ---- In
// ------------------------------------------------------------------------------------------

void SocketClients::on_word(ConnectionId id, std::string_view word) {
  const auto answer = inbox_.on_four_letter_word(word);
  if (answer) send(id, as_bytes(*answer));
  close(id);
}

void SocketClients::on_open(ConnectionId id, bool secure, const std::string& subject) {
  ClientPlace* place = places_.find(id);
  if (place == nullptr || !place->counted) return;
  if (throttle_.limited() && !throttle_.take(steady_ms())) {
    ++throttled_;
    to_close_.push_back(id);
    return;
  }
  place->open = true;
  inbox_used_ = true;
  ClientOrigin origin;
  origin.address = places_.address(*place);
  origin.port = place->port;
  origin.secure = secure;
  if (!subject.empty()) origin.proved.push_back({"x509", subject});
  inbox_.on_client_open(id, std::move(origin));
}

void SocketClients::on_frame(ConnectionId id, ByteView frame) {
  ClientPlace* place = places_.find(id);
  if (place == nullptr || !place->open) return;
  if (place->held) return hold(id, frame);
  inbox_used_ = true;
  if (inbox_.on_client_frame(id, frame)) return;
  place->held = true;
  to_hold_.push_back(id);
}

/// Kept as it came, so that on_drained() can cut it again.
void SocketClients::hold(ConnectionId id, ByteView frame) {
  append_frame(held_[id], [frame](JuteWriter& out) { out.raw(frame); });
}

void SocketClients::on_drained(ConnectionId id) {
  ClientPlace* place = places_.find(id);
  if (place == nullptr || !place->open) return;
  place->held = false;
  Bytes frames;
  if (const auto found = held_.find(id); found != held_.end()) {
    frames = std::move(found->second);
    held_.erase(found);
  }
  FrameReader reader(std::numeric_limits<std::int32_t>::max());
  (void)reader.feed(frames, [this, id](ByteView frame) {
    on_frame(id, frame);
    return true;
  });
  if (place->held || place->paused) return;
  IoThread* where = thread(id);
  where != nullptr ? command(id, ClientCommands::Kind::Resume) : home_.resume(id);
}

void SocketClients::on_ended(ConnectionId id) {
  ClientPlace* place = places_.find(id);
  if (place == nullptr) return;
  places_.discount(*place);
  held_.erase(id);
  if (!std::exchange(place->open, false)) return;
  inbox_used_ = true;
  inbox_.on_client_closed(id);
}

void SocketClients::on_gone(ConnectionId id) {
  places_.give_back(id);
}

void SocketClients::on_batch() {
  for (const ConnectionId id : std::exchange(to_close_, {})) close(id);
  if (std::exchange(inbox_used_, false)) inbox_.pump();
  for (const ConnectionId id : std::exchange(to_hold_, {})) {
    if (thread(id) != nullptr) {
      command(id, ClientCommands::Kind::Pause);
      command(id, ClientCommands::Kind::AwaitDrained);
    } else {
      home_.pause(id);
      home_.await_drained(id);
    }
  }
  flush();
}

// ---- Out
// -----------------------------------------------------------------------------------------

void SocketClients::send(ConnectionId id, ByteView frames) {
  IoThread* where = thread(id);
  if (where == nullptr) return home_.send(id, frames);
  ClientCommands& commands = where->commands();
  ClientCommands::Item item;
  item.id = id;
  item.length = frames.size();
  commands.items.push_back(item);
  append(commands.bytes, frames);
}

void SocketClients::close(ConnectionId id) {
  ClientPlace* place = places_.find(id);
  if (place == nullptr) return;
  place->open = false;
  held_.erase(id);
  places_.discount(*place);
  thread(id) != nullptr ? command(id, ClientCommands::Kind::Close) : home_.close(id);
}

void SocketClients::pause(ConnectionId id) {
  ClientPlace* place = places_.find(id);
  if (place == nullptr) return;
  place->paused = true;
  thread(id) != nullptr ? command(id, ClientCommands::Kind::Pause) : home_.pause(id);
}

void SocketClients::resume(ConnectionId id) {
  ClientPlace* place = places_.find(id);
  if (place == nullptr) return;
  place->paused = false;
  if (place->held) return;
  thread(id) != nullptr ? command(id, ClientCommands::Kind::Resume) : home_.resume(id);
}

void SocketClients::flush() {
  for (const auto& one : threads_) one->flush();
}

// ---- Stop
// ----------------------------------------------------------------------------------------

void SocketClients::stop_reading() {
  home_.stop_reading();
  for (const auto& one : threads_) {
    ClientCommands::Item item;
    item.kind = ClientCommands::Kind::StopReading;
    one->commands().items.push_back(item);
  }
  flush();
}

void SocketClients::close_all() {
  for (const ConnectionId id : places_.counted()) close(id);
  flush();
}

void SocketClients::finish() {
  mailbox_.close();
  const auto until = std::chrono::steady_clock::now() + kFinishLimit;
  while (home_.unsent() > 0 && std::chrono::steady_clock::now() < until) home_.run(kFinishStepMs);
  for (const auto& one : threads_) one->stop();
}

void SocketClients::sweep(std::int64_t now_ms) {
  home_.sweep(now_ms);
  on_batch();
  if (refused_ > 0) {
    inbox_.note('W', "client-refused count=" + std::to_string(std::exchange(refused_, 0)) +
                         " reason=\"too many connections (maxClientCnxns, maxCnxns)\"");
  }
  if (throttled_ > 0) {
    inbox_.note('W', "client-throttled count=" + std::to_string(std::exchange(throttled_, 0)) +
                         " reason=\"too many new sessions (connection_throttle_tokens)\"");
  }
  if (tls_config_.cert_reload && !tls_seen_.empty() &&
      files_fingerprint(tls_config_) != tls_seen_) {
    reload_tls();
  }
}

// ---- TLS
// -----------------------------------------------------------------------------------------

std::uint64_t SocketClients::failed_handshakes() const {
  std::uint64_t sum = home_.failed_handshakes();
  for (const auto& thread : threads_) sum += thread->failed_handshakes();
  return sum;
}

bool SocketClients::load_tls(std::string& fault) {
  if (port_.secure_port == 0 && !port_.port_unification) return true;
  tls_seen_ = files_fingerprint(tls_config_);
  std::shared_ptr<const TlsContext> tls = TlsContext::load(tls_config_, fault);
  if (!tls) return false;
  give_tls(std::move(tls));
  return true;
}

void SocketClients::reload_tls() {
  if (tls_seen_.empty()) return;
  std::string fault;
  if (load_tls(fault)) return inbox_.note('I', "tls-reloaded for=\"new connections\"");
  inbox_.note(
      'E', "tls-reload-failed error=\"" + fault + "\" effect=\"the old certificate stays in use\"");
}

void SocketClients::give_tls(std::shared_ptr<const TlsContext> tls) {
  for (const auto& one : threads_) {
    // A batch of its own: it carries one context only.
    one->flush();
    ClientCommands::Item item;
    item.kind = ClientCommands::Kind::Tls;
    one->commands().items.push_back(item);
    one->commands().tls = tls;
    one->flush();
  }
  home_.set_tls(std::move(tls));
}

}  // namespace quorate::server
