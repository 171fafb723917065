// The checkpoint's key-value store on LevelDB.
#pragma once

#include "server/storage/tree_store.h"

namespace leveldb {
class Env;
}

namespace quorate::server {

/// Stores may be used from several threads, views from one each; a view holds its store's memory,
/// but must not outlive the store. Errors: illegal_byte_sequence when the content is damaged,
/// io_error for all else (also: another process has it open). `env` replaces the file system in
/// tests.
OpenTreeStore open_leveldb_tree_store(leveldb::Env* env = nullptr);

}  // namespace quorate::server
