#include "server/storage/real/disk_thread.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/system/errc.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "base/ensure.h"
#include "server/log/log.h"
#include "server/storage/real/checkpoint_thread.h"
#include "server/storage/real/paced_env.h"

namespace quorate::server {
namespace {

using SteadyClock = std::chrono::steady_clock;
using consensus::LogWrite;

// Jobs of the log's thread.
struct WriteJob {
  std::uint64_t last = 0;  ///< Number of the last write in it.
  std::vector<LogWrite> writes;
  std::size_t bytes = 0;
};
struct InstallJob {
  LinkId link;
  znode::CheckpointBatch portion;
};
struct DropInstallJob {};
struct PurgeJob {
  Zxid checkpoint;
  std::uint64_t installs = 0;
};
struct PreparedJob {
  SegmentPreparation wanted;
  Result<std::unique_ptr<File>> file;
  std::uint64_t installs = 0;
};
using LogJob = std::variant<WriteJob, InstallJob, DropInstallJob, PurgeJob, PreparedJob>;

// The one job of the thread that makes segments.
struct PrepareJob {
  SegmentPreparation wanted;
  std::uint64_t installs = 0;
};

/// A group above this size keeps the disk busy for so long that the loop should go on meanwhile.
constexpr std::size_t kHeldBytesMax = 256u << 10;

std::size_t bytes_of(const std::vector<LogWrite>& writes) {
  std::size_t bytes = 0;
  for (const auto& write : writes) {
    bytes += sizeof write;
    if (auto* record = std::get_if<consensus::AppendRecord>(&write)) {
      bytes += record->record.bytes.size();
    }
  }
  return bytes;
}

}  // namespace

struct DiskThread::Impl {
  Impl(std::unique_ptr<DiskWorker> disk_worker, std::unique_ptr<DiskAnswers> answer_port,
       DiskThreadOptions thread_options)
      : worker(std::move(disk_worker)),
        answers(std::move(answer_port)),
        options(thread_options),
        checkpoints(*worker, *answers, options.checkpoint, [this](Zxid zxid) { purge(zxid); }) {}

  void run_log();
  void run_jobs(std::deque<LogJob> jobs);
  void write_group(std::vector<LogWrite>& writes, std::uint64_t last, std::size_t bytes);
  void carry_out(std::vector<LogWrite>& writes, std::size_t bytes);
  void run(PreparedJob job);
  void run_prepare();
  void prepare_if_due();
  void enqueue(WriteJob job);
  void install(InstallJob job);
  void drop_install();
  void purge(Zxid checkpoint);

  std::unique_ptr<DiskWorker> worker;
  std::unique_ptr<DiskAnswers> answers;
  DiskThreadOptions options;

  // Guards what stands up to the next comment. Queues hand whole batches over; nothing is called
  // while it is held.
  mutable std::mutex mutex;
  std::condition_variable log_work, prepare_work, room;
  std::deque<LogJob> log_jobs;
  std::size_t queued = 0;           // Bytes of writes queued or being written.
  std::uint64_t installs_done = 0;  // That have replaced store and log.
  bool stop_log = false, stop_prepare = false;
  bool install_waits = false;  // For prepare_mutex.
  // Who may use the worker's log: the log's thread while `log_busy`, the replica's while `inline`.
  bool log_busy = false, inline_busy = false;
  bool stamped = true;                                 // The log names all of itself as durable.
  bool rested = false;                                 // And has given back what it does not need.
  SteadyClock::time_point wrote = SteadyClock::now();  // When it was written to last.
  std::optional<PrepareJob> prepare_job;
  std::uint64_t sync_count = 0, sync_slow = 0;
  double sync_min = 0, sync_max = 0, sync_sum = 0;
  Summary sync_us;
  double sync_recent = 0;  // In ms, a moving mean.

  // Held while a segment is made, and by an install, which removes the folder it is made in.
  std::mutex prepare_mutex;

  std::optional<WriteJob> held;  // Replica's thread: waits for write_held() or hand_over().
  bool stopped = false;          // Replica's thread.
  bool abandoned = false;        // Guarded by mutex.
  std::atomic<std::size_t> install_backlog{0};
  std::thread log_thread, prepare_thread;
  CheckpointThread checkpoints;  // Ends first: it queues purges for the log's thread.
};

// ---- The log's thread ---------------------------------------------------------------------------

void DiskThread::Impl::run_log() {
  ::pthread_setname_np(::pthread_self(), "quorate-log");
  std::unique_lock lock(mutex);
  while (true) {
    auto has_work = [&] { return !inline_busy && (!log_jobs.empty() || stop_log); };
    bool idle = false, rests = false;
    if (stamped && rested) {
      log_work.wait(lock, [&] { return has_work() || !stamped; });
      if (!has_work()) continue;  // Written to inline: to be stamped when that has ended.
    } else {
      const bool was_stamped = stamped;
      const auto pause = stamped ? options.idle_before_rest : options.idle_before_stamp;
      // A copy: an inline write moves `wrote` on.
      auto due = (inline_busy ? SteadyClock::now() : wrote) + pause;
      log_work.wait_until(lock, due, [&] { return has_work() || stamped != was_stamped; });
      const bool quiet = !has_work() && !inline_busy && stamped == was_stamped &&
                         SteadyClock::now() >= wrote + pause;
      if (!has_work() && !quiet) continue;
      idle = quiet && !stamped;
      rests = quiet && stamped;
    }
    std::deque<LogJob> jobs;
    jobs.swap(log_jobs);
    bool ending = stop_log && jobs.empty();
    log_busy = true;
    const bool stamps = idle || (ending && !abandoned);
    lock.unlock();
    if (stamps) {
      worker->stamp_durable_point();
    } else if (rests) {
      worker->rest();
    } else {
      run_jobs(std::move(jobs));
    }
    lock.lock();
    log_busy = false;
    stamped = idle || rests || ending;
    rested = rests || (rested && idle);
    wrote = SteadyClock::now();
    if (ending) return;
  }
}

/// Everything that waited becomes one group, as far as installs do not part it.
void DiskThread::Impl::run_jobs(std::deque<LogJob> jobs) {
  std::vector<LogWrite> writes;
  std::uint64_t last = 0;
  std::size_t bytes = 0;
  auto flush = [&] {
    if (!writes.empty()) write_group(writes, last, bytes);
    writes.clear();
    bytes = 0;
  };
  for (LogJob& job : jobs) {
    if (auto* write = std::get_if<WriteJob>(&job)) {
      if (writes.empty()) {
        writes = std::move(write->writes);
      } else {
        std::move(write->writes.begin(), write->writes.end(), std::back_inserter(writes));
      }
      last = write->last;
      bytes += write->bytes;
      continue;
    }
    flush();
    if (auto* whole = std::get_if<InstallJob>(&job)) install(std::move(*whole));
    if (std::holds_alternative<DropInstallJob>(job)) drop_install();
    if (auto* purge = std::get_if<PurgeJob>(&job)) {
      // A checkpoint of before an install says nothing about the log behind it.
      bool current;
      {
        std::lock_guard lock(mutex);
        current = purge->installs == installs_done;
      }
      if (current) worker->purge(purge->checkpoint);
    }
    if (auto* made = std::get_if<PreparedJob>(&job)) run(std::move(*made));
  }
  flush();
  prepare_if_due();
}

void DiskThread::Impl::write_group(std::vector<LogWrite>& writes, std::uint64_t last,
                                   std::size_t bytes) {
  carry_out(writes, bytes);
  answers->on_synced(last);
}

void DiskThread::Impl::carry_out(std::vector<LogWrite>& writes, std::size_t bytes) {
  auto begin = SteadyClock::now();
  worker->write(writes);
  double took = std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
  bool slow = took > static_cast<double>(options.slow_sync.count());
  {
    std::lock_guard lock(mutex);
    sync_min = sync_count == 0 ? took : std::min(sync_min, took);
    sync_max = std::max(sync_max, took);
    sync_sum += took;
    sync_us.add(static_cast<std::int64_t>(took * 1000));
    sync_recent += (took - sync_recent) / 8;
    ++sync_count;
    sync_slow += slow;
    queued -= bytes;
  }
  room.notify_all();
  if (!slow) return;
  log::warn(
      "log_sync_slow ms=" + std::to_string(static_cast<std::int64_t>(took)) + " threshold_ms=" +
      std::to_string(options.slow_sync.count()) + " bytes=" + std::to_string(bytes) +
      " action=\"every write waits for the disk of dataLogDir: give the log a disk of its own, "
      "or find what else uses it (fsync.warningthresholdms)\"");
}

// ---- Segments made ahead of their time ----------------------------------------------------------

/// Owner of the log only.
void DiskThread::Impl::prepare_if_due() {
  auto wanted = worker->due_preparation();
  if (!wanted) return;
  {
    std::lock_guard lock(mutex);
    prepare_job = PrepareJob{std::move(*wanted), installs_done};
  }
  prepare_work.notify_one();
}

void DiskThread::Impl::run_prepare() {
  ::pthread_setname_np(::pthread_self(), "quorate-segment");
  std::unique_lock lock(mutex);
  while (true) {
    prepare_work.wait(lock, [&] { return prepare_job || stop_prepare; });
    if (stop_prepare) return;
    PrepareJob job = *std::exchange(prepare_job, std::nullopt);
    lock.unlock();
    Result<std::unique_ptr<File>> file = make_error_code(boost::system::errc::operation_canceled);
    {
      std::lock_guard prepare_lock(prepare_mutex);
      lock.lock();
      bool current = job.installs == installs_done;
      lock.unlock();
      auto piece_began = SteadyClock::now();
      auto pause = [&] {
        // Three quarters of the time the disk is the log's alone. A log that is faster than what is
        // left for this grows its segment meanwhile.
        const auto took = SteadyClock::now() - piece_began;
        lock.lock();
        auto given_up = [&] { return stop_prepare || install_waits; };
        const bool goes_on = !prepare_work.wait_for(lock, 3 * took, given_up);
        lock.unlock();
        piece_began = SteadyClock::now();
        return goes_on;
      };
      if (current) file = worker->prepare(job.wanted, pause);
    }
    lock.lock();
    log_jobs.push_back(PreparedJob{std::move(job.wanted), std::move(file), job.installs});
    log_work.notify_one();
  }
}

void DiskThread::Impl::run(PreparedJob job) {
  {
    std::lock_guard lock(mutex);
    if (job.installs != installs_done) return;
  }
  worker->prepared(job.wanted, std::move(job.file));
}

void DiskThread::Impl::install(InstallJob job) {
  const znode::CheckpointBatch& portion = job.portion;
  ErrorCode error;
  {
    std::lock_guard lock(mutex);
    install_waits = true;
  }
  prepare_work.notify_one();
  {
    std::scoped_lock both(checkpoints.store_mutex(), prepare_mutex);
    {
      std::lock_guard lock(mutex);
      install_waits = false;
    }
    error = worker->install(portion);
    if (!error && portion.ends) {
      std::lock_guard lock(mutex);
      ++installs_done;
    }
    // Before the store can be used again: a portion of the tree before must not reach the new one.
    const bool ended = error ? error != boost::system::errc::operation_canceled : portion.ends;
    if (ended) checkpoints.install_ended(/*replaced=*/!error);
  }
  install_backlog -= portion.bytes;
  // The rest of one that has failed, or not the last of one that goes on.
  if (error == boost::system::errc::operation_canceled || (!error && !portion.ends)) return;
  checkpoint_pacer().hurry(1);
  if (error) {
    log::warn(
        "install_failed zxid=" + to_string(portion.zxid) + " error=\"" + error.message() +
        "\" action=\"tried again by and by; free space on the disk of dataDir if it is full\"");
  }
  answers->on_installed(job.link, portion.zxid, /*ok=*/!error);
}

void DiskThread::Impl::drop_install() {
  std::lock_guard lock(checkpoints.store_mutex());
  // One that has failed has ended already.
  if (!worker->drop_install()) return;
  checkpoints.install_ended(/*replaced=*/false);
  checkpoint_pacer().hurry(1);
}

/// The checkpoint's thread, which holds its store: so it is of the store and log in use.
void DiskThread::Impl::purge(Zxid checkpoint) {
  {
    std::lock_guard lock(mutex);
    log_jobs.push_back(PurgeJob{checkpoint, installs_done});
  }
  log_work.notify_one();
}

// ---- The port -----------------------------------------------------------------------------------

DiskThread::DiskThread(std::unique_ptr<DiskWorker> worker, std::unique_ptr<DiskAnswers> answers,
                       DiskThreadOptions options)
    : impl_(std::make_unique<Impl>(std::move(worker), std::move(answers), options)) {
  impl_->log_thread = std::thread([this] { impl_->run_log(); });
  impl_->prepare_thread = std::thread([this] { impl_->run_prepare(); });
}

DiskThread::~DiskThread() {
  stop();
}

void DiskThread::write(std::uint64_t first, std::vector<LogWrite> writes) {
  if (impl_->stopped || writes.empty()) return;
  Impl& my = *impl_;
  WriteJob job{first + writes.size() - 1, std::move(writes), 0};
  job.bytes = bytes_of(job.writes);
  if (my.held) {
    // Still one group: it is written and synced as one.
    std::move(job.writes.begin(), job.writes.end(), std::back_inserter(my.held->writes));
    my.held->last = job.last;
    my.held->bytes += job.bytes;
    if (my.held->bytes > kHeldBytesMax) hand_over();
    return;
  }
  if (my.options.hold_groups && job.bytes <= kHeldBytesMax) {
    std::lock_guard lock(my.mutex);
    bool idle = my.log_jobs.empty() && !my.log_busy;
    double limit_ms = static_cast<double>(my.options.inline_sync_max.count()) / 1000;
    if (idle && my.sync_recent < limit_ms) {
      my.held = std::move(job);
      return;
    }
  }
  my.enqueue(std::move(job));
}

void DiskThread::Impl::enqueue(WriteJob job) {
  {
    std::unique_lock lock(mutex);
    room.wait(lock, [&] { return queued < options.queue_bytes_max; });
    queued += job.bytes;
    log_jobs.push_back(std::move(job));
  }
  log_work.notify_one();
}

bool DiskThread::holds_group() const {
  return impl_->held.has_value();
}

void DiskThread::hand_over() {
  if (impl_->held) impl_->enqueue(*std::exchange(impl_->held, std::nullopt));
}

std::optional<std::uint64_t> DiskThread::write_held() {
  Impl& my = *impl_;
  if (!my.held) return std::nullopt;
  bool wake;
  {
    std::lock_guard lock(my.mutex);
    // A purge or a prepared segment may have come in between; it does not take long.
    my.inline_busy = my.log_jobs.empty() && !my.log_busy;
    wake = my.inline_busy && my.stamped;
    if (my.inline_busy) my.queued += my.held->bytes;
  }
  if (!my.inline_busy) {
    hand_over();
    return std::nullopt;
  }
  WriteJob job = *std::exchange(my.held, std::nullopt);
  my.carry_out(job.writes, job.bytes);
  my.prepare_if_due();
  bool waiting;
  {
    std::lock_guard lock(my.mutex);
    my.inline_busy = false;
    my.stamped = my.rested = false;
    my.wrote = SteadyClock::now();
    waiting = !my.log_jobs.empty();
  }
  // Once after each pause: from then on the log's thread looks every 100 ms by itself.
  if (wake || waiting) my.log_work.notify_one();
  return job.last;
}

bool DiskThread::has_room() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->queued < impl_->options.queue_bytes_high;
}

void DiskThread::checkpoint(znode::CheckpointBatch portion) {
  if (!impl_->stopped) impl_->checkpoints.checkpoint(std::move(portion));
}

std::size_t DiskThread::checkpoint_backlog() const {
  return impl_->checkpoints.backlog() + impl_->install_backlog;
}

void DiskThread::hurry_checkpoint(double due) {
  checkpoint_pacer().hurry(due);
}

void DiskThread::read_snapshot(LinkId link) {
  if (!impl_->stopped) impl_->checkpoints.read_snapshot(link);
}

void DiskThread::drop_snapshot(LinkId link) {
  if (!impl_->stopped) impl_->checkpoints.drop_snapshot(link);
}

void DiskThread::install(LinkId link, znode::CheckpointBatch portion) {
  if (impl_->stopped) return;
  hand_over();
  checkpoint_pacer().hurry(kUnlimited);
  impl_->install_backlog += portion.bytes;
  if (portion.begins) impl_->checkpoints.install_asked();
  {
    std::lock_guard lock(impl_->mutex);
    impl_->log_jobs.push_back(InstallJob{link, std::move(portion)});
  }
  impl_->log_work.notify_one();
}

void DiskThread::drop_install(LinkId) {
  if (impl_->stopped) return;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->log_jobs.push_back(DropInstallJob{});
  }
  impl_->log_work.notify_one();
}

/// The checkpoint's thread first: its last job queues a purge for the log's.
void DiskThread::stop() {
  if (impl_->stopped) return;
  hand_over();
  impl_->stopped = true;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop_prepare = true;
  }
  impl_->prepare_work.notify_one();
  impl_->prepare_thread.join();
  impl_->checkpoints.stop();
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop_log = true;
  }
  impl_->log_work.notify_one();
  impl_->log_thread.join();
}

void DiskThread::abandon() {
  if (impl_->stopped) return;
  impl_->held.reset();
  {
    std::lock_guard lock(impl_->mutex);
    impl_->abandoned = true;
    // Installs stay: portions of a checkpoint may wait for them.
    std::erase_if(impl_->log_jobs, [this](const LogJob& job) {
      const auto* write = std::get_if<WriteJob>(&job);
      if (write != nullptr) impl_->queued -= write->bytes;
      return write != nullptr;
    });
  }
  impl_->checkpoints.drop_queued();
  stop();
}

std::size_t DiskThread::queued_bytes() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->queued;
}

SyncTimes DiskThread::sync_times() const {
  std::lock_guard lock(impl_->mutex);
  const Impl& my = *impl_;
  double count = static_cast<double>(my.sync_count);
  return {my.sync_count, my.sync_min, my.sync_count == 0 ? 0 : my.sync_sum / count, my.sync_max,
          my.sync_slow};
}

Summary DiskThread::sync_summary() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->sync_us;
}

void DiskThread::reset_sync_times() {
  std::lock_guard lock(impl_->mutex);
  impl_->sync_count = 0;
  impl_->sync_min = impl_->sync_max = impl_->sync_sum = 0;
  impl_->sync_us = {};
}

}  // namespace quorate::server
