// A whole tree that an administrator gives, to take the place of the one there is.
#pragma once

#include <functional>
#include <optional>

#include "base/ids.h"
#include "znode/data_tree.h"

namespace quorate::server {

enum class RestoreFault {
  Ensemble,    ///< Others would keep what they have: a member never replaces its tree alone.
  NotServing,  ///< Not now: nobody is served, or a tree is being replaced already.
  ZxidTooBig,  ///< No zxids are left behind those of the tree.
  Disk,        ///< It could not be written; everything is as before.
};

struct RestoreOutcome {
  std::optional<RestoreFault> fault;
  Zxid zxid;  ///< Without a fault: the tree's from now on.
  /// The tree that is of no use any more. To take it apart takes a while, which need not be spent
  /// on the replica's thread.
  std::optional<znode::DataTree> old;
};

struct TreeToRestore {
  znode::DataTree tree;
  Zxid highest;  ///< No zxid that the tree speaks of is greater.
  /// Called once, on the replica's thread, unless the server stops; must not call back.
  std::function<void(RestoreOutcome)> done;
};

}  // namespace quorate::server
