// DiskWorker's work on the checkpoint: renewing, rewriting, scrubbing, archiving, replacing it.
#include <algorithm>
#include <boost/system/errc.hpp>

#include "base/ensure.h"
#include "server/storage/disk_worker_impl.h"
#include "server/storage/format.h"
#include "server/storage/small_file.h"
#include "server/storage/snapshot_stream.h"

namespace quorate::server {
namespace {

constexpr std::int64_t kNoLimit = INT64_MAX;

/// Of the rest of a checkpoint of which a portion has failed.
ErrorCode void_portion() {
  return make_error_code(boost::system::errc::operation_canceled);
}

ErrorCode cannot_be_read() {
  return make_error_code(boost::system::errc::io_error);
}

}  // namespace

// ---- Renewing -----------------------------------------------------------------------------------

ErrorCode DiskWorker::checkpoint(const znode::CheckpointBatch& portion) {
  return portion.from_scratch ? impl_->rewrite(portion) : impl_->renew(portion);
}

ErrorCode DiskWorker::Impl::renew(const znode::CheckpointBatch& portion) {
  ENSURE(portion.zxid >= generation.checkpoint);
  rewriting.reset();
  if (portion.begins) generation.store->discard();
  generation.store->stage(portion.entries);
  if (!portion.ends) return {};
  staged = portion.zxid;
  if (ErrorCode error = generation.store->commit()) return error;
  generation.checkpoint = staged;
  return {};
}

ErrorCode DiskWorker::commit_checkpoint() {
  if (ErrorCode error = impl_->generation.store->commit()) return error;
  impl_->generation.checkpoint = impl_->staged;
  return {};
}

/// Into a new folder: the store in use is damaged, but what of it can be read is all that there is
/// until the new one is whole.
ErrorCode DiskWorker::Impl::rewrite(const znode::CheckpointBatch& portion) {
  std::string path = paths.checkpoint(generation.number, next_copy);
  auto failed = [&](ErrorCode error) {
    rewriting.reset();
    (void)files.remove_tree(path);
    return error;
  };
  if (portion.begins) {
    path = paths.checkpoint(generation.number, ++next_copy);
    auto begun = StoreBuilder::begin(files, open_tree_store, path);
    if (!begun) return failed(begun.error());
    rewriting = std::move(*begun);
  }
  if (!rewriting) return void_portion();
  if (ErrorCode error = rewriting->add(portion.entries)) return failed(error);
  if (!portion.ends) return {};
  auto store = rewriting->finish();
  if (!store) return failed(store.error());
  rewriting.reset();
  // After an error here the file may name either: both folders stay, and the next attempt takes
  // another.
  std::string folder = paths.folder(generation.number);
  if (ErrorCode error = write_small_file(files, folder, format::kCheckpointFile, next_copy)) {
    return error;
  }
  scrub.reset();
  generation.store = std::move(*store);
  generation.checkpoint = portion.zxid;
  generation.checkpoint_copy = next_copy;
  REACHED("checkpoint rewritten from memory");
  (void)remove_unnamed_stores(files, paths, generation);  // Otherwise at the next start.
  return {};
}

void DiskWorker::purge(Zxid checkpoint) {
  impl_->purged_for = checkpoint;
  Zxid kept{std::min(checkpoint.value, impl_->purge_limit.load())};
  or_fatal(impl_->generation.log->purge(kept, impl_->options.window_records), "log_purge_failed",
           impl_->paths.log(impl_->generation.number));
}

void DiskWorker::rest() {
  Zxid kept{std::min(impl_->purged_for.value, impl_->purge_limit.load())};
  or_fatal(impl_->generation.log->rest(kept, impl_->options.window_records), "log_rest_failed",
           impl_->paths.log(impl_->generation.number));
}

Result<std::unique_ptr<DiskWorker::SnapshotReader>> DiskWorker::read_snapshot() {
  const Generation& generation = impl_->generation;
  std::unique_ptr<TreeStoreView> view = generation.store->view();
  if (!view) return cannot_be_read();
  return open_snapshot_stream(generation.store, std::move(view), generation.checkpoint);
}

// ---- Scrub and archive --------------------------------------------------------------------------

ErrorCode DiskWorker::begin_scrub(bool archive) {
  Impl& my = *impl_;
  my.scrub.reset();
  std::unique_ptr<TreeStoreView> view = my.generation.store->view();
  if (!view) return cannot_be_read();
  std::unique_ptr<StoreBuilder> copy;
  // The same one again would be built in the folder of the one there is.
  if (archive && my.generation.checkpoint != my.generation.archived) {
    std::string path = my.paths.archive(my.generation.number, my.generation.checkpoint);
    auto begun = StoreBuilder::begin(my.files, my.open_tree_store, path);
    if (!begun) return begun.error();
    copy = std::move(*begun);
    // From now on: the records behind it are what makes it worth keeping.
    my.purge_limit = std::min(my.purge_limit.load(), my.generation.checkpoint.value);
  }
  my.scrub.emplace(my.generation.store, std::move(view), my.generation.checkpoint, std::move(copy));
  return {};
}

bool DiskWorker::scrubbing() const {
  return impl_->scrub.has_value();
}

DiskWorker::ScrubStep DiskWorker::scrub(std::size_t bytes) {
  Impl& my = *impl_;
  ScrubStep result;
  if (my.scrub) {
    Scrub::Step step = my.scrub->step(bytes);
    if (!step.damage && !step.copy && !step.done) return result;
    bool archive = my.scrub->copy() != nullptr;
    result.damage = step.damage;
    result.archive = step.copy;
    if (archive && step.done && !step.damage && !step.copy) result.archive = my.keep_archive();
    bool failed = archive && (step.damage || step.copy);
    my.scrub.reset();
    if (failed) {
      my.purge_limit = my.generation.archived != Zxid{} ? my.generation.archived.value : kNoLimit;
    }
  }
  result.done = true;
  return result;
}

ErrorCode DiskWorker::Impl::keep_archive() {
  auto store = scrub->copy()->finish();
  if (!store) return store.error();
  store->reset();  // Closed, for the day on which it is needed.
  // After an error of the naming the file may name either; the log for the older one is still kept.
  generation.archived = scrub->zxid();
  auto value = static_cast<std::uint64_t>(generation.archived.value);
  std::string folder = paths.folder(generation.number);
  if (ErrorCode error = write_small_file(files, folder, format::kArchiveFile, value)) return error;
  purge_limit = generation.archived.value;
  log_bytes_archived = log_bytes.load();
  REACHED("checkpoint archived");
  (void)remove_unnamed_stores(files, paths, generation);
  return {};
}

std::uint64_t DiskWorker::log_bytes_since_archive() const {
  return impl_->log_bytes - impl_->log_bytes_archived;
}

// ---- Replacing ----------------------------------------------------------------------------------

ErrorCode DiskWorker::install(const znode::CheckpointBatch& portion) {
  Impl& my = *impl_;
  if (!portion.begins && !my.building) return void_portion();
  ErrorCode error = my.build(portion);
  if (!error) return {};
  my.building.reset();
  (void)my.files.remove_tree(my.paths.folder(my.building_number));
  return error;
}

bool DiskWorker::drop_install() {
  Impl& my = *impl_;
  if (!my.building) return false;
  my.building.reset();
  // Otherwise at the next start.
  (void)my.files.remove_tree(my.paths.folder(my.building_number));
  REACHED("tree dropped that was written while it arrived");
  return true;
}

ErrorCode DiskWorker::Impl::build(const znode::CheckpointBatch& portion) {
  if (portion.begins) {
    building.reset();
    auto generations = list_generations(files, paths);
    building_number = std::max(generation.number, generations.back()) + 1;
    auto begun = StoreBuilder::begin(files, open_tree_store, paths.checkpoint(building_number));
    if (!begun) return begun.error();
    building = std::move(*begun);
  }
  if (ErrorCode error = building->add(portion.entries, portion.pack)) return error;
  if (!portion.ends) return {};
  auto made = complete_generation(files, options, building_number, *building, portion.zxid);
  if (!made) return made.error();
  building.reset();
  or_fatal(make_current(files, paths, building_number), "install_failed", paths.data);
  scrub.reset();
  rewriting.reset();
  generation = std::move(*made);
  purged_for = portion.zxid;
  next_copy = 1;
  purge_limit = kNoLimit;
  or_fatal(remove_other_generations(files, paths, building_number), "remove_failed", paths.data);
  return {};
}

}  // namespace quorate::server
