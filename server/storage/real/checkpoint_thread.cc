#include "server/storage/real/checkpoint_thread.h"

#include <malloc.h>
#include <pthread.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <string>

#include "base/ensure.h"
#include "server/log/log.h"
#include "server/storage/real/disk_thread.h"
#include "server/storage/real/paced_env.h"

namespace quorate::server {
namespace {

namespace errc = boost::system::errc;

constexpr std::size_t kScrubStepBytes = 256u << 10;
/// The first archive of a server comes soon, so that one restarted every day has one, too.
constexpr std::chrono::hours kFirstArchive{1};
constexpr int kLongestPause = 30;
constexpr std::chrono::seconds kFirstTrim{2}, kLastTrim{60};

std::string described(ErrorCode error) {
  return "error=\"" + error.message() + "\" action=\"" +
         (error == errc::no_space_on_device
              ? "free space on the disk of dataDir; the log keeps everything until then"
              : "look for errors of the disk of dataDir; the log keeps everything until then") +
         '"';
}

}  // namespace

CheckpointThread::CheckpointThread(DiskWorker& worker, DiskAnswers& answers,
                                   CheckpointOptions options, Purge purge)
    : worker_(worker), answers_(answers), options_(options), purge_(std::move(purge)) {
  scrub_at_ = Clock::now() + options_.scrub_interval;
  archive_at_ =
      Clock::now() + std::min<std::chrono::seconds>(options_.archive_interval, kFirstArchive);
  checkpoint_pacer().hurry(1);
  trim_after(kFirstTrim);
  thread_ = std::thread([this] { run(); });
}

CheckpointThread::~CheckpointThread() {
  stop();
}

// ---- Other threads ------------------------------------------------------------------------------

void CheckpointThread::put(Job job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  work_.notify_one();
}

void CheckpointThread::checkpoint(znode::CheckpointBatch portion) {
  backlog_ += portion.bytes;
  std::uint64_t installs;
  {
    std::lock_guard lock(mutex_);
    installs = installs_asked_;
  }
  put(CheckpointJob{std::move(portion), installs});
}

void CheckpointThread::read_snapshot(LinkId link) {
  put(ReadJob{link});
}
void CheckpointThread::drop_snapshot(LinkId link) {
  put(DropJob{link});
}

void CheckpointThread::install_asked() {
  std::lock_guard lock(mutex_);
  ++installs_asked_;
}

void CheckpointThread::install_ended(bool replaced) {
  {
    std::lock_guard lock(mutex_);
    ++installs_ended_;
    if (replaced) replaced_by_ = installs_ended_;
  }
  installed_.notify_all();
}

void CheckpointThread::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  checkpoint_pacer().hurry(kUnlimited);
  work_.notify_one();
  installed_.notify_all();
  thread_.join();
  readers_.clear();
}

void CheckpointThread::drop_queued() {
  std::lock_guard lock(mutex_);
  for (const Job& job : jobs_) {
    if (const auto* checkpoint = std::get_if<CheckpointJob>(&job)) {
      backlog_ -= checkpoint->portion.bytes;
    }
  }
  jobs_.clear();
}

// ---- This thread --------------------------------------------------------------------------------

void CheckpointThread::run() {
  ::pthread_setname_np(::pthread_self(), "quorate-chkpt");
  std::unique_lock lock(mutex_);
  while (true) {
    auto has_work = [&] { return !jobs_.empty() || stop_; };
    if (auto duty = next_duty(); !duty) {
      work_.wait(lock, has_work);
    } else if (!work_.wait_until(lock, *duty, has_work)) {
      lock.unlock();
      do_duty();
      lock.lock();
      continue;
    }
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    std::visit([this](auto& one) { run(std::move(one)); }, job);
    lock.lock();
  }
}

bool CheckpointThread::of_current_store(std::uint64_t installs) {
  std::lock_guard lock(mutex_);
  damaged_ = damaged_ && damaged_after_ == replaced_by_;
  return installs >= replaced_by_ && installs_ended_ >= installs;
}

/// A portion belongs to the store of its time: behind an install it waits for that, and one of
/// before an install must not reach the new store.
void CheckpointThread::run(CheckpointJob job) {
  {
    std::unique_lock lock(mutex_);
    // Also while stopping: the log's thread, which installs, ends after this one.
    installed_.wait(lock, [&] { return installs_ended_ >= job.installs; });
  }
  const znode::CheckpointBatch& portion = job.portion;
  ErrorCode error = carry_out(job);
  backlog_ -= portion.bytes;
  if (error == errc::operation_canceled || (!error && !portion.ends)) return;
  if (error && portion.from_scratch) {
    log::warn("checkpoint_rewrite_failed " + described(error));
    return answers_.on_checkpoint_lost();
  }
  answer(portion.zxid, job.installs, error);
}

ErrorCode CheckpointThread::carry_out(const CheckpointJob& job) {
  const znode::CheckpointBatch& portion = job.portion;
  std::lock_guard store_lock(store_mutex_);
  bool wanted = of_current_store(job.installs) && (!damaged_ || portion.from_scratch);
  if (!wanted) return make_error_code(errc::operation_canceled);
  if (portion.begins) unwritten_.reset();
  ErrorCode error = worker_.checkpoint(portion);
  if (error || !portion.ends) return error;
  damaged_ = false;
  purge_(portion.zxid);
  return {};
}

void CheckpointThread::answer(Zxid zxid, std::uint64_t installs, ErrorCode error) {
  if (error) return refused(zxid, installs, error);
  if (unwritten_) log::info("checkpoint_written_again zxid=" + to_string(zxid));
  unwritten_.reset();
  // What its portions took goes back to the system. LevelDB's own thread still has to write them
  // to a table; what that took goes back later.
  ::malloc_trim(0);
  trim_after(kFirstTrim);
  answers_.on_checkpointed(zxid);
}

void CheckpointThread::lost() {
  unwritten_.reset();
  damaged_ = true;
  {
    std::lock_guard lock(mutex_);
    damaged_after_ = replaced_by_;
  }
  answers_.on_checkpoint_lost();
}

void CheckpointThread::refused(Zxid zxid, std::uint64_t installs, ErrorCode error) {
  if (error == errc::illegal_byte_sequence) {
    log::error("checkpoint_damaged error=\"" + error.message() +
               "\" action=\"it is written anew from memory\"");
    return lost();
  }
  Unwritten left{zxid, installs, {}, options_.retry};
  if (unwritten_) left.pause = std::min(unwritten_->pause * 2, options_.retry * kLongestPause);
  left.again_at = Clock::now() + left.pause;
  unwritten_ = left;
  log::warn("checkpoint_failed zxid=" + to_string(zxid) +
            " again_ms=" + std::to_string(left.pause.count()) + ' ' + described(error));
}

void CheckpointThread::run(ReadJob job) {
  std::lock_guard store_lock(store_mutex_);
  auto at = readers_.find(job.link);
  if (at == readers_.end()) {
    auto reader = worker_.read_snapshot();
    if (!reader) return answers_.on_snapshot_piece(job.link, Zxid{}, {}, false, /*ok=*/false);
    at = readers_.emplace(job.link, std::move(*reader)).first;
  }
  bool last = false;
  Zxid zxid = at->second->zxid();
  auto piece = at->second->next(last);
  bool ok = piece.has_value();
  if (!ok || last) readers_.erase(at);
  answers_.on_snapshot_piece(job.link, zxid, ok ? SharedBytes(std::move(*piece)) : SharedBytes(),
                             last, ok);
}

// ---- Duties of its own --------------------------------------------------------------------------

std::optional<CheckpointThread::Clock::time_point> CheckpointThread::next_duty() const {
  const std::optional<Clock::time_point> next = next_disk_duty();
  return trim_at_ && (!next || *trim_at_ < *next) ? trim_at_ : next;
}

std::optional<CheckpointThread::Clock::time_point> CheckpointThread::next_disk_duty() const {
  std::optional<Clock::time_point> next;
  auto take = [&](Clock::time_point at) { next = next ? std::min(*next, at) : at; };
  // On a disk that refuses to write nothing else is tried.
  if (unwritten_) return unwritten_->again_at;
  if (worker_.scrubbing()) return scrub_step_at_;
  if (options_.scrub_interval.count() > 0) take(scrub_at_);
  if (options_.archive_interval.count() > 0) {
    bool log_is_long = worker_.log_bytes_since_archive() >= options_.archive_log_bytes;
    take(log_is_long ? Clock::now() : archive_at_);
  }
  return next;
}

void CheckpointThread::do_duty() {
  if (trim_at_ && *trim_at_ <= Clock::now()) return trim();
  if (unwritten_) return retry();
  if (!worker_.scrubbing()) begin_scrub();
  if (worker_.scrubbing()) scrub();
}

void CheckpointThread::trim_after(Clock::duration pause) {
  trim_pause_ = pause;
  trim_at_ = Clock::now() + pause;
}

/// Nobody tells when LevelDB is done, so it is tried a few times, ever later.
void CheckpointThread::trim() {
  ::malloc_trim(0);
  trim_at_.reset();
  if (trim_pause_ * 4 <= kLastTrim) trim_after(trim_pause_ * 4);
}

void CheckpointThread::retry() {
  Zxid zxid = unwritten_->zxid;
  std::uint64_t installs = unwritten_->installs;
  ErrorCode error;
  {
    std::lock_guard store_lock(store_mutex_);
    if (!of_current_store(installs)) {
      unwritten_.reset();
      return;
    }
    error = worker_.commit_checkpoint();
    if (!error) purge_(zxid);
  }
  answer(zxid, installs, error);
}

void CheckpointThread::begin_scrub() {
  Clock::time_point now = Clock::now();
  archiving_ =
      options_.archive_interval.count() > 0 &&
      (archive_at_ <= now || worker_.log_bytes_since_archive() >= options_.archive_log_bytes);
  // Making an archive reads everything, so it is a scrub, too.
  scrub_at_ = now + options_.scrub_interval;
  if (archiving_) archive_at_ = now + options_.archive_interval;
  std::lock_guard store_lock(store_mutex_);
  if (ErrorCode error = worker_.begin_scrub(archiving_)) {
    log::warn("checkpoint_scrub_not_begun " + described(error));
  }
}

void CheckpointThread::scrub() {
  double pause = static_cast<double>(kScrubStepBytes) /
                 static_cast<double>(std::max<std::uint64_t>(options_.scrub_bytes_per_second, 1));
  scrub_step_at_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(pause));
  DiskWorker::ScrubStep step;
  {
    std::lock_guard store_lock(store_mutex_);
    step = worker_.scrub(kScrubStepBytes);
  }
  if (!step.done) return;
  if (step.damage) {
    log::error("checkpoint_damaged found-by=scrub error=\"" + step.damage.message() +
               "\" action=\"it is written anew from memory; look for errors of the disk\"");
    return lost();
  }
  if (step.archive) {
    log::warn("checkpoint_archive_failed " + described(step.archive));
    return;
  }
  log::info(archiving_ ? "checkpoint_archived" : "checkpoint_scrubbed");
}

}  // namespace quorate::server
