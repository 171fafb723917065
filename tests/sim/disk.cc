#include "tests/sim/disk.h"

#include <algorithm>
#include <boost/system/errc.hpp>

#include "base/ensure.h"
#include "tests/sim/server.h"

namespace quorate::sim {

void LogState::apply(const consensus::LogWrite& write) {
  if (const auto* append = std::get_if<consensus::AppendRecord>(&write)) {
    records[append->record.zxid.value] = append->record.bytes;
  } else if (const auto* cut = std::get_if<consensus::TruncateLog>(&write)) {
    records.erase(records.upper_bound(cut->after.value), records.end());
  } else if (const auto* accepted = std::get_if<consensus::StoreAcceptedEpoch>(&write)) {
    accepted_epoch = accepted->epoch;
  } else if (const auto* current = std::get_if<consensus::StoreCurrentEpoch>(&write)) {
    current_epoch = current->epoch;
  }
}

void LogState::install(Zxid zxid) {
  records.clear();
  base = zxid;
}

bool LogState::holds(Zxid zxid, const SharedBytes& bytes) const {
  auto at = records.find(zxid.value);
  if (at != records.end()) return at->second == bytes;
  return zxid <= base;
}

SimDisk::SimDisk(const Plan& plan, int id, DiskOwner& owner, Trace& trace, test::SimFiles& files,
                 std::unique_ptr<server::DiskWorker> worker, LogState& durable, Random random)
    : plan_(plan),
      id_(id),
      owner_(owner),
      trace_(trace),
      files_(files),
      worker_(std::move(worker)),
      durable_(durable),
      random_(random) {}

Micros SimDisk::latency() {
  Micros base = plan_.sync_min + random_.between(0, 2 * plan_.sync_mean);
  if (random_.percent(1)) base *= plan_.faults.any() ? 20 : 4;  // Fault-free: within syncLimit.
  // However slow: what was begun before all is healed must be done well before the end.
  return std::min<Micros>(base * slow_, 4 * kSecond);
}

void SimDisk::write(std::uint64_t first, std::vector<consensus::LogWrite> writes) {
  if (writes.empty()) return;
  for (const auto& write : writes) owner_.write_ordered(write);
  Job job{Kind::Write, first + writes.size() - 1, std::move(writes), {}, {}, {}, 0};
  waiting_.push_back(std::move(job));
  reach(CrashPoint::Queued);
  start();
}

void SimDisk::checkpoint(znode::CheckpointBatch portion) {
  checkpoints_.push_back({std::move(portion), installs_asked_});
  if (checkpoints_.size() == 1) next_checkpoint();
}

/// Portions are cheap, their sum is what is written: with slices of one node a whole tree would
/// otherwise take longer than a learner may wait for it. Now and then the writing takes so long
/// that a received tree overtakes it.
void SimDisk::next_checkpoint() {
  Micros cost = latency();
  if (checkpoints_.front().batch.ends) {
    cost *= 10;
    if (plan_.faults.any() && random_.percent(10)) cost += random_.between(0, 3000) * kMillisecond;
  }
  owner_.post(cost, [this] { checkpoint_done(); });
}

/// Behind an install it waits for that one; a portion of before an install must not reach the new
/// store, and is not answered. The real disk threads have the same rules.
void SimDisk::checkpoint_done() {
  CheckpointJob& job = checkpoints_.front();
  if (installs_done_ < job.installs) return next_checkpoint();
  const znode::CheckpointBatch portion = std::move(job.batch);
  bool current = installs_done_ == job.installs;
  checkpoints_.pop_front();
  if (!checkpoints_.empty()) next_checkpoint();
  if (!current) return;
  ErrorCode error = worker_->checkpoint(portion);
  if (error == boost::system::errc::operation_canceled) return;
  if (error && portion.from_scratch) return owner_.replica().on_checkpoint_lost();
  if (error) return commit_later(portion.zxid, installs_done_);
  if (portion.ends) checkpointed(portion.zxid);
}

/// A write to the store has failed: it is tried again, while the log keeps everything.
void SimDisk::commit_later(Zxid zxid, std::uint64_t installs) {
  owner_.post(kSecond, [this, zxid, installs] {
    if (installs != installs_done_) return;
    if (worker_->commit_checkpoint()) return commit_later(zxid, installs);
    checkpointed(zxid);
  });
}

void SimDisk::checkpointed(Zxid zxid) {
  trace_.event("checkpoint", {id_, zxid.value});
  waiting_.push_back(Job{Kind::Purge, 0, {}, {}, {}, zxid, installs_done_});
  start();
  owner_.replica().on_checkpointed(zxid);
  // Now and then a scrub finds it damaged, or copies it.
  if (random_.percent(5)) {
    owner_.post(latency(), [this] { owner_.replica().on_checkpoint_lost(); });
  } else if (random_.percent(20) && !worker_->begin_scrub(/*archive=*/true)) {
    scrub();
  }
}

void SimDisk::scrub() {
  owner_.post(latency() * 5, [this] {
    if (!worker_->scrub(/*bytes=*/4096).done) scrub();
  });
}

/// As the thread that makes segments does: beside the log's jobs, and not across an install.
void SimDisk::prepare_if_due() {
  auto wanted = worker_->due_preparation();
  if (!wanted) return;
  owner_.post(latency() * random_.between(1, 20),
              [this, wanted = *wanted, installs = installs_done_] { prepare(wanted, installs); });
}

void SimDisk::prepare(const server::SegmentPreparation& wanted, std::uint64_t installs) {
  if (installs != installs_done_) return;
  auto file = worker_->prepare(wanted);
  Job job{Kind::Prepared, 0, {}, {}, {}, {}, installs};
  job.wanted = wanted;
  if (file) job.made = std::move(*file);
  waiting_.push_back(std::move(job));
  start();
}

void SimDisk::read_snapshot(LinkId link) {
  owner_.post(latency(), [this, link] {
    auto& reader = readers_[link];
    if (reader == nullptr) {
      auto opened = worker_->read_snapshot();
      if (!opened) return owner_.replica().on_snapshot_piece(link, {}, {}, true, false);
      reader = std::move(*opened);
    }
    bool last = false;
    Zxid zxid = reader->zxid();
    auto piece = reader->next(last);
    bool ok = piece.has_value();
    SharedBytes bytes = ok ? SharedBytes(std::move(*piece)) : SharedBytes();
    if (last || !ok) readers_.erase(link);
    owner_.replica().on_snapshot_piece(link, zxid, std::move(bytes), last, ok);
  });
}

void SimDisk::drop_snapshot(LinkId link) {
  readers_.erase(link);
}

void SimDisk::install(LinkId link, znode::CheckpointBatch portion) {
  Zxid zxid = portion.zxid;
  if (portion.begins) ++installs_asked_;
  if (portion.ends) owner_.installed(zxid);
  waiting_.push_back(Job{Kind::Install, 0, {}, link, std::move(portion), zxid, installs_asked_});
  reach(CrashPoint::Queued);
  start();
}

void SimDisk::drop_install(LinkId link) {
  --installs_asked_;
  waiting_.push_back(Job{Kind::DropInstall, 0, {}, link, {}, {}, installs_asked_});
  start();
}

// ---- The disk thread
// -----------------------------------------------------------------------------

/// Takes what waits: all writes up to the first other job, as one group.
void SimDisk::start() {
  if (current_ != nullptr || waiting_.empty()) return;
  current_ = std::make_unique<Job>(std::move(waiting_.front()));
  waiting_.pop_front();
  while (current_->kind == Kind::Write && !waiting_.empty() &&
         waiting_.front().kind == Kind::Write) {
    for (auto& write : waiting_.front().writes) current_->writes.push_back(std::move(write));
    current_->last = waiting_.front().last;
    waiting_.pop_front();
  }
  if (plan_.mutant == Mutant::AckBeforeSync && current_->kind == Kind::Write) answer(*current_);
  owner_.post(latency(), [this] { finish(); });
}

void SimDisk::finish() {
  if (armed_ == CrashPoint::InGroup && current_->kind != Kind::Stamp) {
    armed_ = CrashPoint::None;
    files_.crash_at(1 + random_.below(group_operations_));
  }
  begun_ = true;
  carry_out(*current_);  // May throw SimCrash: the server dies inside the group.
  begun_ = false;
  std::unique_ptr<Job> done = std::move(current_);
  reach(CrashPoint::Synced);
  if (plan_.mutant != Mutant::AckBeforeSync || done->kind != Kind::Write) answer(*done);
  start();
  if (current_ != nullptr) return;
  // Stamped when it is idle; what a busy log has taken is given back when it is idle for longer,
  // at once: that draws no number, so whatever else happens is as it would be without.
  std::uint64_t idle = ++idle_stamp_;
  if (done->kind == Kind::Stamp) {
    return owner_.post(500 * kMillisecond, [this, idle] {
      if (idle == idle_stamp_ && current_ == nullptr) worker_->rest();
    });
  }
  owner_.post(100 * kMillisecond, [this, idle] {
    if (idle != idle_stamp_ || current_ != nullptr) return;
    waiting_.push_back(Job{Kind::Stamp, 0, {}, {}, {}, {}, 0});
    start();
  });
}

void SimDisk::carry_out(Job& job) {
  std::uint64_t before = files_.operations();
  switch (job.kind) {
    case Kind::Write:
      worker_->write(after_mutant(job.writes));
      for (const auto& write : job.writes) durable_.apply(write);
      break;
    case Kind::Install:
      if (job.batch.ends) install_in_doubt_ = job.zxid;
      if (worker_->install(job.batch)) fatal("install failed");
      install_in_doubt_ = {};
      if (!job.batch.ends) break;
      durable_.install(job.zxid);
      ++installs_done_;
      break;
    case Kind::DropInstall:
      worker_->drop_install();
      break;
    case Kind::Purge:
      if (job.installs == installs_done_) worker_->purge(job.zxid);
      break;
    case Kind::Stamp:
      worker_->stamp_durable_point();
      break;
    case Kind::Prepared:
      if (job.installs != installs_done_) break;
      if (job.made) {
        worker_->prepared(job.wanted, std::move(job.made));
      } else {
        worker_->prepared(job.wanted, make_error_code(boost::system::errc::io_error));
      }
      break;
  }
  prepare_if_due();
  group_operations_ = std::max<std::uint64_t>(files_.operations() - before, 1);
  trace_.event("disk-done", {id_, static_cast<std::int64_t>(job.kind),
                             static_cast<std::int64_t>(job.last), durable_.last().value});
}

std::vector<consensus::LogWrite> SimDisk::after_mutant(
    std::vector<consensus::LogWrite> writes) const {
  std::erase_if(writes, [this](const consensus::LogWrite& write) {
    if (plan_.mutant == Mutant::LoseTruncate) {
      return std::holds_alternative<consensus::TruncateLog>(write);
    }
    if (plan_.mutant == Mutant::ForgetEpoch) {
      return std::holds_alternative<consensus::StoreAcceptedEpoch>(write) ||
             std::holds_alternative<consensus::StoreCurrentEpoch>(write);
    }
    return false;
  });
  return writes;
}

void SimDisk::answer(const Job& job) {
  if (job.kind == Kind::Write) {
    owner_.post(random_.between(1, 50), [this, last = job.last] {
      owner_.replica().on_synced(last);
      reach(CrashPoint::Told);
    });
  } else if (job.kind == Kind::Install && job.batch.ends) {
    owner_.post(random_.between(1, 50), [this, link = job.link, zxid = job.zxid] {
      owner_.replica().on_installed(link, zxid, true);
      reach(CrashPoint::Told);
    });
  }
}

void SimDisk::reach(CrashPoint point) {
  if (armed_ != point || point == CrashPoint::None) return;
  armed_ = CrashPoint::None;
  trace_.event("crash-point", {id_, static_cast<std::int64_t>(point)});
  owner_.crash_point_reached();
}

std::vector<consensus::LogWrite> SimDisk::power_lost() {
  std::vector<consensus::LogWrite> in_doubt;
  if (current_ != nullptr) {
    in_doubt = current_->writes;
    if (!begun_ && random_.percent(50)) {
      try {
        files_.crash_at(1 + random_.below(group_operations_ + 1));
        if (current_->kind == Kind::Write) worker_->write(after_mutant(current_->writes));
        if (current_->kind == Kind::Install) {
          if (current_->batch.ends) install_in_doubt_ = current_->zxid;
          if (worker_->install(current_->batch)) install_in_doubt_ = {};
        }
        if (current_->kind == Kind::Purge && current_->installs == installs_done_) {
          worker_->purge(current_->zxid);
        }
      } catch (const test::SimCrash&) {
      } catch (const ServerFatal&) {  // Its disk was failing as well.
      }
    }
  }
  readers_.clear();
  worker_.reset();
  return in_doubt;
}

}  // namespace quorate::sim
