#include "examples/kappa/view_follower.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "examples/kappa/places.h"

namespace kappa_app {

using namespace pipeline;

TopicOptions views_topic_options(PartitionNumber partitions) {
  TopicOptions options;
  options.partitions = partitions;
  options.retention_bytes = 16u << 20;
  return options;
}

class ViewFollower::State {
 public:
  State(qc::SyncClient& store, Bus& bus, FollowedPlace place, PartitionNumber partitions,
        GenerationView& view, std::function<void()> moved)
      : store_(store),
        bus_(bus),
        place_(std::move(place)),
        partitions_(partitions),
        view_(view),
        moved_(std::move(moved)),
        thread_([this] { run(); }) {}

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (reader_) reader_->wake();
    }
    thread_.join();
  }

  std::string fault() const {
    const std::lock_guard lock(mutex_);
    return fault_;
  }
  bool loaded() const {
    const std::lock_guard lock(mutex_);
    return loaded_;
  }

 private:
  void run();
  Result<> open();
  Result<> begin_at_low();
  bool follow(const GroupProgress& progress);
  void take(const Batch& batch);
  void load_missing();
  bool load(PartitionNumber partition);
  void grown() {
    view_.settle();
    moved_();
  }
  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    if (reader_) reader_->wake();
  }
  Fault note(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = fault.message;
    return fault;
  }

  qc::SyncClient& store_;
  Bus& bus_;
  const FollowedPlace place_;
  const PartitionNumber partitions_;
  GenerationView& view_;
  const std::function<void()> moved_;
  const std::int64_t began_ms_ = now_ms();

  mutable std::mutex mutex_;  ///< Keeps what others ask and tell.
  bool stopping_ = false;
  bool loaded_ = false;
  std::string fault_;
  std::unique_ptr<Reader> reader_;  ///< Set and taken away by the thread; woken by others.
  std::thread thread_;              ///< Last: it uses all above.
};

void ViewFollower::State::run() {
  // The bus has waited for its broker already when it answers Connection.
  Result<> opened = open();
  while (!opened && opened.error().kind == FaultKind::Connection && !stopping()) opened = open();
  if (!opened) return;
  // What is there already, in one go; deltas up to there are skipped unread then.
  load_missing();
  grown();
  {
    const GroupProgress progress(store_, place_.group, partitions_,
                                 [this](PartitionNumber, Offset) { wake(); });
    while (!stopping() && follow(progress)) {
    }
  }
  const std::lock_guard lock(mutex_);
  reader_.reset();
}

Result<> ViewFollower::State::open() {
  Result<> made = bus_.create_topic(place_.views_topic, views_topic_options(partitions_));
  if (!made) return note(made.error());
  auto reader = bus_.open_reader(place_.views_topic);
  if (!reader) return note(reader.error());
  const std::lock_guard lock(mutex_);
  reader_ = std::move(*reader);
  return {};
}

Result<> ViewFollower::State::begin_at_low() {
  std::vector<Position> positions;
  for (PartitionNumber partition = 0; partition < partitions_; ++partition) {
    const Result<Marks> marks = bus_.marks(place_.views_topic, partition);
    if (!marks) return note(marks.error());
    positions.push_back({partition, marks->low});
  }
  reader_->assign(std::move(positions));
  return {};
}

/// One round; false at the end.
bool ViewFollower::State::follow(const GroupProgress& progress) {
  if (reader_->positions().empty()) {
    if (Result<> begun = begin_at_low(); !begun) {
      return begun.error().kind == FaultKind::Connection;
    }
  }
  // Noted before the deltas are read: a worker sends a delta before it commits the same, so what is
  // still missing after this round comes by no delta.
  std::vector<Offset> committed;
  for (PartitionNumber partition = 0; partition < partitions_; ++partition) {
    committed.push_back(progress.committed(partition));
  }
  Result<std::vector<Batch>> batches = reader_->poll(std::chrono::hours(1));
  if (!batches) {
    note(batches.error());
    if (batches.error().kind == FaultKind::OutOfRange) reader_->assign({});  // Begin again.
    return batches.error().kind == FaultKind::OutOfRange ||
           batches.error().kind == FaultKind::Connection;
  }
  for (const Batch& batch : *batches) take(batch);
  load_missing();
  for (PartitionNumber partition = 0; partition < partitions_; ++partition) {
    if (committed[partition] > view_.end(partition)) load(partition);
  }
  grown();
  return true;
}

void ViewFollower::State::take(const Batch& batch) {
  for (const StoredRecord& record : batch.records) {
    const auto end = end_of_delta(record.value);
    if (end && *end <= view_.end(batch.partition)) continue;
    auto delta = decode_delta(record.value);
    if (!delta) {
      note({FaultKind::Damaged, place_.views_topic + ": a record that is no delta"});
      continue;
    }
    // What was there before this one looked says nothing of how fast views are.
    const std::int64_t now = delta->oldest_append_ms >= began_ms_ ? now_ms() : 0;
    if (view_.apply(batch.partition, std::move(*delta), now) == GenerationView::Took::Foreign) {
      note({FaultKind::Damaged, place_.views_topic + ": a delta of another generation"});
    }
  }
}

/// The checkpoints that were there at first, until all of them were read.
void ViewFollower::State::load_missing() {
  if (loaded()) return;
  bool all = true;
  for (PartitionNumber partition = 0; partition < partitions_; ++partition) {
    all = load(partition) && all;
  }
  const std::lock_guard lock(mutex_);
  loaded_ = all;
}

bool ViewFollower::State::load(PartitionNumber partition) {
  const Result<Committed> last = read_committed(store_, place_.group, partition);
  if (!last) {
    note(last.error());
    return false;
  }
  if (last->checkpoint.offset <= view_.end(partition)) return true;
  auto summary = decode_view_summary(last->checkpoint.state);
  if (summary && view_.rebase(partition, last->checkpoint.offset, std::move(*summary))) return true;
  note({FaultKind::Damaged, place_.group.group + ": the checkpoint of partition " +
                                std::to_string(partition) + " is of another generation"});
  return false;
}

ViewFollower::ViewFollower(qc::SyncClient& store, Bus& bus, FollowedPlace place,
                           PartitionNumber partitions, GenerationView& view,
                           std::function<void()> moved)
    : state_(std::make_unique<State>(store, bus, std::move(place), partitions, view,
                                     std::move(moved))) {}
ViewFollower::~ViewFollower() = default;
bool ViewFollower::loaded() const {
  return state_->loaded();
}
std::string ViewFollower::fault() const {
  return state_->fault();
}

}  // namespace kappa_app
