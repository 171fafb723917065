#include "examples/pipeline/consumer.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "quorate/recipes/sync_cache.h"

namespace pipeline {

namespace {

using Clock = std::chrono::steady_clock;

/// Names of one length: the partitioner deals them out in the order of their texts.
std::string shard_name(PartitionNumber partition) {
  char text[16];
  std::snprintf(text, sizeof text, "p%04u", partition);
  return text;
}

PartitionNumber partition_in(const std::string& shard) {
  PartitionNumber number = 0;
  std::from_chars(shard.data() + 1, shard.data() + shard.size(), number);
  return number;
}

/// What the client's thread tells the consumer's.
struct Change {
  enum class Kind { Acquired, Revoked, Lost, SessionOver };
  Kind kind = Kind::SessionOver;
  PartitionNumber partition = 0;
  std::int64_t token = 0;
  std::function<void()> done{};  ///< Revoked: the shard is given up when it is called.
};

/// One partition that this member has. Consumer's thread.
struct Owned {
  std::shared_ptr<OwnedCheckpoint> checkpoint;  ///< Shared with a commit that is being written.
  std::unique_ptr<PartitionHandler> handler;
  Offset next = 0;                 ///< Behind what was handled.
  std::uint64_t uncommitted = 0;   ///< Records handled since the last commit.
  Clock::time_point due;           ///< Of the next commit, if there are any.
  Clock::time_point not_before{};  ///< Views that take long to write are written more rarely.

  /// When its next commit is due; nothing if there is nothing to commit.
  std::optional<Clock::time_point> commit_at(const ConsumerOptions& options) const {
    if (uncommitted == 0) return std::nullopt;
    const bool many = uncommitted >= options.commit_records;
    const Clock::time_point at = many ? not_before : std::max(due, not_before);
    const auto wanted = handler->commit_at();
    return wanted ? std::min(*wanted, at) : at;
  }
};

/// A commit on its way, beside the consumer's thread.
struct Writing {
  PartitionNumber partition = 0;
  Offset offset = 0;
  std::shared_ptr<OwnedCheckpoint> checkpoint;
  std::thread thread;
};

/// Of a consumer's time, a part in so many goes into making the views to commit; as much again, or
/// so, into writing them.
constexpr int kStatesShare = 20;

}  // namespace

class Consumer::State {
 public:
  State(qc::SyncClient& members, qc::SyncClient& store, Bus& bus, ConsumerOptions options,
        HandlerFactory make_handler)
      : members_(members),
        store_(store),
        bus_(bus),
        options_(std::move(options)),
        make_handler_(std::move(make_handler)) {}

  static Result<> run(const std::shared_ptr<State>& self);
  void stop();
  ConsumerCounts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }
  std::vector<PartitionNumber> owned() const {
    const std::lock_guard lock(mutex_);
    return owned_numbers_;
  }

 private:
  static qc::ShardEvents events_of(const std::shared_ptr<State>& self);
  void tell(Change change);
  Result<> loop();
  Result<> apply_changes();
  Result<> apply(Change& change);
  Result<> acquire(PartitionNumber partition, std::int64_t token);
  void drop(PartitionNumber partition, bool lost);
  void assign();
  Result<> handle(const Batch& batch);
  Result<> commit(PartitionNumber partition, Owned& owned);
  Result<> commit_if_wanted(PartitionNumber partition, Owned& owned);
  Result<> commit_due(bool all);
  Checkpoint make_checkpoint(Owned& owned);
  void start_writing(PartitionNumber partition, Owned& owned);
  Result<> end_writing(bool wait);
  Result<> after_write(PartitionNumber partition, const OwnedCheckpoint* of, Offset offset,
                       const Result<>& done);
  Result<> tick_due();
  void note_refused(PartitionNumber partition, const Fault& fault);
  Result<> skip_what_is_gone();
  Clock::time_point next_due(const Owned& owned) const {
    return std::max(Clock::now() + options_.commit_interval, owned.not_before);
  }
  std::chrono::milliseconds until_due() const;
  template <class Count>
  void count(Count&& count) {
    const std::lock_guard lock(mutex_);
    count(counts_);
  }

  qc::SyncClient& members_;
  qc::SyncClient& store_;
  Bus& bus_;
  const ConsumerOptions options_;
  const HandlerFactory make_handler_;
  std::unique_ptr<Reader> reader_;          ///< Set before anybody can wake it.
  std::map<PartitionNumber, Owned> owned_;  ///< Consumer's thread.
  std::optional<Writing> writing_;          ///< Consumer's thread.
  /// The reader's positions are not those of owned_. It is told when all that was read is handled:
  /// earlier, it would read again what waits to be.
  bool reassign_ = false;

  /// Keeps what other threads tell and ask: changes, stop, counts.
  mutable std::mutex mutex_;
  std::deque<Change> changes_;
  bool stopping_ = false;
  std::optional<Result<>> written_;  ///< What became of writing_.
  ConsumerCounts counts_;
  std::vector<PartitionNumber> owned_numbers_;
};

// --- Other threads ---------------------------------------------------------------------------

qc::ShardEvents Consumer::State::events_of(const std::shared_ptr<State>& self) {
  const std::weak_ptr<State> weak = self;
  const auto tell = [weak](Change change) {
    if (const auto state = weak.lock()) state->tell(std::move(change));
  };
  qc::ShardEvents events;
  events.acquired = [tell](const std::string& shard, std::int64_t token) {
    tell({Change::Kind::Acquired, partition_in(shard), token});
  };
  events.revoke = [tell](const std::string& shard, std::function<void()> done) {
    tell({Change::Kind::Revoked, partition_in(shard), 0, std::move(done)});
  };
  events.lost = [tell](const std::string& shard) {
    tell({Change::Kind::Lost, partition_in(shard), 0});
  };
  return events;
}

void Consumer::State::tell(Change change) {
  const std::lock_guard lock(mutex_);
  changes_.push_back(std::move(change));
  if (reader_) reader_->wake();
}

void Consumer::State::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (reader_) reader_->wake();
}

// --- The consumer's thread ----------------------------------------------------------------------

Result<> Consumer::State::run(const std::shared_ptr<State>& self) {
  const Result<PartitionNumber> partitions = self->bus_.partitions(self->options_.place.topic);
  if (!partitions) return partitions.error();
  Result<std::unique_ptr<Reader>> reader =
      self->bus_.open_reader(self->options_.place.topic, self->options_.limits);
  if (!reader) return reader.error();
  {
    const std::lock_guard lock(self->mutex_);
    self->reader_ = std::move(*reader);
  }
  const std::uint64_t listener = self->members_.add_session_listener(
      [weak = std::weak_ptr<State>(self)](const qc::SessionEvent& event) {
        const auto state = weak.lock();
        if (state && qc::is_final(event.state)) state->tell({Change::Kind::SessionOver});
      });
  std::vector<std::string> shards;
  for (PartitionNumber i = 0; i < *partitions; ++i) shards.push_back(shard_name(i));
  Result<> ended;
  {
    qc::SyncPartitioner partitioner(self->members_, self->options_.place.path("members"), shards,
                                    self->options_.member, events_of(self));
    // Over before the listener was there?
    if (qc::is_final(self->members_.state())) self->tell({Change::Kind::SessionOver});
    ended = self->loop();
    // What was on its way may have been refused: that is told, too.
    const Result<> last = self->end_writing(/*wait=*/true);
    if (ended && !last) ended = last;
  }
  self->members_.remove_session_listener(listener);
  const std::lock_guard lock(self->mutex_);
  self->reader_.reset();
  self->owned_.clear();
  self->owned_numbers_.clear();
  return ended;
}

Result<> Consumer::State::loop() {
  while (true) {
    if (Result<> applied = apply_changes(); !applied) return applied;
    if (Result<> ended = end_writing(/*wait=*/false); !ended) return ended;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    Result<std::vector<Batch>> batches = reader_->poll(until_due());
    if (!batches && batches.error().kind == FaultKind::OutOfRange) {
      if (Result<> skipped = skip_what_is_gone(); !skipped) return skipped;
      continue;
    }
    if (!batches) return batches.error();
    for (const Batch& batch : *batches) {
      if (Result<> handled = handle(batch); !handled) return handled;
    }
    if (Result<> ticked = tick_due(); !ticked) return ticked;
    if (Result<> committed = commit_due(/*all=*/false); !committed) return committed;
    if (reassign_) assign();
  }
  return commit_due(/*all=*/true);
}

Result<> Consumer::State::apply_changes() {
  std::deque<Change> changes;
  {
    const std::lock_guard lock(mutex_);
    changes.swap(changes_);
  }
  for (Change& change : changes) {
    if (Result<> applied = apply(change); !applied) return applied;
  }
  if (!changes.empty()) assign();
  return {};
}

Result<> Consumer::State::apply(Change& change) {
  switch (change.kind) {
    case Change::Kind::Acquired:
      return acquire(change.partition, change.token);
    case Change::Kind::Revoked: {
      // Whoever is next must not come between: it would refuse what is on its way.
      if (Result<> ended = end_writing(/*wait=*/true); !ended) return ended;
      const auto at = owned_.find(change.partition);
      if (at != owned_.end()) {
        // What was handled is committed first: the next owner begins behind it.
        if (at->second.uncommitted > 0) {
          if (Result<> done = commit(change.partition, at->second); !done) return done;
        }
        drop(change.partition, /*lost=*/false);
      }
      change.done();
      return {};
    }
    case Change::Kind::Lost:
      drop(change.partition, /*lost=*/true);
      return {};
    case Change::Kind::SessionOver:
      break;
  }
  return Fault{FaultKind::Connection, "member " + options_.member + ": its session is over"};
}

Result<> Consumer::State::acquire(PartitionNumber partition, std::int64_t token) {
  auto opened = open_checkpoint(store_, options_.place, partition);
  if (!opened) return opened.error();
  Result<Checkpoint> last = (*opened)->claim(token);
  if (!last && last.error().kind == FaultKind::Fenced) {
    note_refused(partition, last.error());
    return {};
  }
  if (!last) return last.error();
  Owned& owned = owned_[partition];
  owned = {};
  owned.checkpoint = std::move(*opened);
  owned.handler = make_handler_(partition, token, *last);
  if (!owned.handler) {
    owned_.erase(partition);
    return Fault{FaultKind::Damaged, "partition " + std::to_string(partition) + ": the view at " +
                                         std::to_string(last->offset) + " cannot be used"};
  }
  owned.next = last->offset;
  count([](ConsumerCounts& counts) { ++counts.taken; });
  return {};
}

void Consumer::State::drop(PartitionNumber partition, bool lost) {
  if (owned_.erase(partition) == 0) return;
  reassign_ = true;
  count([lost](ConsumerCounts& counts) { ++(lost ? counts.lost : counts.given); });
}

void Consumer::State::note_refused(PartitionNumber partition, const Fault& fault) {
  count([](ConsumerCounts& counts) { ++counts.fenced; });
  if (options_.refused) options_.refused(partition, fault.message);
}

void Consumer::State::assign() {
  reassign_ = false;
  std::vector<Position> positions;
  std::vector<PartitionNumber> numbers;
  for (const auto& [partition, owned] : owned_) {
    positions.push_back({partition, owned.next});
    numbers.push_back(partition);
  }
  reader_->assign(std::move(positions));
  const std::lock_guard lock(mutex_);
  owned_numbers_ = std::move(numbers);
}

Result<> Consumer::State::handle(const Batch& batch) {
  const auto at = owned_.find(batch.partition);
  if (at == owned_.end()) return {};  // Fenced a moment ago.
  Owned& owned = at->second;
  if (owned.uncommitted == 0) owned.due = next_due(owned);
  owned.uncommitted += batch.records.size();
  owned.next = batch.next;
  if (options_.delivery == Delivery::AtMostOnce) {
    if (Result<> done = commit(batch.partition, owned); !done) return done;
    if (owned_.find(batch.partition) == owned_.end()) return {};
  }
  owned.handler->handle(batch);
  if (options_.delivery == Delivery::AtMostOnce) {
    // The position is committed, the view that now holds the batch is not.
    owned.uncommitted = batch.records.size();
    owned.due = next_due(owned);
  }
  count([&batch](ConsumerCounts& counts) { counts.records += batch.records.size(); });
  return commit_if_wanted(batch.partition, owned);
}

/// `owned` may be gone behind this.
Result<> Consumer::State::commit_if_wanted(PartitionNumber partition, Owned& owned) {
  return owned.handler->wants_commit() ? commit(partition, owned) : Result<>();
}

/// Drops the partition when a later owner is there. Whether this one still holds the shard's lock
/// is not asked: only the checkpoint can tell for certain.
Result<> Consumer::State::commit(PartitionNumber partition, Owned& owned) {
  if (Result<> ended = end_writing(/*wait=*/true); !ended) return ended;
  const auto at = owned_.find(partition);
  if (at == owned_.end() || &at->second != &owned) return {};  // That one was refused.
  if (Result<> kept = owned.handler->persist(); !kept) return kept;
  const Result<> done = owned.checkpoint->commit(make_checkpoint(owned));
  return after_write(partition, owned.checkpoint.get(), owned.next, done);
}

/// Counts as committed what was handled; when the write fails, either the partition goes or run()
/// ends.
Checkpoint Consumer::State::make_checkpoint(Owned& owned) {
  const auto begin = Clock::now();
  Checkpoint checkpoint{owned.next, owned.handler->state()};
  const auto now = Clock::now();
  const auto took = (now - begin) * static_cast<int>(owned_.size()) * kStatesShare;
  owned.not_before = now + std::min<Clock::duration>(took, 10 * options_.commit_interval);
  owned.uncommitted = 0;
  return checkpoint;
}

/// What a write of partition's checkpoint `of` has come to.
Result<> Consumer::State::after_write(PartitionNumber partition, const OwnedCheckpoint* of,
                                      Offset offset, const Result<>& done) {
  const auto at = owned_.find(partition);
  const bool mine = at != owned_.end() && at->second.checkpoint.get() == of;
  if (!done && done.error().kind == FaultKind::Fenced) {
    note_refused(partition, done.error());
    if (mine) drop(partition, /*lost=*/true);
    return {};
  }
  if (!done) return done;
  count([](ConsumerCounts& counts) { ++counts.commits; });
  if (mine) at->second.handler->committed(offset);
  return {};
}

void Consumer::State::start_writing(PartitionNumber partition, Owned& owned) {
  writing_.emplace();
  writing_->partition = partition;
  writing_->offset = owned.next;
  writing_->checkpoint = owned.checkpoint;
  writing_->thread = std::thread([this, to = owned.checkpoint, what = make_checkpoint(owned)] {
    Result<> done = to->commit(what);
    const std::lock_guard lock(mutex_);
    written_ = std::move(done);
    if (reader_) reader_->wake();
  });
}

Result<> Consumer::State::end_writing(bool wait) {
  if (!writing_) return {};
  if (!wait) {
    const std::lock_guard lock(mutex_);
    if (!written_) return {};
  }
  writing_->thread.join();
  const Writing ended = std::move(*writing_);
  writing_.reset();
  Result<> done;
  {
    const std::lock_guard lock(mutex_);
    done = std::move(*written_);
    written_.reset();
  }
  return after_write(ended.partition, ended.checkpoint.get(), ended.offset, done);
}

/// All of them at the end; else the one that has waited longest: records are read between two
/// commits, so that large views do not hold up everything.
Result<> Consumer::State::commit_due(bool all) {
  if (!all && writing_) return {};
  auto first = owned_.end();
  auto first_due = Clock::now();
  for (auto at = owned_.begin(); at != owned_.end();) {
    const PartitionNumber partition = at->first;
    const auto due = at->second.commit_at(options_);
    if (all && due) {
      if (Result<> done = commit(partition, at->second); !done) return done;
    } else if (due && *due <= first_due) {
      first = at;
      first_due = *due;
    }
    at = owned_.upper_bound(partition);  // A commit may have dropped this one, or another.
  }
  if (first == owned_.end()) return {};
  if (!options_.commit_beside) return commit(first->first, first->second);
  if (Result<> kept = first->second.handler->persist(); !kept) return kept;
  start_writing(first->first, first->second);
  return {};
}

Result<> Consumer::State::tick_due() {
  const auto now = Clock::now();
  for (auto at = owned_.begin(); at != owned_.end();) {
    const PartitionNumber partition = at->first;
    Owned& owned = at->second;
    if (const auto due = owned.handler->next_tick(); due && *due <= now) {
      owned.handler->tick();
      if (Result<> done = commit_if_wanted(partition, owned); !done) return done;
    }
    at = owned_.upper_bound(partition);
  }
  return {};
}

std::chrono::milliseconds Consumer::State::until_due() const {
  auto due = Clock::now() + std::chrono::hours(1);
  for (const auto& [partition, owned] : owned_) {
    // The end of a commit on its way wakes: before, no other begins.
    const auto commit = writing_ ? std::nullopt : owned.commit_at(options_);
    if (commit) due = std::min(due, *commit);
    if (const auto tick = owned.handler->next_tick()) due = std::min(due, *tick);
  }
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now()));
}

/// Retention was faster than this group. What is lost is counted, not hidden.
Result<> Consumer::State::skip_what_is_gone() {
  for (auto& [partition, owned] : owned_) {
    const Result<Marks> marks = bus_.marks(options_.place.topic, partition);
    if (!marks) return marks.error();
    if (owned.next > marks->high) {
      return Fault{FaultKind::Damaged, "partition " + std::to_string(partition) +
                                           ": the group has come to " + std::to_string(owned.next) +
                                           ", but the bus holds only up to " +
                                           std::to_string(marks->high) + ": is it another bus?"};
    }
    if (owned.next >= marks->low) continue;
    count([&](ConsumerCounts& counts) { counts.skipped += marks->low - owned.next; });
    owned.next = marks->low;
  }
  assign();
  return {};
}

// --- The face --------------------------------------------------------------------------------

Consumer::Consumer(qc::SyncClient& members, qc::SyncClient& store, Bus& bus,
                   ConsumerOptions options, HandlerFactory make_handler)
    : state_(std::make_shared<State>(members, store, bus, std::move(options),
                                     std::move(make_handler))) {}
Consumer::~Consumer() = default;
Result<> Consumer::run() {
  return State::run(state_);
}
void Consumer::stop() {
  state_->stop();
}
ConsumerCounts Consumer::counts() const {
  return state_->counts();
}
std::vector<PartitionNumber> Consumer::owned() const {
  return state_->owned();
}

}  // namespace pipeline
