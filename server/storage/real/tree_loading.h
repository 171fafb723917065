// The tree out of the checkpoint's store, read by several threads.
#pragma once

#include <cstddef>

#include "server/storage/tree_store.h"

namespace quorate::server {

/// Feeds the whole store into `loader`, which stays on this thread: readers verify and decode
/// pieces of the store, in order and not far ahead. One reader or a store of one piece: no thread
/// is made. Error: the store's, or the loader's for an entry; then content is missing, so it must
/// not be finished.
ErrorCode load_tree(TreeStore& store, znode::CheckpointLoader& loader, std::size_t readers);

}  // namespace quorate::server
