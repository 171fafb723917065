#include "examples/lambda/serve/views_follower.h"

#include <algorithm>
#include <utility>

namespace lambda_app {

using pipeline::Batch;
using pipeline::CheckpointText;
using pipeline::FaultKind;
using pipeline::Marks;
using pipeline::Result;
using std::chrono::milliseconds;

namespace {

/// Deltas per partition that are read again at the start: they may be newer than the checkpoint.
constexpr Offset kReadBack = 256;
/// A commit that is ahead of the view mostly overtook its deltas on the way; only when it is still
/// ahead then, deltas were missed.
constexpr milliseconds kOvertaken{300};
/// While a query holds the copy that is to be brought up to date.
constexpr milliseconds kCopyBusy{10};
constexpr milliseconds kPause{200};

std::int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<std::unique_ptr<ViewsFollower>> ViewsFollower::start(pipeline::Bus& bus,
                                                            const Common& common,
                                                            PartitionNumber partitions,
                                                            Snapshots& snapshots,
                                                            std::function<void()> changed) {
  std::unique_ptr<ViewsFollower> follower(
      new ViewsFollower(common, partitions, snapshots, std::move(changed)));
  if (Result<> opened = follower->open(bus); !opened) return opened.error();
  Loader::Told told;
  told.parts = [self = follower.get()](Loader::Loaded loaded) {
    self->leave([&](Inbox& inbox) {
      const PartitionNumber partition = loaded.partition;
      inbox.parts.insert_or_assign(partition, std::move(loaded));
    });
  };
  told.batch = [self = follower.get()](const Generation& generation, Result<BatchPointer> batch) {
    self->leave([&](Inbox& inbox) { inbox.batch.emplace(generation, std::move(batch)); });
  };
  follower->loader_ = std::make_unique<Loader>(common.folder, std::move(told));
  follower->thread_ = std::thread([self = follower.get()] { self->run(); });
  return follower;
}

ViewsFollower::ViewsFollower(const Common& common, PartitionNumber partitions, Snapshots& snapshots,
                             std::function<void()> changed)
    : topic_(common.views_topic()), changed_(std::move(changed)), core_(partitions, snapshots) {}

Result<> ViewsFollower::open(pipeline::Bus& bus) {
  bus_ = &bus;
  Result<std::unique_ptr<pipeline::Reader>> reader = bus.open_reader(topic_);
  if (!reader) return reader.error();
  reader_ = std::move(*reader);
  assign_from_marks(/*from_begin=*/false);
  return {};
}

ViewsFollower::~ViewsFollower() {
  if (!thread_.joinable()) return;
  leave([this](Inbox&) { stopping_ = true; });
  thread_.join();
  loader_.reset();
}

/// Where a mark cannot be asked for, poll() says why.
void ViewsFollower::assign_from_marks(bool from_begin) {
  std::vector<pipeline::Position> positions;
  for (PartitionNumber p = 0; p < core_.partitions(); ++p) {
    const Result<Marks> marks = bus_->marks(topic_, p);
    if (!marks) {
      positions.push_back({p, 0});
      continue;
    }
    const Offset back = marks->high - marks->low > kReadBack ? marks->high - kReadBack : marks->low;
    positions.push_back({p, from_begin ? marks->low : back});
  }
  reader_->assign(std::move(positions));
}

// --- Other threads ---------------------------------------------------------------------------

template <class Leave>
void ViewsFollower::leave(Leave&& what) {
  const std::lock_guard lock(mutex_);
  what(inbox_);
  reader_->wake();
}

void ViewsFollower::checkpoint_seen(PartitionNumber partition,
                                    const std::optional<std::string>& data) {
  std::optional<CheckpointText> text = CheckpointText{};
  if (data && !data->empty()) text = pipeline::decode_checkpoint(*data);
  leave([&](Inbox& inbox) {
    if (text) {
      inbox.checkpoints[partition] = std::move(*text);
    } else {
      inbox.fault = "the checkpoint of partition " + std::to_string(partition) +
                    " cannot be read; another program's znode?";
    }
  });
}

void ViewsFollower::generation_seen(const std::string& json) {
  std::optional<Generation> generation = generation_of(json);
  leave([&](Inbox& inbox) {
    if (generation) {
      inbox.generation = std::move(*generation);
    } else {
      inbox.fault = "the znode of the generation to serve cannot be read; another program's?";
    }
  });
}

ViewsStatus ViewsFollower::status() const {
  const std::lock_guard lock(mutex_);
  ViewsStatus status = status_;
  status.latency = latency_.quantiles(now_ms());
  return status;
}

// --- The follower's thread -------------------------------------------------------------------

void ViewsFollower::run() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    take_inbox();
    load_what_is_due();
    publish();
    tell();
    read();
  }
}

void ViewsFollower::take_inbox() {
  Inbox inbox;
  {
    const std::lock_guard lock(mutex_);
    std::swap(inbox, inbox_);
  }
  if (!inbox.fault.empty()) fault_ = inbox.fault;
  for (auto& [partition, text] : inbox.checkpoints) consider(partition, std::move(text));
  for (auto& [partition, loaded] : inbox.parts) take(std::move(loaded));
  if (inbox.generation) {
    const BatchPointer& known = core_.next() ? core_.next() : core_.batch();
    const std::uint64_t newest = std::max(known ? known->generation.run : 0, loading_run_);
    if (inbox.generation->run > newest) {
      loading_run_ = inbox.generation->run;
      loader_->load(*inbox.generation, known);
      something_new_ = true;
    }
  }
  if (!inbox.batch) return;
  auto& [generation, batch] = *inbox.batch;
  if (generation.run == loading_run_) loading_run_ = 0;
  something_new_ = true;
  if (!batch) {
    fault_ = batch.error().message;
    return;
  }
  fault_.clear();
  core_.generation(std::move(*batch));
}

void ViewsFollower::consider(PartitionNumber partition, CheckpointText text) {
  if (partition >= core_.partitions()) return;
  something_new_ = true;
  const bool follows_on = core_.partition(partition).has_line_of(text.token);
  core_.claimed(partition, text.token);
  if (!core_.wants(partition, text.token, text.offset)) return;
  Clock::time_point due = Clock::now();
  if (follows_on) due += kOvertaken;
  const auto before = considered_.find(partition);
  if (before != considered_.end()) due = std::min(due, before->second.due);
  considered_[partition] = Seen{std::move(text), due};
}

void ViewsFollower::load_what_is_due() {
  const Clock::time_point now = Clock::now();
  for (auto at = considered_.begin(); at != considered_.end();) {
    if (at->second.due > now) {
      ++at;
      continue;
    }
    CheckpointText text = std::move(at->second.text);
    const PartitionNumber partition = at->first;
    at = considered_.erase(at);
    if (core_.wants(partition, text.token, text.offset)) loader_->load(partition, std::move(text));
  }
}

void ViewsFollower::take(Loader::Loaded loaded) {
  something_new_ = true;
  if (!loaded.parts) {
    // A file that is gone was replaced: its successor's znode is on its way.
    if (loaded.parts.error().kind != FaultKind::Storage) fault_ = loaded.parts.error().message;
    return;
  }
  core_.checkpoint(loaded.partition, loaded.token, std::move(*loaded.parts));
}

milliseconds ViewsFollower::until_due() const {
  Clock::time_point due = Clock::now() + std::chrono::hours(1);
  for (const auto& [partition, seen] : considered_) due = std::min(due, seen.due);
  milliseconds limit = std::chrono::ceil<milliseconds>(due - Clock::now());
  if (!published_) limit = std::min(limit, kCopyBusy);
  return std::max(limit, milliseconds(0));
}

void ViewsFollower::read() {
  const Result<std::vector<Batch>> batches = reader_->poll(until_due());
  if (batches) {
    for (const Batch& batch : *batches) handle(batch);
    return;
  }
  if (batches.error().kind == FaultKind::OutOfRange) {
    assign_from_marks(/*from_begin=*/true);
    return;
  }
  // A broker that is starting again is no fault to be shown: the lag is.
  if (batches.error().kind != FaultKind::Connection) fault_ = batches.error().message;
  something_new_ = true;
  std::this_thread::sleep_for(kPause);
}

void ViewsFollower::handle(const Batch& batch) {
  for (const pipeline::StoredRecord& record : batch.records) {
    std::optional<SpeedDelta> decoded = decode_delta(record.value);
    if (!decoded || decoded->partition != batch.partition) {
      fault_ = "a record of " + topic_ + " is no delta of its partition";
      continue;
    }
    ++deltas_;
    something_new_ = true;
    const std::int64_t append_ms = decoded->newest_append_ms;
    const Taken taken = core_.delta(std::make_shared<const SpeedDelta>(std::move(*decoded)));
    if (taken == Taken::Applied && append_ms > 0) unseen_appends_.push_back(append_ms);
  }
}

void ViewsFollower::publish() {
  published_ = core_.publish();
  if (!published_) return;
  const std::int64_t now = now_ms();
  if (!unseen_appends_.empty()) {
    const std::lock_guard lock(mutex_);
    for (const std::int64_t append_ms : unseen_appends_) latency_.add(now, now - append_ms);
    unseen_appends_.clear();
  }
  const std::uint64_t run = core_.batch() ? core_.batch()->generation.run : 0;
  if (run == served_run_) return;
  served_run_ = run;
  served_since_ms_ = now;
}

void ViewsFollower::tell() {
  if (!std::exchange(something_new_, false)) return;
  ViewsStatus status;
  for (PartitionNumber p = 0; p < core_.partitions(); ++p) {
    const ServedPartition& partition = core_.partition(p);
    status.partitions.push_back(
        {partition.end(), core_.batch() ? core_.batch()->cut(p) : 0, partition.token()});
  }
  if (core_.batch()) status.generation = core_.batch()->generation;
  status.served_since_ms = served_since_ms_;
  status.loading_run = loading_run_;
  status.waiting_for = core_.waiting_for();
  status.fault = fault_;
  status.refused = core_.refused();
  status.deltas = deltas_;
  status.drift = core_.drift();
  {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
  }
  changed_();
}

}  // namespace lambda_app
