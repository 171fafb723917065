#include "tests/sim/recipes/promises.h"

#include <algorithm>

#include "base/ensure.h"
#include "tests/sim/recipes/process.h"
#include "tests/sim/recipes/recipes.h"
#include "tests/sim/world.h"

namespace quorate::sim {
namespace {

/// With so much time behind the last fault, nobody waits any more who ought to have been served.
constexpr Micros kPatience = 12 * kSecond;

}  // namespace

void Promises::fail(const std::string& what) {
  if (broken_.empty()) broken_ = what;
}

void Promises::raise() const {
  if (!broken_.empty()) throw Violation(broken_);
}

// ---- Claims
// --------------------------------------------------------------------------------------

std::string Promises::name_of(const Claim& claim) const {
  return "process " + std::to_string(claim.process) + " with token " + to_string(Zxid{claim.token});
}

ClaimPtr Promises::won(const Process& process, std::string resource, Claim::Kind kind,
                       std::int64_t token, std::function<bool()> valid) {
  auto claim = std::make_shared<Claim>();
  claim->resource = std::move(resource);
  claim->kind = kind;
  claim->process = process.number();
  claim->token = token;
  claim->valid = std::move(valid);
  world_.trace.note("won " + claim->resource, name_of(*claim));
  std::erase_if(claims_, [](const ClaimPtr& old) { return old->over; });
  claims_.push_back(claim);
  // Whoever is behind its time is looked at when it has caught up.
  if (!process.current()) return claim;
  check_token(*claim);
  check_pairs(*claim);
  return claim;
}

/// "A later holder's is greater", docs/recipes.md.
void Promises::check_token(const Claim& claim) {
  if (claim.kind == Claim::Kind::Lease || !believed(claim)) return;
  const auto last = last_token_.find(claim.resource);
  if (last != last_token_.end() && claim.token <= last->second) {
    fail(claim.resource + ": " + name_of(claim) + " comes after token " +
         to_string(Zxid{last->second}));
  }
  if (claim.kind == Claim::Kind::Exclusive) last_token_[claim.resource] = claim.token;
}

/// What is promised of holders whose clocks run as fast as the servers': not of a paused one.
bool Promises::believed(const Claim& claim) const {
  const Process& process = world_.recipes->process(claim.process);
  return !claim.over && process.current() && claim.valid();
}

void Promises::check_pairs(const Claim& claim) {
  if (!believed(claim)) return;
  std::size_t leases = 0;
  for (const ClaimPtr& other : claims_) {
    if (other->resource != claim.resource || !believed(*other)) continue;
    if (claim.kind == Claim::Kind::Lease) {
      if (++leases > kLeases) fail(claim.resource + ": more valid leases than there are");
      continue;
    }
    const bool both_read = claim.kind == Claim::Kind::Shared && other->kind == Claim::Kind::Shared;
    if (other.get() == &claim || both_read) continue;
    fail(claim.resource + " is held by " + name_of(*other) + " and by " + name_of(claim));
  }
}

void Promises::check(int process) {
  for (const ClaimPtr& claim : std::vector<ClaimPtr>(claims_)) {
    if (claim->process == process) check_pairs(*claim);
  }
  std::erase_if(claims_, [](const ClaimPtr& claim) { return claim->over; });
}

void Promises::life_over(int process) {
  for (const ClaimPtr& claim : claims_) {
    if (claim->process == process) claim->over = true;
  }
  std::erase_if(claims_, [](const ClaimPtr& claim) { return claim->over; });
  std::erase_if(waiting_, [&](const auto& wait) { return wait.second.process == process; });
  barriers.life_over(process);
}

void Promises::expired(int process) {
  for (const ClaimPtr& claim : claims_) {
    if (claim->process == process && !claim->over) REACHED("session expired while holding");
  }
}

std::size_t Promises::valid_claims(const std::string& prefix) const {
  return static_cast<std::size_t>(
      std::count_if(claims_.begin(), claims_.end(), [&](const ClaimPtr& claim) {
        return claim->resource.starts_with(prefix) && believed(*claim);
      }));
}

// ---- Resources
// -----------------------------------------------------------------------------------

AskedPtr Promises::ask_read(const std::string& resource, std::int64_t token, Micros delay) {
  auto asked = std::make_shared<Asked>();
  world_.scheduler.after(delay, [this, resource, token, asked] {
    Fenced& fenced = fenced_[resource];
    asked->answered = true;
    asked->taken = token >= fenced.highest;
    world_.trace.event("resource-read", {token, fenced.value, asked->taken});
    if (!asked->taken) REACHED("late reader refused by the resource");
    if (!asked->taken) return;
    fenced.highest = token;
    asked->value = fenced.value;
  });
  return asked;
}

AskedPtr Promises::ask_write(const std::string& resource, std::int64_t token, std::int64_t value,
                             Micros delay) {
  auto asked = std::make_shared<Asked>();
  world_.scheduler.after(delay, [this, resource, token, value, asked] {
    Fenced& fenced = fenced_[resource];
    asked->answered = true;
    asked->taken = token >= fenced.highest;
    world_.trace.event("resource-write", {token, value, asked->taken});
    if (!asked->taken) REACHED("zombie refused by the resource");
    if (!asked->taken) return;
    fenced.highest = token;
    fenced.value = value;
    // Each adds one to what it has read under the same token: nobody may come between.
    if (++fenced.writes == value) return;
    fail(resource + ": write " + std::to_string(fenced.writes) + " with token " +
         to_string(Zxid{token}) + " brings " + std::to_string(value) + ": one was lost");
    raise();
  });
  return asked;
}

// ---- Progress
// ------------------------------------------------------------------------------------

std::uint64_t Promises::waits(const std::string& what, int process) {
  waiting_[next_wait_] = {what, process, world_.scheduler.now()};
  return next_wait_++;
}

void Promises::progress(const std::string& what, int process) {
  progress_[{what, process}] = world_.scheduler.now();
}

void Promises::check_progress() const {
  const Micros now = world_.scheduler.now();
  for (const auto& [id, wait] : waiting_) {
    const Process& process = world_.recipes->process(wait.process);
    const Micros since = std::max({wait.since, process.current_since(), world_.plan.faults_end});
    if (!process.current() || now - since < kPatience) continue;
    throw Violation("process " + std::to_string(wait.process) + " waits for " + wait.what +
                    " since " + std::to_string(wait.since / kMillisecond) + " ms");
  }
  for (const auto& [what, last] : progress_) {
    const bool anybody = what.second < 0;
    Micros since = world_.plan.faults_end;
    if (!anybody) since = std::max(since, world_.recipes->process(what.second).current_since());
    if (last >= world_.plan.faults_end || now - since < kPatience) continue;
    throw Violation("no progress: the last " + what.first +
                    (anybody ? "" : " of process " + std::to_string(what.second)) + " was at " +
                    std::to_string(last / kMillisecond) + " ms");
  }
}

void Promises::committed(const TxnHeader& header) {
  barriers.committed();
  config.committed();
  const std::string wrong = plain_queues.committed(header);
  if (!wrong.empty()) throw Violation(wrong);
}

void Promises::finish() {
  for (const auto& [resource, fenced] : fenced_) {
    if (fenced.value != fenced.writes) throw Violation(resource + ": a write was lost");
  }
  queue.finish();
  counter.finish();
  plain_queues.finish();
  config.finish();
}

}  // namespace quorate::sim
