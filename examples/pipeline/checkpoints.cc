#include "examples/pipeline/checkpoints.h"

#include <cstdio>
#include <mutex>
#include <utility>

#include "examples/pipeline/checkpoint_text.h"
#include "examples/pipeline/state_file.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/sync_retry.h"

namespace pipeline {

namespace {

Fault lost(const std::string& message) {
  return {FaultKind::Connection, message};
}

Fault fenced(const std::string& name, std::int64_t mine, std::int64_t other) {
  return {FaultKind::Fenced, name + ": token " + std::to_string(mine) +
                                 " is too old; a later owner has " + std::to_string(other)};
}

Fault damaged(const std::string& name) {
  return {FaultKind::Damaged, name + ": no checkpoint; another program's znode?"};
}

/// The view that `text` names. Nothing if its file is gone.
Result<std::optional<std::string>> load_state(const CheckpointText& text, const std::string& folder,
                                              const std::string& name) {
  if (text.file.empty()) return std::optional(text.inline_state);
  Result<std::optional<std::string>> state = read_file(folder, text.file);
  if (!state || !*state) return state;
  if ((*state)->size() != text.file_bytes || state_hash(**state) != text.file_hash) {
    return Fault{FaultKind::Damaged, folder + "/" + text.file + " is not what " + name + " names"};
  }
  return state;
}

/// A znode as a VersionedText.
class ZnodeText : public VersionedText {
 public:
  ZnodeText(qc::SyncClient& client, std::string path) : client_(client), path_(std::move(path)) {}

  Result<Value> read() override {
    const auto got = qc::SyncRetry(client_, policy()).get_data(path_);
    if (got.code == qc::Code::NoNode) return Value{};
    if (!got) return lost(got.message);
    return Value{got.value.data.value_or(""), got.value.stat.version};
  }

  Result<Written> write(const std::string& text, std::int32_t& version) override {
    if (version < 0) {
      const auto made = client_.create(path_, text);
      // Made or not: the caller looks again.
      if (made.code == qc::Code::NodeExists || made.code == qc::Code::ConnectionLoss) {
        return Written::OtherVersion;
      }
      if (!made) return lost(made.message);
      version = 0;
      return Written::Done;
    }
    const auto set = qc::SyncRetry(client_, policy()).set_data(path_, text, version);
    if (set.code == qc::Code::BadVersion) return Written::OtherVersion;
    if (!set) return lost(set.message);
    version = set.value.version;
    return Written::Done;
  }

  /// Its znode, empty ones above it, and nothing in them.
  Result<> make_parents() {
    for (std::size_t end = path_.find('/', 1); end != std::string::npos;
         end = path_.find('/', end + 1)) {
      const auto made = client_.create(path_.substr(0, end), "");
      if (!made && made.code != qc::Code::NodeExists) {
        // Whether it was made is seen by whoever needs it next.
        if (made.code != qc::Code::ConnectionLoss) return lost(made.message);
      }
    }
    return {};
  }

 private:
  static qc::RetryPolicy policy() { return qc::RetryPolicy(std::chrono::seconds(30)); }

  qc::SyncClient& client_;
  std::string path_;
};

std::string offset_path(const GroupPlace& place, PartitionNumber partition) {
  return place.path("offsets/" + std::to_string(partition));
}

}  // namespace

Result<Checkpoint> OwnedCheckpoint::claim(std::int64_t token) {
  token_ = token;
  while (true) {
    const Result<VersionedText::Value> value = text_->read();
    if (!value) return value.error();
    CheckpointText last;
    if (!value->text.empty()) {
      auto decoded = decode_checkpoint(value->text);
      if (!decoded) return damaged(name_);
      last = std::move(*decoded);
    }
    if (last.token > token) return fenced(name_, token, last.token);
    last.token = token;
    version_ = value->version;
    const auto written = text_->write(encode(last), version_);
    if (!written) return written.error();
    if (*written == VersionedText::Written::OtherVersion) continue;  // Somebody was faster: who?
    file_ = last.file;
    // Only now: from here on no other owner can replace this file by a newer one.
    Result<std::optional<std::string>> state = load_state(last, folder_, name_);
    if (!state) return state.error();
    if (!*state) {
      return Fault{FaultKind::Storage, name_ + " names " + folder_ + "/" + last.file +
                                           ", which is gone: do all members use one folder?"};
    }
    // What a killed owner left; what a paused one may still write is refused, and removed by it.
    remove_files_of(folder_, name_ + '-', file_);
    return Checkpoint{last.offset, std::move(**state)};
  }
}

Result<> OwnedCheckpoint::commit(const Checkpoint& checkpoint) {
  CheckpointText text;
  text.token = token_;
  text.offset = checkpoint.offset;
  if (checkpoint.state.size() <= kInlineStateBytesMax) {
    text.inline_state = checkpoint.state;
  } else {
    text.file_bytes = checkpoint.state.size();
    text.file_hash = state_hash(checkpoint.state);
    // The token makes the name ours, the hash makes it this state's: writing it again is the same.
    text.file = name_ + '-' + std::to_string(token_) + '-' + std::to_string(text.offset) + '-' +
                std::to_string(text.file_hash);
    if (Result<> written = write_file(folder_, text.file, checkpoint.state); !written) {
      // A later owner's claim removes what this one was just writing: then that is the reason.
      const Result<VersionedText::Value> value = text_->read();
      const auto other = value ? decode_checkpoint(value->text) : std::nullopt;
      return other && other->token > token_ ? fenced(name_, token_, other->token) : written;
    }
  }
  Result<> done = put(text);
  if (done) {
    if (!file_.empty() && file_ != text.file) remove_file(folder_, file_);
    file_ = text.file;
  } else if (done.error().kind == FaultKind::Fenced && !text.file.empty()) {
    remove_file(folder_, text.file);  // Nobody will ever name it.
  }
  return done;
}

Result<> OwnedCheckpoint::put(const CheckpointText& text) {
  const std::string bytes = encode(text);
  const auto written = text_->write(bytes, version_);
  if (!written) return written.error();
  if (*written == VersionedText::Written::Done) return {};
  const Result<VersionedText::Value> value = text_->read();
  if (!value) return value.error();
  if (value->text == bytes) {  // An earlier try whose reply was lost.
    version_ = value->version;
    return {};
  }
  const auto other = decode_checkpoint(value->text);
  if (!other) return damaged(name_);
  return fenced(name_, token_, other->token);
}

Result<std::unique_ptr<OwnedCheckpoint>> open_checkpoint(qc::SyncClient& client,
                                                         const GroupPlace& place,
                                                         PartitionNumber partition) {
  for (const std::string& name : {place.group, place.topic}) {
    if (name.empty() || name.find('/') != std::string::npos) {
      return Fault{FaultKind::BadArgument, "'" + name + "' is no name of a group or topic"};
    }
  }
  auto text = std::make_unique<ZnodeText>(client, offset_path(place, partition));
  if (Result<> made = text->make_parents(); !made) return made.error();
  const std::string name = place.group + '.' + place.topic + '.' + std::to_string(partition);
  return std::make_unique<OwnedCheckpoint>(std::move(text), place.folder, name);
}

Result<Committed> read_committed(qc::SyncClient& client, const GroupPlace& place,
                                 PartitionNumber partition) {
  const std::string path = offset_path(place, partition);
  ZnodeText znode(client, path);
  std::string gone;
  while (true) {
    const Result<VersionedText::Value> value = znode.read();
    if (!value) return value.error();
    if (value->text.empty()) return Committed{};
    const auto text = decode_checkpoint(value->text);
    if (!text) return damaged(path);
    Result<std::optional<std::string>> state = load_state(*text, place.folder, path);
    if (!state) return state.error();
    if (*state) return Committed{text->token, {text->offset, std::move(**state)}};
    // The owner has committed meanwhile and taken the older file away: then there is a newer one.
    if (gone == text->file) {
      return Fault{FaultKind::Storage,
                   place.folder + "/" + gone + ", named by " + path + ", is gone"};
    }
    gone = text->file;
    client.sync(path);  // The server asked may lag behind; if this fails, the next read tells.
  }
}

// --- GroupProgress ---------------------------------------------------------------------------

class GroupProgress::State {
 public:
  explicit State(PartitionNumber partitions) : committed_(partitions) {}

  void seen(PartitionNumber partition, const qc::CachedNode& node,
            const std::function<void(PartitionNumber, Offset)>& moved) {
    const auto text = decode_checkpoint(node.data);
    const Offset offset = text ? text->offset : 0;
    {
      const std::lock_guard lock(mutex_);
      committed_[partition] = offset;
    }
    if (moved) moved(partition, offset);
  }

  Offset committed(PartitionNumber partition) const {
    const std::lock_guard lock(mutex_);
    return partition < committed_.size() ? committed_[partition] : 0;
  }
  PartitionNumber partitions() const { return static_cast<PartitionNumber>(committed_.size()); }

  std::string topic;
  std::vector<std::unique_ptr<qc::SyncNodeCache>> caches;

 private:
  mutable std::mutex mutex_;  ///< Caches tell on the client's thread; anybody asks.
  std::vector<Offset> committed_;
};

GroupProgress::GroupProgress(qc::SyncClient& client, const GroupPlace& place,
                             PartitionNumber partitions,
                             std::function<void(PartitionNumber, Offset)> moved)
    : state_(std::make_shared<State>(partitions)) {
  state_->topic = place.topic;
  for (PartitionNumber partition = 0; partition < partitions; ++partition) {
    // A listener may be called once more while its cache is being destroyed.
    state_->caches.push_back(std::make_unique<qc::SyncNodeCache>(
        client, offset_path(place, partition),
        [weak = std::weak_ptr<State>(state_), partition, moved](const qc::CachedNode& node) {
          if (const auto state = weak.lock()) state->seen(partition, node, moved);
        }));
  }
}

GroupProgress::~GroupProgress() {
  state_->caches.clear();
}

Offset GroupProgress::committed(PartitionNumber partition) const {
  return state_->committed(partition);
}

Result<std::vector<std::uint64_t>> GroupProgress::lag(Bus& bus) const {
  std::vector<std::uint64_t> lag;
  for (PartitionNumber partition = 0; partition < state_->partitions(); ++partition) {
    const Result<Marks> marks = bus.marks(state_->topic, partition);
    if (!marks) return marks.error();
    const Offset done = committed(partition);
    lag.push_back(marks->high > done ? marks->high - done : 0);
  }
  return lag;
}

}  // namespace pipeline
