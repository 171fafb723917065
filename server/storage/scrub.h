// Reads the whole checkpoint slowly, so that damage shows while the tree is still in memory; on the
// way it can be copied into an archive.
#pragma once

#include <memory>

#include "server/storage/generation.h"

namespace quorate::server {

class Scrub {
 public:
  /// `copy`: of the archive that is to be made of what is read; nullptr: reading only.
  Scrub(std::shared_ptr<TreeStore> store, std::unique_ptr<TreeStoreView> view, Zxid zxid,
        std::unique_ptr<StoreBuilder> copy)
      : store_(std::move(store)), view_(std::move(view)), zxid_(zxid), copy_(std::move(copy)) {}

  struct Step {
    bool done = false;
    ErrorCode damage;  ///< Of the checkpoint.
    ErrorCode copy;    ///< Of the archive's store: there will be none.
  };
  /// Reads on, about so many bytes.
  Step step(std::size_t bytes);

  Zxid zxid() const { return zxid_; }
  StoreBuilder* copy() { return copy_.get(); }

 private:
  std::shared_ptr<TreeStore> store_;  // Outlives its view.
  std::unique_ptr<TreeStoreView> view_;
  Zxid zxid_;
  std::unique_ptr<StoreBuilder> copy_;
  Bytes from_;  ///< Where to read on.
};

}  // namespace quorate::server
