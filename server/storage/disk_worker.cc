#include "server/storage/disk_worker.h"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <cerrno>

#include "base/ensure.h"
#include "server/storage/disk_worker_impl.h"
#include "server/storage/format.h"
#include "server/storage/snapshot_stream.h"

namespace quorate::server {
namespace {

using consensus::AppendRecord;
using consensus::LogRecord;
using consensus::LogWrite;
using consensus::StoreAcceptedEpoch;
using consensus::StoreCurrentEpoch;
using consensus::TruncateLog;

/// What a person can do about it; the server does nothing by itself but stop.
const char* remedy_of(ErrorCode error) {
  namespace errc = boost::system::errc;
  if (error == errc::no_space_on_device || error.value() == EDQUOT) {
    return "The disk is full. Nothing acknowledged is lost. Free space there (move or remove files "
           "that are not the server's own), then start it again.";
  }
  if (error == errc::read_only_file_system || error == errc::permission_denied) {
    return "The server may not write there. Give its user the right to, then start it again.";
  }
  return "The disk does not hold what is written to it, or does not give it back. Nothing "
         "acknowledged is lost as far as the disk keeps it. Look for its errors in the kernel's "
         "log "
         "before the server is started again.";
}

}  // namespace

StorageFault io_fault(const std::string& path, ErrorCode error) {
  return {path + ": " + error.message() + ". " + remedy_of(error)};
}

StorageFault lost_fault(const std::string& what) {
  return {what +
          ". Restore the folder from a copy. A member of an ensemble may instead move it away: it "
          "then joins without data and is synced by the leader."};
}

void or_fatal(ErrorCode error, const char* what, const std::string& where) {
  if (!error) return;
  fatal(std::string(what) + " path=" + where + " error=\"" + error.message() + "\" action=\"" +
            remedy_of(error) + '"',
        kStorageExitCode);
}

DiskWorker::DiskWorker() = default;
DiskWorker::~DiskWorker() = default;

void DiskWorker::write(const std::vector<LogWrite>& writes) {
  Impl& my = *impl_;
  LogStore& log = *my.generation.log;
  const auto sound = [&](ErrorCode error, const char* what) {
    if (error) or_fatal(error, what, my.paths.log(my.generation.number));
  };
  std::vector<const LogRecord*> group;
  group.reserve(writes.size());
  auto flush = [&](bool must_sync) {
    if (!group.empty()) sound(log.append(group), "log_append_failed");
    group.clear();
    if (must_sync || my.options.force_sync) sound(log.sync(), "log_sync_failed");
  };
  for (const LogWrite& write : writes) {
    if (const auto* record = std::get_if<AppendRecord>(&write)) {
      group.push_back(&record->record);
      my.log_bytes += record->record.bytes.size();
      continue;
    }
    flush(/*must_sync=*/true);
    if (const auto* cut = std::get_if<TruncateLog>(&write)) {
      sound(log.cut(cut->after), "log_cut_failed");
    } else if (const auto* accepted = std::get_if<StoreAcceptedEpoch>(&write)) {
      or_fatal(my.epochs.store_accepted(accepted->epoch), "epoch_write_failed", my.paths.data);
    } else if (const auto* current = std::get_if<StoreCurrentEpoch>(&write)) {
      or_fatal(my.epochs.store_current(current->epoch), "epoch_write_failed", my.paths.data);
      // The history before it is a leader's and durable: this server counts from now on.
      if (my.blank) {
        or_fatal(my.files.remove(my.paths.data + "/" + format::kBlankFile), "remove_failed",
                 my.paths.data);
        or_fatal(my.files.sync_directory(my.paths.data), "sync_failed", my.paths.data);
        my.blank = false;
      }
    }
  }
  flush(/*must_sync=*/false);
}

void DiskWorker::stamp_durable_point() {
  or_fatal(impl_->generation.log->stamp_durable_point(), "log_sync_failed",
           impl_->paths.log(impl_->generation.number));
}

std::optional<SegmentPreparation> DiskWorker::due_preparation() {
  return impl_->generation.log->due_preparation();
}

Result<std::unique_ptr<File>> DiskWorker::prepare(const SegmentPreparation& wanted,
                                                  const std::function<bool()>& between) {
  return prepare_segment(impl_->files, wanted, between);
}

void DiskWorker::prepared(const SegmentPreparation& wanted, Result<std::unique_ptr<File>> file) {
  or_fatal(impl_->generation.log->prepared(wanted, std::move(file)), "log_prepare_failed",
           wanted.path);
}

}  // namespace quorate::server
