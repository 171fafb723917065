#include "shell/run/holder.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "quorate/recipes/lock.h"

namespace quorate::run {

/// What the I/O thread tells the main thread.
struct Holder::Shared {
  explicit Shared(int fd) : wake(fd) {}

  void ring() const {
    const char byte = 0;
    [[maybe_unused]] const ssize_t ignored = write(wake, &byte, 1);  // A full pipe wakes as well.
  }

  const int wake;
  std::mutex mutex;  ///< The winner is made on the I/O thread and taken on the main thread.
  std::optional<client::Hold> won;
  std::optional<client::ErrorCode> failed;
};

namespace {

client::ConnectOptions options_of(const Arguments& arguments) {
  client::ConnectOptions options(arguments.servers);
  options.session_timeout = arguments.session;
  options.connect_timeout = arguments.connect;
  return options;
}

}  // namespace

Holder::Holder(const Arguments& arguments, int wake)
    : client_(options_of(arguments)),
      arguments_(arguments),
      shared_(std::make_shared<Shared>(wake)) {}

bool Holder::connect() {
  const auto connected = client_.connect();
  if (!connected) {
    std::fprintf(stderr, "quorate-run: %s\n", connected.message.c_str());
    for (const auto& [server, reason] : connected.value.failures) {
      std::fprintf(stderr, "  tried %s: %s\n", server.c_str(), reason.c_str());
    }
    return false;
  }
  session_timeout_ = std::chrono::milliseconds(connected.value.timeout_ms);
  return true;
}

void Holder::stand() {
  client::Lock lock(client_.async_face(), arguments_.path, arguments_.id);
  lock.start_acquire(arguments_.wait,
                     [shared = shared_](client::ErrorCode error, client::Hold hold) {
                       if (!error) hold.on_invalid([shared] { shared->ring(); });
                       {
                         const std::lock_guard guard(shared->mutex);
                         if (error) shared->failed = error;
                         if (!error) shared->won = std::move(hold);
                       }
                       shared->ring();
                     });
}

std::optional<client::Hold> Holder::take_won() {
  const std::lock_guard guard(shared_->mutex);
  return std::exchange(shared_->won, std::nullopt);
}

std::optional<client::ErrorCode> Holder::take_failed() {
  const std::lock_guard guard(shared_->mutex);
  return std::exchange(shared_->failed, std::nullopt);
}

}  // namespace quorate::run
