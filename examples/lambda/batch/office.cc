#include "examples/lambda/batch/office.h"

#include "examples/lambda/batch/task_claims.h"
#include "quorate/sync_retry.h"

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;

namespace {

qc::RetryPolicy patience() {
  return qc::RetryPolicy(std::chrono::seconds(10));
}

}  // namespace

Fault Office::refused(const std::string& what) {
  const std::string told = what + " by the leader with token " + std::to_string(record_.token) +
                           ": a later one holds office";
  refusals_.add(told);
  return {FaultKind::Fenced, told};
}

Result<> Office::claim(std::int64_t token) {
  while (true) {
    const auto got = qc::SyncRetry(store_, patience()).get_data(place_.leader());
    if (got.code == qc::Code::NoNode) {
      const std::string fault = make_path(store_, place_.leader());
      if (!fault.empty()) return Fault{FaultKind::Connection, fault};
      continue;
    }
    if (!got) return Fault{FaultKind::Connection, got.message};
    LeaderRecord record;
    if (const auto known = leader_record_of(got.value.data.value_or(""))) record = *known;
    if (record.token > token) {
      record_.token = token;
      return refused("claim of office");
    }
    record.token = token;
    const auto set = qc::SyncRetry(store_, patience())
                         .set_data(place_.leader(), to_json(record), got.value.stat.version);
    if (set.code == qc::Code::BadVersion) continue;  // Somebody was faster: who?
    if (!set) return Fault{FaultKind::Connection, set.message};
    record_ = record;
    version_ = set.value.version;
    return {};
  }
}

Result<std::uint64_t> Office::next_run(std::int64_t now_ms) {
  LeaderRecord next = record_;
  ++next.last_run;
  next.started_ms = now_ms;
  // The text is unique: token and number. So a write whose reply was lost is recognised.
  const auto set =
      qc::SyncRetry(store_, patience()).set_data(place_.leader(), to_json(next), version_);
  if (set.code == qc::Code::BadVersion) {
    return refused("start of run " + std::to_string(next.last_run));
  }
  if (!set) return Fault{FaultKind::Connection, set.message};
  record_ = next;
  version_ = set.value.version;
  return next.last_run;
}

qc::Transaction Office::begin() const {
  qc::Transaction transaction;
  transaction.check(place_.leader(), version_);
  return transaction;
}

Result<> Office::write(const std::function<qc::Transaction()>& make, const std::string& what,
                       const std::function<bool()>& done) {
  while (true) {
    const auto made = store_.commit(make());
    if (made) return {};
    if (!outcome_unknown(made.code)) {
      if (done()) return {};
      // The check is the first of its operations.
      if (made.value.failed == 0) return refused(what);
      return Fault{made.value.failed == qc::TransactionReply::kNone ? FaultKind::Connection
                                                                    : FaultKind::BadArgument,
                   what + ": " + made.message};
    }
    // Waits for a connection, or gives up.
    const auto seen = qc::SyncRetry(store_, patience()).exists(place_.leader());
    if (!seen) return Fault{FaultKind::Connection, what + ": " + seen.message};
    if (done()) return {};
  }
}

}  // namespace lambda_app
