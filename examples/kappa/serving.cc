#include "examples/kappa/serving.h"

#include <chrono>
#include <condition_variable>
#include <optional>
#include <utility>

#include "examples/kappa/generations.h"
#include "examples/kappa/view_follower.h"
#include "quorate/recipes/sync_cache.h"

namespace kappa_app {

using namespace pipeline;
using Clock = std::chrono::steady_clock;

/// What other threads tell, and what they ask.
class Serving::State {
 public:
  State(Bus& bus, Places places, PartitionNumber partitions, std::function<void()> changed,
        std::chrono::milliseconds pause)
      : bus_(bus),
        places_(std::move(places)),
        partitions_(partitions),
        changed_(std::move(changed)),
        pause_(pause) {}

  static Result<> follow(const std::shared_ptr<State>& self, qc::SyncClient& store);
  void stop() {
    tell([this] { stopping_ = true; });
  }
  std::shared_ptr<const GenerationView> current() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  GenerationNumber wanted() const {
    const std::lock_guard lock(mutex_);
    return wanted_;
  }
  std::string fault() const {
    const std::lock_guard lock(mutex_);
    return fault_;
  }

 private:
  /// What the following thread has at work.
  struct Following {
    GenerationNumber number = 0;
    std::shared_ptr<GenerationView> view;
    std::unique_ptr<ViewFollower> follower;  ///< Ends before the view.
  };

  template <class Change>
  void tell(Change&& change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    told_.notify_all();
  }
  Result<> loop(qc::SyncClient& store);
  bool wait(GenerationNumber following);
  Result<> begin(Following& following, qc::SyncClient& store, GenerationNumber number);
  bool take_over(const Following& following);
  void announce();

  Bus& bus_;
  const Places places_;
  const PartitionNumber partitions_;
  const std::function<void()> changed_;
  const std::chrono::milliseconds pause_;
  Clock::time_point announce_next_{};  ///< Following thread.

  mutable std::mutex mutex_;  ///< Keeps all below: threads of client, web and follower meet here.
  std::condition_variable told_;
  bool stopping_ = false;
  bool session_over_ = false;
  bool moved_ = false;
  GenerationNumber wanted_ = 0;
  std::string fault_;
  std::shared_ptr<GenerationView> current_;
};

Result<> Serving::State::follow(const std::shared_ptr<State>& self, qc::SyncClient& store) {
  self->tell([&self] { self->session_over_ = false; });
  const std::weak_ptr<State> weak = self;
  const std::uint64_t listener = store.add_session_listener([weak](const qc::SessionEvent& event) {
    const auto state = weak.lock();
    if (state && qc::is_final(event.state)) {
      state->tell([&state] { state->session_over_ = true; });
    }
  });
  if (qc::is_final(store.state())) self->tell([&self] { self->session_over_ = true; });
  Result<> ended;
  {
    const qc::SyncNodeCache active(store, self->places_.path("active"),
                                   [weak](const qc::CachedNode& node) {
                                     const auto state = weak.lock();
                                     const auto now = active_of(node.data);
                                     if (state && now)
                                       state->tell([&] { state->wanted_ = now->generation; });
                                   });
    ended = self->loop(store);
  }
  store.remove_session_listener(listener);
  return ended;
}

Result<> Serving::State::loop(qc::SyncClient& store) {
  Following following;
  while (wait(following.number)) {
    const GenerationNumber number = wanted();
    if (number != following.number) {
      if (Result<> begun = begin(following, store, number); !begun) return begun;
    }
    if (take_over(following)) announce();
  }
  following.follower.reset();
  const std::lock_guard lock(mutex_);
  if (stopping_) return {};
  return Fault{FaultKind::Connection, "the session is over"};
}

/// For something to do; false: it is time to end.
bool Serving::State::wait(GenerationNumber following) {
  std::unique_lock lock(mutex_);
  const auto urgent = [this, following] {
    return stopping_ || session_over_ || wanted_ != following;
  };
  told_.wait(lock, [&] { return urgent() || moved_; });
  // Many small steps are told as one.
  told_.wait_until(lock, announce_next_, urgent);
  moved_ = false;
  return !stopping_ && !session_over_;
}

Result<> Serving::State::begin(Following& following, qc::SyncClient& store,
                               GenerationNumber number) {
  const auto found = Generations(store, places_).find(number);
  if (!found) return found.error();
  // From here on the old view stands still: the new one comes up to a mark that does not move.
  following.follower.reset();
  following.number = number;
  following.view = std::make_shared<GenerationView>(*found, partitions_);
  following.follower = std::make_unique<ViewFollower>(
      store, bus_, FollowedPlace{places_.group(number), places_.views_topic(number)}, partitions_,
      *following.view, [this] { tell([this] { moved_ = true; }); });
  announce_next_ = {};
  return {};
}

/// The one place where what is answered from changes. Whether the followed view is the one.
bool Serving::State::take_over(const Following& following) {
  if (!following.view) return false;
  const std::string fault = following.follower->fault();
  const auto before = current();
  const bool ready =
      before == following.view ||
      (following.follower->loaded() && (!before || following.view->covers(before->ends())));
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  if (ready) current_ = following.view;
  return ready;
}

void Serving::State::announce() {
  announce_next_ = Clock::now() + pause_;
  changed_();
}

Serving::Serving(Bus& bus, Places places, PartitionNumber partitions, std::function<void()> changed,
                 std::chrono::milliseconds pause)
    : state_(
          std::make_shared<State>(bus, std::move(places), partitions, std::move(changed), pause)) {}
Serving::~Serving() = default;
Result<> Serving::follow(qc::SyncClient& store) {
  return State::follow(state_, store);
}
void Serving::stop() {
  state_->stop();
}
std::shared_ptr<const GenerationView> Serving::current() const {
  return state_->current();
}
GenerationNumber Serving::wanted() const {
  return state_->wanted();
}
std::string Serving::fault() const {
  return state_->fault();
}

}  // namespace kappa_app
