#include "examples/lambda/serve/loader.h"

#include <utility>

#include "examples/lambda/operator_states.h"
#include "examples/pipeline/state_file.h"

namespace lambda_app {

using pipeline::CheckpointText;
using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;

Result<SpeedParts> load_parts(const CheckpointText& text, const std::string& folder) {
  std::string state = text.inline_state;
  if (!text.file.empty()) {
    Result<std::optional<std::string>> read = pipeline::read_file(folder, text.file);
    if (!read) return read.error();
    const std::string name = folder + "/" + text.file;
    if (!*read) return Fault{FaultKind::Storage, name + ", a checkpoint's view, is gone"};
    if ((*read)->size() != text.file_bytes || pipeline::state_hash(**read) != text.file_hash) {
      return Fault{FaultKind::Damaged, name + " is not what the checkpoint names"};
    }
    state = std::move(**read);
  }
  if (state.empty()) return SpeedParts({}, text.offset);
  // The ids that were seen lie beside, and are the larger part: nobody here needs them.
  const auto states = decode_operator_states(state);
  const auto at = states ? states->find(kAggregateOperator) : decltype(states->find("")){};
  if (states && at != states->end()) {
    if (std::optional<SpeedParts> parts = SpeedParts::decode(at->second)) return std::move(*parts);
  }
  return Fault{FaultKind::Damaged,
               "a checkpoint of the speed layer cannot be decoded; was it "
               "written by another version?"};
}

Loader::Loader(std::string folder, Told told)
    : folder_(std::move(folder)), told_(std::move(told)), thread_([this] { run(); }) {}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  bell_.notify_all();
  thread_.join();
}

void Loader::load(PartitionNumber partition, CheckpointText text) {
  {
    const std::lock_guard lock(mutex_);
    checkpoints_[partition] = std::move(text);
  }
  bell_.notify_all();
}

void Loader::load(const Generation& generation, BatchPointer known) {
  {
    const std::lock_guard lock(mutex_);
    batch_ = BatchJob{generation, std::move(known)};
  }
  bell_.notify_all();
}

void Loader::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    bell_.wait(lock, [&] { return stopping_ || batch_ || !checkpoints_.empty(); });
    if (stopping_) return;
    // Views of partitions first: they are smaller, and a partition that waits grows stale.
    if (!checkpoints_.empty()) {
      const auto job = checkpoints_.extract(checkpoints_.begin());
      lock.unlock();
      told_.parts({job.key(), job.mapped().token, load_parts(job.mapped(), folder_)});
    } else {
      const BatchJob job = std::move(*batch_);
      batch_.reset();
      lock.unlock();
      told_.batch(job.generation, load_batch(job.generation, folder_, job.known));
    }
    lock.lock();
  }
}

}  // namespace lambda_app
