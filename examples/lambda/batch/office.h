// The leader's only door to Quorate: whatever it writes is refused once a later leader has claimed
// office.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "examples/lambda/batch/refusals.h"
#include "examples/lambda/batch/run_records.h"
#include "examples/pipeline/result.h"
#include "quorate/sync_client.h"

namespace lambda_app {

/// Being elected is one thing, and may be over without the elected knowing; holding office is
/// another: the znode `leader` has one's token, and each write checks, in its own transaction, that
/// its version is still the one that this leader wrote. Owned by one thread.
class Office {
 public:
  Office(qc::SyncClient& store, const BatchPlace& place, Refusals& refusals)
      : store_(store), place_(place), refusals_(refusals) {}

  /// Claims office with the election's token. Fenced: a later leader has. Connection.
  pipeline::Result<> claim(std::int64_t token);
  std::int64_t token() const { return record_.token; }
  const LeaderRecord& record() const { return record_; }

  /// Takes the next number for a run that begins at `now_ms`. Faults as of write().
  pipeline::Result<std::uint64_t> next_run(std::int64_t now_ms);

  /// An empty transaction, but for the check.
  qc::Transaction begin() const;
  /// Commits what begin() has begun. `done` is asked whether it was carried out when the reply was
  /// lost, or another write was in its way.
  ///
  /// Fenced: a later leader holds office; counted under <root>/refused. Connection: Quorate does
  /// not answer. BadArgument: an operation of it was refused otherwise; `what` is in the message.
  pipeline::Result<> write(const std::function<qc::Transaction()>& make, const std::string& what,
                           const std::function<bool()>& done);

 private:
  pipeline::Fault refused(const std::string& what);

  qc::SyncClient& store_;
  BatchPlace place_;
  Refusals& refusals_;
  LeaderRecord record_;
  std::int32_t version_ = -1;
};

}  // namespace lambda_app
