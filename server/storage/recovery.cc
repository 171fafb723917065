// DiskWorker::open: what is on disk becomes a tree and a log, or a reason not to start.
#include <boost/system/errc.hpp>
#include <deque>

#include "base/ensure.h"
#include "server/storage/disk_worker_impl.h"
#include "server/storage/format.h"
#include "server/storage/small_file.h"

namespace quorate::server {
namespace {

/// The archive is copied in pieces of this size.
constexpr std::size_t kCopiedBytes = 1u << 20;

znode::CheckpointBatch empty_checkpoint(znode::DataTree& tree) {
  tree.mark_all_dirty();
  return znode::encode_checkpoint(tree, Zxid{});
}

bool holds_files(Files& files, const std::string& directory) {
  auto names = files.list(directory);
  return names && !names->empty();
}

/// A folder quorate-N of a later format, where ours is looked for.
std::optional<std::string> foreign_folder(Files& files, const std::string& directory) {
  auto names = files.list(directory);
  if (!names) return std::nullopt;
  for (const auto& name : *names) {
    std::string_view number = name;
    if (!number.starts_with("quorate-") || name == format::kFolder) continue;
    number.remove_prefix(std::string_view("quorate-").size());
    bool digits = !number.empty() && number.find_first_not_of("0123456789") == number.npos;
    if (digits) return name;
  }
  return std::nullopt;
}

/// Whether a log of generation 1 has ever been written to: at its making it is one empty segment.
bool log_was_used(Files& files, const std::string& directory) {
  auto names = files.list(directory);
  if (!names) return false;
  std::size_t segments = 0;
  for (const auto& name : *names) {
    if (!name.starts_with(format::kSegmentPrefix) || name.ends_with(format::kTemporarySuffix))
      continue;
    ++segments;
    auto file = files.open(directory + "/" + name, OpenMode::Read);
    Bytes first(4);
    if (!file) return true;
    auto count = (*file)->pread(format::kDataStart, first);
    if (!count || (*count == first.size() && load_be<std::uint32_t>(first.data()) != 0))
      return true;
  }
  return segments > 1;
}

std::string describe(const LogProblem& problem, const std::string& path) {
  std::string text = (problem.file.empty() ? path : problem.file) + ": ";
  switch (problem.kind) {
    case LogProblem::Kind::None:
      break;
    case LogProblem::Kind::Io:
      text += problem.error.message();
      break;
    case LogProblem::Kind::Missing:
      text += "no log segments here";
      break;
    case LogProblem::Kind::Damaged:
      text += "damaged at offset " + std::to_string(problem.offset) +
              ", before the point up to which the log was durable";
      break;
    case LogProblem::Kind::Version:
      text += "log segment of format version " + std::to_string(problem.version) +
              "; this program knows version " + std::to_string(format::kSegmentVersion) +
              ". Start the server with the release that wrote it. It is left as it is";
      break;
  }
  return text;
}

}  // namespace

ErrorCode load_in_order(TreeStore& store, znode::CheckpointLoader& loader) {
  std::unique_ptr<TreeStoreView> view = store.view();
  if (!view) return make_error_code(boost::system::errc::io_error);
  ErrorCode fault;
  const ErrorCode error = view->scan({}, {}, [&](ByteView key, ByteView value) {
    fault = loader.add(key, value);
    return !fault;
  });
  return error ? error : fault;
}

std::unique_ptr<DiskWorker> DiskWorker::open(Files& files, OpenTreeStore open_tree_store,
                                             StorageOptions options, Recovered& recovered,
                                             StorageFault& fault) {
  std::unique_ptr<DiskWorker> worker(new DiskWorker());
  worker->impl_ = std::make_unique<Impl>(files, std::move(open_tree_store), std::move(options));
  fault = {};
  std::string notice;
  if (auto refused = worker->impl_->recover(recovered, notice)) {
    fault = *refused;
    return nullptr;
  }
  fault = {notice, 0};
  return worker;
}

DiskWorker::Impl::Fault DiskWorker::Impl::recover(Recovered& recovered, std::string& notice) {
  if (ErrorCode error = remove_temporary_files(files, paths.data))
    return io_fault(paths.data, error);
  if (!files.exists(paths.data + "/" + format::kCurrentFile)) {
    if (auto fault = refuse_to_start_empty()) return fault;
    if (auto fault = start_fresh()) return fault;
  }
  blank = files.exists(paths.data + "/" + format::kBlankFile);
  std::optional<std::string> damage;
  if (auto fault = load(recovered, damage)) return fault;
  std::optional<std::string> mended;
  if (damage && generation.archived != Zxid{}) {
    std::string found = *damage;
    if (auto fault = load_archive(recovered, damage)) return fault;
    if (!damage) mended = found;
  }
  if (damage && options.standalone) return lost_fault(*damage);
  // Not from a point of which a leader has said that it is the ensemble's: begun, and not finished.
  bool half_synced = blank && !options.standalone &&
                     (recovered.durable.checkpoint > Zxid{} || !recovered.durable.records.empty());
  if (damage || half_synced) {
    notice = damage ? "storage_damaged what=\"" + *damage +
                          "\" action=\"tree and log dropped; rejoins without a vote to be synced\""
                    : "storage_half_synced action=\"tree and log dropped; to be synced again\"";
    if (auto fault = drop_tree_and_log(recovered)) return fault;
  } else if (mended) {
    notice = "checkpoint_damaged what=\"" + *mended +
             "\" action=\"made anew from the archive as of zxid " +
             to_string(recovered.durable.checkpoint) + " and the log since\"";
  } else if (generation.log->torn_tail_cut()) {
    notice = "log_torn_tail_cut last_zxid=" + to_string(generation.log->last());
  }
  bool fresh = generation.number == 1 && generation.log->last() == Zxid{} && !damage;
  if (auto fault = epochs.load(fresh)) return fault;
  // After damage the operator's `initialize` does not apply: this server has forgotten something.
  if (blank && !damage && (options.standalone || options.initialize)) {
    if (auto fault = remove_blank_marker()) return fault;
  }
  if (ErrorCode error = remove_other_generations(files, paths, generation.number)) {
    return io_fault(paths.data, error);
  }
  if (ErrorCode error = remove_unnamed_stores(files, paths, generation)) {
    return io_fault(paths.folder(generation.number), error);
  }
  if (generation.archived != Zxid{}) purge_limit = generation.archived.value;
  purged_for = generation.checkpoint;
  recovered.durable.blank = blank;
  recovered.durable.accepted_epoch = epochs.accepted();
  recovered.durable.current_epoch = epochs.current();
  return std::nullopt;
}

// ---- No data of our own -------------------------------------------------------------------------

/// Never start empty beside data, be it ZooKeeper's or what is left of our own (hazard R28).
DiskWorker::Impl::Fault DiskWorker::Impl::refuse_to_start_empty() {
  for (const char* name : {format::kAcceptedEpochFile, format::kCurrentEpochFile}) {
    if (!files.exists(paths.data + "/" + name)) continue;
    return lost_fault(paths.data + "/" + format::kCurrentFile + " is missing, but " + name +
                      " is there: data has been lost");
  }
  auto generations = list_generations(files, paths);
  if (!generations.empty() &&
      (generations.back() > 1 || log_was_used(files, paths.log(generations.back())))) {
    return lost_fault(paths.logs + " holds a log, but " + paths.data + "/" + format::kCurrentFile +
                      " is missing: data has been lost, or dataDir is not where it was");
  }
  for (const auto& folder : {options.data_dir, options.data_log_dir}) {
    auto other = folder.empty() ? std::nullopt : foreign_folder(files, folder);
    if (!other) continue;
    return StorageFault{
        folder + "/" + *other + " holds data of another format; this program knows " +
        format::kFolder +
        ". Start the server with the release that wrote it, or name another dataDir "
        "and dataLogDir."};
  }
  for (const auto& folder : {options.data_dir, options.data_log_dir}) {
    if (folder.empty() || !holds_files(files, folder + "/version-2")) continue;
    return StorageFault{
        folder + "/version-2 holds data of ZooKeeper, and " + paths.data +
            " no data of Quorate, which never starts empty beside it. To take it over: "
            "quorate-server --import " +
            options.data_dir +
            " --config CONFIG. To start without that data, name another dataDir "
            "and dataLogDir.",
        2};
  }
  return std::nullopt;
}

/// The tree of an empty server at zxid 0 is written at once, so that a SNAP can be served. CURRENT
/// comes last: a crash before it leaves what refuse_to_start_empty() knows as unused.
DiskWorker::Impl::Fault DiskWorker::Impl::start_fresh() {
  for (const auto& folder : {paths.data, paths.logs}) {
    if (ErrorCode error = files.make_directories(folder)) return io_fault(folder, error);
  }
  if (ErrorCode error = remove_other_generations(files, paths, 0))
    return io_fault(paths.data, error);
  if (ErrorCode error = sync_ancestors()) return io_fault(paths.data, error);
  // A server without data must not vote, also after its next start: what it had before may be what
  // a quorum counted on. Until a leader has synced it, this file says so.
  if (!options.standalone && !options.initialize) {
    ErrorCode error = write_small_file(files, paths.data, format::kBlankFile, 1);
    if (error) return io_fault(paths.data, error);
  }
  znode::DataTree tree;
  auto made = build_generation(files, open_tree_store, options, 1, empty_checkpoint(tree));
  if (!made) return io_fault(paths.checkpoint(1), made.error());
  if (ErrorCode error = make_current(files, paths, 1)) return io_fault(paths.data, error);
  return std::nullopt;
}

/// The folders themselves must survive. Those above dataDir are the operator's: best effort.
ErrorCode DiskWorker::Impl::sync_ancestors() {
  for (const auto& folder : {paths.data, paths.logs}) {
    if (ErrorCode error = files.sync_directory(folder)) return error;
    std::size_t slash = folder.rfind('/');
    if (ErrorCode error = files.sync_directory(folder.substr(0, slash))) return error;
    while (slash != 0 && slash != std::string::npos) {
      slash = folder.rfind('/', slash - 1);
      if (slash == std::string::npos) break;
      (void)files.sync_directory(slash == 0 ? "/" : folder.substr(0, slash));
    }
  }
  return {};
}

// ---- Loading ------------------------------------------------------------------------------------

DiskWorker::Impl::Fault DiskWorker::Impl::load(Recovered& recovered,
                                               std::optional<std::string>& damage) {
  recovered = Recovered{};
  auto number = read_small_file(files, paths.data, format::kCurrentFile);
  if (!number) {
    return lost_fault(paths.data + "/" + format::kCurrentFile +
                      " cannot be read: " + number.error().message());
  }
  generation.number = *number;
  if (auto fault = find_stores()) return fault;
  if (auto fault = load_tree(recovered, damage)) return fault;
  if (damage) return std::nullopt;
  if (auto fault = load_log(recovered, damage)) return fault;
  if (damage) return std::nullopt;
  return check_that_they_fit(recovered, damage);
}

/// Which folders of the generation count.
DiskWorker::Impl::Fault DiskWorker::Impl::find_stores() {
  std::string folder = paths.folder(generation.number);
  if (ErrorCode error = remove_temporary_files(files, folder)) return io_fault(folder, error);
  auto read = [&](const char* name, std::uint64_t& value) -> Fault {
    auto found = read_small_file(files, folder, name);
    if (found) value = *found;
    if (found || found.error() == boost::system::errc::no_such_file_or_directory) {
      return std::nullopt;
    }
    return lost_fault(folder + "/" + name + " cannot be read: " + found.error().message());
  };
  std::uint64_t archived = 0;
  if (auto fault = read(format::kCheckpointFile, generation.checkpoint_copy)) return fault;
  if (auto fault = read(format::kArchiveFile, archived)) return fault;
  generation.archived = Zxid{static_cast<std::int64_t>(archived)};
  next_copy = generation.checkpoint_copy;
  return std::nullopt;
}

DiskWorker::Impl::Fault DiskWorker::Impl::load_tree(Recovered& recovered,
                                                    std::optional<std::string>& damage) {
  std::string path = paths.checkpoint(generation.number, generation.checkpoint_copy);
  if (!files.exists(path)) {
    if (generation.archived == Zxid{}) return lost_fault(path + " is missing");
    damage = path + " is missing";
    return std::nullopt;
  }
  return load_store(path, recovered, generation.store, damage);
}

/// The archive and the log since, in place of a checkpoint that cannot be read. A new checkpoint is
/// made of the archive at once; until it has got its name the damaged one stays.
DiskWorker::Impl::Fault DiskWorker::Impl::load_archive(Recovered& recovered,
                                                       std::optional<std::string>& damage) {
  std::string first = *std::exchange(damage, std::nullopt);
  auto also = [&](const std::string& second) { damage = first + "; and the archive: " + second; };
  recovered = Recovered{};
  generation.store.reset();
  generation.log.reset();
  std::string path = paths.archive(generation.number, generation.archived);
  if (!files.exists(path)) {
    also(path + " is missing");
    return std::nullopt;
  }
  std::optional<std::string> unusable;
  std::shared_ptr<TreeStore> archive;
  if (auto fault = load_store(path, recovered, archive, unusable)) return fault;
  if (!unusable) {
    if (auto fault = load_log(recovered, unusable)) return fault;
  }
  if (!unusable) {
    if (auto fault = check_that_they_fit(recovered, unusable)) return fault;
  }
  if (unusable) {
    also(*unusable);
    return std::nullopt;
  }
  if (recovered.durable.checkpoint != generation.archived) {
    also(path + " is as of another zxid than its name");
    return std::nullopt;
  }
  return copy_archive(*archive);
}

DiskWorker::Impl::Fault DiskWorker::Impl::copy_archive(TreeStore& archive) {
  std::string path = paths.checkpoint(generation.number, ++next_copy);
  auto begun = StoreBuilder::begin(files, open_tree_store, path);
  if (!begun) return io_fault(path, begun.error());
  std::vector<znode::CheckpointEntry> entries;
  std::size_t bytes = 0;
  ErrorCode failed;
  ErrorCode unread = archive.view()->scan({}, {}, [&](ByteView key, ByteView value) {
    entries.push_back({Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
    bytes += key.size() + value.size();
    if (bytes < kCopiedBytes) return true;
    failed = (*begun)->add(std::exchange(entries, {}));
    bytes = 0;
    return !failed;
  });
  if (!unread && !failed) failed = (*begun)->add(entries);
  if (unread || failed) return io_fault(path, unread ? unread : failed);
  auto store = (*begun)->finish();
  if (!store) return io_fault(path, store.error());
  std::string folder = paths.folder(generation.number);
  if (ErrorCode error = write_small_file(files, folder, format::kCheckpointFile, next_copy)) {
    return io_fault(folder, error);
  }
  generation.store = std::move(*store);
  generation.checkpoint_copy = next_copy;
  REACHED("recovered from the archive");
  return std::nullopt;
}

DiskWorker::Impl::Fault DiskWorker::Impl::load_store(const std::string& path, Recovered& recovered,
                                                     std::shared_ptr<TreeStore>& opened,
                                                     std::optional<std::string>& damage) {
  auto store = open_tree_store(path);
  if (!store) {
    // Held by another process, no rights, disk full: nothing that dropping data would mend.
    if (store.error() != boost::system::errc::illegal_byte_sequence) {
      return io_fault(path, store.error());
    }
    damage = path + ": " + store.error().message();
    return std::nullopt;
  }
  opened = std::move(*store);
  znode::CheckpointLoader loader(recovered.tree);
  ErrorCode error = options.load_tree(*opened, loader);
  if (!error) error = loader.finish();
  if (error) {
    damage = path + ": the checkpoint cannot be read: " + error.message();
    return std::nullopt;
  }
  generation.checkpoint = recovered.durable.checkpoint = loader.zxid();
  recovered.fuzzy_until = loader.fuzzy_until();
  return std::nullopt;
}

DiskWorker::Impl::Fault DiskWorker::Impl::load_log(Recovered& recovered,
                                                   std::optional<std::string>& damage) {
  Zxid checkpoint = recovered.durable.checkpoint;
  std::deque<consensus::LogRecord> records;
  std::size_t applied = 0;  // Of `records`, those that the checkpoint holds.
  std::optional<Zxid> forgotten;
  LogProblem problem;
  auto keep = [&](consensus::LogRecord record) {
    if (record.zxid <= checkpoint) ++applied;
    records.push_back(std::move(record));
    if (applied <= options.window_records) return;
    forgotten = records.front().zxid;
    records.pop_front();
    --applied;
  };
  generation.log = LogStore::open(files, log_options(options, generation.number), keep, problem);
  if (!generation.log) {
    std::string text = describe(problem, paths.log(generation.number));
    if (problem.kind == LogProblem::Kind::Version) return StorageFault{text + "."};
    if (problem.kind != LogProblem::Kind::Damaged) return lost_fault(text);
    damage = text;
    return std::nullopt;
  }
  recovered.durable.log_base = forgotten.value_or(generation.log->base());
  recovered.durable.records.assign(std::make_move_iterator(records.begin()),
                                   std::make_move_iterator(records.end()));
  return std::nullopt;
}

/// The log must reach from before the checkpoint to it or beyond: the checkpoint holds only what
/// was durable in the log first.
DiskWorker::Impl::Fault DiskWorker::Impl::check_that_they_fit(Recovered& recovered,
                                                              std::optional<std::string>& damage) {
  Zxid checkpoint = recovered.durable.checkpoint;
  LogStore& log = *generation.log;
  std::string where = paths.log(generation.number);
  if (log.base() > checkpoint) {
    damage = where + ": begins behind zxid " + to_string(log.base()) +
             ", but the checkpoint is as of " + to_string(checkpoint) +
             ": transactions between them are missing";
  } else if (log.last() < checkpoint && options.force_sync) {
    damage = where + ": ends at zxid " + to_string(log.last()) + ", before the checkpoint's " +
             to_string(checkpoint);
  } else if (log.last() < checkpoint) {
    // forceSync=no: the power cut took log records that the synced checkpoint holds.
    if (ErrorCode error = log.restart(checkpoint)) return io_fault(where, error);
    recovered.durable.log_base = checkpoint;
    recovered.durable.records.clear();
  }
  return std::nullopt;
}

// ---- Starting over as a member that must be synced ----------------------------------------------

DiskWorker::Impl::Fault DiskWorker::Impl::drop_tree_and_log(Recovered& recovered) {
  // Before anything is lost: a crash in between leaves a server that does not vote.
  if (ErrorCode error = write_small_file(files, paths.data, format::kBlankFile, 1)) {
    return io_fault(paths.data, error);
  }
  blank = true;
  recovered = Recovered{};
  std::uint64_t number = std::max(generation.number, list_generations(files, paths).back()) + 1;
  generation = Generation{};
  auto made =
      build_generation(files, open_tree_store, options, number, empty_checkpoint(recovered.tree));
  if (!made) return io_fault(paths.checkpoint(number), made.error());
  if (ErrorCode error = make_current(files, paths, number)) return io_fault(paths.data, error);
  generation = std::move(*made);
  return std::nullopt;
}

DiskWorker::Impl::Fault DiskWorker::Impl::remove_blank_marker() {
  if (ErrorCode error = files.remove(paths.data + "/" + format::kBlankFile)) {
    return io_fault(paths.data, error);
  }
  if (ErrorCode error = files.sync_directory(paths.data)) return io_fault(paths.data, error);
  blank = false;
  return std::nullopt;
}

}  // namespace quorate::server
