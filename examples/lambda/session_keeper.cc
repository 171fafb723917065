#include "examples/lambda/session_keeper.h"

#include <chrono>
#include <cstdio>
#include <utility>

namespace lambda_app {

std::unique_ptr<SessionKeeper> SessionKeeper::start(const Common& common, Joined joined) {
  std::unique_ptr<SessionKeeper> keeper(new SessionKeeper(common, std::move(joined)));
  if (!keeper->connect()) return nullptr;
  keeper->thread_ = std::thread([self = keeper.get()] { self->run(); });
  return keeper;
}

SessionKeeper::~SessionKeeper() {
  std::shared_ptr<qc::SyncClient> client;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    // A thread that still looks for a server is woken by this.
    if (over_) client = client_;
  }
  changed_.notify_all();
  if (client) client->close();
  if (thread_.joinable()) thread_.join();
  if (client_) client_->close();
}

bool SessionKeeper::connect() {
  qc::ConnectOptions options(common_.connect);
  options.session_timeout = common_.session_timeout;
  options.connect_timeout = std::chrono::seconds(30);
  auto client = std::make_shared<qc::SyncClient>(options);
  // Ends outside of the lock: its last word may be on its way to the listener below.
  std::shared_ptr<qc::SyncClient> former;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    former = std::exchange(client_, client);
  }
  former.reset();
  const auto connected = client->connect();
  if (!connected) {
    std::fprintf(stderr, "lambda: %s\n", connected.message.c_str());
    return false;
  }
  client->add_session_listener([this](const qc::SessionEvent& event) {
    if (!qc::is_final(event.state)) return;
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
  });
  const std::lock_guard lock(mutex_);
  over_ = qc::is_final(client->state());  // Before the listener was there?
  return true;
}

void SessionKeeper::run() {
  while (true) {
    {
      // Gone before the client is, which it may use to its end.
      const std::shared_ptr<void> joined = joined_(*client_);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return over_ || stopping_; });
      if (stopping_) return;
    }
    while (!connect()) {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
  }
}

}  // namespace lambda_app
