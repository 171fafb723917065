#include "shell/walk.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

namespace quorate::shell {

namespace {

using client::ErrorCode;

/// Bytes of answers that wait for their turn. Above it only the next node is asked for.
constexpr std::size_t kHeldBytesMax = 24u << 20;
constexpr int kAttemptsMax = 5;

/// What one node answered. Filled on the client's thread, taken by the walker once ready.
struct Fetch {
  Visit visit;
  std::vector<std::string> names;
  int waiting = 0;  ///< Answers still to come.
  int attempts = 0;
  bool ready = false;
  std::size_t bytes = 0;
  Status error;
};
using FetchPtr = std::shared_ptr<Fetch>;

/// What the walker and the handlers share; outlives a cancelled walk.
struct Shared {
  std::mutex mutex;  // Every Fetch not ready, and the rest below.
  std::condition_variable came;
  const Fetch* wanted = nullptr;
  std::size_t flying = 0;
  std::size_t held_bytes = 0;
  std::size_t answered = 0;
  std::size_t answered_bytes = 0;
};

class Fetcher : public std::enable_shared_from_this<Fetcher> {
 public:
  Fetcher(client::Client& face, const WalkOptions& options) : face_(face), options_(options) {}

  FetchPtr begin(std::string path, std::size_t depth, bool last) {
    auto fetch = std::make_shared<Fetch>();
    fetch->visit.path = std::move(path);
    fetch->visit.depth = depth;
    fetch->visit.last = last;
    fetch->waiting = options_.acl ? 2 : 1;
    {
      const std::lock_guard lock(shared.mutex);
      ++shared.flying;
    }
    read_node(fetch);
    if (options_.acl) read_acl(fetch);
    return fetch;
  }

  /// Until `fetch` is ready; false at Ctrl-C.
  bool await(const FetchPtr& fetch) {
    std::unique_lock lock(shared.mutex);
    shared.wanted = fetch.get();
    while (!fetch->ready && !cancel_flag()) {
      shared.came.wait_for(lock, std::chrono::milliseconds(20));
    }
    shared.wanted = nullptr;
    if (fetch->ready) shared.held_bytes -= fetch->bytes;
    return fetch->ready && !cancel_flag();
  }

  /// How many more reads may begin.
  std::size_t room() {
    const std::lock_guard lock(shared.mutex);
    if (shared.flying > options_.flying_max / 2) return 0;
    const std::size_t average =
        shared.answered == 0 ? 4096 : shared.answered_bytes / shared.answered + 1;
    const std::size_t held = shared.held_bytes + shared.flying * average;
    if (held >= kHeldBytesMax) return 0;
    return std::min(options_.flying_max - shared.flying, (kHeldBytesMax - held) / average + 1);
  }

 private:
  void read_node(const FetchPtr& fetch) {
    if (options_.data) {
      face_.start_get_data(
          fetch->visit.path, client::Watcher(),
          [self = shared_from_this(), fetch](ErrorCode error, client::GetDataReply reply) {
            self->got_data(fetch, error, std::move(reply));
          });
    } else if (fetch->visit.depth < options_.depth_max) {
      read_children(fetch);
    } else {
      face_.start_exists(fetch->visit.path, client::Watcher(),
                         [self = shared_from_this(), fetch](ErrorCode error, client::Stat stat) {
                           fetch->visit.stat = stat;
                           self->got(fetch, error);
                         });
    }
  }

  void read_children(const FetchPtr& fetch) {
    face_.start_get_children(
        fetch->visit.path, options_.watch,
        [self = shared_from_this(), fetch](ErrorCode error, client::GetChildrenReply reply) {
          if (!error) {
            fetch->visit.stat = reply.stat;
            fetch->names = std::move(reply.children);
          }
          self->got(fetch, error);
        });
  }

  void read_acl(const FetchPtr& fetch) {
    face_.start_get_acl(fetch->visit.path, [self = shared_from_this(), fetch](
                                               ErrorCode error, client::GetAclReply reply) {
      fetch->visit.acl = std::move(reply.acl);
      // Who may read the data may read the list; the data's answer tells what is wrong.
      self->got(fetch, to_code(error) == client::Code::NoAuth ? ErrorCode() : error);
    });
  }

  void got_data(const FetchPtr& fetch, ErrorCode error, client::GetDataReply reply) {
    fetch->visit.data = std::move(reply.data);
    fetch->visit.stat = reply.stat;
    const bool more = reply.stat.num_children > 0 && fetch->visit.depth < options_.depth_max;
    if (error || !more) return got(fetch, error);
    read_children(fetch);
  }

  void got(const FetchPtr& fetch, ErrorCode error) {
    const client::Code code = to_code(error);
    const bool lost = code == client::Code::ConnectionLoss;
    // Reads are safe to repeat; the client connects anew by itself.
    if (lost && !options_.acl && ++fetch->attempts < kAttemptsMax && !cancel_flag()) {
      return read_node(fetch);
    }
    const std::lock_guard lock(shared.mutex);
    if (error && fetch->error.ok()) fetch->error = failed_reply<client::Nothing>(error);
    if (--fetch->waiting > 0) return;
    fetch->bytes = fetch->visit.data ? fetch->visit.data->size() : 0;
    for (const std::string& name : fetch->names) fetch->bytes += sizeof name + name.size();
    --shared.flying;
    shared.held_bytes += fetch->bytes;
    ++shared.answered;
    shared.answered_bytes += fetch->bytes;
    fetch->ready = true;
    // The walker is woken for a batch, not for each answer: half of what flies, or all there is.
    const bool batch = shared.flying <= options_.flying_max / 2;
    if (batch && shared.wanted != nullptr && shared.wanted->ready) shared.came.notify_one();
  }

  Shared shared;
  client::Client& face_;
  const WalkOptions options_;
};

/// The children of one node that are still to be visited, and reads begun for the first of them.
struct Frame {
  std::string parent;
  std::size_t depth = 0;
  std::vector<std::string> names;
  std::size_t next = 0;       ///< To be visited.
  std::size_t requested = 0;  ///< Reads were begun for names before this one.
  std::deque<FetchPtr> fetches;
};

}  // namespace

class Walk::Walker {
 public:
  Walker(Remote& remote, const std::string& top, const WalkOptions& options)
      : options_(options), fetcher_(std::make_shared<Fetcher>(remote.face(), options)) {
    Frame frame;
    frame.names.push_back(top);
    frame.requested = 1;
    frame.fetches.push_back(fetcher_->begin(top, 0, /*last=*/true));
    frames_.push_back(std::move(frame));
  }

  bool next(Visit& visit) {
    while (!frames_.empty()) {
      if (frames_.back().next == frames_.back().names.size()) {
        frames_.pop_back();
        continue;
      }
      refill();
      Frame& frame = frames_.back();
      const FetchPtr fetch = frame.fetches.front();
      if (!fetcher_->await(fetch)) return end_with(cancelled(), fetch->visit.path);
      frame.fetches.pop_front();
      ++frame.next;
      const client::Code code = fetch->error.code;
      const bool top = fetch->visit.depth == 0;
      if (code == client::Code::NoNode && !top) continue;
      if (!fetch->error.ok() && (top || code != client::Code::NoAuth)) {
        return end_with(fetch->error, fetch->visit.path);
      }
      take(*fetch, visit);
      return true;
    }
    return false;
  }

  Status fault;
  std::string fault_path;

 private:
  static Status cancelled() {
    Status status;
    status.code = client::Code::RequestTimeout;
    status.message = "cancelled";
    return status;
  }

  bool end_with(const Status& status, const std::string& path) {
    fault = status;
    fault_path = path;
    frames_.clear();
    return false;
  }

  void take(Fetch& fetch, Visit& visit) {
    if (options_.skip_system && fetch.visit.path == "/") std::erase(fetch.names, "zookeeper");
    fetch.visit.code = fetch.error.code;
    fetch.visit.children = fetch.names.size();
    if (!fetch.names.empty()) {
      Frame frame;
      frame.parent = fetch.visit.path;
      frame.depth = fetch.visit.depth + 1;
      frame.names = std::move(fetch.names);
      std::sort(frame.names.begin(), frame.names.end());
      if (options_.names) fetch.visit.names = frame.names;
      frames_.push_back(std::move(frame));
    }
    visit = std::move(fetch.visit);
  }

  /// Begins reads for what will be visited soonest.
  void refill() {
    std::size_t room = fetcher_->room();
    if (frames_.back().fetches.empty() && room == 0) room = 1;
    for (auto frame = frames_.rbegin(); frame != frames_.rend() && room > 0; ++frame) {
      while (room > 0 && frame->requested < frame->names.size()) {
        std::string path = child_path(frame->parent, frame->names[frame->requested]);
        frame->names[frame->requested] = std::string();
        const bool last = ++frame->requested == frame->names.size();
        frame->fetches.push_back(fetcher_->begin(std::move(path), frame->depth, last));
        --room;
      }
    }
  }

  const WalkOptions options_;
  std::shared_ptr<Fetcher> fetcher_;
  std::vector<Frame> frames_;
};

Walk::Walk(Remote& remote, const std::string& top, const WalkOptions& options)
    : walker_(std::make_unique<Walker>(remote, top, options)) {}
Walk::~Walk() = default;

bool Walk::next(Visit& visit) {
  return walker_->next(visit);
}
const Status& Walk::fault() const {
  return walker_->fault;
}
const std::string& Walk::fault_path() const {
  return walker_->fault_path;
}

Exit walk(Session& session, Remote& remote, const std::string& top, const WalkOptions& options,
          const std::function<bool(Visit&)>& visit) {
  Walk nodes(remote, top, options);
  Visit each;
  while (nodes.next(each)) {
    if (!visit(each)) return Exit::Ok;
  }
  return session.finish(nodes.fault(), nodes.fault_path());
}

Exit walk(Session& session, const std::string& top, const WalkOptions& options,
          const std::function<bool(Visit&)>& visit) {
  return walk(session, session.remote, top, options, visit);
}

}  // namespace quorate::shell
