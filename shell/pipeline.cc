#include "shell/pipeline.h"

namespace quorate::shell {

/// Shared with the handlers: they may come when the command is over.
struct Pipeline::State {
  std::mutex mutex;  // Everything below; handlers run on the client's thread.
  std::condition_variable changed;
  std::size_t flying = 0;
  std::size_t flying_max = 0;
  client::Code forgiven = client::Code::Ok;
  Outcome outcome;

  void done(const std::string& path, client::ErrorCode error) {
    const std::lock_guard lock(mutex);
    --flying;
    if (!error || to_code(error) == forgiven) {
      ++outcome.succeeded;
    } else if (outcome.failed++ == 0) {
      outcome.first = failed_reply<client::Nothing>(error);
      outcome.first_path = path;
    }
    changed.notify_one();
  }
};

Pipeline::Pipeline(Remote& remote, client::Code forgiven, std::size_t flying_max)
    : remote_(remote), state_(std::make_shared<State>()) {
  state_->forgiven = forgiven;
  state_->flying_max = flying_max;
}

Pipeline::~Pipeline() {
  finish();
}

bool Pipeline::start(const std::string& path,
                     const std::function<void(client::Client&, Done)>& begin) {
  {
    std::unique_lock lock(state_->mutex);
    while (state_->flying >= state_->flying_max && !cancel_flag()) {
      state_->changed.wait_for(lock, std::chrono::milliseconds(20));
    }
    if (state_->outcome.failed > 0 || cancel_flag()) return false;
    ++state_->flying;
  }
  begin(remote_.face(),
        [state = state_, path](client::ErrorCode error) { state->done(path, error); });
  return true;
}

Pipeline::Outcome Pipeline::finish() {
  std::unique_lock lock(state_->mutex);
  while (state_->flying > 0 && !cancel_flag()) {
    state_->changed.wait_for(lock, std::chrono::milliseconds(20));
  }
  return state_->outcome;
}

}  // namespace quorate::shell
