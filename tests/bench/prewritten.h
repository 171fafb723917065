// A file whose blocks are written before they are used, as a log should have them: a sync of such a
// block does not have to record a new size or new blocks.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <vector>

namespace quorate::bench {

inline constexpr std::size_t kPrewrittenBytes = 32 << 20;

/// Fills the file with kPrewrittenBytes and syncs it. False: errno says why not.
inline bool prewrite(int file) {
  const std::vector<char> zeros(1 << 20);
  for (std::size_t done = 0; done < kPrewrittenBytes; done += zeros.size()) {
    if (pwrite(file, zeros.data(), zeros.size(), static_cast<off_t>(done)) < 0) return false;
  }
  return fsync(file) == 0;
}

}  // namespace quorate::bench
