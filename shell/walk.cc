#include "shell/walk.h"

#include <algorithm>
#include <list>
#include <memory>
#include <utility>

#include "shell/reads.h"

namespace quorate::shell {

namespace {

/// So far ahead of the node to be visited next reads are begun, counted in nodes.
constexpr std::size_t kAheadMax = 1024;
/// Asked for when memory allows nothing more, but the next node is missing.
constexpr std::size_t kBurst = 32;
/// Visits after which it is time to look ahead again.
constexpr std::size_t kLookEvery = 32;

/// The children of one node for which no read has begun.
struct Run {
  std::string parent;
  std::size_t depth = 0;
  std::vector<std::string> names;
  std::size_t next = 0;
};

/// What comes next in the order of visits: one node, or the rest of a node's children.
struct Slot {
  std::unique_ptr<NodeRead> node;
  std::unique_ptr<Run> run;
  bool spread = false;  ///< The node's children have slots of their own.
};

}  // namespace

/// All that is known and not visited yet stands in one list in the order of visits. Reads begin
/// from its front on, so what is needed soonest is asked for first, at any depth.
class Walk::Walker {
 public:
  Walker(Remote& remote, const std::string& top, const WalkOptions& options)
      : options_(options), reads_(remote, options) {
    auto node = std::make_unique<NodeRead>();
    node->visit.path = top;
    node->visit.last = true;
    reads_.read(*node);
    reads_.send();
    slots_.push_back({std::move(node), nullptr});
  }

  bool next(Visit& visit) {
    while (!slots_.empty()) {
      if (cancel_flag()) return end_with(cancelled(), "");
      if (reads_.arrived()) take_answers();
      Slot& front = slots_.front();
      const bool idle = !front.node || front.node->wants_list;
      if (idle || visits_since_ >= kLookEvery) look_ahead(idle);
      if (idle) continue;
      if (!front.node->ready()) {
        look_ahead(/*idle=*/false);
        reads_.wait();
        continue;
      }
      const Outcome outcome = take_front(visit);
      if (outcome != Outcome::Passed) return outcome == Outcome::Visited;
    }
    return false;
  }

  Status fault;
  std::string fault_path;

 private:
  enum class Outcome { Visited, Passed, Ended };

  static Status cancelled() {
    Status status;
    status.code = client::Code::RequestTimeout;
    status.message = "cancelled";
    return status;
  }

  bool end_with(const Status& status, const std::string& path) {
    fault = status;
    fault_path = path;
    slots_.clear();
    return false;
  }

  void take_answers() {
    reads_.take();
    visits_since_ = kLookEvery;
  }

  Outcome take_front(Visit& visit) {
    spread(slots_.begin());
    const std::unique_ptr<NodeRead> node = std::move(slots_.front().node);
    slots_.pop_front();
    reads_.release(*node);
    ++visits_since_;
    const client::Code code = node->error.code;
    const bool top = node->visit.depth == 0;
    if (code == client::Code::NoNode && !top) return Outcome::Passed;
    if (!node->error.ok() && (top || code != client::Code::NoAuth)) {
      end_with(node->error, node->visit.path);
      return Outcome::Ended;
    }
    node->visit.code = code;
    visit = std::move(node->visit);
    return Outcome::Visited;
  }

  /// Gives the children of a node that is ready their place behind it.
  void spread(std::list<Slot>::iterator at) {
    if (std::exchange(at->spread, true)) return;
    NodeRead& node = *at->node;
    if (!node.error.ok()) return;
    if (options_.skip_system && node.visit.path == "/") std::erase(node.names, "zookeeper");
    if (!options_.after.empty()) drop_passed(node);
    node.visit.children = node.names.size();
    if (node.names.empty()) return;
    std::sort(node.names.begin(), node.names.end());
    if (options_.names) node.visit.names = node.names;
    auto run = std::make_unique<Run>();
    run->parent = node.visit.path;
    run->depth = node.visit.depth + 1;
    run->names = std::move(node.names);
    slots_.insert(std::next(at), Slot{nullptr, std::move(run)});
  }

  /// Names that an earlier walk has passed.
  void drop_passed(NodeRead& node) const {
    const std::string& after = options_.after;
    const std::string prefix = node.visit.path == "/" ? "/" : node.visit.path + "/";
    if (!after.starts_with(prefix) || after.size() == prefix.size()) return;
    const std::size_t end = after.find('/', prefix.size());
    const std::string passed = after.substr(prefix.size(), end - prefix.size());
    std::erase_if(node.names, [&](const std::string& name) { return name < passed; });
  }

  /// Begins reads for what will be visited soonest; `idle`: for the very next in any case.
  void look_ahead(bool idle) {
    visits_since_ = 0;
    room_ = reads_.room();
    if (room_ == 0 && idle) room_ = kBurst;
    std::size_t ahead = 0;
    for (auto at = slots_.begin(); at != slots_.end() && room_ > 0 && ahead < kAheadMax;) {
      if (at->run) {
        at = begin_some(at, ahead);
        continue;
      }
      if (!continue_node(at)) break;
      ++ahead;
      ++at;
    }
    reads_.send();
  }

  /// False where memory bids to wait until the node's turn has come.
  bool continue_node(std::list<Slot>::iterator at) {
    NodeRead& node = *at->node;
    if (node.wants_list) {
      const bool front = at == slots_.begin();
      if (!front && !reads_.has_room_for_names(node.visit.stat.num_children)) return false;
      reads_.list(node);
      --room_;
    }
    if (node.ready()) spread(at);
    return true;
  }

  std::list<Slot>::iterator begin_some(std::list<Slot>::iterator at, std::size_t& ahead) {
    Run& run = *at->run;
    while (room_ > 0 && ahead < kAheadMax && run.next < run.names.size()) {
      auto node = std::make_unique<NodeRead>();
      node->visit.path = child_path(run.parent, run.names[run.next]);
      node->visit.depth = run.depth;
      run.names[run.next] = std::string();
      node->visit.last = ++run.next == run.names.size();
      reads_.read(*node);
      slots_.insert(at, Slot{std::move(node), nullptr});
      --room_;
      ++ahead;
    }
    return run.next == run.names.size() ? slots_.erase(at) : std::next(at);
  }

  const WalkOptions options_;
  Reads reads_;
  std::list<Slot> slots_;
  std::size_t room_ = 0;
  std::size_t visits_since_ = 0;
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

std::size_t nodes_foreseen(Session& session, const std::string& top) {
  // An old server closes the connection over what it does not know.
  if (!session.output.shows_progress() || !session.remote.reads_batches()) return 0;
  const auto below = session.remote.get_all_children_number(top);
  return below ? static_cast<std::size_t>(below.value) + 1 : 0;
}

Exit walk(Session& session, Remote& remote, const std::string& top, const WalkOptions& options,
          const std::function<bool(Visit&)>& visit) {
  const Output::Gathering gathering(session.output);
  WalkOptions with_flush = options;
  with_flush.on_wait = [&session] { session.output.flush(); };
  Walk nodes(remote, top, with_flush);
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
