// export_zookeeper(): checkpoint, log and epochs as ZooKeeper keeps them.
#include "base/ensure.h"
#include "server/storage/backup.h"
#include "server/storage/zookeeper_log.h"
#include "server/storage/zookeeper_snapshot.h"

namespace quorate::server {
namespace {

constexpr int kUsageExit = 2;
constexpr std::size_t kPortionBytes = 1u << 20;

using Fault = std::optional<StorageFault>;

/// A file that is there as a whole or not at all.
class WholeFile {
 public:
  WholeFile(Files& files, std::string folder, const std::string& name)
      : files_(files), folder_(std::move(folder)), path_(folder_ + "/" + name) {}

  ErrorCode open() {
    auto file = files_.open(path_ + ".tmp", OpenMode::Create);
    if (!file) return file.error();
    file_ = std::move(*file);
    return file_->truncate(0);
  }
  ErrorCode add(ByteView bytes) {
    const ErrorCode error = file_->pwrite(size_, bytes);
    size_ += bytes.size();
    return error;
  }
  ErrorCode close() {
    if (ErrorCode error = file_->sync()) return error;
    file_.reset();
    if (ErrorCode error = files_.rename(path_ + ".tmp", path_)) return error;
    return files_.sync_directory(folder_);
  }
  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }

 private:
  Files& files_;
  std::string folder_, path_;
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
};

Fault write_text(Files& files, const std::string& folder, const std::string& name,
                 const std::string& text) {
  WholeFile file(files, folder, name);
  ErrorCode error = file.open();
  if (!error) error = file.add(as_bytes(text));
  if (!error) error = file.close();
  if (error) return io_fault(file.path(), error);
  return std::nullopt;
}

std::string hex_name(const char* prefix, Zxid zxid) {
  return prefix + to_string(zxid).substr(2);  // Without 0x.
}

Fault write_snapshot(Files& files, const std::string& folder, DiskWorker& worker,
                     const Recovered& recovered, BackupReport& report) {
  auto stream = worker.read_snapshot();
  if (!stream) return io_fault("checkpoint", stream.error());
  const Zxid zxid = (*stream)->zxid();
  WholeFile file(files, folder, hex_name("snapshot.", zxid));
  if (ErrorCode error = file.open()) return io_fault(file.path(), error);
  ZooKeeperSnapshotWriter writer;
  for (bool last = false; !last;) {
    auto piece = (*stream)->next(last);
    if (!piece) return io_fault("checkpoint", piece.error());
    if (ErrorCode error = file.add(writer.add(*piece))) return io_fault(file.path(), error);
  }
  // Of a tree that replay has still to make exact nobody knows the digest.
  std::optional<std::uint64_t> digest;
  if (recovered.fuzzy_until <= zxid) digest = recovered.tree.digest();
  ErrorCode error = file.add(writer.finish(zxid, digest));
  if (!error) error = file.close();
  if (error) return io_fault(file.path(), error);
  report.lines.push_back(file.path() + ": zxid=" + to_string(zxid) +
                         " bytes=" + std::to_string(file.size()));
  report.last = zxid;
  return std::nullopt;
}

Fault write_log(Files& files, const std::string& folder, const Recovered& recovered,
                BackupReport& report) {
  const Zxid checkpoint = report.last;
  std::optional<WholeFile> file;
  ZooKeeperLogWriter writer;
  std::size_t waiting = 0, records = 0;
  for (const consensus::LogRecord& record : recovered.durable.records) {
    if (record.zxid <= checkpoint) continue;
    if (!file) {
      file.emplace(files, folder, hex_name("log.", record.zxid));
      if (ErrorCode error = file->open()) return io_fault(file->path(), error);
    }
    writer.add(record.bytes.view());
    ++records;
    report.last = record.zxid;
    waiting += record.bytes.size();
    if (waiting < kPortionBytes) continue;
    if (ErrorCode error = file->add(writer.take())) return io_fault(file->path(), error);
    waiting = 0;
  }
  if (!file) return std::nullopt;
  ErrorCode error = file->add(writer.take());
  if (!error) error = file->close();
  if (error) return io_fault(file->path(), error);
  report.lines.push_back(file->path() + ": records=" + std::to_string(records) +
                         " last-zxid=" + to_string(report.last));
  return std::nullopt;
}

Fault write_all(Files& files, const std::string& directory, DiskWorker& worker,
                const Recovered& recovered, std::optional<ServerId> self, BackupReport& report) {
  const std::string folder = directory + "/version-2";
  if (ErrorCode error = files.make_directories(folder)) {
    return io_fault(folder, error);
  }
  if (Fault fault = write_snapshot(files, folder, worker, recovered, report)) return fault;
  if (Fault fault = write_log(files, folder, recovered, report)) return fault;
  report.accepted_epoch = recovered.durable.accepted_epoch;
  report.current_epoch = recovered.durable.current_epoch;
  const auto number = [](std::uint32_t epoch) { return std::to_string(epoch); };
  if (Fault fault = write_text(files, folder, "acceptedEpoch", number(report.accepted_epoch))) {
    return fault;
  }
  if (Fault fault = write_text(files, folder, "currentEpoch", number(report.current_epoch))) {
    return fault;
  }
  report.lines.push_back("epochs: accepted=" + number(report.accepted_epoch) +
                         " current=" + number(report.current_epoch));
  if (!self || files.exists(directory + "/myid")) return std::nullopt;
  return write_text(files, directory, "myid", to_string(*self) + "\n");
}

}  // namespace

std::optional<StorageFault> export_zookeeper(Files& files, OpenTreeStore open_tree_store,
                                             const StorageOptions& source,
                                             const std::string& directory,
                                             std::optional<ServerId> self, BackupReport& report) {
  if (files.exists(directory + "/version-2")) {
    return StorageFault{directory + "/version-2: is there already; name a folder without it",
                        kUsageExit};
  }
  if (!files.exists(source.data_dir + "/quorate-1/CURRENT")) {
    return StorageFault{
        source.data_dir + ": holds no data of this server; is its dataDir the right one?",
        kUsageExit};
  }
  Recovered recovered;
  StorageFault fault;
  auto worker = DiskWorker::open(files, std::move(open_tree_store), source, recovered, fault);
  if (!worker) return fault;
  if (!fault.what.empty()) report.lines.push_back(fault.what);
  if (recovered.durable.blank) {
    return StorageFault{source.data_dir +
                            ": this server has not been synced by a leader yet; "
                            "there is nothing to export. Take another one",
                        kUsageExit};
  }
  return write_all(files, directory, *worker, recovered, self, report);
}

}  // namespace quorate::server
