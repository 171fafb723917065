#include "examples/pipeline/embedded_bus.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "examples/pipeline/bus_checks.h"
#include "examples/pipeline/embedded_store.h"

namespace pipeline {

namespace {

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string_view view(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

Fault storage_fault(const std::string& what, const leveldb::Status& status) {
  return {status.IsCorruption() ? FaultKind::Damaged : FaultKind::Storage,
          what + ": " + status.ToString()};
}

Fault damaged(const std::string& topic, PartitionNumber partition) {
  return {FaultKind::Damaged,
          "topic " + topic + ", partition " + std::to_string(partition) + ": not a bus's bytes"};
}

}  // namespace

class EmbeddedBus::State {
 public:
  struct Partition {
    std::mutex appending;  ///< One append at a time: offsets are given out in the order of writes.
    StoredMarks stored;    ///< Under mutex; changed by who holds `appending`.
    std::int64_t oldest_ms = -1;  ///< Append time of the first block; -1: not known. `appending`.
  };
  struct Topic {
    TopicOptions options;  ///< Retention under mutex.
    std::deque<Partition> partitions;
  };

  Result<> load(const EmbeddedBusOptions& wanted);
  Result<> create_topic(const std::string& name, const TopicOptions& options);
  Result<Offset> append(const std::string& topic, PartitionNumber number,
                        std::span<const Record> records);
  Result<> trim(const std::string& topic, PartitionNumber number, Offset before);
  Result<Batch> read(const std::string& topic, const Position& from, const ReadLimits& limits);

  /// A pointer that stays good: topics are never taken away.
  Result<Topic*> find(const std::string& name);
  Result<Partition*> find(const std::string& name, PartitionNumber number);

  std::mutex mutex;  ///< Keeps topics, marks and the flags of readers; held for moments only.
  std::condition_variable changed;
  std::map<std::string, Topic> topics;
  std::mutex listening;  ///< Held while the listener is called: who takes it away waits for that.
  std::function<void(const std::string&, PartitionNumber)> appended;

 private:
  Result<> load_marks(const std::string& name, Topic& topic);
  /// Deletes whole blocks from the front while `goes(end of block, its head, bytes left)`.
  template <class Goes>
  Result<> drop_front(const std::string& topic, PartitionNumber number, Partition& partition,
                      StoredMarks& marks, leveldb::WriteBatch& batch, Goes goes);
  Result<> apply_retention(const std::string& topic, PartitionNumber number, Partition& partition,
                           StoredMarks& marks, leveldb::WriteBatch& batch, std::int64_t now_ms);
  Result<> write(leveldb::WriteBatch& batch);
  std::unique_ptr<leveldb::Iterator> seek(const std::string& topic, const Position& from);
  Result<> fill(const std::string& topic, const Position& from, const ReadLimits& limits,
                Batch& batch);

  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<leveldb::DB> db_;
  bool sync_ = false;
};

namespace {

using State = EmbeddedBus::State;

class EmbeddedReader : public Reader {
 public:
  EmbeddedReader(std::shared_ptr<State> state, std::string topic, ReadLimits limits)
      : state_(std::move(state)), topic_(std::move(topic)), limits_(limits) {}

  void assign(std::vector<Position> positions) override {
    positions_ = std::move(positions);
    turn_ = 0;
  }
  const std::vector<Position>& positions() const override { return positions_; }

  Result<std::vector<Batch>> poll(std::chrono::milliseconds limit) override {
    const auto deadline = std::chrono::steady_clock::now() +
                          std::clamp<std::chrono::milliseconds>(limit, std::chrono::milliseconds(0),
                                                                std::chrono::hours(1));
    {
      std::unique_lock lock(state_->mutex);
      state_->changed.wait_until(lock, deadline, [this] { return woken_ || something_to_read(); });
      if (std::exchange(woken_, false)) return std::vector<Batch>();
    }
    return read();
  }

  void wake() override {
    {
      const std::lock_guard lock(state_->mutex);
      woken_ = true;
    }
    state_->changed.notify_all();
  }

 private:
  /// Also true where read() will find a fault.
  bool something_to_read() {
    const auto topic = state_->topics.find(topic_);
    if (topic == state_->topics.end()) return true;
    return std::any_of(positions_.begin(), positions_.end(), [&](const Position& position) {
      return position.partition >= topic->second.partitions.size() ||
             topic->second.partitions[position.partition].stored.marks.high != position.offset;
    });
  }

  Result<std::vector<Batch>> read() {
    std::vector<Batch> batches;
    ReadLimits left = limits_;
    for (std::size_t i = 0; i < positions_.size() && left.records_max > 0; ++i) {
      Position& position = positions_[(turn_ + i) % positions_.size()];
      Result<Batch> batch = state_->read(topic_, position, left);
      if (!batch) {
        if (batches.empty()) return batch.error();
        break;  // The next poll() tells; these are good.
      }
      if (batch->records.empty()) continue;
      std::size_t bytes = 0;
      for (const StoredRecord& record : batch->records) {
        bytes += record.key.size() + record.value.size();
      }
      position.offset = batch->next;
      left.records_max -= std::min(left.records_max, batch->records.size());
      left.bytes_max -= std::min(left.bytes_max, bytes);
      batches.push_back(std::move(*batch));
      if (left.bytes_max == 0) break;
    }
    if (!positions_.empty()) turn_ = (turn_ + 1) % positions_.size();
    return batches;
  }

  std::shared_ptr<State> state_;
  std::string topic_;
  ReadLimits limits_;
  std::vector<Position> positions_;
  std::size_t turn_ = 0;  ///< Whose turn is first, so that no partition starves.
  bool woken_ = false;    ///< Under state_->mutex.
};

}  // namespace

// --- State -----------------------------------------------------------------------------------

Result<> EmbeddedBus::State::load(const EmbeddedBusOptions& wanted) {
  sync_ = wanted.sync;
  cache_.reset(leveldb::NewLRUCache(32u << 20));
  leveldb::Options options;
  options.create_if_missing = true;
  // What a power cut tore off the end of LevelDB's log is left out, not a reason to refuse all. A
  // gap before the end is found by fill().
  options.paranoid_checks = false;
  options.block_cache = cache_.get();
  options.write_buffer_size = 32u << 20;
  options.max_file_size = 32u << 20;
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, wanted.folder, &opened);
  db_.reset(opened);
  if (!status.ok()) return storage_fault("bus in " + wanted.folder, status);

  const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator({}));
  for (at->Seek("t/"); at->Valid() && at->key().starts_with("t/"); at->Next()) {
    const std::string name(view(at->key()).substr(2));
    const auto found = decode_topic(view(at->value()));
    if (!found) return Fault{FaultKind::Damaged, "bus in " + wanted.folder + ": topic " + name};
    Topic& topic = topics[name];
    topic.options = *found;
    if (Result<> loaded = load_marks(name, topic); !loaded) return loaded;
  }
  if (!at->status().ok()) return storage_fault("bus in " + wanted.folder, at->status());
  return {};
}

Result<> EmbeddedBus::State::load_marks(const std::string& name, Topic& topic) {
  topic.partitions.resize(topic.options.partitions);
  for (PartitionNumber number = 0; number < topic.options.partitions; ++number) {
    std::string bytes;
    const leveldb::Status status = db_->Get({}, marks_key(name, number), &bytes);
    if (status.IsNotFound()) continue;
    if (!status.ok()) return storage_fault("topic " + name, status);
    const auto marks = decode_marks(bytes);
    if (!marks) return damaged(name, number);
    topic.partitions[number].stored = *marks;
  }
  return {};
}

Result<> EmbeddedBus::State::write(leveldb::WriteBatch& batch) {
  leveldb::WriteOptions options;
  options.sync = sync_;
  const leveldb::Status status = db_->Write(options, &batch);
  if (!status.ok()) return storage_fault("bus", status);
  return {};
}

Result<> EmbeddedBus::State::create_topic(const std::string& name, const TopicOptions& options) {
  if (Result<> good = check_topic(name, options); !good) return good;
  // Held while writing: topics are made rarely, and two of one name must not be made at once.
  const std::lock_guard lock(mutex);
  const auto known = topics.find(name);
  if (known != topics.end() && known->second.options.partitions != options.partitions) {
    return Fault{FaultKind::OtherTopic,
                 "topic " + name + " has " + std::to_string(known->second.options.partitions) +
                     " partitions, not " + std::to_string(options.partitions)};
  }
  leveldb::WriteBatch batch;
  batch.Put(topic_key(name), encode_topic(options));
  if (Result<> done = write(batch); !done) return done;
  Topic& topic = topics[name];
  topic.options = options;
  topic.partitions.resize(options.partitions);
  return {};
}

Result<EmbeddedBus::State::Topic*> EmbeddedBus::State::find(const std::string& name) {
  const std::lock_guard lock(mutex);
  const auto known = topics.find(name);
  if (known == topics.end()) return no_topic(name);
  return &known->second;
}

Result<EmbeddedBus::State::Partition*> EmbeddedBus::State::find(const std::string& name,
                                                                PartitionNumber number) {
  const Result<Topic*> topic = find(name);
  if (!topic) return topic.error();
  if (number >= (*topic)->partitions.size()) {
    return Fault{FaultKind::NoPartition, "topic " + name + " has " +
                                             std::to_string((*topic)->partitions.size()) +
                                             " partitions; no " + std::to_string(number)};
  }
  return &(*topic)->partitions[number];
}

Result<Offset> EmbeddedBus::State::append(const std::string& topic, PartitionNumber number,
                                          std::span<const Record> records) {
  if (Result<> good = check_records(records); !good) return good.error();
  const Result<Partition*> found = find(topic, number);
  if (!found) return found.error();
  Partition& partition = **found;
  const std::int64_t now_ms = wall_clock_ms();
  const std::string block = encode_block(now_ms, records);

  Offset base = 0;
  {
    const std::lock_guard order(partition.appending);
    StoredMarks marks = partition.stored;  // Nobody else changes them now.
    base = marks.marks.high;
    leveldb::WriteBatch batch;
    batch.Put(block_key(topic, number, base), block);
    marks.bytes += block.size();
    if (Result<> done = apply_retention(topic, number, partition, marks, batch, now_ms); !done) {
      return done.error();
    }
    marks.marks.high = base + records.size();
    batch.Put(marks_key(topic, number), encode_marks(marks));
    if (Result<> done = write(batch); !done) return done.error();
    const std::lock_guard lock(mutex);
    partition.stored = marks;
  }
  changed.notify_all();
  const std::lock_guard telling(listening);
  if (appended) appended(topic, number);
  return base;
}

template <class Goes>
Result<> EmbeddedBus::State::drop_front(const std::string& topic, PartitionNumber number,
                                        Partition& partition, StoredMarks& marks,
                                        leveldb::WriteBatch& batch, Goes goes) {
  const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator({}));
  partition.oldest_ms = -1;
  for (at->Seek(block_key(topic, number, 0)); at->Valid(); at->Next()) {
    const auto offset = block_offset(view(at->key()), topic, number);
    if (!offset) break;
    const auto head = decode_block_head(view(at->value()));
    if (!head) return damaged(topic, number);
    if (!goes(*offset + head->count, *head, marks.bytes)) {
      partition.oldest_ms = head->append_ms;
      break;
    }
    batch.Delete(at->key());
    marks.bytes -= std::min<std::uint64_t>(marks.bytes, at->value().size());
    marks.marks.low = std::max(marks.marks.low, *offset + head->count);
  }
  if (!at->status().ok()) return storage_fault("topic " + topic, at->status());
  return {};
}

Result<> EmbeddedBus::State::apply_retention(const std::string& topic, PartitionNumber number,
                                             Partition& partition, StoredMarks& marks,
                                             leveldb::WriteBatch& batch, std::int64_t now_ms) {
  TopicOptions options;
  {
    const std::lock_guard lock(mutex);
    options = topics.at(topic).options;
  }
  const std::int64_t age_ms = options.retention_age.count();
  const auto too_old = [&](std::int64_t append_ms) {
    return age_ms > 0 && append_ms + age_ms < now_ms;
  };
  const auto too_many = [&](std::uint64_t bytes) {
    return options.retention_bytes > 0 && bytes > options.retention_bytes;
  };
  // The new block is not in the database yet, so it is never among those that go.
  if (!too_many(marks.bytes) && (age_ms == 0 || !too_old(partition.oldest_ms))) return {};
  return drop_front(topic, number, partition, marks, batch,
                    [&](Offset, const BlockHead& head, std::uint64_t bytes) {
                      return too_many(bytes) || too_old(head.append_ms);
                    });
}

Result<> EmbeddedBus::State::trim(const std::string& topic, PartitionNumber number, Offset before) {
  const Result<Partition*> found = find(topic, number);
  if (!found) return found.error();
  Partition& partition = **found;
  const std::lock_guard order(partition.appending);
  StoredMarks marks = partition.stored;
  before = std::min(before, marks.marks.high);
  if (before <= marks.marks.low) return {};
  leveldb::WriteBatch batch;
  Result<> done =
      drop_front(topic, number, partition, marks, batch,
                 [before](Offset end, const BlockHead&, std::uint64_t) { return end <= before; });
  if (!done) return done;
  marks.marks.low = std::max(marks.marks.low, before);
  batch.Put(marks_key(topic, number), encode_marks(marks));
  if (done = write(batch); !done) return done;
  const std::lock_guard lock(mutex);
  partition.stored = marks;
  return {};
}

/// The iterator at the block that holds `from`, if there is one.
std::unique_ptr<leveldb::Iterator> EmbeddedBus::State::seek(const std::string& topic,
                                                            const Position& from) {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;  // Every consumer passes once.
  std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(options));
  at->Seek(block_key(topic, from.partition, from.offset));
  if (!at->Valid() || block_offset(view(at->key()), topic, from.partition) != from.offset) {
    at->Valid() ? at->Prev() : at->SeekToLast();  // The block that holds it begins before it.
  }
  return at;
}

Result<> EmbeddedBus::State::fill(const std::string& topic, const Position& from,
                                  const ReadLimits& limits, Batch& batch) {
  const std::unique_ptr<leveldb::Iterator> at = seek(topic, from);
  auto blocks = std::make_shared<std::deque<std::string>>();
  std::size_t bytes = 0;
  bool full = false;
  for (; at->Valid() && !full; at->Next()) {
    const auto base = block_offset(view(at->key()), topic, from.partition);
    if (!base || *base >= batch.high_water) break;
    if (!batch.records.empty() && *base != batch.records.back().offset + 1) {
      return damaged(topic, from.partition);
    }
    std::vector<StoredRecord> records;
    if (!decode_block(blocks->emplace_back(view(at->value())), *base, records)) {
      return damaged(topic, from.partition);
    }
    for (const StoredRecord& record : records) {
      if (record.offset < from.offset) continue;
      full = !batch.records.empty() &&
             (batch.records.size() >= limits.records_max || bytes >= limits.bytes_max);
      if (full) break;
      bytes += record.key.size() + record.value.size();
      batch.records.push_back(record);
    }
  }
  if (!at->status().ok()) return storage_fault("topic " + topic, at->status());
  batch.memory = std::move(blocks);
  return {};
}

Result<Batch> EmbeddedBus::State::read(const std::string& topic, const Position& from,
                                       const ReadLimits& limits) {
  const Result<Partition*> found = find(topic, from.partition);
  if (!found) return found.error();
  const auto marks = [&] {
    const std::lock_guard lock(mutex);
    return (*found)->stored.marks;
  };
  const auto out_of_range = [&](const Marks& there) {
    return Fault{FaultKind::OutOfRange,
                 "topic " + topic + ", partition " + std::to_string(from.partition) + ": offset " +
                     std::to_string(from.offset) + " is not in [" + std::to_string(there.low) +
                     ", " + std::to_string(there.high) + "]"};
  };
  const Marks before = marks();
  if (from.offset < before.low || from.offset > before.high) return out_of_range(before);
  Batch batch;
  batch.partition = from.partition;
  batch.next = from.offset;
  batch.high_water = before.high;
  if (from.offset == before.high) return batch;
  if (Result<> filled = fill(topic, from, limits, batch); !filled) return filled.error();
  if (batch.records.empty() || batch.records.front().offset != from.offset) {
    // Retention may have passed by since the marks were read.
    const Marks now = marks();
    if (from.offset < now.low) return out_of_range(now);
    return damaged(topic, from.partition);
  }
  batch.next = batch.records.back().offset + 1;
  return batch;
}

// --- The face --------------------------------------------------------------------------------

EmbeddedBus::EmbeddedBus(std::shared_ptr<State> state) : state_(std::move(state)) {}
EmbeddedBus::~EmbeddedBus() = default;

Result<std::unique_ptr<EmbeddedBus>> EmbeddedBus::open(const EmbeddedBusOptions& options) {
  auto state = std::make_shared<State>();
  if (Result<> loaded = state->load(options); !loaded) return loaded.error();
  return std::unique_ptr<EmbeddedBus>(new EmbeddedBus(std::move(state)));
}

Result<> EmbeddedBus::create_topic(const std::string& topic, const TopicOptions& options) {
  return state_->create_topic(topic, options);
}

Result<PartitionNumber> EmbeddedBus::partitions(const std::string& topic) {
  const Result<State::Topic*> found = state_->find(topic);
  if (!found) return found.error();
  return static_cast<PartitionNumber>((*found)->partitions.size());
}

Result<Offset> EmbeddedBus::append(const std::string& topic, PartitionNumber partition,
                                   std::span<const Record> records) {
  return state_->append(topic, partition, records);
}

Result<Marks> EmbeddedBus::marks(const std::string& topic, PartitionNumber partition) {
  const Result<State::Partition*> found = state_->find(topic, partition);
  if (!found) return found.error();
  const std::lock_guard lock(state_->mutex);
  return (*found)->stored.marks;
}

Result<> EmbeddedBus::trim(const std::string& topic, PartitionNumber partition, Offset before) {
  return state_->trim(topic, partition, before);
}

Result<std::unique_ptr<Reader>> EmbeddedBus::open_reader(const std::string& topic,
                                                         ReadLimits limits) {
  const Result<State::Topic*> found = state_->find(topic);
  if (!found) return found.error();
  return std::unique_ptr<Reader>(std::make_unique<EmbeddedReader>(state_, topic, limits));
}

Result<Batch> EmbeddedBus::read(const std::string& topic, const Position& from,
                                const ReadLimits& limits) {
  return state_->read(topic, from, limits);
}

void EmbeddedBus::set_append_listener(
    std::function<void(const std::string& topic, PartitionNumber)> appended) {
  const std::lock_guard lock(state_->listening);
  state_->appended = std::move(appended);
}

}  // namespace pipeline
