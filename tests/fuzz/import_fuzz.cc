// A data folder of ZooKeeper with any bytes in it: imported, or refused with words; then it opens.
#include <string>

#include "base/ensure.h"
#include "server/storage/backup.h"
#include "server/storage/zookeeper_log.h"
#include "server/storage/zookeeper_snapshot.h"
#include "tests/fuzz/input.h"
#include "tests/support/sim_files.h"
#include "znode/snapshot.h"

using namespace quorate;
using namespace quorate::server;

namespace {

constexpr const char* kFolder = "/zk/version-2";

void put(Files& files, const std::string& name, ByteView bytes) {
  auto file = files.open(std::string(kFolder) + "/" + name, OpenMode::Create);
  ENSURE(file.has_value());
  ENSURE(!(*file)->pwrite(0, bytes));
}

/// The snapshot of an empty tree, with seals that fit.
Bytes whole_snapshot() {
  znode::DataTree tree;
  tree.mark_all_dirty();
  znode::SnapStreamWriter stream;
  for (const auto& entry : znode::encode_checkpoint(tree, Zxid{}).entries) {
    // Sessions and ACL lists come first on the wire; this tree has none.
    if (entry.value && entry.key.front() == std::byte{'n'}) {
      ENSURE(!stream.add(entry.key, *entry.value));
    }
  }
  stream.finish();
  ZooKeeperSnapshotWriter writer;
  Bytes file = writer.add(stream.take());
  append(file, writer.finish(Zxid{}, std::nullopt));
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  test::SimFiles files(/*seed=*/1);
  ENSURE(!files.make_directories(kFolder));
  static const Bytes good = whole_snapshot();
  const std::uint8_t shape = input.u8();
  const std::size_t cut = input.u16();
  const ByteView rest = input.rest();
  const ByteView first = rest.first(std::min(cut, rest.size()));
  const ByteView second = rest.subspan(first.size());
  // Either part may be the snapshot's, so that the log behind it is reached as well.
  const char* const names[] = {"snapshot.0", "snapshot.0.gz", "snapshot.0.snappy", "snapshot.1"};
  if (shape & 4) {
    put(files, "snapshot.0", good);
  } else {
    put(files, names[shape & 3], first);
  }
  if (shape & 8) {
    // Records with checksums that fit around bytes that do not.
    ZooKeeperLogWriter log;
    log.add(first);
    log.add(second);
    put(files, "log.1", log.take());
  } else {
    put(files, "log.1", second);
  }
  if (shape & 16) put(files, "currentEpoch", first.first(std::min<std::size_t>(first.size(), 9)));

  ImportSource source;
  source.data_dir = "/zk";
  source.field_max = 1u << 16;
  StorageOptions target;
  target.data_dir = target.data_log_dir = "/q";
  target.segment_bytes = 64u << 10;
  BackupReport report;
  const auto fault = import_zookeeper(files, files.open_tree_store(), source, target, report);
  if (fault) {
    ENSURE(!fault->what.empty());
    return 0;
  }
  Recovered recovered;
  StorageFault opening;
  ENSURE(DiskWorker::open(files, files.open_tree_store(), target, recovered, opening) != nullptr);
  return 0;
}
