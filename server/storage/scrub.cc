#include "server/storage/scrub.h"

namespace quorate::server {

Scrub::Step Scrub::step(std::size_t bytes) {
  std::vector<znode::CheckpointEntry> entries;
  std::size_t read = 0;
  Step step;
  step.done = true;
  step.damage = view_->scan({}, from_, [&](ByteView key, ByteView value) {
    if (read >= bytes) {
      from_.assign(key.begin(), key.end());
      step.done = false;
      return false;
    }
    read += key.size() + value.size();
    if (copy_) {
      entries.push_back({Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
    }
    return true;
  });
  if (!step.damage && copy_ && !entries.empty()) step.copy = copy_->add(entries);
  return step;
}

}  // namespace quorate::server
