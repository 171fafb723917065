#include "server/net/client_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/ensure.h"
#include "server/net/client_connection.h"

namespace quorate::server {
namespace {

/// What one wait may bring: then others (peers, the disk) get their turn.
constexpr int kEventsMax = 256;
/// One connection's share of a batch. A client that sends without end holds up the others by this
/// much only: the rest stays in the kernel until all that are ready have had their turn.
constexpr std::size_t kReadBytes = 16 * 1024;
/// Of a packet that has begun, more may be taken at once.
constexpr std::size_t kLongReadBytes = 64 * 1024;
/// Requests after which the replica gets them, however many more sockets are ready: few enough that
/// what has been read is still in the processor's cache when it is prepared. What they write may
/// still become one group of the log.
constexpr std::size_t kFramesPerBatch = 64;
/// What is read of several connections before the first of it is looked at: the kernel's code and
/// ours do not take turns in the processor's cache with every request. As much as about
/// kFramesPerBatch small ones.
constexpr std::size_t kReadAheadBytes = 12 * 1024;
/// How long a connection that we close may take to fetch its last bytes.
constexpr std::int64_t kClosingMs = 5000;
/// Above this many closing ones the next is closed without ceremony.
constexpr std::size_t kClosingMax = 1024;
/// What an event is about: a connection by its id, or one of these.
constexpr std::uint64_t kListenerMark = 1ull << 63;
constexpr std::uint64_t kWakeupMark = kListenerMark | (1ull << 62);
constexpr std::uint8_t kTlsHandshakeByte = 0x16;

bool is_open(const ClientConnection& connection) {
  return connection.stage == ClientStage::Fresh || connection.stage == ClientStage::Open;
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

ClientLoop::ClientLoop(const ClientLoopLimits& limits, ClientEvents& events)
    : limits_(limits), events_(events), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  ENSURE(epoll_ >= 0);
  buffer_.resize(kLongReadBytes);
}

ClientLoop::~ClientLoop() {
  for (const auto& connection : slots_) {
    if (!connection) continue;
    connection->tls.reset();
    ::close(connection->socket);
  }
  ::close(epoll_);
}

// ---- The set
// -------------------------------------------------------------------------------------

void ClientLoop::watch_listener(int listener, bool on) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListenerMark | static_cast<std::uint64_t>(listener);
  ::epoll_ctl(epoll_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener, &event);
}

void ClientLoop::watch_wakeup(int descriptor) {
  wakeup_ = descriptor;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeupMark;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

bool ClientLoop::run(int timeout_ms) {
  std::array<epoll_event, kEventsMax> ready;
  if (!drained_.empty()) timeout_ms = 0;
  const int count = ::epoll_wait(epoll_, ready.data(), kEventsMax, timeout_ms);
  for (const ConnectionId id : std::exchange(drained_, {})) {
    if (find(id) != nullptr) events_.on_drained(id);
  }
  for (int i = 0; i < count; ++i) {
    const std::uint64_t mark = ready[static_cast<std::size_t>(i)].data.u64;
    if (mark == kWakeupMark) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto size = ::read(wakeup_, &ignored, sizeof ignored);
    } else if ((mark & kListenerMark) != 0) {
      events_.on_acceptable(static_cast<int>(mark & ~kListenerMark));
    } else if (Connection* connection = find({static_cast<std::int64_t>(mark)})) {
      // It may have ended in this very batch, and its slot be another's: the id tells.
      handle(*connection, ready[static_cast<std::size_t>(i)].events);
    }
  }
  take_arrived();
  end_batch();
  return count == kEventsMax || !drained_.empty();
}

void ClientLoop::end_batch() {
  frames_in_batch_ = 0;
  events_.on_batch();
}

ClientConnection* ClientLoop::find(ConnectionId id) const {
  const std::size_t slot = slot_of(id);
  if (slot >= slots_.size()) return nullptr;
  Connection* connection = slots_[slot].get();
  return connection != nullptr && connection->id == id ? connection : nullptr;
}

void ClientLoop::update_interest(Connection& connection) {
  const bool reads = is_open(connection)
                         ? !connection.paused && !connection.choked && !stopped_
                         : connection.stage == ClientStage::Closing && connection.hung_up;
  const bool writes = connection.queued() > 0 || connection.tls_wants_write;
  const std::uint32_t wanted = (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u);
  if (wanted == connection.interest) return;
  epoll_event event{};
  event.events = connection.interest = wanted;
  event.data.u64 = static_cast<std::uint64_t>(connection.id.value);
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event);
}

void ClientLoop::add(ConnectionId id, int socket, Transport transport) {
  const std::size_t slot = slot_of(id);
  if (slot >= slots_.size()) slots_.resize(slot + 1);
  ENSURE(slots_[slot] == nullptr);
  slots_[slot] = std::make_unique<Connection>(id, socket, transport);
  Connection& connection = *slots_[slot];
  connection.since_ms = now_ms_;
  ++open_;
  if (transport == Transport::Tls) connection.tls = std::make_unique<TlsSession>(*tls_, socket);
  epoll_event event{};
  event.events = connection.interest = EPOLLIN;
  event.data.u64 = static_cast<std::uint64_t>(id.value);
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
}

// ---- In
// ------------------------------------------------------------------------------------------

void ClientLoop::handle(Connection& connection, std::uint32_t events) {
  if (connection.stage == ClientStage::Failed) return end(connection);
  if ((events & EPOLLOUT) != 0) {
    connection.tls_wants_write = false;
    if (connection.queued() > 0) {
      if (!flush(connection)) return end(connection);
      after_flush(connection);
    }
    if ((events & ~EPOLLOUT) == 0 && connection.queued() > 0) return;
  }
  if (connection.stage == ClientStage::Closing) {
    if (connection.hung_up || (events & (EPOLLHUP | EPOLLERR)) != 0) discard(connection);
    return;
  }
  if ((connection.interest & EPOLLIN) == 0) {
    // Not read for now; but who is gone altogether must not be reported for ever.
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) return end(connection);
    return update_interest(connection);
  }
  if (connection.paused || connection.choked) return update_interest(connection);
  read(connection);
}

void ClientLoop::read(Connection& connection) {
  if (connection.transport == Transport::Either && !decide_transport(connection)) return;
  if (connection.tls && !connection.tls->established() && !shake_hands(connection)) return;
  const bool long_packet = connection.buffers && connection.buffers->in.buffered() > 0;
  const std::size_t room = long_packet ? kLongReadBytes : kReadBytes;
  if (long_packet) {
    // All of the buffer. What others have sent comes first, and may end the reading of this one.
    take_arrived();
    if (!is_open(connection) || connection.paused || connection.choked) {
      return update_interest(connection);
    }
  }
  const std::span<std::byte> free = std::span(buffer_).subspan(arrived_bytes_, room);
  std::size_t count = 0;
  if (connection.tls) {
    const TlsSession::Progress progress = connection.tls->read(free);
    if (progress.status == TlsSession::Status::WantRead) return update_interest(connection);
    if (progress.status == TlsSession::Status::WantWrite) {
      connection.tls_wants_write = true;
      return update_interest(connection);
    }
    if (progress.status != TlsSession::Status::Done) return end(connection);
    count = progress.bytes;
  } else {
    // One call per wait: what this one leaves in the kernel, the next wait reports.
    const ssize_t got = ::recv(connection.socket, free.data(), free.size(), 0);
    if (got < 0 && would_block()) return;
    if (got <= 0) return end(connection);
    count = static_cast<std::size_t>(got);
  }
  arrived_.push_back({connection.id, count});
  arrived_bytes_ += count;
  if (arrived_bytes_ >= kReadAheadBytes) take_arrived();
}

/// What one connection sent may have ended another one: the id tells.
void ClientLoop::take_arrived() {
  std::size_t at = 0;
  for (const Arrival& one : arrived_) {
    const ByteView bytes = ByteView(buffer_).subspan(at, one.bytes);
    at += one.bytes;
    Connection* connection = find(one.id);
    if (connection == nullptr || !is_open(*connection)) continue;
    take(*connection, bytes);
    if (frames_in_batch_ >= kFramesPerBatch) end_batch();
  }
  arrived_.clear();
  arrived_bytes_ = 0;
}

/// False: nothing can be read yet, or it has ended.
bool ClientLoop::decide_transport(Connection& connection) {
  std::uint8_t first = 0;
  const ssize_t got = ::recv(connection.socket, &first, 1, MSG_PEEK);
  if (got < 0 && would_block()) return false;
  if (got <= 0) {
    end(connection);
    return false;
  }
  const bool tls = first == kTlsHandshakeByte;
  connection.transport = tls ? Transport::Tls : Transport::Plain;
  if (tls) connection.tls = std::make_unique<TlsSession>(*tls_, connection.socket);
  return true;
}

/// True: the handshake is over and bytes may be there already.
bool ClientLoop::shake_hands(Connection& connection) {
  const TlsSession::Status status = connection.tls->handshake();
  if (status == TlsSession::Status::Done) return true;
  connection.tls_wants_write = status == TlsSession::Status::WantWrite;
  if (connection.tls_wants_write || status == TlsSession::Status::WantRead) {
    update_interest(connection);
  } else {
    ++failed_handshakes_;
    end(connection);
  }
  return false;
}

void ClientLoop::take(Connection& connection, ByteView bytes) {
  // A reader of its own only while a packet is incomplete; most reads are whole packets.
  FrameReader passing(limits_.frame_max);
  const bool in_the_middle = connection.buffers && connection.buffers->in.buffered() > 0;
  FrameReader& reader = in_the_middle ? connection.buffers->in : passing;
  const ErrorCode fault = reader.feed(bytes, [&](ByteView frame) {
    if (!connection.told) begin(connection);
    ++frames_in_batch_;
    events_.on_frame(connection.id, frame);
    return true;
  });
  if (fault) {
    if (connection.told) return end(connection);
    connection.stage = ClientStage::Word;
    connection.since_ms = now_ms_;
    Bytes word(4);
    store_be(word.data(), reader.faulty_length());
    if (!in_the_middle && bytes.size() > word.size()) {
      // The mask of stmk stands behind the word.
      const ByteView mask = bytes.subspan(word.size(), std::min<std::size_t>(bytes.size() - 4, 8));
      word.insert(word.end(), mask.begin(), mask.end());
    }
    update_interest(connection);
    ++frames_in_batch_;
    return events_.on_word(connection.id, as_text(word));
  }
  if (!in_the_middle && passing.buffered() > 0) {
    if (!connection.buffers) {
      connection.buffers = std::make_unique<Connection::Buffers>(limits_.frame_max);
    }
    connection.buffers->in = std::move(passing);
  } else if (connection.buffers && reader.buffered() == 0 && connection.queued() == 0) {
    connection.buffers.reset();
  }
}

void ClientLoop::begin(Connection& connection) {
  connection.told = true;
  connection.stage = ClientStage::Open;
  const bool secure = connection.tls != nullptr;
  events_.on_open(connection.id, secure, secure ? connection.tls->subject() : std::string());
}

/// Closing with unread bytes in the kernel would reset the connection and could take our last
/// answer with it: so what still comes is read and thrown away.
void ClientLoop::discard(Connection& connection) {
  const std::span<std::byte> free = std::span(buffer_).subspan(arrived_bytes_);
  const ssize_t got = ::recv(connection.socket, free.data(), free.size(), 0);
  if (got > 0 || (got < 0 && would_block())) return;
  destroy(connection);
}

// ---- Out
// -----------------------------------------------------------------------------------------

void ClientLoop::send(ConnectionId id, ByteView frames) {
  Connection* connection = find(id);
  if (connection == nullptr || connection->stage == ClientStage::Closing ||
      connection->stage == ClientStage::Failed) {
    return;
  }
  std::size_t sent = 0;
  if (connection->queued() == 0) {
    while (sent < frames.size()) {
      const std::ptrdiff_t count = write_some(*connection, frames.subspan(sent));
      if (count < 0) return abandon(*connection);
      if (count == 0) break;
      sent += static_cast<std::size_t>(count);
    }
  }
  if (sent < frames.size()) keep(*connection, frames.subspan(sent));
}

/// How many bytes left; 0: the kernel takes no more; below 0: the connection is broken.
std::ptrdiff_t ClientLoop::write_some(Connection& connection, ByteView bytes) {
  if (!connection.tls) {
    const ssize_t count = ::send(connection.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return count;
    return would_block() ? 0 : -1;
  }
  const TlsSession::Progress progress = connection.tls->write(bytes);
  switch (progress.status) {
    case TlsSession::Status::Done:
      return static_cast<std::ptrdiff_t>(progress.bytes);
    case TlsSession::Status::WantWrite:
    case TlsSession::Status::WantRead:
      return 0;
    default:
      return -1;
  }
}

void ClientLoop::keep(Connection& connection, ByteView rest) {
  if (!connection.buffers) {
    connection.buffers = std::make_unique<Connection::Buffers>(limits_.frame_max);
  }
  append(connection.buffers->out, rest);
  unsent_ += rest.size();
  if (connection.queued() > limits_.out_bytes_max) return abandon(connection);
  if (connection.queued() > limits_.out_bytes_soft) connection.choked = true;
  update_interest(connection);
}

/// Sends what is queued as far as it goes; false when the connection is broken.
bool ClientLoop::flush(Connection& connection) {
  Connection::Buffers& buffers = *connection.buffers;
  while (buffers.queued() > 0) {
    const auto rest = ByteView(buffers.out).subspan(buffers.sent);
    const std::ptrdiff_t count = write_some(connection, rest);
    if (count < 0) return false;
    if (count == 0) break;
    buffers.sent += static_cast<std::size_t>(count);
    unsent_ -= static_cast<std::size_t>(count);
  }
  if (buffers.queued() == 0) {
    buffers.out = Bytes();
    buffers.sent = 0;
    if (buffers.in.buffered() == 0) connection.buffers.reset();
  } else if (buffers.sent > buffers.out.size() / 2) {
    buffers.out.erase(buffers.out.begin(),
                      buffers.out.begin() + static_cast<std::ptrdiff_t>(buffers.sent));
    buffers.sent = 0;
  }
  return true;
}

void ClientLoop::after_flush(Connection& connection) {
  // Half of the limit, so that the two do not alternate with every packet.
  if (connection.choked && connection.queued() <= limits_.out_bytes_soft / 2) {
    connection.choked = false;
    if (std::exchange(connection.awaited, false)) drained_.push_back(connection.id);
  }
  if (connection.stage == ClientStage::Closing && connection.queued() == 0) hang_up(connection);
  update_interest(connection);
}

// ---- Ends
// ----------------------------------------------------------------------------------------

/// The caller may be the replica, which must not be called back now: the socket reports its end by
/// itself.
void ClientLoop::abandon(Connection& connection) {
  if (connection.buffers) {
    unsent_ -= connection.queued();
    connection.buffers.reset();
  }
  connection.stage = ClientStage::Failed;
  ::shutdown(connection.socket, SHUT_RDWR);
  update_interest(connection);
}

void ClientLoop::end(Connection& connection) {
  const ConnectionId id = connection.id;
  if (connection.told && connection.stage != ClientStage::Closing) events_.on_ended(id);
  destroy(connection);
}

void ClientLoop::destroy(Connection& connection) {
  const ConnectionId id = connection.id;
  connection.stage == ClientStage::Closing ? --closing_ : --open_;
  unsent_ -= connection.queued();
  connection.tls.reset();
  ::close(connection.socket);
  slots_[slot_of(id)].reset();
  events_.on_gone(id);
}

void ClientLoop::close(ConnectionId id) {
  Connection* connection = find(id);
  if (connection == nullptr || connection->stage == ClientStage::Closing) return;
  const bool failed = connection->stage == ClientStage::Failed;
  connection->stage = ClientStage::Closing;
  connection->since_ms = now_ms_;
  connection->told = false;
  --open_;
  ++closing_;
  // The socket's own report ends what is left; see abandon().
  if (failed || closing_ > kClosingMax) {
    ::shutdown(connection->socket, SHUT_RDWR);
    connection->hung_up = true;
  } else if (connection->queued() == 0) {
    hang_up(*connection);
  }
  update_interest(*connection);
}

/// Says that nothing more comes; then the other side's end is awaited.
void ClientLoop::hang_up(Connection& connection) {
  if (connection.hung_up) return;
  connection.hung_up = true;
  if (connection.tls) connection.tls->close_notify();
  ::shutdown(connection.socket, SHUT_WR);
}

// ---- Back pressure
// -------------------------------------------------------------------------------

void ClientLoop::pause(ConnectionId id) {
  // Told to the kernel when it has something to report: most pauses end before.
  if (Connection* connection = find(id)) connection->paused = true;
}

void ClientLoop::resume(ConnectionId id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  connection->paused = false;
  update_interest(*connection);
}

void ClientLoop::await_drained(ConnectionId id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  connection->awaited = connection->choked;
  if (!connection->choked) drained_.push_back(id);
}

void ClientLoop::stop_reading() {
  stopped_ = true;
  for (const auto& connection : slots_) {
    if (connection) update_interest(*connection);
  }
}

void ClientLoop::sweep(std::int64_t now_ms) {
  const bool first = std::exchange(now_ms_, now_ms) == 0;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    Connection* connection = slots_[slot].get();
    if (connection == nullptr) continue;
    if (first) connection->since_ms = now_ms;
    const std::int64_t age_ms = now_ms - connection->since_ms;
    if (connection->stage == ClientStage::Closing) {
      if (age_ms > kClosingMs) destroy(*connection);
    } else if (connection->stage == ClientStage::Fresh || connection->stage == ClientStage::Word) {
      if (age_ms > limits_.fresh_timeout_ms) end(*connection);
    }
  }
}

}  // namespace quorate::server
