// What the consumer group "archive" does with a partition: facts to segments.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "examples/lambda/batch/segment_list.h"
#include "examples/pipeline/consumer.h"

namespace lambda_app {

struct ArchiveOptions {
  std::string folder;                           ///< Of the segments.
  std::uint64_t segment_bytes_max = 64u << 20;  ///< A segment that has so much is closed.
};

/// An open segment is closed where a mark lies, so that none ever lies across one; when it is large
/// enough; and before every commit, which is how age closes it (ConsumerOptions::commit_interval).
/// At a mark and at the size it asks for a commit at once. Owned by the consumer's thread.
class Archiver : public pipeline::PartitionHandler {
 public:
  /// Nothing when the checkpoint's list cannot be decoded. Removes what killed owners have left.
  static std::unique_ptr<Archiver> open(const ArchiveOptions& options, PartitionNumber partition,
                                        std::int64_t token, const pipeline::Checkpoint& last);

  void handle(const pipeline::Batch& batch) override;
  bool wants_commit() const override { return wants_commit_; }
  pipeline::Result<> persist() override;
  std::string state() override { return list_.encode(); }
  void committed(Offset) override { wants_commit_ = false; }

 private:
  Archiver(ArchiveOptions options, PartitionNumber partition, std::int64_t token, Offset next)
      : options_(std::move(options)), partition_(partition), token_(token), next_(next) {}

  void close_open();

  const ArchiveOptions options_;
  const PartitionNumber partition_;
  const std::int64_t token_;
  Offset next_;  ///< Behind what was handled.
  SegmentList list_;
  std::unique_ptr<SegmentWriter> open_;
  bool wants_commit_ = false;
  pipeline::Result<> fault_;  ///< The first; persist() tells it, and nothing is committed any more.
};

/// The names in a folder; none if it cannot be read.
std::vector<std::string> files_in(const std::string& folder);

}  // namespace lambda_app
