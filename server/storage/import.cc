// import_zookeeper(): ZooKeeper's newest whole snapshot becomes a checkpoint, its log behind it
// ours.
#include <algorithm>
#include <charconv>

#include "server/storage/backup.h"
#include "server/storage/epoch_store.h"
#include "server/storage/generation.h"
#include "server/storage/zookeeper_log.h"
#include "server/storage/zookeeper_snapshot.h"
#include "znode/digest.h"
#include "znode/op.h"
#include "znode/txn.h"

namespace quorate::server {
namespace {

constexpr const char* kVersionFolder = "version-2";
constexpr std::size_t kPortionBytes = 4u << 20;
constexpr int kUsageExit = 2;

using Fault = std::optional<StorageFault>;

StorageFault refused(std::string what) {
  return {std::move(what), kUsageExit};
}

/// Nothing is made up for what is missing.
StorageFault not_whole(const std::string& what) {
  return {what + ". This copy is not whole: take the data of another member, or a back-up"};
}

/// The folder with the files: `directory` itself or its version-2.
std::string files_folder(Files& files, const std::string& directory) {
  const std::string below = directory + "/" + kVersionFolder;
  return files.exists(below) ? below : directory;
}

std::optional<std::string> read_text(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::Read);
  if (!file) return std::nullopt;
  Bytes bytes(64);
  auto count = (*file)->pread(0, bytes);
  if (!count) return std::nullopt;
  return std::string(as_text(ByteView(bytes).first(*count)));
}

/// One run of import_zookeeper().
class Import {
 public:
  Import(Files& files, const OpenTreeStore& open, const ImportSource& source,
         const StorageOptions& target, BackupReport& report)
      : files_(files),
        open_(open),
        source_(source),
        target_(target),
        paths_(target),
        report_(report) {}

  Fault run() {
    if (Fault fault = check_target()) return fault;
    if (Fault fault = read_snapshot()) return fault;
    Fault fault = fill();
    if (fault) {
      files_.remove_tree(paths_.data);
      files_.remove_tree(paths_.logs);
    }
    return fault;
  }

 private:
  void say(std::string line) { report_.lines.push_back(std::move(line)); }

  Fault check_target() {
    for (const std::string& folder : {paths_.data, paths_.logs}) {
      auto names = files_.list(folder);
      if (names && !names->empty()) {
        return refused(folder + ": has data already; an import begins with none. Move it away");
      }
    }
    snapshots_ = files_folder(files_, source_.data_dir);
    logs_ = source_.data_log_dir.empty() ? snapshots_ : files_folder(files_, source_.data_log_dir);
    return std::nullopt;
  }

  Fault read_snapshot() {
    std::vector<ZooKeeperFile> found = list_zookeeper_files(files_, snapshots_, "snapshot.");
    if (found.empty()) {
      const bool has_log = !list_zookeeper_files(files_, logs_, "log.").empty();
      return refused(snapshots_ + ": holds no snapshot of ZooKeeper" +
                     (has_log ? ", only logs; start ZooKeeper once with "
                                "snapshot.trust.empty=true so that it writes one"
                              : "; give its dataDir"));
    }
    std::string newest_wrong;
    for (auto file = found.rbegin(); file != found.rend(); ++file) {
      const std::string path = snapshots_ + "/" + file->name;
      if (!is_whole_zookeeper_snapshot(files_, path)) {
        say(path + ": incomplete, passed over");
        continue;
      }
      ZooKeeperSnapshot snapshot;
      std::string wrong =
          read_zookeeper_snapshot(files_, path, file->zxid, source_.field_max, snapshot);
      if (wrong.empty()) return take(path, file->zxid, std::move(snapshot));
      say(wrong + "; passed over");
      if (newest_wrong.empty()) newest_wrong = std::move(wrong);
    }
    return not_whole(newest_wrong.empty() ? snapshots_ + ": no snapshot is complete"
                                          : newest_wrong);
  }

  Fault take(const std::string& path, Zxid zxid, ZooKeeperSnapshot snapshot) {
    snapshot_ = std::move(snapshot);
    checkpoint_ = report_.last = zxid;
    say(path + ": zxid=" + to_string(zxid) +
        " nodes=" + std::to_string(snapshot_.tree.node_count()) +
        " sessions=" + std::to_string(snapshot_.tree.sessions().size()));
    // From here on the tree is no longer fuzzy, and every record's digest must be the tree's.
    exact_from_ = snapshot_.digest ? snapshot_.digest->zxid : Zxid{};
    if (!snapshot_.digest && zxid > Zxid{}) exact_from_ = Zxid{INT64_MAX};
    if (zxid == exact_from_ && snapshot_.digest) compare(snapshot_.digest->value, zxid);
    return std::nullopt;
  }

  Fault fill() {
    // The log's end decides how long replay must be forgiving, so it is looked for first.
    ZooKeeperLogSummary summary;
    std::string wrong = read_zookeeper_log(
        files_, logs_, checkpoint_, source_.field_max, [](consensus::LogRecord) { return ""; },
        summary);
    if (!wrong.empty()) return not_whole(wrong);
    const Zxid last = std::max(checkpoint_, summary.last);
    if (!summary.torn.empty()) say(summary.torn);

    znode::DataTree& tree = snapshot_.tree;
    const Zxid fuzzy_until = checkpoint_ == Zxid{} ? Zxid{} : last;
    auto made =
        build_generation(files_, open_, target_, 1, znode::encode_checkpoint(tree, fuzzy_until));
    if (!made) return io_fault(paths_.data, made.error());
    generation_ = std::move(*made);
    if (Fault fault = copy_log()) return fault;
    say(logs_ + ": files=" + std::to_string(summary.files) +
        " records=" + std::to_string(summary.records) +
        (summary.repeated == 0 ? "" : " repeated=" + std::to_string(summary.repeated)) +
        " last-zxid=" + to_string(last));
    say_digests();
    report_.last = last;
    if (Fault fault = take_epochs(last)) return fault;
    if (ErrorCode error = make_current(files_, paths_, 1)) {
      return io_fault(paths_.data, error);
    }
    say(paths_.data + ": written");
    return std::nullopt;
  }

  Fault copy_log() {
    ZooKeeperLogSummary summary;
    std::string wrong = read_zookeeper_log(
        files_, logs_, checkpoint_, source_.field_max,
        [this](consensus::LogRecord record) { return add(std::move(record)); }, summary);
    if (wrong.empty()) wrong = write_portion();
    if (wrong.empty()) {
      if (ErrorCode error = generation_.log->sync()) return io_fault(paths_.logs, error);
    }
    if (wrong.empty()) return std::nullopt;
    if (unwritten_) return io_fault(paths_.logs, unwritten_);
    return not_whole(wrong);
  }

  std::string add(consensus::LogRecord record) {
    if (std::string wrong = replay(record); !wrong.empty()) return wrong;
    portion_bytes_ += record.bytes.size();
    portion_.push_back(std::move(record));
    return portion_bytes_ < kPortionBytes ? "" : write_portion();
  }

  std::string write_portion() {
    if (portion_.empty()) return {};
    std::vector<const consensus::LogRecord*> group;
    for (const consensus::LogRecord& record : portion_) group.push_back(&record);
    unwritten_ = generation_.log->append(group);
    portion_.clear();
    portion_bytes_ = 0;
    return unwritten_ ? "not written" : "";
  }

  /// Whether the record can be applied at all, and where its digest says so, to this very tree.
  std::string replay(const consensus::LogRecord& record) {
    auto outcome = znode::apply(snapshot_.tree, record.bytes.view(), znode::ReplayMode::Fuzzy);
    if (!outcome) {
      return "the record of zxid " + to_string(record.zxid) +
             " cannot be applied: " + outcome.error().message();
    }
    if (record.zxid < exact_from_) return {};
    auto txn = znode::decode_txn(record.bytes.view());
    if (!txn || !txn->digest || txn->digest->version != znode::kDigestVersion) return {};
    compare(txn->digest->tree_digest, record.zxid);
    return {};
  }

  void compare(std::uint64_t digest, Zxid zxid) {
    ++digests_compared_;
    if (digest != snapshot_.tree.digest() && digests_different_++ == 0) first_different_ = zxid;
  }

  void say_digests() {
    if (digests_different_ == 0) {
      say("digests: " + std::to_string(digests_compared_) + " compared, all equal");
      return;
    }
    say("WARNING digests: " + std::to_string(digests_different_) + " of " +
        std::to_string(digests_compared_) + " differ, the first at zxid " +
        to_string(first_different_) +
        ": ZooKeeper's own servers may differ there. Compare the tree with another server's");
  }

  // ---- Epochs (storage-formats 5) ---------------------------------------------------------------
  Fault take_epochs(Zxid last) {
    std::uint32_t current = 0, accepted = 0;
    if (Fault fault = read_epoch("currentEpoch", last, current)) return fault;
    if (last.epoch() > current && !read_number(snapshots_ + "/currentEpoch.tmp", current)) {
      return not_whole(snapshots_ + "/currentEpoch: is " + std::to_string(current) +
                       ", below the epoch of the last record, " + std::to_string(last.epoch()));
    }
    if (Fault fault = read_epoch("acceptedEpoch", last, accepted)) return fault;
    if (accepted < current) {
      return not_whole(snapshots_ + "/acceptedEpoch: is " + std::to_string(accepted) +
                       ", below currentEpoch, " + std::to_string(current));
    }
    EpochStore epochs(files_, paths_.data);
    if (auto fault = epochs.load(/*fresh=*/true)) return fault;
    if (ErrorCode error = epochs.store_accepted(accepted)) {
      return io_fault(paths_.data + "/acceptedEpoch", error);
    }
    if (ErrorCode error = epochs.store_current(current)) {
      return io_fault(paths_.data + "/currentEpoch", error);
    }
    report_.accepted_epoch = accepted;
    report_.current_epoch = current;
    say("epochs: accepted=" + std::to_string(accepted) + " current=" + std::to_string(current));
    return std::nullopt;
  }

  /// Digits only, as ZooKeeper wants them.
  bool read_number(const std::string& path, std::uint32_t& into) {
    auto text = read_text(files_, path);
    if (!text) return false;
    const std::string line = text->substr(0, text->find('\n'));
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc() || end != line.data() + line.size()) return false;
    into = value;
    return true;
  }

  Fault read_epoch(const char* name, Zxid last, std::uint32_t& into) {
    const std::string path = snapshots_ + "/" + name;
    if (!files_.exists(path)) {
      into = last.epoch();
      return std::nullopt;
    }
    if (read_number(path, into)) return std::nullopt;
    return not_whole(path + ": expected a number");
  }

  Files& files_;
  const OpenTreeStore& open_;
  const ImportSource& source_;
  const StorageOptions& target_;
  StoragePaths paths_;
  BackupReport& report_;
  std::string snapshots_, logs_;
  ErrorCode unwritten_;  ///< Why a portion of the log could not be written.
  ZooKeeperSnapshot snapshot_;
  Zxid checkpoint_;
  Zxid exact_from_;
  Generation generation_;
  std::vector<consensus::LogRecord> portion_;
  std::size_t portion_bytes_ = 0;
  std::size_t digests_compared_ = 0, digests_different_ = 0;
  Zxid first_different_;
};

}  // namespace

std::optional<StorageFault> import_zookeeper(Files& files, const OpenTreeStore& open_tree_store,
                                             const ImportSource& source,
                                             const StorageOptions& target, BackupReport& report) {
  return Import(files, open_tree_store, source, target, report).run();
}

}  // namespace quorate::server
