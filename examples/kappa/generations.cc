#include "examples/kappa/generations.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <utility>

#include "examples/pipeline/state_file.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/sync_retry.h"

namespace kappa_app {

using namespace pipeline;
using std::chrono::milliseconds;

namespace {

Fault lost(const std::string& message) {
  return {FaultKind::Connection, message};
}

Fault refused(const std::string& message) {
  return {FaultKind::BadArgument, message};
}

std::string called(GenerationNumber number) {
  return "generation " + std::to_string(number);
}

qc::RetryPolicy policy() {
  return qc::RetryPolicy(std::chrono::seconds(30));
}

std::string drawn_name() {
  std::random_device device;
  return std::to_string(device()) + "-" + std::to_string(device());
}

/// What the client's thread tells and the caller waits for. Shared: a cache may tell once more
/// while it is being destroyed.
struct Told {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Offset> committed;
  std::vector<bool> seen;
};

}  // namespace

std::vector<std::uint64_t> Progress::lag() const {
  std::vector<std::uint64_t> lag;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    lag.push_back(ends[i] > committed[i] ? ends[i] - committed[i] : 0);
  }
  return lag;
}

std::uint64_t Progress::total_lag() const {
  std::uint64_t total = 0;
  for (const std::uint64_t one : lag()) total += one;
  return total;
}

Generations::Generations(qc::SyncClient& client, Places places)
    : client_(client), places_(std::move(places)) {}

// --- Definitions -----------------------------------------------------------------------------

/// With all above it. Whether an earlier try had made it is all the same: the caller reads again.
Result<> Generations::make_znode(const std::string& path, const std::string& data) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    const auto made = client_.create(path.substr(0, end), "");
    if (!made && made.code != qc::Code::NodeExists && made.code != qc::Code::ConnectionLoss) {
      return lost(made.message);
    }
  }
  const auto made = client_.create(path, data);
  if (!made && made.code != qc::Code::NodeExists && made.code != qc::Code::ConnectionLoss) {
    return lost(made.message);
  }
  return {};
}

Result<> Generations::declare(const Generation& generation) {
  const std::string path = places_.generation_path(generation.number);
  if (Result<> made = make_znode(path, to_json(generation)); !made) return made;
  // Also before the first switch: that is a write over a version, as all others are.
  if (Result<> made = make_znode(places_.path("active"), to_json(Active{})); !made) return made;
  const auto found = find(generation.number);
  if (!found) return found.error();
  if (found->retired) {
    return refused(called(generation.number) + " is retired; take a number that was not used yet");
  }
  if (!found->same_as(generation)) {
    return refused(called(generation.number) + " is there already, with other options: " +
                   to_json(*found) + "; take a number that was not used yet");
  }
  return {};
}

Result<Generations::Found> Generations::look_up(GenerationNumber number) {
  const std::string path = places_.generation_path(number);
  const auto got = qc::SyncRetry(client_, policy()).get_data(path);
  if (got.code == qc::Code::NoNode) {
    return refused("there is no " + called(number) + " below " + places_.root +
                   "; declare it with: kappa start --generation " + std::to_string(number));
  }
  if (!got) return lost(got.message);
  const auto generation = generation_of(got.value.data.value_or(""));
  if (!generation || generation->number != number) {
    return Fault{FaultKind::Damaged, path + " holds no generation"};
  }
  return Found{*generation, got.value.stat.version};
}

Result<Generation> Generations::find(GenerationNumber number) {
  const auto found = look_up(number);
  if (!found) return found.error();
  return found->generation;
}

Result<std::vector<Generation>> Generations::all() {
  const auto names = qc::SyncRetry(client_, policy()).get_children(places_.path("generations"));
  if (names.code == qc::Code::NoNode) return std::vector<Generation>{};
  if (!names) return lost(names.message);
  std::vector<Generation> all;
  for (const std::string& name : names.value.children) {
    GenerationNumber number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    const auto found = find(number);
    if (!found) return found.error();
    all.push_back(*found);
  }
  std::sort(all.begin(), all.end(),
            [](const Generation& a, const Generation& b) { return a.number < b.number; });
  return all;
}

Result<std::vector<Worker>> Generations::workers() {
  qc::SyncRetry retry(client_, policy());
  const auto names = retry.get_children(places_.path("workers"));
  if (names.code == qc::Code::NoNode) return std::vector<Worker>{};
  if (!names) return lost(names.message);
  std::vector<Worker> workers;
  for (const std::string& name : names.value.children) {
    const auto got = retry.get_data(places_.path("workers/" + name));
    if (got.code == qc::Code::NoNode) continue;  // It has just gone.
    if (!got) return lost(got.message);
    if (const auto worker = worker_of(got.value.data.value_or(""))) workers.push_back(*worker);
  }
  return workers;
}

// --- Which one answers -------------------------------------------------------------------------

Result<ActiveSeen> Generations::active() {
  const std::string path = places_.path("active");
  const auto got = qc::SyncRetry(client_, policy()).get_data(path);
  if (got.code == qc::Code::NoNode) {
    return refused(path + " is not there: no generation was declared yet");
  }
  if (!got) return lost(got.message);
  const auto active = active_of(got.value.data.value_or(""));
  if (!active) return Fault{FaultKind::Damaged, path + " does not say which generation is active"};
  return ActiveSeen{*active, got.value.stat.version};
}

Result<Active> Generations::activate(const ActiveSeen& seen, GenerationNumber to) {
  const auto found = look_up(to);
  if (!found) return found.error();
  if (found->generation.retired) return refused(called(to) + " is retired");
  if (seen.active.generation == to) return refused(called(to) + " is active already");
  const Active active{to, seen.active.generation, now_ms(), drawn_name()};
  while (true) {
    qc::Transaction change;
    // A retired one cannot become active: retiring raises this version.
    change.check(places_.generation_path(to), found->version);
    change.set_data(places_.path("active"), to_json(active), seen.version);
    const auto done = client_.commit(std::move(change));
    if (done) return active;
    if (done.code != qc::Code::BadVersion && done.code != qc::Code::ConnectionLoss &&
        done.code != qc::Code::OperationTimeout) {
      return lost(done.message);
    }
    // Whether ours was carried out before the connection broke is told by what is there.
    const auto now = this->active();
    if (!now) return now.error();
    if (now->active == active) return active;
    if (now->version != seen.version) {
      return Fault{FaultKind::Fenced, "another operator was faster: " +
                                          called(now->active.generation) + " is active now"};
    }
    if (done.code == qc::Code::BadVersion) return refused(called(to) + " was retired just now");
  }
}

// --- How far they are --------------------------------------------------------------------------

Result<Progress> Generations::progress(Bus& bus, GenerationNumber number, milliseconds patience) {
  const auto partitions = bus.partitions(places_.topic);
  if (!partitions) return partitions.error();
  Progress progress;
  for (PartitionNumber partition = 0; partition < *partitions; ++partition) {
    const Result<Marks> marks = bus.marks(places_.topic, partition);
    if (!marks) return marks.error();
    progress.ends.push_back(marks->high);
  }
  const auto told = std::make_shared<Told>();
  told->committed.resize(*partitions);
  told->seen.resize(*partitions);
  const GroupProgress group(client_, places_.group(number), *partitions,
                            [told](PartitionNumber partition, Offset offset) {
                              const std::lock_guard lock(told->mutex);
                              told->committed[partition] = offset;
                              told->seen[partition] = true;
                              told->changed.notify_all();
                            });
  std::unique_lock lock(told->mutex);
  const bool all_seen = told->changed.wait_for(lock, std::chrono::seconds(30), [&told] {
    return std::find(told->seen.begin(), told->seen.end(), false) == told->seen.end();
  });
  if (!all_seen) return lost("the checkpoints of " + called(number) + " cannot be read");
  told->changed.wait_for(lock, patience, [&] {
    return std::equal(progress.ends.begin(), progress.ends.end(), told->committed.begin(),
                      [](Offset end, Offset done) { return done >= end; });
  });
  progress.committed = told->committed;
  return progress;
}

// --- The end of a generation -------------------------------------------------------------------

Result<> Generations::retire(GenerationNumber number) {
  while (true) {
    const auto found = look_up(number);
    if (!found) return found.error();
    if (found->generation.retired) return {};
    const auto seen = active();
    if (!seen) return seen.error();
    if (seen->active.generation == number) {
      return refused(called(number) + " is active: switch to another one first");
    }
    Generation retired = found->generation;
    retired.retired = true;
    Active without = seen->active;
    qc::Transaction change;
    if (without.previous == number) {
      without.previous = 0;
      change.set_data(places_.path("active"), to_json(without), seen->version);
    } else {
      change.check(places_.path("active"), seen->version);
    }
    change.set_data(places_.generation_path(number), to_json(retired), found->version);
    const auto done = client_.commit(std::move(change));
    if (done) return {};
    // Somebody has changed either, or the reply was lost: look again.
    if (done.code != qc::Code::BadVersion && done.code != qc::Code::ConnectionLoss &&
        done.code != qc::Code::OperationTimeout) {
      return lost(done.message);
    }
  }
}

Result<bool> Generations::wait_for_end_of_workers(GenerationNumber number, milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto told = std::make_shared<Told>();
    told->seen = {false};
    const auto got =
        client_.get_children(places_.party_path(number), [told](const qc::WatchEvent&) {
          const std::lock_guard lock(told->mutex);
          told->seen[0] = true;
          told->changed.notify_all();
        });
    if (got.code == qc::Code::NoNode || (got && got.value.children.empty())) return true;
    if (!got && got.code != qc::Code::ConnectionLoss) return lost(got.message);
    std::unique_lock lock(told->mutex);
    if (got) {
      told->changed.wait_until(lock, end, [&told] { return told->seen[0] == true; });
    }
    if (std::chrono::steady_clock::now() >= end) return false;
  }
}

/// Deepest first. Somebody may be removing the same, or making what its end has not told it yet not
/// to make: then again.
Result<> Generations::remove_tree(const std::string& path) {
  qc::SyncRetry retry(client_, policy());
  while (true) {
    const auto got = retry.get_children(path);
    if (got.code == qc::Code::NoNode) return {};
    if (!got) return lost(got.message);
    for (const std::string& name : got.value.children) {
      if (Result<> removed = remove_tree(path + "/" + name); !removed) return removed;
    }
    const auto removed = retry.remove(path);
    if (removed || removed.code == qc::Code::NoNode) return {};
    if (removed.code != qc::Code::NotEmpty) return lost(removed.message);
  }
}

Result<> Generations::remove_leftovers(Bus& bus, GenerationNumber number) {
  const auto found = find(number);
  if (!found) return found.error();
  if (!found->retired) return refused(called(number) + " is not retired");
  if (Result<> removed = remove_tree(places_.path(group_of(number))); !removed) return removed;
  const auto partitions = bus.partitions(places_.topic);
  if (!partitions) return partitions.error();
  for (PartitionNumber partition = 0; partition < *partitions; ++partition) {
    remove_files_of(places_.folder,
                    group_of(number) + '.' + places_.topic + '.' + std::to_string(partition) + '-',
                    /*keep=*/"");
    // A topic stays, a bus cannot forget one; but it is empty then.
    const std::string topic = places_.views_topic(number);
    const Result<Marks> marks = bus.marks(topic, partition);
    if (!marks && marks.error().kind == FaultKind::NoTopic) continue;
    if (!marks) return marks.error();
    if (Result<> trimmed = bus.trim(topic, partition, marks->high); !trimmed) return trimmed;
  }
  return {};
}

// --- Switching ---------------------------------------------------------------------------------

namespace {

Result<Switched> switch_over(Generations& generations, Bus& bus, const ActiveSeen& seen,
                             const SwitchOrder& order) {
  const auto found = generations.find(order.to);
  if (!found) return found.error();
  if (found->retired) return refused(called(order.to) + " is retired");
  if (seen.active.generation == order.to) return refused(called(order.to) + " is active already");
  const auto progress = generations.progress(bus, order.to, order.patience);
  if (!progress) return progress.error();
  if (const std::uint64_t lag = progress->total_lag(); lag > order.lag_max) {
    return refused(called(order.to) + " is " + std::to_string(lag) +
                   " records behind (at most --max-lag " + std::to_string(order.lag_max) +
                   "): start workers of it, or wait with --wait");
  }
  const auto active = generations.activate(seen, order.to);
  if (!active) return active.error();
  return Switched{*active, *progress};
}

}  // namespace

Result<Switched> switch_to(Generations& generations, Bus& bus, const SwitchOrder& order) {
  const auto seen = generations.active();
  if (!seen) return seen.error();
  return switch_over(generations, bus, *seen, order);
}

Result<Switched> roll_back(Generations& generations, Bus& bus, SwitchOrder order) {
  const auto seen = generations.active();
  if (!seen) return seen.error();
  if (seen->active.previous == 0) return refused("there is no previous generation to go back to");
  order.to = seen->active.previous;
  return switch_over(generations, bus, *seen, order);
}

}  // namespace kappa_app
