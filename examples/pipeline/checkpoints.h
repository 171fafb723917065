// Where a consumer group keeps how far it has come, and what it made of it, fenced.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "examples/pipeline/bus.h"
#include "quorate/sync_client.h"

namespace pipeline {

namespace qc = quorate::client;

struct CheckpointText;

/// Position and view of one partition: one value, so that neither is ever without the other.
struct Checkpoint {
  Offset offset = 0;  ///< Everything below is in `state`.
  std::string state;  ///< The consumer's own encoding; "" at first.

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// One text with a version that every write raises: a znode, or a variable in tests.
class VersionedText {
 public:
  struct Value {
    std::string text;
    std::int32_t version = -1;  ///< -1: there is none yet.
  };
  enum class Written { Done, OtherVersion };

  virtual ~VersionedText() = default;
  virtual Result<Value> read() = 0;
  /// Only over `version`; `value.version` is the new one then.
  virtual Result<Written> write(const std::string& text, std::int32_t& version) = 0;
};

/// The checkpoint of one partition as its owner sees it. A fencing token (of the shard's lock) says
/// which owner is later. claim() raises the text's version and writes the token into it; so from
/// then on every commit of an earlier owner meets another version, and is refused. Owned by one
/// thread.
class OwnedCheckpoint {
 public:
  /// `folder`: where states too large for a znode go; all members must see the same one.
  OwnedCheckpoint(std::unique_ptr<VersionedText> text, std::string folder, std::string name)
      : text_(std::move(text)), folder_(std::move(folder)), name_(std::move(name)) {}

  /// Takes the partition over for the owner with `token`; the last checkpoint. Fenced when a later
  /// one has it.
  Result<Checkpoint> claim(std::int64_t token);
  /// Position and state in one step, or nothing. Fenced: a later owner is there; this one must
  /// stop. Connection: unknown; claim() again tells.
  Result<> commit(const Checkpoint& checkpoint);

  std::int64_t token() const { return token_; }

 private:
  Result<> put(const CheckpointText& text);

  std::unique_ptr<VersionedText> text_;
  std::string folder_;
  std::string name_;
  std::int64_t token_ = 0;
  std::int32_t version_ = -1;
  std::string file_;  ///< Of the checkpoint committed last, if its state is in one.
};

/// States up to this size lie in the znode itself, larger ones in a file that the znode names.
inline constexpr std::size_t kInlineStateBytesMax = 32 * 1024;

/// Names the znodes of a group: <root>/<group>/<topic>/offsets/<partition>, and beside them
/// .../members, which the partitioner keeps. Names of group and topic have no '/'.
struct GroupPlace {
  std::string root = "/pipeline";
  std::string group;
  std::string topic;
  std::string folder;  ///< For large states; shared by all members.

  std::string path(const std::string& tail) const {
    return root + "/" + group + "/" + topic + "/" + tail;
  }
};

/// Opens the checkpoint of a partition in Quorate, making its znode if need be. `client` must
/// outlive it.
Result<std::unique_ptr<OwnedCheckpoint>> open_checkpoint(qc::SyncClient& client,
                                                         const GroupPlace& place,
                                                         PartitionNumber partition);

/// What anybody can read: the checkpoint committed last and the token of who did. Offset 0 and
/// token 0 where there is none.
struct Committed {
  std::int64_t token = 0;
  Checkpoint checkpoint;
};
Result<Committed> read_committed(qc::SyncClient& client, const GroupPlace& place,
                                 PartitionNumber partition);

/// Follows the offsets of a group, by watches. For lag and for back pressure.
class GroupProgress {
 public:
  /// `moved` is called on the client's thread, must not block, and is first called for what is
  /// there.
  GroupProgress(qc::SyncClient& client, const GroupPlace& place, PartitionNumber partitions,
                std::function<void(PartitionNumber, Offset)> moved = {});
  ~GroupProgress();

  /// As last seen; 0 where nothing was committed yet. Any thread.
  Offset committed(PartitionNumber partition) const;
  /// Records appended but not committed, per partition. Any thread.
  Result<std::vector<std::uint64_t>> lag(Bus& bus) const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace pipeline
