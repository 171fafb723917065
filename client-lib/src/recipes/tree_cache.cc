#include "quorate/recipes/tree_cache.h"

#include <atomic>
#include <mutex>
#include <set>

#include "client-lib/src/recipes/bells.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

class TreeCache::State : public std::enable_shared_from_this<TreeCache::State> {
 public:
  State(const Client& client, std::string path, Listener changed)
      : job(std::make_shared<Job>(client)),
        path_(std::move(path)),
        changed_(std::move(changed)),
        bell_(std::make_shared<Bell>(job->client())) {}

  ~State() {
    if (listener_ != 0) job->client().remove_session_listener(listener_);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    self->listener_ = self->job->client().add_session_listener(
        [weak = self->weak_from_this()](const SessionEvent& event) {
          if (auto state = weak.lock()) state->on_session(event);
        });
    ErrorCode error = co_await set_watch(self);
    while (!error) {
      if (self->reload_) {
        error = co_await load(self);
      } else {
        error = co_await follow(self);
      }
      if (!error && self->dirty_.empty() && !self->reload_) co_await Bell::wait(self->bell_);
      if (self->job->why()) error = self->job->why();
    }
    self->fresh = false;
    self->end_ = error;
    self->waiting_.ring();
    co_await take_watch_back(self);
  }

  static asio::awaitable<ErrorCode> wait(std::shared_ptr<State> self, JobPtr waiter) {
    while (true) {
      if (self->loaded_) co_return ErrorCode();
      if (self->end_) co_return self->end_;
      co_await Bells::wait(self, &State::waiting_, waiter);
      if (waiter->why()) co_return waiter->why();
    }
  }

  std::map<std::string, CachedNode> snapshot() const {
    const std::lock_guard guard(mutex_);
    return nodes_;
  }

  CachedNode value(const std::string& path) const {
    const std::lock_guard guard(mutex_);
    const auto found = nodes_.find(path);
    return found == nodes_.end() ? CachedNode() : found->second;
  }

  std::vector<std::string> children(const std::string& path) const {
    const std::string prefix = path == "/" ? "/" : path + "/";
    std::vector<std::string> names;
    const std::lock_guard guard(mutex_);
    for (auto at = nodes_.upper_bound(prefix);
         at != nodes_.end() && at->first.starts_with(prefix);) {
      const std::string name = at->first.substr(prefix.size());
      const std::size_t slash = name.find('/');
      if (slash == std::string::npos) {
        names.push_back(name);
        ++at;
      } else {
        // All below a child at once: '0' is the character after '/'.
        at = nodes_.lower_bound(prefix + name.substr(0, slash) + "0");
      }
    }
    return names;
  }

  const JobPtr job;
  std::atomic<bool> fresh{false};  ///< Written on the strand, asked for from any thread.

 private:
  /// More paths than this are not read one by one: the whole tree is.
  static constexpr std::size_t kDirtyMax = 100'000;

  static asio::awaitable<ErrorCode> set_watch(std::shared_ptr<State> self) {
    std::function<void(const WatchEvent&)> told =
        [weak = self->weak_from_this()](const WatchEvent& event) {
          if (auto state = weak.lock()) state->on_event(event);
        };
    self->watcher_ = Watcher(std::move(told));
    while (true) {
      auto [error] = co_await self->job->client().async_add_watch(
          self->path_, AddWatchMode::PersistentRecursive, self->watcher_, kAwait);
      if (self->job->why()) co_return self->job->why();
      if (!again(error)) co_return error;
    }
  }

  static asio::awaitable<void> take_watch_back(std::shared_ptr<State> self) {
    auto [ignored] = co_await self->job->client().async_remove_watches(
        self->path_, WatchType::Any, self->watcher_, /*local=*/true, kAwait);
    (void)ignored;  // Without a session there is nothing to take back.
  }

  void on_event(const WatchEvent& event) {
    if (event.type == EventType::None || !event.path.starts_with('/')) return bell_->ring();
    if (dirty_.size() >= kDirtyMax) {
      dirty_.clear();
      reload_ = true;
    }
    if (!reload_ || loading_) dirty_.insert(event.path);
    bell_->ring();
  }

  void on_session(const SessionEvent& event) {
    // A persistent watch is told nothing of what happened while the link was down.
    if (event.state == SessionState::Suspended) {
      fresh = false;
      reload_ = true;
    }
    bell_->ring();
  }

  /// Reads the whole tree, level by level, and tells the differences. What is told to change
  /// meanwhile is read again by follow().
  static asio::awaitable<ErrorCode> load(std::shared_ptr<State> self) {
    self->reload_ = false;
    self->loading_ = true;
    self->dirty_.clear();
    std::map<std::string, CachedNode> seen;
    std::vector<std::string> level{self->path_};
    while (!level.empty()) {
      Answer<std::map<std::string, NodeAndChildren>> nodes =
          co_await read_nodes(self->job, std::move(level));
      if (nodes.error) co_return nodes.error;
      level.clear();
      for (auto& [path, found] : nodes.value) {
        seen[path] = CachedNode{true, found.node.data.value_or(""), found.node.stat};
        for (const std::string& name : found.children) level.push_back(join_path(path, name));
      }
    }
    self->loading_ = false;
    if (self->reload_) co_return ErrorCode();  // Suspended on the way: once more.
    self->replace_all(std::move(seen));
    co_return ErrorCode();
  }

  void replace_all(std::map<std::string, CachedNode> seen) {
    std::vector<std::string> gone;
    for (const auto& [path, node] : nodes_) {
      if (!seen.contains(path)) gone.push_back(path);
    }
    for (auto path = gone.rbegin(); path != gone.rend(); ++path) forget(*path);
    for (auto& [path, node] : seen) note(path, std::move(node));
    loaded_ = true;
    fresh = true;
    waiting_.ring();
    if (changed_) changed_(TreeEvent());
  }

  /// Reads those paths of which an event has come.
  static asio::awaitable<ErrorCode> follow(std::shared_ptr<State> self) {
    std::vector<std::string> paths(self->dirty_.begin(), self->dirty_.end());
    self->dirty_.clear();
    std::vector<std::string> asked = paths;
    Answer<std::map<std::string, NodeAndChildren>> nodes =
        co_await read_nodes(self->job, std::move(asked));
    if (nodes.error) co_return nodes.error;
    // Children first, as they were deleted.
    for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
      if (!nodes.value.contains(*path)) self->forget(*path);
    }
    for (auto& [path, found] : nodes.value) {
      self->note(path, CachedNode{true, found.node.data.value_or(""), found.node.stat});
    }
    co_return ErrorCode();
  }

  void note(const std::string& path, CachedNode node) {
    TreeEvent event{TreeEvent::Type::Added, path, node};
    {
      const std::lock_guard guard(mutex_);
      CachedNode& known = nodes_[path];
      if (known.exists && known.stat.czxid == node.stat.czxid) {
        event.type = TreeEvent::Type::Changed;
        if (known.stat.mzxid == node.stat.mzxid) {
          known = std::move(node);  // Only its Stat tells of children that came or went.
          return;
        }
      }
      known = std::move(node);
    }
    if (changed_) changed_(event);
  }

  /// The node and, should their events be still to come, all below it.
  void forget(const std::string& path) {
    std::vector<TreeEvent> events;
    {
      const std::lock_guard guard(mutex_);
      const std::string prefix = path == "/" ? "/" : path + "/";
      for (auto at = nodes_.lower_bound(prefix);
           at != nodes_.end() && at->first.starts_with(prefix);) {
        events.push_back({TreeEvent::Type::Removed, at->first, std::move(at->second)});
        at = nodes_.erase(at);
      }
      if (const auto own = nodes_.find(path); own != nodes_.end()) {
        events.push_back({TreeEvent::Type::Removed, path, std::move(own->second)});
        nodes_.erase(own);
      }
    }
    if (!changed_) return;
    for (const TreeEvent& event : events) changed_(event);
  }

  const std::string path_;
  const Listener changed_;
  const BellPtr bell_;
  std::uint64_t listener_ = 0;
  Watcher watcher_;
  std::set<std::string> dirty_;
  bool reload_ = true;
  bool loading_ = false;
  bool loaded_ = false;
  ErrorCode end_;
  Bells waiting_;
  mutable std::mutex mutex_;  ///< Any thread asks for nodes; posting could not answer at once.
  std::map<std::string, CachedNode> nodes_;  ///< Written on the strand.
};

TreeCache::TreeCache(Client& client, std::string path, Listener changed)
    : state_(std::make_shared<State>(client, std::move(path), std::move(changed))) {}

TreeCache::~TreeCache() {
  stop();
}

void TreeCache::start() {
  run_service(state_->job, [state = state_] { return State::run(state); });
}

void TreeCache::stop() {
  state_->job->post_cancel(asio::error::operation_aborted);
}

void TreeCache::start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler) {
  auto waiter = std::make_shared<Job>(state_->job->client());
  run_done(waiter, limit, std::move(handler),
           [state = state_, waiter] { return State::wait(state, waiter); });
}

CachedNode TreeCache::value(const std::string& path) const {
  return state_->value(path);
}
std::vector<std::string> TreeCache::children(const std::string& path) const {
  return state_->children(path);
}
std::map<std::string, CachedNode> TreeCache::snapshot() const {
  return state_->snapshot();
}
bool TreeCache::fresh() const {
  return state_->fresh;
}

}  // namespace quorate::client
