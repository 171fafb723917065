#include "examples/leader_follower/worker.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "examples/leader_follower/job.h"
#include "examples/leader_follower/ledger_client.h"
#include "examples/leader_follower/say.h"
#include "examples/leader_follower/session.h"
#include "quorate/recipes/sync_lock.h"

namespace leader_follower {

namespace {

std::string new_member_name(const std::string& id) {
  std::random_device device;
  char text[24];
  std::snprintf(text, sizeof text, "-%08x%08x", device(), device());
  return id + text;
}

/// One session's state, shared by its two threads: this one does jobs, the other stands for
/// election.
class Worker {
 public:
  Worker(const Options& options, Stop& stop, Late& late)
      : options_(options),
        stop_(stop),
        late_(late),
        member_(new_member_name(options.id)),
        client_(connect_options(options)),
        board_(client_, options.pool) {
    if (!options.ledger.empty()) {
      ledger_.emplace(options.ledger, options.pool,
                      [this] { return stop_.asked() || qc::is_final(client_.state()); });
    }
  }

  Outcome run() {
    if (!connect(options_, client_)) return Outcome::NoConnection;
    client_.add_session_listener([this](const qc::SessionEvent&) { ring_all(); });
    if (const Code code = begin(); code != Code::Ok) return end(code);
    say(options_, "ready: member " + member_);
    stop_.wake_by([this] { ring_all(); });
    std::thread candidate([this] { stand_for_election(); });
    const Outcome outcome = work_until_stopped();
    stop_.wake_by({});
    // Ends the wait for election and, as leader, the leading: the hold turns invalid.
    client_.close();
    leader_bell_.ring();
    candidate.join();
    return outcome;
  }

 private:
  void ring_all() {
    bell_.ring();
    leader_bell_.ring();
  }

  Outcome end(Code code) {
    if (session_over(code)) {
      say(options_, "session over: member " + member_);
      return Outcome::SessionOver;
    }
    complain(options_, "failed: " + std::string(quorate::keeper_name(code)));
    return Outcome::Failed;
  }

  Code begin() {
    if (const Code code = board_.make_folders(); code != Code::Ok) return code;
    if (const Code code = ask_late(); code != Code::Ok) return code;
    return board_.join(member_, options_.capacity);
  }

  /// What a session before this one left open is asked for once more; mostly it is too late.
  Code ask_late() {
    if (late_.plan) {
      if (const Code code = carry_out_late(board_, options_, *late_.plan); code != Code::Ok) {
        return code;
      }
      late_.plan.reset();
    }
    if (late_.commit) {
      const LateCommit commit = *late_.commit;
      if (const Code code = hand_in(commit.claim, commit.result); code != Code::Ok) return code;
    }
    return Code::Ok;
  }

  void stand_for_election() {
    qc::SyncElection election(client_, board_.path("election"), member_);
    while (!qc::is_final(client_.state())) {
      auto hold = election.lead();
      Code code = hold.code;
      if (hold) {
        Leader leader(board_, leader_bell_, options_, member_);
        code = leader.lead(hold.value, late_.plan);
      }
      if (code == Code::Ok) continue;
      // A member that cannot lead should not stay: it begins anew with a new session, or ends.
      if (!qc::is_final(client_.state())) candidate_failure_ = code;
      break;
    }
    bell_.ring();
  }

  Outcome work_until_stopped() {
    while (!stop_.asked()) {
      if (const Code code = candidate_failure_; code != Code::Ok) return end(code);
      const auto jobs = board_.list("assigned/" + member_, &bell_);
      // A leader has removed the place: it has seen this session's end, of which we shall hear.
      if (jobs.code == Code::NoNode) return end(Code::SessionExpired);
      if (!jobs) return end(jobs.code);
      std::set<std::string> open(jobs.value.begin(), jobs.value.end());
      std::erase_if(given_up_, [&](const std::string& job) { return open.count(job) == 0; });
      for (const std::string& job : given_up_) open.erase(job);
      if (open.empty()) {
        bell_.wait();
      } else if (const Code code = do_job(*open.begin()); code != Code::Ok) {
        return end(code);
      }
    }
    say(options_, "stopped: member " + member_);
    return Outcome::Stopped;
  }

  Code do_job(const std::string& job) {
    const auto claim = board_.claim(member_, job);
    if (claim.code == Code::NoNode) return Code::Ok;  // Taken back; the list will say so.
    if (!claim) return claim.code;
    const auto spec = board_.read("queue/" + job);
    if (spec.code == Code::NoNode) return Code::Ok;
    if (!spec) return spec.code;
    if (ledger_ && !entered(ledger_->begin(claim.value), claim.value)) return after_ledger();
    Result result{member_, claim.value.token, claim.value.term, spec.value, "", {}};
    result.failure = leader_follower::run(spec.value, result.counts);
    say(options_, "works: job " + job + " token " + std::to_string(result.token));
    if (options_.delay_per_job.count() > 0) std::this_thread::sleep_for(options_.delay_per_job);
    // Whether the session still lives is not asked: a pause after the answer would make it
    // worthless. Ledger and board decide, each by the token.
    if (ledger_ && result.failure.empty() &&
        !entered(ledger_->apply(claim.value, encode(result.counts)), claim.value)) {
      return after_ledger();
    }
    return hand_in(claim.value, encode(result));
  }

  /// The ledger has the effect, or may get it from this claim.
  bool entered(Entry entry, const Claim& claim) {
    if (entry == Entry::Free || entry == Entry::Applied) return true;
    if (entry == Entry::Stale) {
      given_up_.insert(claim.job);
      say(options_, "refused: ledger, job " + claim.job + " token " + std::to_string(claim.token) +
                        " is late");
    } else {
      ledger_lost_ = true;
    }
    return false;
  }

  Code after_ledger() {
    if (!ledger_lost_ || stop_.asked()) return Code::Ok;
    if (qc::is_final(client_.state())) return Code::SessionExpired;
    complain(options_, "no ledger at " + options_.ledger);
    return Code::BadArguments;
  }

  Code hand_in(const Claim& claim, const std::string& result) {
    late_.commit = LateCommit{claim, result};
    const auto taken = board_.commit(claim, result);
    if (!taken) return taken.code;
    late_.commit.reset();
    const std::string which = "job " + claim.job + " token " + std::to_string(claim.token);
    if (taken.value == Taken::Done) {
      say(options_, "done: " + which);
      return Code::Ok;
    }
    given_up_.insert(claim.job);
    say(options_, "refused: worker, " + which + " is late");
    return board_.count_refusal("worker");
  }

  const Options& options_;
  Stop& stop_;
  Late& late_;
  const std::string member_;  ///< New for each session: a predecessor's znode may still be there.
  Bell bell_;
  Bell leader_bell_;
  qc::SyncClient client_;  ///< Behind the bells, which its thread rings until it is gone.
  Board board_;
  std::optional<LedgerClient> ledger_;
  bool ledger_lost_ = false;
  std::set<std::string> given_up_;                 ///< Refused; not yet out of this member's list.
  std::atomic<Code> candidate_failure_{Code::Ok};  ///< From the candidate's thread to this one.
};

}  // namespace

Outcome work(const Options& options, Stop& stop, Late& late) {
  Worker worker(options, stop, late);
  return worker.run();
}

}  // namespace leader_follower
