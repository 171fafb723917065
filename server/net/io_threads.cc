#include "server/net/io_threads.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/ensure.h"
#include "server/net/steady_ms.h"

namespace quorate::server {
namespace {

constexpr std::size_t kMailboxBytesMax = 8u << 20;
constexpr int kSweepMs = 1000;
constexpr int kDrainMs = 2000;
constexpr int kDrainStepMs = 20;

}  // namespace

IoThread::IoThread(const ClientLoopLimits& limits, Deliver deliver)
    : deliver_(std::move(deliver)),
      loop_(limits, *this),
      wakeup_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  ENSURE(wakeup_ >= 0);
  loop_.watch_wakeup(wakeup_);
  thread_ = std::thread([this] { run(); });
}

IoThread::~IoThread() {
  stop();
  ::close(wakeup_);
}

void IoThread::flush() {
  if (commands_.items.empty()) return;
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = inbox_.empty();
    inbox_.push_back(std::exchange(commands_, {}));
  }
  const std::uint64_t one = 1;
  if (first) [[maybe_unused]]
    const auto size = ::write(wakeup_, &one, sizeof one);
}

void IoThread::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto size = ::write(wakeup_, &one, sizeof one);
  thread_.join();
}

void IoThread::run() {
  bool more = false, stopped = false;
  std::int64_t next_sweep_ms = 0;
  while (true) {
    more = loop_.run(more ? 0 : kSweepMs);
    std::vector<ClientCommands> batches;
    {
      std::lock_guard lock(mutex_);
      stopped = stopped_;
      batches = std::exchange(inbox_, {});
    }
    for (ClientCommands& batch : batches) carry_out(std::move(batch));
    if (stopped) return drain();
    const std::int64_t now_ms = steady_ms();
    if (now_ms >= next_sweep_ms) {
      next_sweep_ms = now_ms + kSweepMs;
      loop_.sweep(now_ms);
    }
    on_batch();
    more = more || loop_.pending();
  }
}

/// The last answers, as far as clients take them in time.
void IoThread::drain() {
  const std::int64_t until_ms = steady_ms() + kDrainMs;
  while (loop_.unsent() > 0 && steady_ms() < until_ms) loop_.run(kDrainStepMs);
}

void IoThread::carry_out(ClientCommands commands) {
  ByteView rest = commands.bytes;
  for (const ClientCommands::Item& item : commands.items) {
    switch (item.kind) {
      case ClientCommands::Kind::Add:
        loop_.add(item.id, item.socket, item.transport);
        break;
      case ClientCommands::Kind::Send:
        loop_.send(item.id, rest.first(item.length));
        rest = rest.subspan(item.length);
        break;
      case ClientCommands::Kind::Close:
        loop_.close(item.id);
        break;
      case ClientCommands::Kind::Pause:
        loop_.pause(item.id);
        break;
      case ClientCommands::Kind::Resume:
        loop_.resume(item.id);
        break;
      case ClientCommands::Kind::AwaitDrained:
        loop_.await_drained(item.id);
        break;
      case ClientCommands::Kind::StopReading:
        loop_.stop_reading();
        break;
      case ClientCommands::Kind::Tls:
        loop_.set_tls(commands.tls);
        break;
    }
  }
}

void IoThread::note(ClientHappenings::Kind kind, ConnectionId id, ByteView bytes, bool secure) {
  happenings_.items.push_back({id, kind, secure, bytes.size()});
  append(happenings_.bytes, bytes);
}

void IoThread::on_word(ConnectionId id, std::string_view word) {
  note(ClientHappenings::Kind::Word, id, as_bytes(word));
}
void IoThread::on_open(ConnectionId id, bool secure, const std::string& subject) {
  note(ClientHappenings::Kind::Open, id, as_bytes(subject), secure);
}
void IoThread::on_frame(ConnectionId id, ByteView frame) {
  note(ClientHappenings::Kind::Frame, id, frame);
}
void IoThread::on_drained(ConnectionId id) {
  note(ClientHappenings::Kind::Drained, id, {});
}
void IoThread::on_ended(ConnectionId id) {
  note(ClientHappenings::Kind::Ended, id, {});
}
void IoThread::on_gone(ConnectionId id) {
  note(ClientHappenings::Kind::Gone, id, {});
}

void IoThread::on_batch() {
  if (!happenings_.items.empty()) deliver_(std::exchange(happenings_, {}));
}

// ---- The way back
// --------------------------------------------------------------------------------

void ClientMailbox::put(ClientHappenings batch) {
  bool first = false;
  {
    std::unique_lock lock(mutex_);
    taken_.wait(lock, [this] { return closed_ || bytes_ < kMailboxBytesMax; });
    if (closed_) return;
    first = batches_.empty();
    bytes_ += batch.bytes.size() + batch.items.size() * sizeof(ClientHappenings::Item);
    batches_.push_back(std::move(batch));
  }
  if (first) wake_();
}

std::vector<ClientHappenings> ClientMailbox::take() {
  std::vector<ClientHappenings> all;
  {
    std::lock_guard lock(mutex_);
    all = std::exchange(batches_, {});
    bytes_ = 0;
  }
  taken_.notify_all();
  return all;
}

void ClientMailbox::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  taken_.notify_all();
}

}  // namespace quorate::server
