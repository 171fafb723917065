#include "examples/pipeline/backpressure.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "examples/pipeline/embedded_bus.h"

namespace pipeline {

namespace {

constexpr const char* kNames[] = {"block", "buffer", "drop"};
/// Records moved from the buffer to the bus in one go.
constexpr ReadLimits kDrainLimits{5'000, 2u << 20};
const std::string kBufferTopic = "buffer";

std::size_t bytes_of(std::span<const Record> records) {
  std::size_t bytes = 0;
  for (const Record& record : records) bytes += record.key.size() + record.value.size();
  return bytes;
}

std::vector<Record> records_of(const Batch& batch) {
  std::vector<Record> records;
  records.reserve(batch.records.size());
  for (const StoredRecord& record : batch.records) records.push_back({record.key, record.value});
  return records;
}

}  // namespace

const char* name_of(WhenBehind answer) {
  return kNames[static_cast<std::size_t>(answer)];
}

bool parse_when_behind(std::string_view text, WhenBehind& answer) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (text != kNames[i]) continue;
    answer = static_cast<WhenBehind>(i);
    return true;
  }
  return false;
}

class Backpressure::State {
 public:
  State(Bus& bus, BackpressureOptions options) : bus_(bus), options_(std::move(options)) {}

  ~State() {
    close();
    if (drain_.joinable()) drain_.join();
  }

  Result<> load();
  Result<> offer(std::span<const Record> records);
  void progressed(const std::string& group, PartitionNumber partition, Offset offset);
  Result<> flush();
  void close();
  BackpressureCounts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  struct Partition {
    Offset high = 0;                            ///< As of the last append here.
    std::map<std::string, Offset> committed{};  ///< By group.
    std::uint64_t buffered = 0;  ///< Records in the buffer, with those on their way out.
    Offset drained = 0;          ///< Where the buffer's next record lies.
  };

  Result<> load_buffer();
  Result<> offer(PartitionNumber number, std::span<const Record> records);
  Result<> append(PartitionNumber number, std::span<const Record> records);
  Result<> put_aside(PartitionNumber number, std::span<const Record> records);
  /// Whether every group that was named has told how far it is.
  bool known(const Partition& partition) const;
  /// Whether `records` more fit; a single batch larger than all room fits when nothing is behind.
  bool has_room(const Partition& partition, std::uint64_t records) const;
  /// Waits for `ready`; Closed if that came first.
  template <class Ready>
  Result<> wait(std::unique_lock<std::mutex>& lock, Ready ready);
  void drain();
  std::size_t next_to_drain() const;
  Result<> drain_some(PartitionNumber number);

  Bus& bus_;
  const BackpressureOptions options_;
  std::unique_ptr<EmbeddedBus> buffer_;
  std::thread drain_;

  mutable std::mutex mutex_;  ///< Keeps all below, for source, drain and whoever tells progress.
  std::condition_variable changed_;
  std::vector<Partition> partitions_;
  std::uint64_t buffer_bytes_ = 0;
  BackpressureCounts counts_;
  Result<> drain_result_;
  bool closing_ = false;
};

Result<> Backpressure::State::load() {
  const Result<PartitionNumber> count = bus_.partitions(options_.topic);
  if (!count) return count.error();
  partitions_.resize(*count);
  for (PartitionNumber number = 0; number < *count; ++number) {
    const Result<Marks> marks = bus_.marks(options_.topic, number);
    if (!marks) return marks.error();
    partitions_[number].high = marks->high;
  }
  if (options_.answer != WhenBehind::Buffer) return {};
  if (Result<> loaded = load_buffer(); !loaded) return loaded;
  drain_ = std::thread([this] { drain(); });
  return {};
}

Result<> Backpressure::State::load_buffer() {
  EmbeddedBusOptions options;
  options.folder = options_.buffer_folder;
  Result<std::unique_ptr<EmbeddedBus>> opened = EmbeddedBus::open(options);
  if (!opened) return opened.error();
  buffer_ = std::move(*opened);
  TopicOptions topic;
  topic.partitions = static_cast<PartitionNumber>(partitions_.size());
  if (Result<> made = buffer_->create_topic(kBufferTopic, topic); !made) return made;
  for (PartitionNumber number = 0; number < topic.partitions; ++number) {
    const Result<Marks> marks = buffer_->marks(kBufferTopic, number);
    if (!marks) return marks.error();
    Partition& partition = partitions_[number];
    partition.drained = marks->low;
    partition.buffered = marks->high - marks->low;
    counts_.in_buffer += partition.buffered;
    for (Position at{number, marks->low}; at.offset < marks->high;) {
      const Result<Batch> batch = buffer_->read(kBufferTopic, at, kDrainLimits);
      if (!batch) return batch.error();
      buffer_bytes_ += bytes_of(records_of(*batch));
      at.offset = batch->next;
    }
  }
  return {};
}

bool Backpressure::State::known(const Partition& partition) const {
  return std::all_of(
      options_.groups.begin(), options_.groups.end(),
      [&partition](const std::string& group) { return partition.committed.count(group) != 0; });
}

bool Backpressure::State::has_room(const Partition& partition, std::uint64_t records) const {
  if (!known(partition)) return false;
  if (partition.committed.empty()) return true;  // No group has been told of: nobody is behind.
  Offset slowest = std::numeric_limits<Offset>::max();
  for (const auto& [group, offset] : partition.committed) slowest = std::min(slowest, offset);
  const std::uint64_t behind = partition.high > slowest ? partition.high - slowest : 0;
  return behind == 0 || behind + records <= options_.backlog_max;
}

template <class Ready>
Result<> Backpressure::State::wait(std::unique_lock<std::mutex>& lock, Ready ready) {
  if (!closing_ && !ready()) ++counts_.waits;
  changed_.wait(lock, [&] { return closing_ || ready(); });
  if (closing_) return Fault{FaultKind::Closed, "closed while it waited for room"};
  return {};
}

Result<> Backpressure::State::offer(std::span<const Record> records) {
  std::vector<std::vector<Record>> parts(partitions_.size());
  for (const Record& record : records) {
    parts[partition_of(record.key, static_cast<PartitionNumber>(parts.size()))].push_back(record);
  }
  for (PartitionNumber number = 0; number < parts.size(); ++number) {
    // In pieces that any bus takes.
    std::span<const Record> rest = parts[number];
    while (!rest.empty()) {
      std::size_t taken = 1;
      std::size_t bytes = bytes_of(rest.first(1));
      while (taken < rest.size() &&
             bytes + bytes_of(rest.subspan(taken, 1)) <= kBatchBytesMax / 2) {
        bytes += bytes_of(rest.subspan(taken++, 1));
      }
      if (Result<> done = offer(number, rest.first(taken)); !done) return done;
      rest = rest.subspan(taken);
    }
  }
  return {};
}

Result<> Backpressure::State::offer(PartitionNumber number, std::span<const Record> records) {
  Partition& partition = partitions_[number];
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closing_ || known(partition); });
    if (closing_) return Fault{FaultKind::Closed, "closed before the groups were known"};
    if (!drain_result_) return drain_result_;
    const bool room = has_room(partition, records.size());
    switch (options_.answer) {
      case WhenBehind::Block:
        if (Result<> waited = wait(lock, [&] { return has_room(partition, records.size()); });
            !waited) {
          return waited;
        }
        break;
      case WhenBehind::Drop:
        if (room) break;
        counts_.dropped += records.size();
        return {};
      case WhenBehind::Buffer:
        // What lies in the buffer comes first.
        if (room && partition.buffered == 0) break;
        lock.unlock();
        return put_aside(number, records);
    }
  }
  return append(number, records);
}

Result<> Backpressure::State::append(PartitionNumber number, std::span<const Record> records) {
  const Result<Offset> base = bus_.append(options_.topic, number, records);
  if (!base) return base.error();
  const std::lock_guard lock(mutex_);
  Partition& partition = partitions_[number];
  partition.high = std::max(partition.high, *base + records.size());
  counts_.appended += records.size();
  return {};
}

Result<> Backpressure::State::put_aside(PartitionNumber number, std::span<const Record> records) {
  const std::size_t bytes = bytes_of(records);
  {
    std::unique_lock lock(mutex_);
    Result<> waited = wait(lock, [&] {
      return !drain_result_ || buffer_bytes_ == 0 ||
             buffer_bytes_ + bytes <= options_.buffer_bytes_max;
    });
    if (!waited) return waited;
    if (!drain_result_) return drain_result_;
  }
  const Result<Offset> done = buffer_->append(kBufferTopic, number, records);
  if (!done) return done.error();
  {
    const std::lock_guard lock(mutex_);
    partitions_[number].buffered += records.size();
    buffer_bytes_ += bytes;
    counts_.buffered += records.size();
    counts_.in_buffer += records.size();
  }
  changed_.notify_all();
  return {};
}

std::size_t Backpressure::State::next_to_drain() const {
  std::size_t number = 0;
  while (number < partitions_.size() &&
         (partitions_[number].buffered == 0 || !has_room(partitions_[number], 1))) {
    ++number;
  }
  return number;
}

/// The drain's thread: moves what was put aside to the bus as soon as there is room.
void Backpressure::State::drain() {
  while (true) {
    std::size_t number = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return closing_ || next_to_drain() < partitions_.size(); });
      if (closing_) return;
      number = next_to_drain();
    }
    Result<> done = drain_some(static_cast<PartitionNumber>(number));
    // A broker that is away may come back: the bus has waited for it, so this is no busy loop.
    if (done || done.error().kind == FaultKind::Connection) continue;
    {
      const std::lock_guard lock(mutex_);
      drain_result_ = done;
    }
    changed_.notify_all();
    return;
  }
}

Result<> Backpressure::State::drain_some(PartitionNumber number) {
  Position from{number, 0};
  ReadLimits limits = kDrainLimits;
  {
    const std::lock_guard lock(mutex_);
    const Partition& partition = partitions_[number];
    from.offset = partition.drained;
    while (limits.records_max > 1 && !has_room(partition, limits.records_max)) {
      limits.records_max /= 2;
    }
  }
  const Result<Batch> batch = buffer_->read(kBufferTopic, from, limits);
  if (!batch) return batch.error();
  const std::vector<Record> records = records_of(*batch);
  // First to the bus, then out of the buffer: a crash between them sends twice, never not at all.
  if (Result<> done = append(number, records); !done) return done;
  if (Result<> done = buffer_->trim(kBufferTopic, number, batch->next); !done) return done;
  {
    const std::lock_guard lock(mutex_);
    Partition& partition = partitions_[number];
    partition.drained = batch->next;
    partition.buffered -= records.size();
    buffer_bytes_ -= bytes_of(records);
    counts_.in_buffer -= records.size();
  }
  changed_.notify_all();
  return {};
}

void Backpressure::State::progressed(const std::string& group, PartitionNumber partition,
                                     Offset offset) {
  {
    const std::lock_guard lock(mutex_);
    if (partition >= partitions_.size()) return;
    partitions_[partition].committed[group] = offset;
  }
  changed_.notify_all();
}

Result<> Backpressure::State::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closing_ || !drain_result_ || counts_.in_buffer == 0; });
  if (!drain_result_) return drain_result_;
  if (counts_.in_buffer > 0)
    return Fault{FaultKind::Closed, "closed with a buffer that holds some"};
  return {};
}

void Backpressure::State::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
}

// --- The face --------------------------------------------------------------------------------

Backpressure::Backpressure(std::unique_ptr<State> state) : state_(std::move(state)) {}
Backpressure::~Backpressure() = default;

Result<std::unique_ptr<Backpressure>> Backpressure::open(Bus& bus,
                                                         const BackpressureOptions& options) {
  auto state = std::make_unique<State>(bus, options);
  if (Result<> loaded = state->load(); !loaded) return loaded.error();
  return std::unique_ptr<Backpressure>(new Backpressure(std::move(state)));
}

Result<> Backpressure::offer(std::span<const Record> records) {
  return state_->offer(records);
}
void Backpressure::progressed(const std::string& group, PartitionNumber partition, Offset offset) {
  state_->progressed(group, partition, offset);
}
Result<> Backpressure::flush() {
  return state_->flush();
}
void Backpressure::close() {
  state_->close();
}
BackpressureCounts Backpressure::counts() const {
  return state_->counts();
}

}  // namespace pipeline
