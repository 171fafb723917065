#include "quorate/recipes/partitioner.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "client-lib/src/recipes/contender.h"
#include "client-lib/src/recipes/steps.h"
#include "quorate/recipes/ephemeral_node.h"

namespace quorate::client {

std::vector<std::string> share_of(std::vector<std::string> shards, std::size_t place,
                                  std::size_t members) {
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  std::vector<std::string> share;
  for (std::size_t i = place; i < shards.size(); i += members) share.push_back(shards[i]);
  return share;
}

/// On the client's strand, but for owns() and owned().
class Partitioner::State : public std::enable_shared_from_this<Partitioner::State> {
 public:
  State(Client& client, std::string path, std::vector<std::string> shards, std::string id,
        ShardEvents events)
      : job(std::make_shared<Job>(client)),
        party_(path + "/party"),
        locks_(path + "/locks"),
        shards_(std::move(shards)),
        name_(new_guid(client) + "-" + id),
        id_(std::move(id)),
        events_(std::move(events)),
        member_(client, party_ + "/" + name_),
        bell_(std::make_shared<Bell>(job->client())) {}

  /// Follows the group and sees to it that every shard of our share, and no other, is wanted.
  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    self->member_.start();
    while (true) {
      Watcher watcher = ringing(self->bell_);
      Answer<GetChildrenReply> party = co_await list(self->job, self->party_, watcher);
      if (party.error == ErrorCode(Code::NoNode)) {
        const ErrorCode fault = co_await make_path(self->job, self->party_);
        if (fault) break;
        continue;
      }
      if (party.error) break;
      self->want(self->share(std::move(party.value.children)));
      co_await Bell::wait(self->bell_);
      if (self->job->why()) break;
    }
    self->member_.stop();
    self->end();
  }

  std::map<std::string, std::int64_t> owned() const {
    std::map<std::string, std::int64_t> out;
    const std::lock_guard guard(mutex_);
    for (const auto& [shard, hold] : holds_) {
      if (hold->valid()) out[shard] = hold->token();
    }
    return out;
  }

  const JobPtr job;

 private:
  /// A shard that is ours, or that we stand in line for.
  struct Slot {
    JobPtr waiting;  ///< Stands in line, until won.
    bool wanted = true;
    bool revoked = false;  ///< The user was asked to finish.
  };

  static std::string id_in(const std::string& node) { return node.substr(node.find('-') + 1); }

  std::vector<std::string> share(std::vector<std::string> members) const {
    // By id, as kazoo's; by the whole name where two have one id.
    std::sort(members.begin(), members.end(), [](const std::string& a, const std::string& b) {
      const std::string ia = id_in(a), ib = id_in(b);
      return ia != ib ? ia < ib : a < b;
    });
    const auto own = std::find(members.begin(), members.end(), name_);
    if (own == members.end()) return {};  // Not joined yet, or not any more.
    return share_of(shards_, static_cast<std::size_t>(own - members.begin()), members.size());
  }

  void want(const std::vector<std::string>& share) {
    const std::set<std::string> wanted(share.begin(), share.end());
    std::vector<std::string> known;
    for (const auto& [shard, slot] : slots_) known.push_back(shard);
    for (const std::string& shard : known) {
      Slot& slot = slots_[shard];
      slot.wanted = wanted.contains(shard);
      if (slot.wanted) continue;
      if (slot.waiting) slot.waiting->cancel(asio::error::operation_aborted);
      if (!slot.waiting) revoke(shard, slot);
    }
    for (const std::string& shard : wanted) {
      if (!slots_.contains(shard)) stand(shard);
    }
  }

  /// The user is not asked: nothing can be waited for any more.
  void end() {
    const std::map<std::string, Slot> slots = slots_;
    for (const auto& [shard, slot] : slots) {
      if (slot.waiting) slot.waiting->cancel(asio::error::operation_aborted);
      if (!slot.waiting) give_up(shard);
    }
  }

  void stand(const std::string& shard) {
    auto waiting = std::make_shared<Job>(job->client());
    slots_[shard] = Slot{waiting, true, false};
    run_service(waiting, [self = shared_from_this(), waiting, shard] {
      return stand_in_line(self, waiting, shard);
    });
  }

  static asio::awaitable<void> stand_in_line(std::shared_ptr<State> self, JobPtr waiting,
                                             std::string shard) {
    while (true) {
      auto contender = std::make_shared<Contender>(waiting->client(), self->locks_ + "/" + shard,
                                                   self->id_, LineRules::exclusive());
      Answer<Hold> won = co_await Contender::acquire(contender, waiting);
      if (won.error == ErrorCode(ClientErrc::NodeLost)) continue;
      if (won.error || waiting->why()) {
        self->slots_.erase(shard);
        self->bell_->ring();  // It may be wanted again.
        co_return;
      }
      waiting->finish();
      self->take(shard, std::make_shared<Hold>(std::move(won.value)));
      co_return;
    }
  }

  void take(const std::string& shard, std::shared_ptr<Hold> hold) {
    slots_[shard].waiting = nullptr;
    hold->on_invalid([weak = weak_from_this(), shard, raw = hold.get()] {
      if (auto self = weak.lock()) self->on_invalid(shard, raw);
    });
    const std::int64_t token = hold->token();
    {
      const std::lock_guard guard(mutex_);
      holds_[shard] = std::move(hold);
    }
    if (events_.acquired) events_.acquired(shard, token);
    if (Slot& slot = slots_[shard]; !slot.wanted) revoke(shard, slot);
  }

  void revoke(const std::string& shard, Slot& slot) {
    if (std::exchange(slot.revoked, true)) return;
    if (!events_.revoke) return give_up(shard);
    events_.revoke(shard, [weak = weak_from_this(), strand = job->strand(), shard] {
      asio::post(strand, [weak, shard] {
        if (auto self = weak.lock()) self->give_up(shard);
      });
    });
  }

  std::shared_ptr<Hold> take_hold(const std::string& shard) {
    const std::lock_guard guard(mutex_);
    const auto found = holds_.find(shard);
    if (found == holds_.end()) return nullptr;
    std::shared_ptr<Hold> hold = std::move(found->second);
    holds_.erase(found);
    return hold;
  }

  /// Releases the lock: the next in its line has the shard then. Nothing if it is lost already.
  void give_up(const std::string& shard) {
    const std::shared_ptr<Hold> hold = take_hold(shard);
    if (!hold) return;
    slots_.erase(shard);
    hold->release();
    bell_->ring();
  }

  /// Released or lost; the former has taken the hold out already.
  void on_invalid(const std::string& shard, const Hold* which) {
    {
      const std::lock_guard guard(mutex_);
      const auto found = holds_.find(shard);
      if (found == holds_.end() || found->second.get() != which) return;
    }
    give_up(shard);
    if (events_.lost) events_.lost(shard);
  }

  const std::string party_;
  const std::string locks_;
  const std::vector<std::string> shards_;
  const std::string name_;
  const std::string id_;
  const ShardEvents events_;
  EphemeralNode member_;
  const BellPtr bell_;
  std::map<std::string, Slot> slots_;
  mutable std::mutex mutex_;  ///< Any thread asks what is owned; posting could not answer at once.
  std::map<std::string, std::shared_ptr<Hold>> holds_;  ///< Written on the strand.
};

Partitioner::Partitioner(Client& client, std::string path, std::vector<std::string> shards,
                         std::string id, ShardEvents events)
    : state_(std::make_shared<State>(client, std::move(path), std::move(shards), std::move(id),
                                     std::move(events))) {}

Partitioner::~Partitioner() {
  stop();
}

void Partitioner::start() {
  run_service(state_->job, [state = state_] { return State::run(state); });
}

void Partitioner::stop() {
  state_->job->post_cancel(asio::error::operation_aborted);
}

bool Partitioner::owns(const std::string& shard) const {
  return state_->owned().contains(shard);
}

std::map<std::string, std::int64_t> Partitioner::owned() const {
  return state_->owned();
}

}  // namespace quorate::client
