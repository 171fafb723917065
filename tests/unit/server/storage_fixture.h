// What the tests of storage share: records and trees that follow from a zxid, and an opened worker.
#pragma once

#include <memory>
#include <string>

#include "base/ensure.h"
#include "server/storage/disk_worker.h"
#include "tests/support/sim_files.h"
#include "znode/checkpoint_keys.h"
#include "znode/node.h"

namespace quorate::test {

inline consensus::LogRecord record(Zxid zxid, std::size_t size) {
  return {zxid, SharedBytes(Bytes(size, static_cast<std::byte>(zxid.value * 7 + 1)))};
}

inline std::string path_of(std::size_t i) {
  return "/n" + std::to_string(i);
}

/// A tree whose content follows from the arguments. As a batch it begins from scratch, so that it
/// may follow any other: nodes that it lacks are not deleted, so use rising numbers of nodes.
inline znode::DataTree make_tree(Zxid zxid, std::size_t nodes = 3, std::size_t data_bytes = 20) {
  znode::DataTree tree;
  tree.clear();
  znode::NodeRecord root;
  ENSURE(!tree.load_node(root));
  for (const char* path : {"/zookeeper", "/zookeeper/config", "/zookeeper/quota"}) {
    znode::NodeRecord node;
    node.path = path;
    ENSURE(!tree.load_node(node));
  }
  for (std::size_t i = 0; i < nodes; ++i) {
    znode::NodeRecord node;
    node.path = path_of(i);
    node.data = std::string(data_bytes, static_cast<char>('a' + zxid.value % 26));
    node.stat.czxid = node.stat.mzxid = zxid.value;
    ENSURE(!tree.load_node(node));
  }
  ENSURE(!tree.finish_load(zxid));
  return tree;
}

inline znode::CheckpointBatch tree_as_of(Zxid zxid, std::size_t nodes = 3,
                                         std::size_t data_bytes = 20) {
  znode::DataTree tree = make_tree(zxid, nodes, data_bytes);
  tree.mark_all_dirty();
  znode::CheckpointBatch batch = znode::encode_checkpoint(tree, Zxid{});
  // Made of a tree that knows of no checkpoint before, but written over one: the chain begins here.
  const auto forget = [&](Zxid before) {
    if (before < zxid) batch.entries.push_back({znode::chain_key(before), std::nullopt});
  };
  for (std::uint32_t epoch = 0; epoch <= zxid.epoch(); ++epoch) {
    for (std::uint32_t counter = 0; counter < 1000; ++counter) {
      forget(Zxid::make(epoch, counter));
    }
  }
  for (std::int64_t near = 1; near <= 1000; ++near) forget(Zxid{zxid.value - near});
  return batch;
}

inline bool holds_tree_as_of(const znode::DataTree& tree, Zxid zxid, std::size_t nodes = 3,
                             std::size_t data_bytes = 20) {
  if (tree.last_applied() != zxid) return false;
  if (zxid == Zxid{}) return tree.digest() == znode::DataTree().digest();
  znode::DataTree expected = make_tree(zxid, nodes, data_bytes);
  return tree.digest() == expected.digest() && tree.node_count() == expected.node_count();
}

inline server::StorageOptions ensemble_options() {
  server::StorageOptions options;
  options.data_dir = "/data";
  options.data_log_dir = "/datalog";
  options.segment_bytes = 2048;
  options.initialize = true;
  options.nonce_seed = 5;
  return options;
}

struct Opening {
  std::unique_ptr<server::DiskWorker> worker;
  server::Recovered recovered;
  server::StorageFault fault;
};

inline Opening open(SimFiles& files, const server::StorageOptions& options) {
  Opening opening;
  opening.worker = server::DiskWorker::open(files, files.open_tree_store(), options,
                                            opening.recovered, opening.fault);
  return opening;
}

/// While it lives, fatal() throws Fatal instead of ending the process.
struct Fatal {
  std::string what;
};
struct FatalThrows {
  FatalThrows() {
    set_fatal_hook([](std::string_view what) { throw Fatal{std::string(what)}; });
  }
  ~FatalThrows() { set_fatal_hook(nullptr); }
};

}  // namespace quorate::test
